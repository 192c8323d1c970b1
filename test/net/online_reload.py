# SPDX-License-Identifier: BSL-1.0
"""SIGHUP: log files are reopened, the configuration is read again.

Goal: what the configuration says otherwise holds for those who are there and for newcomers, what
needs a restart is named, a bad file changes nothing and is told in one line; a renamed log file is
let go; and no client notices any of it, however often it comes.
Method: the real program with files that change, beside members and a witness that pings.
"""

import json
import re
import signal
import tempfile
import time
import unittest
from pathlib import Path

from harness import NetTest, Witness, wait_until

HOUR = "idle-timeout = 1h\n"


class ReloadTest(NetTest):
    """With a folder, a configuration file in it, and a way to say SIGHUP."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-reload-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = self.folder / "online.conf"

    def serve_with(self, text, **options):
        """A server whose configuration is `text`."""
        self.config.write_text(text)
        return self.serve(config=self.config, **options)

    @staticmethod
    def hang_up(server):
        """SIGHUP, and waits until the server is done with it."""
        before = len(server.log(contains="SIGHUP: log files reopened"))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(server.log(contains="SIGHUP: log files reopened")) > before,
                   "the server to take the signal")

    def reload(self, server, text):
        """Changes the configuration; returns the lines about it."""
        self.config.write_text(text)
        before = len(self.told(server))
        self.hang_up(server)
        # The lines of one reload leave together, and a report follows them.
        moment = time.time()
        wait_until(lambda: len(self.told(server)) > before, "a line about the reload")
        wait_until(lambda: server.reports_after(moment), "a report after it")
        return self.told(server)[before:]

    @staticmethod
    def told(server):
        """What was reloaded, and what was not."""
        return [f"[{record.level}] {record.text}" for record in server.log()
                if re.search(r"reloaded|needs a restart", record.text)
                and "certificates" not in record.text]


class Limits(ReloadTest):
    def test_a_timeout_holds_for_those_who_are_there_and_for_newcomers(self):
        server = self.serve_with(HOUR)
        silent = self.connect(server)
        silent.login()
        with Witness(server.address):
            self.assertEqual(self.reload(server, "idle-timeout = 500ms\n"),
                             ["[info] reloaded: idle-timeout 1h -> 500ms"])
            self.assert_stream_ends(silent)
            self.assert_stream_ends(self.connect(server))
        self.assertEqual(self.reload(server, HOUR), ["[info] reloaded: idle-timeout 500ms -> 1h"])
        late = self.connect(server)
        late.login()
        time.sleep(1)
        late.ping()

    def test_newcomers_and_the_log_level(self):
        server = self.serve_with("connections-max = 1\n")
        self.connect(server).login()
        self.assert_stream_ends(self.connect(server))
        told = self.reload(server, "connections-max = 2\nlog-level = debug\n")
        self.assertEqual(told, ["[info] reloaded: connections-max 1 -> 2",
                                "[info] reloaded: log-level info -> debug"])
        second = self.connect(server)
        second.login()
        second.close()
        wait_until(lambda: server.log("debug"), "a line at debug")

    def test_what_needs_a_restart_is_named_and_left_alone(self):
        server = self.serve_with("workers = 2\n", workers=None)
        told = self.reload(server, "workers = 4\nmagic = 1\nframe-max = 100\nskip-crlf = true\n"
                                   "log-format = json\nwrite-timeout = 5s\n")
        self.assertEqual(told, ["[info] reloaded: write-timeout 30s -> 5s",
                                "[warning] workers: 2 -> 4 needs a restart",
                                "[warning] log-format: text -> json needs a restart",
                                "[warning] magic: 2394331895 -> 1 needs a restart",
                                "[warning] frame-max: 65535 -> 100 needs a restart",
                                "[warning] skip-crlf: false -> true needs a restart"])
        self.connect(server).ping(bytes(1000))

    def test_the_command_line_still_wins(self):
        server = self.serve_with(HOUR, idle_timeout="2h")
        self.assertEqual(self.reload(server, "idle-timeout = 500ms\n"),
                         ["[info] reloaded: no option has changed"])

    def test_init_conf_is_read_again(self):
        old = self.folder / "init.conf"
        old.write_text("TIMEOUT 3600\nCONNNUM 1000\n")
        server = self.serve_with("", init_conf=old)
        silent = self.connect(server)
        silent.login()
        old.write_text("TIMEOUT 1\nCONNNUM 1000\nNEWS 1\n")
        self.assertEqual(self.reload(server, ""), ["[info] reloaded: idle-timeout 1h -> 1s"])
        self.assert_stream_ends(silent)
        self.assertTrue(server.log("warning", contains="init.conf:3: unknown name 'NEWS' ignored"))


class BadFiles(ReloadTest):
    def test_a_bad_file_changes_nothing_and_is_told_in_one_line(self):
        server = self.serve_with(HOUR)
        member = self.connect(server)
        member.login()
        for text, why in (("idle-timeout = 500ms\nworkers\n", "online.conf:2: no '=' in 'workers'"),
                          ("idle-timeout = 500\n", "online.conf:1: idle-timeout: '500'"),
                          ("idle-timeout = 500ms\nmessage-timeout = 1s\n",
                           "--message-timeout: 1000 ms is longer than the idle timeout, 500 ms"),
                          ("idle-timeout = 500ms\nspeed = 1\n", "unknown option 'speed'")):
            with self.subTest(text):
                told = self.reload(server, text)
                self.assertEqual(len(told), 1, told)
                self.assertIn("[error] nothing was reloaded: ", told[0])
                self.assertIn(why, told[0])
        self.config.unlink()
        self.hang_up(server)
        wait_until(lambda: server.log("error", contains="online.conf: cannot be read"),
                   "a line about the file that is gone")
        time.sleep(1)
        member.ping()
        self.assertEqual(self.reload(server, "idle-timeout = 500ms\n"),
                         ["[info] reloaded: idle-timeout 1h -> 500ms"])
        self.assert_stream_ends(member)


class Logs(ReloadTest):
    def test_a_renamed_log_file_is_let_go(self):
        log = self.folder / "online.log"
        server = self.serve(log_file=log)
        with Witness(server.address):
            for round_ in range(5):
                log.rename(self.folder / f"online.log.{round_}")
                server.process.send_signal(signal.SIGHUP)
                wait_until(log.exists, "a new file")
                wait_until(lambda: server.reports(), "lines in it")
        sizes = [path.stat().st_size for path in self.folder.glob("online.log.*")]
        self.assertEqual(len(sizes), 5)
        server.stop()
        self.assertEqual([path.stat().st_size for path in self.folder.glob("online.log.*")], sizes)
        lines = [line for path in self.folder.glob("online.log*")
                 for line in path.read_text().splitlines()]
        self.assertEqual(len([line for line in lines if "log files reopened" in line]), 5)
        self.assertEqual([line for line in lines if not re.match(r"\d{4}-\d\d-\d\d .* \[", line)],
                         [])

    def test_a_log_file_that_cannot_be_opened_again(self):
        (self.folder / "log").mkdir()
        server = self.serve(log_file=self.folder / "log" / "online.log")
        (self.folder / "log").rename(self.folder / "moved")
        former = self.folder / "moved" / "online.log"
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the former log file stays in use" in former.read_text(), "the error")
        self.connect(server).ping()

    def test_lines_of_json(self):
        server = self.serve(log_format="json", log_level="debug", workers=1, connections=1)
        member = self.connect(server)
        member.login()
        self.connect(server).is_cut()
        member.send(b"garbage!garbage!")
        member.is_cut()
        server.stop()
        lines = [json.loads(line) for line in server.err.all()]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
            self.assertIn(line["severity"], ("debug", "info", "warning", "error"))
        refused = [line for line in lines if line["message"].startswith("refused ")]
        self.assertEqual(len(refused), 1)
        self.assertRegex(refused[0]["peer"], r"^127\.0\.0\.1:\d+$")
        self.assertIn(refused[0]["reason"], refused[0]["message"])
        self.assertEqual(refused[0]["worker"], 0)
        full = [line for line in lines if line["message"].startswith("full: closed newcomer")]
        self.assertEqual((len(full), full[0]["suppressed"]), (1, 0))
        self.assertNotIn("worker", full[0])
        self.assertNotEqual(full[0]["thread"], refused[0]["thread"])
        self.assertTrue(any("online number: " in line["message"] for line in lines))


class Often(ReloadTest):
    def test_a_thousand_signals_in_a_row_are_harmless(self):
        log = self.folder / "online.log"
        server = self.serve_with(HOUR, log_file=log)
        members = self.swarm(server)
        members.open(200)
        with Witness(server.address):
            for number in range(1000):
                if number % 50 == 0:
                    self.config.write_text(f"idle-timeout = {number + 3600}s\n"
                                           f"connections-max = {number + 1000}\n"
                                           f"message-timeout = {number % 100}s\n")
                server.process.send_signal(signal.SIGHUP)
        self.hang_up(server)
        self.assertFalse(server.log("error"))
        self.assertEqual(server.online(), 200)
        server.stop()
        totals = server.totals()
        self.assertEqual((totals["timeouts"], totals["log_lines_dropped"]), (0, 0))

    def test_without_any_file_too(self):
        server = self.serve()
        member = self.connect(server)
        member.login()
        for _ in range(3):
            self.hang_up(server)
        member.ping()
        self.assertEqual(server.online(), 1)


if __name__ == "__main__":
    unittest.main()
