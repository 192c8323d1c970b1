# SPDX-License-Identifier: BSL-1.0
"""Mode subscribe of the load generator against a comet server: everybody hears each message once.

Goal: rounds are told when the last has had a message, polls ask again for the next one, what is
wrong ends the run with a reason, arrivals are told however late they are read, and nothing is
counted that was not there.
Method: millipede-comet on the other side, whose own count of subscribers says when all wait.
"""

import json
import signal
import socket
import time
import unittest

from harness import DEADLINE, Lines, run_to_end, spawn, wait_until
from http_client import CometTest


class Subscribe(CometTest):
    """One run at a time."""

    def begin(self, server, *options):
        """A run with marks, that is watched while it lasts."""
        self.process = spawn("millipede-load", ["subscribe", "%s:%d" % server.front, "--marks",
                                                "--json", *options])
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def await_mark(self, mark):
        """The words of the line that begins with it."""
        found = []
        def look():
            found[:] = [each for each in self.out.all() if each.startswith(mark + " ")]
            return found
        wait_until(look, f"the mark '{mark}' in {self.out.all()}")
        return found[0].split()

    def finish(self, status=0):
        """Its report, once it has ended."""
        self.assertEqual(self.process.wait(DEADLINE), status, self.err.all())
        self.out.join()
        self.err.join()
        return json.loads(self.out.all()[-1])

    def run_to_end(self, address, *options):
        """Status and report of a run that needs nobody."""
        status, out, _ = run_to_end("millipede-load", "subscribe", "%s:%d" % address, "--json",
                                    *options, timeout=3 * DEADLINE)
        return status, json.loads(out[-1])

    def check_everybody_hears(self, path, *options):
        server = self.serve_comet(max_subscribers_per_channel=1000, workers=2)
        self.begin(server, "--connections", "300", "--threads", "2", "--messages", "3", "--spin",
                   "1ms", "--duration", "5m", "--path", path, *options)
        self.assertEqual(self.await_mark("opened")[2], "300")
        for number in range(1, 4):
            self.wait_subscribers(server, "c0", 300)
            self.push(server, "c0", "m")
            self.assertEqual(self.await_mark(f"round {number}")[3], str(300 * number))
        report = self.finish()
        results = report["results"]
        self.assertEqual([results[name] for name in ("passed", "messages", "messages_least",
                                                     "messages_most", "rounds")],
                         [True, 900, 3, 3, 3], results)
        self.assertEqual(report["errors"]["total"], 0)
        return results

    def test_polls_ask_for_the_next_message(self):
        results = self.check_everybody_hears("/sub?cname=c{n}&seq={seq}")
        self.assertEqual(results["replies"], 900)
        self.assertGreaterEqual(results["requests"], 900)

    def test_streams(self):
        results = self.check_everybody_hears("/stream?cname=c{n}&seq={seq}")
        self.assertEqual((results["replies"], results["requests"]), (0, 300))

    def test_event_streams_that_count_as_open_when_they_have_asked(self):
        self.check_everybody_hears("/sse?cname=c{n}&seq=1", "--opened-by", "request", "--field",
                                   "Accept: text/event-stream")

    def test_channels_of_their_own(self):
        server = self.serve_comet()
        self.begin(server, "--connections", "40", "--channels", "40", "--path",
                   "/sub?cname=u{n}&seq={seq}", "--duration", "5m", "--retry", "10ms")
        self.await_mark("running")
        for number in range(40):
            self.push(server, f"u{number}", "m")
        self.assertEqual(self.await_mark("round 1")[3], "40")
        self.push(server, "u7", "m")
        self.admin(server, "close", cname="u8")
        # Who was told of the end asks again, and so makes the channel again.
        wait_until(lambda: json.loads(self.admin(server, "info"))["channels"] == 40, "40 channels")
        self.process.terminate()
        results = self.finish()["results"]
        self.assertEqual([results[name] for name in ("messages_least", "rounds", "passed")],
                         [1, 1, True])
        self.assertGreater(results["silent_replies"], 0)

    def test_a_reply_without_a_message_is_counted_and_asked_for_again(self):
        server = self.serve_comet()
        self.begin(server, "--connections", "1", "--retry", "1ms", "--messages", "1",
                   "--duration", "5m", "--first-sequence", "3")
        self.await_mark("running")
        for content in "abc":  # of these it waits for the third
            self.wait_subscribers(server, "c0", 1 if content == "c" else 0)
            self.push(server, "c0", content)
        results = self.finish()["results"]
        self.assertGreater(results["silent_replies"], 0)
        self.assertEqual(results["messages"], 1)

    def mark_of_who_slept(self, *options):
        """When round 1 ended, by the mark of somebody who was stopped until after the message had
        been sent: the time before that, the mark's, and the time before it went on."""
        server = self.serve_comet(max_subscribers_per_channel=1000)
        self.begin(server, "--connections", "20", "--duration", "5m", *options)
        self.wait_subscribers(server, "c0", 20)
        self.await_mark("running")
        self.process.send_signal(signal.SIGSTOP)
        before = time.time()
        self.push(server, "c0", "m")
        self.wait_subscribers(server, "c0", 0)
        after = time.time()
        time.sleep(0.1)  # far more than the clocks differ by
        self.process.send_signal(signal.SIGCONT)
        mark = float(self.await_mark("round 1")[2])
        self.process.terminate()
        report = self.finish()
        self.assertEqual(report["parameters"]["arrivals"], "--arrivals" in options)
        return before, mark, after

    def test_arrivals_are_told_however_late_they_are_read(self):
        before, mark, after = self.mark_of_who_slept("--arrivals")
        self.assertLessEqual(before - 0.05, mark)  # which took reading two clocks in turn
        self.assertLessEqual(mark, after + 0.05)
        before, mark, after = self.mark_of_who_slept()
        self.assertGreater(mark, after + 0.05)

    def test_what_is_wrong_ends_it(self):
        server = self.serve_comet()
        status, report = self.run_to_end(server.front, "--path", "/nothing", "--connections", "3",
                                         "--errors-max", "3")
        self.assertEqual((status, report["errors"]["wrong_reply"]), (1, 3))
        self.assertIn("404", report["results"]["reason"])
        with socket.create_server(("127.0.0.1", 0)) as listener:
            nobody = listener.getsockname()
        status, report = self.run_to_end(nobody, "--connections", "2", "--errors-max", "1")
        self.assertEqual(status, 1)
        self.assertIn("connect", report["results"]["reason"])

    def test_who_hears_too_little_is_told(self):
        server = self.serve_comet()
        status, report = self.run_to_end(server.front, "--connections", "2", "--messages", "1",
                                         "--duration", "100ms")
        self.assertEqual(status, 1)
        self.assertIn("only 0 of 1 messages", report["results"]["reason"])

    def test_options_that_cannot_be(self):
        for words, reason in (
                (("--path", "sub"), "--path: 'sub' is no path"),
                (("--field", "x"), "--field: 'x' is not 'Name: value'"),
                (("--count", ""), "--count: use a text of 1 to 255 bytes"),
                (("--opened-by", "luck"), "--opened-by: 'luck' is not head or request"),
                (("--arrivals",), "--arrivals has no meaning without --marks"),
                (("--login",), "--login has no meaning in mode subscribe")):
            status, out, err = run_to_end("millipede-load", "subscribe", "127.0.0.1:1", *words)
            self.assertEqual((status, out), (2, []), words)
            self.assertIn(reason, err[0])


if __name__ == "__main__":
    unittest.main()
