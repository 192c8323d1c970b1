# SPDX-License-Identifier: BSL-1.0
"""A running server is replaced by a new version of its program.

Goal: nobody is refused or reset while one process takes another's place, connections of the old one
are served until it is their turn to end, and a new process that fails leaves all as it was.
Method: the program is started by a link, which is made to lead elsewhere before SIGUSR2. New
processes are children of the old ones, and become this test's when those end (a child subreaper).
"""

import contextlib
import ctypes
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

from harness import (DEADLINE, HEAD, SANITIZER_REPORTS, Client, Lines, UnixPath, echo, frame,
                     free_port, has_ipv6, login, login_reply, program, run_to_end, wait_until)
from service_manager import ManagedTest

PR_SET_CHILD_SUBREAPER = 36
HAND_OVER = 3  # the command of millipede-test-sleeper
TOLD = re.compile(r"upgrade: process (\d+) is ready")
STARTED = re.compile(r"upgrade: started (\S+) as process (\d+)")


class UpgradeTest(ManagedTest):
    """With a folder, where the program is a link, and all processes watched."""

    @classmethod
    def setUpClass(cls):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.statuses = {}

    def install(self, name="millipede-online"):
        """The program as it was built. Returns where it stands."""
        return self._put(name, lambda place: place.symlink_to(program(name)))

    def install_script(self, text, name="millipede-online"):
        """Something else in its place."""
        def write(place):
            place.write_text("#!/bin/bash\n" + text + "\n")
            place.chmod(0o755)
        return self._put(name, write)

    def _put(self, name, make):
        fresh, place = self.folder / "fresh", self.folder / name
        make(fresh)
        fresh.replace(place)  # at no moment is nothing there
        return str(place)

    def serve_installed(self, name="millipede-online", **options):
        """Starts what is installed there."""
        server = self.serve(name=self.install(name), **options)
        server.current = server.process.pid
        self.addCleanup(self.kill_all, server)
        self.addCleanup(server.err.join)
        self.addCleanup(self.end_current, server)
        return server

    def kill_all(self, server):
        """Whatever was started in the course of it, and has not ended yet."""
        for process in set(self.started(server)) - set(self.statuses):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)

    def started(self, server):
        """The processes that were started."""
        return [int(STARTED.search(each.text)[2])
                for each in server.log(contains="upgrade: started")]

    def upgrade(self, server):
        """Has the current process hand over; returns the one that was current before."""
        before = server.current
        known = len(server.log(contains="is ready and has"))
        os.kill(before, signal.SIGUSR2)
        server.current = self.wait_ready(server, known)
        return before

    @staticmethod
    def wait_ready(server, known):
        """The process that was the next to be ready, after `known` others."""
        record = wait_until(lambda: server.log(contains="is ready and has")[known:],
                            "a new process")[0]
        return int(TOLD.search(record.text)[1])

    def has_ended(self, process, server):
        """Whether it has; its status is known then."""
        if process == server.process.pid:
            if server.process.poll() is None:
                return False
            self.statuses[process] = server.process.returncode
        with contextlib.suppress(ChildProcessError):  # another's child still, or looked at before
            found, status = os.waitpid(process, os.WNOHANG)
            if found == process:
                self.statuses[process] = os.waitstatus_to_exitcode(status)
        return process in self.statuses

    def wait_end(self, process, server, status=0):
        """Waits for its end, which must be a good one."""
        wait_until(lambda: self.has_ended(process, server), f"the end of process {process}")
        self.assertEqual(self.statuses[process], status, server.tail(30))

    def end_current(self, server):
        """Ends the process that serves now; no process may have left a sanitizer's report."""
        if not self.has_ended(server.current, server):
            os.kill(server.current, signal.SIGTERM)
            self.wait_end(server.current, server)
        server._told_to_end = True
        for line in server.err.all():
            for mark in SANITIZER_REPORTS:
                self.assertNotIn(mark, line, "\n".join(server.err.all()[-60:]))

    def wait_failure(self, server, text, count=1):
        """Waits for the line about an upgrade that failed."""
        wait_until(lambda: len(server.log("error", contains="upgrade failed: ")) == count,
                   "the upgrade's failure")
        line = server.log("error", contains="upgrade failed: ")[-1].text
        self.assertRegex(line, text)
        self.assertTrue(line.endswith("; this process goes on"), line)


