# SPDX-License-Identifier: BSL-1.0
"""millipede-doctor: what it says, and whether it is so.

Goal: the exit status and the JSON are right for scripts, the text for people; a server holds
exactly as many connections as the doctor says when descriptors end first; a server that is
configured for more than the machine allows says so at its start, with the remedy, and one without
/proc starts.
Method: the real programs under limits of their own: descriptors of a process, files of a false
machine below --root, and files of the kernel that a mount namespace shows them in place of its own.
"""

import json
import os
import pty
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import (BIN, DEADLINE, REPOSITORY, SANITIZER, Client, NetTest, login, login_reply,
                     program, run_to_end, wait_until)

DOCTOR = "millipede-doctor"
DESCRIPTORS = 300
WORKERS = 2
# What a server keeps back: 32 descriptors, and 4 for each worker.
HOLDS = DESCRIPTORS - 32 - 4 * WORKERS
HELD, LACKING, UNKNOWN = 0, 1, 2  # exit statuses
COLUMNS = 80

FALSE_MACHINE = {
    "proc/self/limits": "Max open files            1024                 1048576            files\n",
    "proc/self/status": "Cpus_allowed_list:\t0-3\n",
    "proc/self/cgroup": "0::/app\n",
    "proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\nSwapTotal: 1 kB\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/fs/file-max": "800000\n",
    "proc/sys/fs/file-nr": "5000\t0\t800000\n",
    "proc/sys/fs/epoll/max_user_watches": "1750000\n",
    "proc/sys/net/core/somaxconn": "128\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "65536\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "12\n",
    "sys/fs/cgroup/app/memory.max": "1073741824\n",
    "sys/fs/cgroup/app/memory.current": "73741824\n",
}


def diagnosis(*arguments, descriptors=None):
    """Exit status and the object that it says."""
    status, out, _ = run_to_end(DOCTOR, "--json", *arguments, descriptors=descriptors)
    return status, json.loads("\n".join(out))


