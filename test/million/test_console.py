# SPDX-License-Identifier: BSL-1.0
"""The guest's words become an outcome; words that are not understood end the run."""
import unittest

import material
from console import Console
from failure import Failure
from outcome import Outcome


class Words(unittest.TestCase):
    def setUp(self):
        self.outcome = Outcome("guest")
        self.progress = []
        self.said = []
        self.console = Console(self.outcome, lambda *words: self.progress.append(words),
                               self.said.append)

    def take(self, *lines):
        for line in lines:
            self.console.take(line + "\r\n")

    def test_progress(self):
        self.take("@ progress 12.5 2001 990", "@ progress 14.25 2001 ")
        self.assertEqual(self.progress, [(12.5, 2001, 990), (14.25, 2001, None)])

    def test_observation(self):
        self.take(*material.console_lines("before", 0), *material.console_lines("all", 50))
        found = self.outcome.observations["all"]
        self.assertEqual((found.online, found.established, found.sockets, found.handshakes),
                         (50, 100, 101, 50))
        self.assertEqual(found.private_bytes, 1040 * 1024)
        self.assertEqual(found.clients_bytes, 1040 * 1024)
        self.assertEqual(found.caches["TCP"], (105, 2304))
        self.assertEqual(self.outcome.observations["before"].established, 0)

    def test_a_missing_file_of_an_observation_is_told(self):
        lines = [line for line in material.console_lines("all", 5)]
        at = lines.index("@ begin snmp")
        del lines[at:lines.index("@ end snmp") + 1]
        with self.assertRaisesRegex(Failure, "'all'.*snmp"):
            self.take(*lines)

    def test_lines_of_a_file_are_no_words(self):
        self.take("@ begin log", "@ failure of another kind", "@ end other", "@ end log")
        self.assertIsNone(self.console.failure)
        self.assertEqual(self.console.text("log"), "@ failure of another kind\n@ end other")

    def test_noise_outside_of_files_is_passed_over(self):
        self.take("", "[    0.1] clocksource: tsc", "@ done")
        self.assertTrue(self.console.done)

    def test_unknown_words_end_the_run(self):
        with self.assertRaisesRegex(Failure, "@ dance"):
            self.take("@ dance")

    def test_clients_account_behind_their_marks(self):
        self.take("@ begin load-all", "opened 1.5 90", "running 1.6",
                  material.load_account(90, 7), "@ end load-all")
        self.assertEqual(self.outcome.loads["all"]["results"]["opened"], 90)
        self.assertEqual(self.outcome.opening_seconds(), 2.0)

    def test_clients_without_account(self):
        for text in ("opened 1.5 90", '{"results": '):
            with self.assertRaises(Failure, msg=text):
                self.take("@ begin load-all", text, "@ end load-all")

    def test_failure_and_end(self):
        self.take("@ failure the server did not start", "@ begin log", "no port", "@ end log",
                  "@ off")
        self.assertEqual(self.console.failure, "the server did not start")
        self.assertEqual(self.console.text("log"), "no port")
        self.assertTrue(self.console.off)
        self.assertFalse(self.console.done)


if __name__ == "__main__":
    unittest.main()
