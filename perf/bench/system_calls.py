# SPDX-License-Identifier: BSL-1.0
"""The table that `strace -c` writes."""
import collections
import re

ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$")


def wrapper(out_file):
    return ["strace", "-c", "-f", "-o", str(out_file)]


def parse(text):
    """How often each call was made, by name; ValueError when there is no table."""
    counts = collections.Counter()
    for line in text.splitlines():
        found = ROW.match(line)
        if found and found[2] != "total":
            counts[found[2]] += int(found[1])
    if not counts:
        raise ValueError("no table of system calls in what strace wrote")
    return counts
