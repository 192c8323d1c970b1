#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What failed in the last run of CTest, short enough for the tail of a log.

Goal: whoever sees only the end of a long output learns which tests failed and with which words.
Method: CTest's own log of the run. Of each test that failed the last lines are shown, or those of
a sanitizer's report, which says first what it found. A test that was ended by its time limit has
not said which of its cases it was in: a Boost test's own log, beside its program's build, does.

Usage: failures.py BUILD_FOLDER
"""

import os
import re
import sys
from pathlib import Path

LINES = 30  # of each test
REPORT_LINES = 20  # of a sanitizer's report, from its first line on
CASE_LINES = 5  # of the log of test cases
WIDTH = 300  # characters of a line

ENTRY = re.compile(r'\d+/\d+ Testing: (?P<name>\S+)\n.*?Output:\n-{58}\n(?P<output>.*?)'
                   r'<end of output>\nTest time = +(?P<seconds>[\d.]+) sec\n-{58}\n'
                   r'(?P<result>[^\n]*)\n', re.DOTALL)
REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")


def excerpt(output):
    """The lines of a test's output that tell most."""
    lines = [line[:WIDTH] for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if REPORT.search(line):
            return lines[number:number + REPORT_LINES]
    return lines[-LINES:]


def failures(log):
    """(name, result, seconds, output) of each test in CTest's log that did not pass."""
    return [(each["name"], each["result"], float(each["seconds"]), each["output"])
            for each in ENTRY.finditer(log) if each["result"] != "Test Passed."]


def last_cases(build, name):
    """The end of the log of test cases, if there is one."""
    log = build / "test" / f"{name}.log"
    if not log.exists():
        return []
    return [line[:WIDTH] for line in log.read_text(errors="replace").splitlines()[-CASE_LINES:]]


def main():
    """The command line."""
    build = Path(sys.argv[1])
    log = build / "Testing" / "Temporary" / "LastTest.log"
    found = failures(log.read_text(errors="replace")) if log.exists() else []
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"\n== {len(found)} failed of {build}; load {load} on {os.cpu_count()} processors")
    for name, result, seconds, output in found:
        print(f"\n-- {name}: {result} ({seconds:.0f} s)")
        print("\n".join(excerpt(output)))
        if cases := last_cases(build, name):
            print("-- its last test cases:", *cases, sep="\n")
    print("\n== failed:", " ".join(name for name, *_ in found) or "see above")
    return 0


if __name__ == "__main__":
    sys.exit(main())