class Visitors:
    """Clients that come, log in, are echoed and go, all the time; in threads."""

    def __init__(self, address, threads):
        self.address = address
        self.served = 0
        self.told_to_go = 0
        self.failures = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]

    def _work(self):
        while not self._stop.is_set():
            try:
                answered = self._visit()
            except (OSError, AssertionError) as failure:
                with self._lock:
                    self.failures.append(repr(failure))
                return
            with self._lock:
                if answered:
                    self.served += 1
                else:
                    self.told_to_go += 1

    def _visit(self):
        """False for whom the old server's drain met: a clean end of stream, at a message's end."""
        asked = [(login(), login_reply())] + [(echo(bytes([number] * 40)),) * 2
                                              for number in range(3)]
        with Client(self.address) as client:
            for question, answer in asked:
                try:
                    client.send(question)
                except BrokenPipeError:
                    pass  # it has read our end of stream; its own is what is looked at
                got = b""
                while len(got) < len(answer):
                    part = client.socket.recv(len(answer) - len(got))
                    if not part:
                        assert got == b"", f"the stream ended within {got!r}"
                        return False
                    got += part
                assert got == answer, f"{got!r} instead of {answer!r}"
        return True

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def more(self, count):
        """Waits until so many more were served."""
        aim = self.served + count
        wait_until(lambda: self.served >= aim or self.failures, f"{count} more visitors")

    def __exit__(self, *_):
        self._stop.set()
        for each in self._threads:
            each.join()


