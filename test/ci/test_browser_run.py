# SPDX-License-Identifier: BSL-1.0
"""What failed in a browser has a second go, where that is wanted, and no fault is hidden by it."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "test" / "browser" / "run.py"
CASES = '''
import pathlib
import unittest

def is_first_go(name):
    """Counts in a file."""
    with open(pathlib.Path(__file__).with_name(name), "a+") as file:
        file.write("x")
        return file.tell() == 1

class Cases(unittest.TestCase):
    def test_good(self):
        is_first_go("good")

    def test_once(self):
        self.assertFalse(is_first_go("once"))

    def test_parts(self):
        with self.subTest("part"):
            self.assertFalse(is_first_go("parts"))

    def test_never(self):
        is_first_go("never")
        self.fail("as always")

class Begins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert not is_first_go("begins")

    def test_it(self):
        pass
'''


class Run(unittest.TestCase):
    """The script, run on tests that fail as they are told."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.notes = self.folder / "second-go.txt"
        (self.folder / "test_cases.py").write_text(CASES, encoding="utf-8")

    def run_tests(self, *names, second=True):
        """Its exit status, and what it said."""
        environment = {name: value for name, value in os.environ.items()
                       if name != "MILLIPEDE_SECOND_GO"}
        if second:
            environment["MILLIPEDE_SECOND_GO"] = str(self.notes)
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--folder", str(self.folder), *names],
            capture_output=True, text=True, check=False, timeout=60, env=environment)
        return done.returncode, done.stderr

    def goes(self, name):
        """How often a test ran."""
        return len((self.folder / name).read_text(encoding="utf-8"))

    def test_what_passes_then_is_noted(self):
        status, said = self.run_tests("test_cases.Cases.test_good", "test_cases.Cases.test_once",
                                      "test_cases.Cases.test_parts", "test_cases.Begins")
        self.assertEqual(status, 0, said)
        self.assertEqual([self.goes(each) for each in ("good", "once", "parts", "begins")],
                         [1, 2, 2, 2])
        self.assertEqual(self.notes.read_text(encoding="utf-8").splitlines(),
                         ["browser: test_cases.Begins", "browser: test_cases.Cases.test_once",
                          "browser: test_cases.Cases.test_parts"])
        self.assertIn("FAILED AT FIRST", said)

    def test_what_always_fails_does(self):
        status, _ = self.run_tests()
        self.assertEqual(status, 1)
        self.assertEqual([self.goes(each) for each in ("good", "never")], [1, 2])
        self.assertFalse(self.notes.exists())

    def test_only_where_it_is_wanted(self):
        status, _ = self.run_tests("test_cases.Cases.test_once", second=False)
        self.assertEqual([status, self.goes("once")], [1, 1])

    def test_good_ones_run_once(self):
        status, said = self.run_tests("test_cases.Cases.test_good")
        self.assertEqual([status, self.goes("good"), self.notes.exists()], [0, 1, False])
        self.assertNotIn("once more", said)

    def test_what_cannot_be_loaded_has_no_second_go(self):
        (self.folder / "test_broken.py").write_text("import nothing_of_that_name\n",
                                                    encoding="utf-8")
        status, said = self.run_tests("test_broken")
        self.assertEqual(status, 1)
        self.assertNotIn("once more", said)

    def test_no_tests_are_no_success(self):
        (self.folder / "test_cases.py").unlink()
        self.assertNotEqual(self.run_tests()[0], 0)


if __name__ == "__main__":
    unittest.main()
