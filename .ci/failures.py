#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""What failed in the last run of CTest, short enough for the tail of a log.

Goal: whoever sees only the end of a long output learns which tests failed and with which words.
Method: CTest's own log of the run. Of each test that failed the last lines are shown, which also
tell in which case a test was that its time limit ended; or those of a sanitizer's report, which
says first what it found. A Boost test's failed assertions are shown wherever they stand.

Usage: failures.py BUILD_FOLDER
"""

import itertools
import os
import re
import sys
from pathlib import Path

LINES = 30  # of each test
REPORT_LINES = 20  # of a sanitizer's report, from its first line on
ASSERTIONS = 10  # of a Boost test, each with the lines of its context
CONTEXT_LINES = 4
WIDTH = 300  # characters of a line

ENTRY = re.compile(r'\d+/\d+ Testing: (?P<name>\S+)\n.*?Output:\n-{58}\n(?P<output>.*?)'
                   r'<end of output>\nTest time = +(?P<seconds>[\d.]+) sec\n-{58}\n'
                   r'(?P<result>[^\n]*)\n', re.DOTALL)
REPORT = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")
ASSERTION = re.compile(r"\): (fatal )?error: in \"")
CASE = re.compile(r"\): (Entering|Leaving) test (case|suite) \"")


def excerpt(output):
    """The lines of a test's output that tell most."""
    lines = [line[:WIDTH] for line in output.splitlines() if line.strip()]
    for number, line in enumerate(lines):
        if REPORT.search(line):
            return lines[number:number + REPORT_LINES]
    return assertions(lines) + lines[-LINES:]


def assertions(lines):
    """What a Boost test found wrong, if it is not among the last lines anyway."""
    found = []
    for number, line in enumerate(lines[:-LINES]):
        if ASSERTION.search(line):
            following = lines[number + 1:number + CONTEXT_LINES]
            found.append([line] + list(itertools.takewhile(lambda each: not CASE.search(each),
                                                           following)))
    return [line for each in found[:ASSERTIONS] for line in each]


def failures(log):
    """(name, result, seconds, output) of each test in CTest's log that did not pass."""
    return [(each["name"], each["result"], float(each["seconds"]), each["output"])
            for each in ENTRY.finditer(log) if each["result"] != "Test Passed."]


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
    print("\n== failed:", " ".join(name for name, *_ in found) or "see above")
    return 0


if __name__ == "__main__":
    sys.exit(main())