class Success(UpgradeTest):
    """The next process takes over."""

    def test_nobody_is_refused_or_reset(self):
        server = self.serve_installed(stop_timeout="20s")
        with Visitors(server.address, threads=4) as visitors:
            for number in range(3):
                visitors.more(100)
                mark = self.folder / f"version {number}"
                self.install_script(f"touch '{mark}'\n"  # it keeps the name that it was called by
                                    f"exec -a \"$0\" {program('millipede-online')} \"$@\"")
                self.wait_end(self.upgrade(server), server)
                self.assertTrue(mark.exists(), "the new file was not what was started")
            visitors.more(100)
        self.assertEqual(visitors.failures, [])
        self.assertEqual(len(self.started(server)), 3)

    def test_connections_of_the_old_one_are_served_until_their_turn(self):
        server = self.serve_installed(drain_spread="60s", stop_timeout="20s")
        clients = [self.connect(server) for _ in range(100)]
        for client in clients:
            client.login()
        old = self.upgrade(server)
        served = 0
        for client in clients:
            client.send(echo(b"still there"))
            try:
                reply = client.receive(HEAD.size + 11)
                self.assertEqual(reply, echo(b"still there"))
                served += 1
            except AssertionError as ending:  # never a reset, never half of a reply
                self.assertIn(f"{HEAD.size + 11} bytes missing", str(ending))
        self.assertGreater(served, 0)
        self.connect(server).ping()  # to the new one
        for client in clients:
            client.close()
        self.wait_end(old, server)
        self.connect(server).ping()

    def test_the_admin_endpoint_goes_along(self):
        port = free_port()
        server = self.serve_installed(admin=f"127.0.0.1:{port}", drain_spread="60s",
                                      stop_timeout="20s")
        client = self.connect(server)
        client.login()
        kept = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self.addCleanup(kept.close)
        for will_close in (False, True):
            kept.request("GET", "/stats")
            answer = kept.getresponse()
            answer.read()
            self.assertEqual(answer.will_close, will_close)
            self.upgrade(server)
            for path in ("/healthz", "/readyz", "/stats"):
                with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port,
                                                                   timeout=DEADLINE)) as asked:
                    asked.request("GET", path)
                    answer = asked.getresponse()
                    text = answer.read()
                self.assertEqual(answer.status, 200, text)
            # The last answer is the new one's: the former is draining.
            self.assertEqual(json.loads(text)["state"], "running")
        client.close()

    def test_paths_ports_and_both_versions_of_ip(self):
        path = UnixPath(self.folder / "echo.sock")
        places = ["unix:" + path + ",mode=600", "127.0.0.1:0", "127.0.0.1:0"]
        if has_ipv6():
            places.append("[::]:0,dual-stack")
        server = self.serve_installed("millipede-echo", report_every=None, codec="line",
                                      listen=places)
        addresses = [*server.addresses]
        if has_ipv6():
            addresses.append(("127.0.0.1", server.addresses[-1][1]))
        for _ in range(2):
            self.wait_end(self.upgrade(server), server)
            said = server.out.all()
            self.assertEqual(said[-len(places):], said[:len(places)])
            for address in addresses:
                client = self.connect(address)
                client.send(b"hello\n")
                self.assertEqual(client.receive(6), b"hello\n")
                client.close()
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.end_current(server)
        self.assertFalse(os.path.exists(path))

    def test_settings_that_have_changed(self):
        first, second, third = free_port(), free_port(), free_port()
        file = self.folder / "settings"
        file.write_text(f"listen = 127.0.0.1:{first}\nlisten = 127.0.0.1:{second}\n")
        server = self.serve_installed(listen=None, config=file)
        self.connect(("127.0.0.1", second)).ping()
        file.write_text(f"listen = 127.0.0.1:{third}\nlisten = 127.0.0.1:{first}\n")
        self.wait_end(self.upgrade(server), server)
        for port in (first, third):
            self.connect(("127.0.0.1", port)).ping()
        with self.assertRaises(ConnectionRefusedError):
            Client(("127.0.0.1", second))

    def test_pid_file(self):
        file = self.folder / "pid"
        server = self.serve_installed(pid_file=file)
        for _ in range(2):
            wait_until(lambda: file.exists() and file.read_text() == f"{server.current}\n",
                       "the pid file")
            self.wait_end(self.upgrade(server), server)
        wait_until(lambda: file.read_text() == f"{server.current}\n", "the last one's pid file")
        self.end_current(server)
        self.assertEqual([each.name for each in self.folder.iterdir()], ["millipede-online"])

    def test_pid_file_that_the_next_process_cannot_write(self):
        """It serves, and its service manager knows of it, all the same."""
        folder = self.folder / "run"
        folder.mkdir()
        manager = self.manage(watchdog_usec=100_000)
        with manager.environment():
            server = self.serve_installed(pid_file=folder / "pid")
        manager.wait_for("READY")
        (folder / "pid").unlink()
        folder.rmdir()
        self.wait_end(self.upgrade(server), server)
        wait_until(lambda: server.log("error", contains="pid file: cannot write"), "its line")
        self.connect(server).ping()
        manager.wait_for("WATCHDOG", since=manager.count())

    def test_pid_file_that_cannot_be_written(self):
        status, _, err = run_to_end("millipede-online", "--listen", "127.0.0.1:0", "--log-level",
                                    "error", "--pid-file", str(self.folder / "missing" / "pid"))
        self.assertEqual(status, 2)
        self.assertEqual(err, [f"millipede-online: --pid-file: cannot write {self.folder}/missing/"
                               "pid: No such file or directory"])

    def test_asked_for_by_a_handler(self):
        server = self.serve_installed("millipede-test-sleeper", report_every=None)
        old, client = server.current, self.connect(server)
        client.send(frame(HAND_OVER))
        self.assertEqual(client.receive(HEAD.size), frame(HAND_OVER))
        server.current = self.wait_ready(server, 0)
        self.assert_stream_ends(client)
        client.close()
        self.wait_end(old, server)

    def test_only_what_is_meant_is_inherited(self):
        log = self.folder / "log"
        with socket.socket() as strange:
            strange.set_inheritable(True)
            server = self.serve_installed(log_file=log)
            old = self.upgrade(server)
            for process in (old, server.current):
                with contextlib.suppress(FileNotFoundError):
                    files = [os.readlink(each) for each in
                             Path(f"/proc/{process}/fd").iterdir()]
                    self.assertLessEqual(files.count(str(log)), 1)
            self.wait_end(old, server)
        status = Path(f"/proc/{server.current}/status").read_text()
        self.assertRegex(status, r"SigBlk:\s+0+\n")

    def test_the_service_manager_is_told(self):
        manager = self.manage(watchdog_usec=100_000)
        with manager.environment():
            server = self.serve_installed()
        ready = manager.wait_for("READY")
        for _ in range(2):
            old = self.upgrade(server)
            told = manager.wait_for("MAINPID", since=ready, mainpid=str(server.current))
            ready = manager.wait_for("READY", since=told)
            self.wait_end(old, server)
            manager.wait_for("WATCHDOG", since=manager.count())
            notices = manager.notices()
            self.assertEqual(notices[told].process, old)
            # systemd heeds its main process alone.
            self.assertEqual({each.process for each in notices[told + 1:]}, {server.current})
        self.end_current(server)
        manager.wait_for("STOPPING", since=ready)