class Folder(NetTest):
    """With a folder that is gone after the test."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-doctor-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def false_machine(self, **changed):
        """Writes its files; None takes one away. Returns where it is."""
        root = self.folder / "machine"
        for name, content in {**FALSE_MACHINE, **changed}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
        return str(root)


class Verdict(Folder):
    """What it says of machines that are known."""

    def test_exit_status(self):
        root = self.false_machine()
        holds = diagnosis("--root", root)[1]["holds"]
        for wanted, expected in ((0, HELD), (1, HELD), (holds, HELD), (holds + 1, LACKING),
                                 (10_000_000_000, LACKING)):
            with self.subTest(wanted=wanted):
                status, said = diagnosis("--root", root, "--connections", str(wanted))
                self.assertEqual(status, expected)
                self.assertEqual(said["holds"], holds)
                self.assertEqual(said["wanted"], wanted or None)
                self.assertEqual(said["enough"], (expected == HELD) if wanted else None)

    def test_what_cannot_be_read_is_no_yes(self):
        for changed, mention in (({"proc/meminfo": None}, "/proc/meminfo"),
                                 ({"proc/self/limits": None}, "RLIMIT_NOFILE"),
                                 ({"proc/sys/fs/nr_open": "much"}, "/proc/sys/fs/nr_open")):
            with self.subTest(mention):
                root = self.false_machine(**changed)
                status, out, err = run_to_end(DOCTOR, "--root", root, "--connections", "10")
                self.assertEqual(status, UNKNOWN)
                self.assertEqual(len(err), 1)
                self.assertIn(mention, err[0])
                self.assertIn("cannot be told", out[0])
                self.assertTrue(any(mention in line for line in out))
                status, said = diagnosis("--root", root, "--connections", "10")
                self.assertEqual((status, said["enough"]), (UNKNOWN, None))
                # What is known may be enough for a no.
                status, said = diagnosis("--root", root, "--connections", "70000")
                self.assertEqual((status, said["enough"]), (LACKING, False))

    def test_wrong_options(self):
        for arguments in (["--connections"], ["--connections", "many"], ["--connections=-1"],
                          ["--connections", "10000000001"], ["--workers", "0"],
                          ["--workers", "257"], ["--bytes", "1e9"], ["--transport", "tcp"],
                          ["--root", str(self.folder / "absent")], ["--colour"], ["1000"],
                          ["--json=yes"], ["--json", "--json"]):
            with self.subTest(arguments):
                status, out, err = run_to_end(DOCTOR, *arguments)
                self.assertEqual((status, out), (2, []))
                self.assertEqual(len(err), 1, err)
                self.assertTrue(err[0].startswith("millipede-doctor: "), err)

    def test_all_limits_in_order_with_their_remedies(self):
        _, said = diagnosis("--root", self.false_machine(), "--connections", "1000000")
        names = [each["name"] for each in said["limits"]]
        self.assertEqual(names, [
            "net.netfilter.nf_conntrack_max", "/sys/fs/cgroup/app/memory.max", "fs.file-max",
            "RLIMIT_NOFILE (hard)", "fs.nr_open", "memory available",
            "fs.epoll.max_user_watches", "slots of Millipede's workers"])
        self.assertEqual(said["first"], names[0])
        self.assertEqual(said["holds"], 65_536 - 12)
        self.assertEqual(said["workers"], 4)
        allowed = [each["allows"] for each in said["limits"]]
        self.assertEqual(allowed, sorted(allowed))
        for each in said["limits"]:
            with self.subTest(each["name"]):
                self.assertEqual(bool(each["remedies"]), each["allows"] < 1_000_000)
                self.assertEqual(each["unit"], "bytes" if "emory" in each["name"] else "count")
        self.assertEqual({each["name"] for each in said["advice"]},
                         {"net.core.somaxconn", "net.ipv4.ip_local_port_range", "swap"})
        self.assertEqual(said["unclear"], [])

    def test_the_shipped_sysctl_file_is_enough_for_what_it_says(self):
        text = (REPOSITORY / "deploy/sysctl/90-millipede.conf").read_text()
        lines = dict(re.findall(r"^-?([a-z][a-z0-9_.-]*) = (\d+)$", text, re.M))
        self.assertGreater(len(lines), 6)
        root = self.false_machine(**{f"proc/sys/{name.replace('.', '/')}": value + "\n"
                                     for name, value in lines.items()})
        _, said = diagnosis("--root", root, "--connections", "2000000")
        short = {each["name"] for each in said["limits"] if each["remedies"]}
        self.assertEqual(short, {"RLIMIT_NOFILE (hard)", "memory available",
                                 "/sys/fs/cgroup/app/memory.max"})
        self.assertNotIn("net.core.somaxconn", {each["name"] for each in said["advice"]})

    def test_tls_and_bytes_of_the_application_count(self):
        root = self.false_machine()
        plain = diagnosis("--root", root)[1]["bytes_per_connection"]
        for arguments, more in ((["--tls"], 14_234), (["--bytes", "1000"], 1_000),
                                (["--transport", "asio"], 4_980 - 48),
                                (["--transport", "epoll"], 0)):
            said = diagnosis("--root", root, *arguments)[1]
            self.assertEqual(said["bytes_per_connection"], plain + more)

    def test_the_text_says_what_the_json_says_and_fits(self):
        root = self.false_machine()
        _, said = diagnosis("--root", root, "--connections", "1000000")
        status, out, err = run_to_end(DOCTOR, "--root", root, "--connections", "1000000")
        self.assertEqual((status, err), (LACKING, []))
        self.assertTrue(out[0].startswith("Not enough: 65,524 "), out[0])
        text = "\n".join(out)
        lines = [remedy["line"] for each in said["limits"] + said["advice"]
                 for remedy in each["remedies"]]
        self.assertGreater(len(lines), 8)
        for each in lines:
            self.assertIn(each, text)
        for each in out:
            if not any(line in each for line in lines):
                self.assertLessEqual(len(each), COLUMNS + 2, each)  # the mark of what lacks
        self.assertNotIn("\x1b", text)
        self.assertEqual(sum(line.endswith(" !") for line in out),
                         sum(bool(each["remedies"]) for each in said["limits"]))

    def test_colour_on_a_terminal_only(self):
        def on_terminal(**variables):
            ours, theirs = pty.openpty()
            try:
                done = subprocess.run([program(DOCTOR), "--root", self.false_machine()],
                                      stdout=theirs, stderr=subprocess.PIPE, timeout=DEADLINE,
                                      env={**os.environ, "TERM": "xterm", **variables}, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                return os.read(ours, 1 << 12)  # the beginning is enough
            finally:
                os.close(ours)
                os.close(theirs)
        self.assertIn(b"\x1b[", on_terminal())
        self.assertNotIn(b"\x1b[", on_terminal(NO_COLOR="1"))
        self.assertNotIn(b"\x1b[", on_terminal(TERM="dumb"))

    def test_help_fits_a_screen(self):
        status, out, _ = run_to_end(DOCTOR, "--help")
        self.assertEqual(status, 0)
        self.assertLessEqual(len(out), 24)
        self.assertLessEqual(max(map(len, out)), COLUMNS)
        for option in ("connections", "workers", "tls", "transport", "bytes", "json", "root"):
            self.assertTrue(any(line.startswith(f"  --{option}") for line in out), option)
        status, out, _ = run_to_end(DOCTOR, "--version")
        self.assertEqual(status, 0)
        self.assertRegex(out[0], r"^millipede-doctor \d+\.\d+\.\d+$")

    def test_nowhere_to_write(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([program(DOCTOR)], stdout=full, stderr=subprocess.PIPE,
                                  timeout=DEADLINE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"standard output", done.stderr)


class Reality(NetTest):
    """Descriptors end first: the doctor's number is that of the server, to the last connection."""

    def test_a_server_holds_exactly_as_many(self):
        _, said = diagnosis("--workers", str(WORKERS), descriptors=DESCRIPTORS)
        self.assertEqual((said["holds"], said["first"]), (HOLDS, "RLIMIT_NOFILE (hard)"))
        server = self.serve(descriptors=DESCRIPTORS, workers=WORKERS, connections=None)
        inside = []
        for number in range(HOLDS):
            inside.append(self.connect(server))
            inside[-1].login(number)
        for number in range(3):
            outside = self.connect(server)
            try:
                outside.send(login(number))
                self.assertNotEqual(outside.socket.recv(len(login_reply())), login_reply())
            except ConnectionError:
                pass  # its login crossed the end
        for client in inside:
            client.ping()
        server.wait_online(HOLDS)

    def test_a_server_starts_with_as_many_and_not_with_more(self):
        for wanted, expected in ((HOLDS, HELD), (HOLDS + 1, LACKING), (HOLDS + 2, LACKING)):
            status, said = diagnosis("--workers", str(WORKERS), "--connections", str(wanted),
                                     descriptors=DESCRIPTORS)
            self.assertEqual(status, expected)
        self.assertEqual(said["limits"][0]["needs"], DESCRIPTORS + 2)
        self.serve(descriptors=DESCRIPTORS, workers=WORKERS, connections=HOLDS // WORKERS)
        status, _, err = run_to_end("millipede-online", "--listen", "127.0.0.1:0", "--workers",
                                    str(WORKERS), "--connections", str(HOLDS // WORKERS + 1),
                                    descriptors=DESCRIPTORS)
        self.assertEqual(status, 2)
        self.assertIn(f"need {DESCRIPTORS + 2} file descriptors", err[0])


@unittest.skipIf(SANITIZER, "sanitizers look into /proc themselves")
class OtherKernel(Folder):
    """Servers that see another /proc than there is."""

    def wrapped(self, name, mounts):
        """A program that is `name`, with other files in /proc."""
        if not shutil.which("unshare"):
            raise unittest.SkipTest("no program unshare: install util-linux")
        wrapper = self.folder / name
        wrapper.write_text("#!/bin/sh\nexec unshare --user --map-root-user --mount sh -c '"
                           f"{mounts} && exec \"$0\" \"$@\"' {BIN / name} \"$@\"\n")
        wrapper.chmod(0o755)
        tried = subprocess.run([wrapper, "--version"], capture_output=True, check=False,
                               timeout=DEADLINE)
        if tried.returncode != 0:
            raise unittest.SkipTest(f"no mounts of one's own here: {tried.stderr.decode()}")
        return str(wrapper)

    @staticmethod
    def warnings(server):
        """Its warnings, as soon as all that belong to its start must have been written."""
        wait_until(lambda: server.log(contains="memory budget"), "the log of its start")
        return [each.text for each in server.log("warning")]

    def test_a_server_warns_of_what_ends_it_early(self):
        watches = "/proc/sys/fs/epoll/max_user_watches"
        if not os.path.exists(watches):
            self.skipTest("a kernel without it")
        (self.folder / "few").write_text("240\n")
        mounts = f"mount --bind {self.folder}/few {watches}"
        for name in ("millipede-online", "millipede-echo"):
            with self.subTest(name):
                report = "100ms" if name == "millipede-online" else None
                # 40 are kept back: 200 remain.
                server = self.serve(name=self.wrapped(name, mounts), connections=101,
                                    report_every=report)
                self.assertEqual(self.warnings(server), [
                    "fs.epoll.max_user_watches: 240 is enough for 200 of 202 connections, which "
                    "need 242; sysctl.d: fs.epoll.max_user_watches = 272; see millipede-doctor"])
        for connections in (100, None):  # enough, and as many as there may be
            server = self.serve(name=self.wrapped("millipede-online", mounts),
                                connections=connections)
            self.assertEqual(self.warnings(server), [])
        said = json.loads(subprocess.run(
            [self.wrapped(DOCTOR, mounts), "--json", "--workers", "2"], capture_output=True,
            check=True, timeout=DEADLINE).stdout)
        self.assertEqual((said["holds"], said["first"]), (200, "fs.epoll.max_user_watches"))

    def test_a_server_needs_no_proc(self):
        server = self.serve(name=self.wrapped("millipede-online", "mount -t tmpfs none /proc"))
        with Client(server.address) as client:
            client.login()
            client.ping()
        said = self.warnings(server)  # without it no process knows how it was started
        self.assertEqual(len(said), 1)
        self.assertIn("no other process can take this one's place", said[0])


if __name__ == "__main__":
    unittest.main()
