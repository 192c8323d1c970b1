#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Runs the tests in a browser, and once more those that failed, if that is wanted.

Goal: a machine that is busy with others fails no change, and hides no fault either.
Method: test cases that failed are run by name in a process and a browser of their own. Those that
pass then are noted in the file that MILLIPEDE_SECOND_GO names; without it there is no second go.
What cannot even be loaded has none.

Usage: run.py [--folder FOLDER] [TEST...]     as test_page or test_page.Figures.test_paused
"""

import argparse
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path


def name_of(test):
    """What to run when this has failed: a test case, or the class that could not begin or end."""
    test = getattr(test, "test_case", test)  # of a subtest
    found = re.fullmatch(r"(?:setUp|tearDown)(?:Class|Module) \((.+)\)", test.id())
    return found[1] if found else test.id()


def first_go(folder, names):
    """Runs these, or all: (whether all is well, the names of what failed)."""
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names) if names else loader.discover(folder)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    failed = [name_of(test) for test, _ in (*result.failures, *result.errors)]
    failed += [test.id() for test in result.unexpectedSuccesses]
    if not result.testsRun and not failed:
        sys.exit("run.py: there are no such tests")
    return result.wasSuccessful(), sorted(set(failed))


def second_go(folder, names):
    """Runs these alone: whether all is well."""
    print(f"\n== once more, what failed: {' '.join(names)}", file=sys.stderr, flush=True)
    return not subprocess.run([sys.executable, "-m", "unittest", "--verbose", *names], check=False,
                              env={**os.environ, "PYTHONPATH": folder}).returncode


def main():
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--folder", default=str(Path(__file__).resolve().parent),
                       help="where the tests are [that of this script]")
    words.add_argument("tests", nargs="*", metavar="TEST", help="which ones [all]")
    given = words.parse_args()
    sys.path.insert(0, given.folder)
    well, failed = first_go(given.folder, given.tests)
    if well:
        return 0
    notes = os.environ.get("MILLIPEDE_SECOND_GO")
    if not notes or not failed or any("_FailedTest" in name for name in failed):
        return 1
    if not second_go(given.folder, failed):
        return 1
    with open(notes, "a", encoding="utf-8") as file:
        file.writelines(f"browser: {name}\n" for name in failed)
    print(f"\n== FAILED AT FIRST and passed at a second go: {' '.join(failed)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
