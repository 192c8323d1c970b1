#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The online-count server, live: real connections log in, churn and leave; the server's own count
is shown as it reports it. Ends cleanly, and says whether the count agreed with the clients'."""
import argparse
import pathlib
import re
import resource
import signal
import subprocess
import sys
import threading
import time


class Server:
    """millipede-online on a free port; the newest number that it reported."""

    def __init__(self, binaries, connections):
        self.online = 0
        self.peak = 0
        self.totals = ""
        self.process = subprocess.Popen(
            [binaries / "millipede-online", "--listen", "127.0.0.1:0", "--workers", "2",
             "--connections", str(connections), "--report-every", "200ms"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.address = self.process.stdout.readline().removeprefix("listening on ").strip()
        if not self.address:
            sys.exit("demo: the server did not start: " + self.process.stderr.read())
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    def read_log(self):
        for line in self.process.stderr:
            if match := re.search(r"online number: (-?\d+)", line):
                self.online = int(match[1])
                self.peak = max(self.peak, self.online)
            elif "totals:" in line:
                self.totals = line.split("totals:", 1)[1].strip()
            elif "[info]" not in line:
                print("\n" + line.strip())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=15)
        self.reader.join(timeout=5)
        return status

    def memory_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return sum(int(n) * 1024 for n in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))


def show(seconds_left, server, largest):
    """One line that is rewritten on a terminal, and a line a second elsewhere."""
    bar = "#" * round(40 * server.online / max(largest, 1))
    line = f"online {server.online:>6}  {bar:<40}  {seconds_left:>2.0f} s left"
    print("\r" + line if sys.stdout.isatty() else line,
          end="" if sys.stdout.isatty() else "\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, default=5000)
    options = parser.parse_args()

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    connections = min(options.connections, limit - 200)
    server = Server(options.bin, connections)
    print(f"millipede-online listens on {server.address}: {connections} clients connect, log in, "
          f"and {connections // 20} a second leave and come back")
    load = subprocess.Popen(
        [options.bin / "millipede-load", "churn", server.address,
         "--connections", str(connections), "--churn", str(connections // 20), "--send", "500",
         "--close", "mixed", "--open-rate", str(connections // 3), "--no-progress",
         "--duration", f"{max(options.seconds - 6, 1)}s"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    begin = time.monotonic()
    while (left := begin + options.seconds - time.monotonic()) > 0 or load.poll() is None:
        show(max(left, 0), server, connections)
        if server.process.poll() is not None or left < -60:
            break
        time.sleep(0.2 if sys.stdout.isatty() else 1)
    print()
    if load.poll() is None:
        load.kill()
    clients_say = load.communicate()[0].strip()
    at_end, memory = server.online, server.memory_bytes()
    status = server.stop()
    print(f"the clients say:\n{clients_say}\nthe server says: {server.totals}")
    most_were_seen = connections * 0.9 <= server.peak <= connections
    agreed = load.returncode == 0 and status == 0 and at_end == 0 and most_were_seen
    print(f"peak {server.peak} of {connections} online, {at_end} at the end, server memory "
          f"{memory / 1e6:.1f} MB: " + ("all as it should be" if agreed else "NOT as it should be"))
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
