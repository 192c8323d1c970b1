# SPDX-License-Identifier: BSL-1.0
"""What is shown of a failed run: the right tests, and of each what says why."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "failures.py"


def entry(number, name, output, result="Test Failed."):
    """A test as CTest logs it."""
    rule = "-" * 58
    return (f"{number}/3 Testing: {name}\n{number}/3 Test: {name}\nCommand: \"{name}\"\n"
            f"Directory: /build\n\"{name}\" start time: Nov 21 19:31 UTC\nOutput:\n{rule}\n"
            f"{output}\n<end of output>\nTest time =   1.50 sec\n{rule}\n{result}\n"
            f"\"{name}\" end time: Nov 21 19:31 UTC\n\"{name}\" time elapsed: 00:00:01\n{rule}\n\n")


class Failures(unittest.TestCase):
    """The script, run on a folder like CTest's."""

    def shown(self, *entries):
        """What it prints for these."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "Testing", "Temporary", "LastTest.log")
            log.parent.mkdir(parents=True)
            log.write_text("Start testing: Nov 21 19:31 UTC\n" + "-" * 58 + "\n" + "".join(entries))
            done = subprocess.run([sys.executable, str(SCRIPT), folder], capture_output=True,
                                  text=True, check=True)
        return done.stdout.splitlines()

    def test_only_what_failed_and_its_end(self):
        output = "\n".join(f"line {number}" for number in range(100)) + "\nassertion 1 == 2"
        lines = self.shown(entry(1, "good", "all is well", "Test Passed."),
                           entry(2, "bad", output), entry(3, "worse", "died", "Timeout"))
        self.assertEqual(lines[-1], "== failed: bad worse")
        self.assertNotIn("all is well", lines)
        self.assertNotIn("line 50", lines)
        self.assertIn("line 99", lines)
        self.assertIn("assertion 1 == 2", lines)
        self.assertIn("-- worse: Timeout (2 s)", lines)
        self.assertLess(len(lines), 50)

    def test_a_sanitizers_report_from_its_beginning(self):
        legend = "\n".join(f"  shadow byte {number}" for number in range(60))
        lines = self.shown(entry(1, "bad", "==1==ERROR: AddressSanitizer: heap-use-after-free\n"
                                           "    #0 the_culprit\n" + legend))
        self.assertIn("    #0 the_culprit", lines)
        self.assertNotIn("  shadow byte 59", lines)

    def test_the_assertion_that_failed_long_before_the_end(self):
        cases = "\n".join(f'api/x.cpp({number}): Entering test case "number_{number}"'
                          for number in range(100))
        lines = self.shown(entry(1, "bad", 'api/x.cpp(7): error: in "seventh": check 1 == 2\n'
                                           "Failure occurred in a following context:\n"
                                           "    the first time\n" + cases))
        self.assertIn('api/x.cpp(7): error: in "seventh": check 1 == 2', lines)
        self.assertIn("    the first time", lines)
        self.assertNotIn('api/x.cpp(0): Entering test case "number_0"', lines)
        self.assertIn('api/x.cpp(99): Entering test case "number_99"', lines)

    def test_nothing_ran(self):
        self.assertEqual(self.shown()[-1], "== failed: see above")


if __name__ == "__main__":
    unittest.main()
