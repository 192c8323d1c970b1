#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Prints what `bench.py fanout --json FILE` wrote as the tables of docs/performance.md."""
import json
import sys

import figures
from comet_subjects import OURS
from subjects import FLOOR

WAYS = {"poll": "long-polls", "stream": "streams in chunks", "sse": "event streams"}
NAMES = {FLOOR: "bare epoll"}
HEAD = """\
| | until the last has it | to ours | server CPU a message and subscriber | to ours | \
of it in user mode |
|---|---|---|---|---|---|
"""


def by_round(fanout):
    """{(question, subject, figure): {round: value}}"""
    return {(each["question"], each["subject"], each["figure"]): dict(enumerate(each["values"]))
            for each in fanout["samples"]}


def ratio_cell(values, ours):
    found = figures.ratios(values, ours)
    return f"{figures.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def microseconds(values):
    median = figures.median(list(values.values()))
    return f"{median:.{2 if median < 1 else 1}f} us"


def row(samples, way, subject):
    """A line for one subject, empty when it was not measured."""
    if (way, subject, "last_ms") not in samples:
        return ""
    last, cpu, user = (samples[way, subject, figure] for figure in ("last_ms", "cpu_us", "user_us"))
    name, ratios = f"{WAYS[way]}, {subject}", ["", ""]
    if subject != OURS:
        name = NAMES.get(subject, subject)
        ratios = [ratio_cell(values, samples[way, OURS, figure])
                  for figure, values in (("last_ms", last), ("cpu_us", cpu))]
    cells = [name, f"{figures.median(list(last.values())):.0f} ms", ratios[0], microseconds(cpu),
             ratios[1], microseconds(user)]
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|\n"


def table(fanout):
    """Of one run, whose rounds all have our server."""
    samples = by_round(fanout)
    return HEAD + "".join(row(samples, way, subject) for way in WAYS
                          for subject in (OURS, "nchan", "evhttp", FLOOR))


if __name__ == "__main__":
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            print(table(json.load(file)["commands"]["fanout"]))
