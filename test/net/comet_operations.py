# SPDX-License-Identifier: BSL-1.0
"""The comet server as its operators meet it: its pid file, a new version.

Goal: the example of a configuration is right; a second server does not start beside it; a new
version takes over both ports, and nobody is refused meanwhile.
Method: signals to the real program, which stands behind a link where it is to be replaced.
"""

import json
import os
import re
import signal
import unittest

from harness import REPOSITORY, program, run_to_end, wait_until
from http_client import CometTest, data
from online_upgrade import UpgradeTest


class Operations(CometTest, UpgradeTest):
    """With a folder, a configuration file in it, and a link to the program."""

    def config(self, text):
        """The file, with these lines."""
        file = self.folder / "comet.conf"
        file.write_text(text, encoding="utf-8")
        return file

    def serve_comet_installed(self, **options):
        """Starts the program that stands behind the link."""
        server = self.serve_comet(name=self.install("millipede-comet"), **options)
        server.current = server.process.pid
        self.addCleanup(self.kill_all, server)
        self.addCleanup(server.err.join)
        self.addCleanup(self.end_current, server)
        return server


class Settings(Operations):
    """Files."""

    def test_the_example(self):
        """Each line of it is one that the server takes; what is commented out is the default."""
        example = REPOSITORY / "deploy" / "comet" / "millipede-comet.conf"
        lines = [line.removeprefix("#") for line in example.read_text().splitlines()
                 if re.match(r"#[a-z-]+ = ", line) and not line.startswith("#ops")]
        self.assertGreater(len(lines), 10)
        help_text = " ".join(" ".join(run_to_end("millipede-comet", "--help")[1]).split())
        for line in lines:
            name, value = line.split(" = ")
            self.assertRegex(help_text, rf"--{name} [^\[]*\[{re.escape(value)}\]")
        for text in (example.read_text(), "\n".join(lines)):
            file = self.config(text)
            server = self.serve_comet(config=file)
            self.assertEqual(self.http(server.front).get("/ping").status, 200)
            server.stop()


class PidFile(Operations):
    """Who else is there."""

    def test_a_second_server_is_refused(self):
        file = self.folder / "pid"
        server = self.serve_comet(pid_file=file)
        wait_until(file.exists, "the pid file")
        self.assertEqual(file.read_text(), f"{server.process.pid}\n")
        for text in (f"{server.process.pid}\n", "", "nonsense\n", "1\n"):
            file.write_text(text)
            status, out, err = run_to_end("millipede-comet", "--front", "127.0.0.1:0", "--admin",
                                          "127.0.0.1:0", "--pid-file", str(file))
            self.assertEqual((status, out, len(err)), (2, [], 1), err)
            self.assertIn(f"{file} exists", err[0])
        file.write_text(f"{server.process.pid}\n")
        server.stop()
        self.assertFalse(file.exists())

    def test_one_that_leads_nowhere(self):
        file = self.folder / "pid"
        file.symlink_to(self.folder / "missing")
        status, _, err = run_to_end("millipede-comet", "--front", "127.0.0.1:0", "--admin",
                                    "127.0.0.1:0", "--pid-file", str(file))
        self.assertEqual((status, len(err)), (2, 1), err)

    def test_one_that_cannot_be_written(self):
        status, _, err = run_to_end("millipede-comet", "--front", "127.0.0.1:0", "--admin",
                                    "127.0.0.1:0", "--log-level", "error", "--pid-file",
                                    str(self.folder / "missing" / "pid"))
        self.assertEqual(status, 2)
        self.assertEqual(err, [f"millipede-comet: --pid-file: cannot write {self.folder}/missing/"
                               "pid: No such file or directory"])


class Upgrade(Operations):
    """SIGUSR2."""

    def test_both_ports_are_handed_over(self):
        file = self.folder / "pid"
        server = self.serve_comet_installed(pid_file=file, stop_timeout="20s", linger_timeout="20s")
        wait_until(file.exists, "the pid file")
        poll, _ = self.subscribe(server, "c")
        stream, _ = self.subscribe(server, "c", path="stream")
        kept = self.http(server.admin)
        self.assertEqual(json.loads(kept.get("/info").body)["subscribers"], 2)
        old = self.upgrade(server)
        for client in (poll, stream, kept):  # drained: a clean end, and no reset
            client.rest()
            client.close()
        self.wait_end(old, server)
        wait_until(lambda: file.read_text() == f"{server.current}\n", "the new pid file")
        again, _ = self.subscribe(server, "c", path="stream")
        self.assertEqual(json.loads(self.admin(server, "info"))["subscribers"], 1)
        self.push(server, "c", "new")
        self.assertEqual(again.message(), data("c", 1, "new"), "channels begin anew")
        again.close()
        self.end_current(server)
        self.assertFalse(file.exists())

    def test_publishers_are_never_refused(self):
        server = self.serve_comet_installed(stop_timeout="20s", linger_timeout="20s")
        for _ in range(3):
            old = self.upgrade(server)
            for _ in range(20):
                self.push(server, "c", "m")
                client = self.http(server.front)
                self.assertEqual(client.get("/ping").status, 200)
                client.close()  # the old process would wait for it
            self.wait_end(old, server)
        self.assertEqual(len(self.started(server)), 3)

    def test_a_version_that_does_not_start(self):
        server = self.serve_comet_installed(stop_timeout="20s")
        self.install_script("exit 3", "millipede-comet")
        os.kill(server.current, signal.SIGUSR2)
        self.wait_failure(server, "status 3")
        self.push(server, "c", "m")
        self.install("millipede-comet")
        self.wait_end(self.upgrade(server), server)
        self.assertTrue(program("millipede-comet"))
        self.push(server, "c", "m")


if __name__ == "__main__":
    unittest.main()