class Failure(UpgradeTest):
    """The next process does not take over, and this one goes on."""

    def check_goes_on(self, server, client):
        """As if nothing had happened; and another attempt succeeds."""
        client.ping()
        self.connect(server).ping()
        self.install()
        self.wait_end(self.upgrade(server), server)
        self.assert_stream_ends(client)
        self.connect(server).ping()

    def test_it_ends_at_once(self):
        server = self.serve_installed()
        client = self.connect(server)
        client.ping()
        for count, (text, ending) in enumerate((("exit 7", "ended with status 7"),
                                                ("kill -9 $$", "was ended by signal 9")), 1):
            self.install_script(text)
            os.kill(server.current, signal.SIGUSR2)
            self.wait_failure(server, rf"process \d+ {ending} before it was ready", count)
        self.check_goes_on(server, client)

    def test_it_refuses_its_settings(self):
        file = self.folder / "settings"
        file.write_text("idle-timeout = 1m\n")
        server = self.serve_installed(config=file)
        client = self.connect(server)
        client.ping()
        file.write_text("idle-timeout = soon\n")
        os.kill(server.current, signal.SIGUSR2)
        self.wait_failure(server, "ended with status 2")
        wait_until(lambda: [each for each in server.err.all() if "'soon'" in each], "its reason")
        file.write_text("idle-timeout = 2m\n")
        self.check_goes_on(server, client)

    def test_it_cannot_be_started(self):
        server = self.serve_installed()
        client = self.connect(server)
        client.ping()
        (self.folder / "millipede-online").unlink()
        os.kill(server.current, signal.SIGUSR2)
        self.wait_failure(server, "cannot start .*/millipede-online: No such file")
        self.check_goes_on(server, client)

    def test_it_is_slow(self):
        server = self.serve_installed(upgrade_timeout="300ms")
        client = self.connect(server)
        client.ping()
        self.install_script("exec sleep 100")
        os.kill(server.current, signal.SIGUSR2)
        wait_until(lambda: self.started(server), "its start")
        self.connect(server).ping()
        self.wait_failure(server, "was not ready within 300 ms; it was ended by signal 15")
        self.install_script("trap '' TERM; while :; do sleep 0.2; done")
        os.kill(server.current, signal.SIGUSR2)
        self.wait_failure(server, "was not ready within 300 ms; it was ended by signal 9", 2)
        client.ping()
        self.connect(server).ping()

    def test_the_first_process_of_a_container(self):
        inside = ["unshare", "--pid", "--fork", "--kill-child"]
        if subprocess.run([*inside, "true"], check=False, capture_output=True).returncode != 0:
            self.skipTest("no process namespaces here")
        outer = subprocess.Popen([*inside, program("millipede-online"), "--listen", "127.0.0.1:0"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(outer.kill)
        out, err = Lines(outer.stdout), Lines(outer.stderr)
        host, port = wait_until(out.all, "its word")[0].split()[-1].split(":")
        self.connect((host, int(port))).ping()
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGUSR2)
        wait_until(lambda: [each for each in err.all() if "first process of a container" in each],
                   "a no")
        self.connect((host, int(port))).ping()
        os.kill(int(children[0]), signal.SIGTERM)
        wait_until(lambda: outer.poll() is not None, "its end")
        self.assertEqual(outer.returncode, 0)
        out.join()
        err.join()

    def test_one_at_a_time(self):
        server = self.serve_installed(upgrade_timeout="1h")
        gate = self.folder / "gate"
        binary = program("millipede-online")
        self.install_script(f"while [ ! -e {gate} ]; do sleep 0.05; done; exec {binary} \"$@\"")
        os.kill(server.current, signal.SIGUSR2)
        wait_until(lambda: self.started(server), "its start")
        os.kill(server.current, signal.SIGUSR2)
        wait_until(lambda: server.log("warning", contains="no upgrade: one is under way"), "a no")
        self.assertEqual(len(self.started(server)), 1)
        old = server.current
        gate.touch()
        server.current = self.wait_ready(server, 0)
        self.wait_end(old, server)
        self.connect(server).ping()

    def test_this_process_is_to_end_meanwhile(self):
        server = self.serve_installed(upgrade_timeout="1h")
        self.install_script("exec sleep 100")
        os.kill(server.current, signal.SIGUSR2)
        new = wait_until(lambda: self.started(server), "its start")[0]
        os.kill(server.current, signal.SIGTERM)
        self.wait_end(server.current, server)
        self.wait_end(new, server, -signal.SIGTERM)

    def test_this_process_dies_meanwhile(self):
        """The new one has the sockets, and takes over all the same."""
        path = UnixPath(self.folder / "online.sock")
        server = self.serve_installed(listen=["127.0.0.1:0", "unix:" + path], upgrade_timeout="1h")
        gate = self.folder / "gate"
        binary = program("millipede-online")
        self.install_script(f"while [ ! -e {gate} ]; do sleep 0.05; done; exec {binary} \"$@\"")
        os.kill(server.current, signal.SIGUSR2)
        new = wait_until(lambda: self.started(server), "its start")[0]
        server.cut_short = True
        server.process.kill()
        wait_until(lambda: not server.running(), "its death")
        client = self.connect(server)  # waits in the backlog
        gate.touch()
        client.ping()
        wait_until(lambda: server.log(contains=f"has the place of process {server.process.pid}"),
                   "the new one's word")
        server.current = new
        self.connect(path).ping()
        self.end_current(server)
        self.assertFalse(os.path.exists(path))


if __name__ == "__main__":
    unittest.main()
