# SPDX-License-Identifier: BSL-1.0
"""What valgrind's callgrind wrote: how many instructions, and in which functions."""
import collections
import re

WRAPPER = ["valgrind", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]
COST_LINE = re.compile(r"^\d+ (\d+)")


class Profile:
    """Instructions in all and by function, and how often functions were called."""

    def __init__(self, instructions=0, by_function=(), calls=(), below=()):
        self.instructions = instructions
        self.by_function = collections.Counter(dict(by_function))
        self.calls = collections.Counter(dict(calls))
        self.below = collections.Counter(dict(below))  # (caller, called): with all below the call

    def calls_of(self, part):
        """How often those functions were called whose names contain `part`."""
        return sum(count for name, count in self.calls.items() if part in name)

    def entered(self, pattern):
        """Instructions below calls from other functions into those that match the pattern."""
        return sum(cost for (caller, called), cost in self.below.items()
                   if re.search(pattern, called) and not re.search(pattern, caller))

    def hottest(self, shorter, operations, count):
        """The functions of most instructions per operation beyond those of a shorter run."""
        rows = [(self.by_function[name] - shorter.by_function[name], name)
                for name in self.by_function]
        return [(cost / operations, name) for cost, name in sorted(rows, reverse=True)[:count]
                if cost > 0]


def wrapper(out_file):
    return [*WRAPPER, f"--callgrind-out-file={out_file}"]


def parse(text):
    """The profile in the text of an out file; ValueError when it has no total."""
    function, called, skip = "", "", False
    by_function, calls, below = (collections.Counter() for _ in range(3))
    for line in text.splitlines():
        if line.startswith("fn="):
            function = line[3:]
        elif line.startswith("cfn="):
            called = line[4:]
        elif line.startswith("calls="):
            calls[called] += int(line[6:].split()[0])
            skip = True  # the next line has the inclusive cost of the call
        elif found := COST_LINE.match(line):
            if skip:
                below[function, called] += int(found[1])
            else:
                by_function[function] += int(found[1])
            skip = False
    total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
    if not total:
        raise ValueError("no total in what callgrind wrote")
    return Profile(int(total[1]), by_function, calls, below)
