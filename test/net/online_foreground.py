# SPDX-License-Identifier: BSL-1.0
"""A server as supervisors start it: in the foreground, with whatever standard streams there are.

Goal: it stays the process that was started, in its session; streams that are missing, or that
nobody reads any more, are no reason to end, and are not mistaken for others.
"""

import os
import signal
import subprocess
import unittest

from harness import DEADLINE, TRANSPORT, Client, NetTest, free_port, program, wait_until


class Foreground(NetTest):
    """Started by a shell that then becomes the server."""

    def spawn(self, redirection):
        """Starts it with its streams like that. Returns the process, and where it listens."""
        address = ("127.0.0.1", free_port())
        command = [program("millipede-online"), "--listen", f"{address[0]}:{address[1]}",
                   "--workers", "1", "--connections", "100", "--report-every", "10ms"]
        if TRANSPORT:
            command += ["--transport", TRANSPORT]
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'exec "$0" "$@" {redirection}', *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process, address

    def enter(self, address):  # pylint: disable=arguments-renamed
        """A client, as soon as the server listens."""
        def attempt():
            try:
                return Client(address)
            except ConnectionRefusedError:
                return None
        client = wait_until(attempt, "the server")
        self.addCleanup(client.close)
        return client

    def finish(self, process):
        """It must end as if nothing were amiss, after its last lines."""
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_it_stays_where_it_was_started(self):
        process, address = self.spawn("")
        self.assertEqual(process.stdout.readline().decode(),
                         f"listening on {address[0]}:{address[1]}\n")
        self.assertEqual((os.getsid(process.pid), os.getpgid(process.pid)),
                         (os.getsid(0), os.getpgid(0)))
        self.enter(address).ping()  # it listens before it heeds signals
        process.stdout.close()
        process.stderr.close()
        self.finish(process)

    def test_streams_that_nobody_reads_any_more(self):
        process, address = self.spawn("")
        process.stdout.readline()
        process.stdout.close()
        process.stderr.close()
        with self.enter(address) as client:
            for _ in range(50):
                client.ping()
        self.finish(process)

    def test_streams_that_are_closed(self):
        for redirection in ("<&- >&- 2>&-", ">&-", "2>&-"):
            with self.subTest(redirection):
                process, address = self.spawn(redirection)
                with self.enter(address) as client:
                    for _ in range(50):
                        client.ping()
                files = [os.readlink(f"/proc/{process.pid}/fd/{each}") for each in range(3)]
                self.assertFalse([each for each in files if "socket" in each or "event" in each])
                self.assertIn("/dev/null", files)
                process.stdout.close()
                process.stderr.close()
                self.finish(process)


if __name__ == "__main__":
    unittest.main()
