# SPDX-License-Identifier: BSL-1.0
"""All commands in one go, written down: figures as JSON, and pictures of the main ones."""
import dataclasses
import sys

import plot
from broadcast import Broadcast
from compare import Compare
from exact import Exact
from failure import Failure, Misuse
from fairness import Fairness
from fanout import Fanout
from log_cost import LogCost
from reuse import Reuse
from scale import Scale
from workers import Workers

COMMANDS = {"compare": Compare, "exact": Exact, "scale": Scale, "fairness": Fairness,
            "broadcast": Broadcast, "fanout": Fanout, "log-cost": LogCost, "workers": Workers,
            "reuse": Reuse}


class Everything:
    """The command `all`."""

    QUESTIONS = sorted({question for command in COMMANDS.values()
                        for question in getattr(command, "QUESTIONS", [])})

    def __init__(self, bench):
        self.bench = bench
        self.parts = {name: command(bench) for name, command in COMMANDS.items()}

    def steps(self):
        steps = []
        for name, part in list(self.parts.items()):
            try:
                found = part.steps()
            except Misuse as misuse:
                print(f"{name} is left out: {misuse}", file=sys.stderr)
                del self.parts[name]
                continue
            steps += [dataclasses.replace(step, label=f"{name}: {step.label}") for step in found]
        return steps

    def passed(self):
        return all(part.passed() is not False for part in self.parts.values())

    def tables(self):
        return [table for part in self.parts.values() for table in part.tables()]

    def document(self):
        return {name: part.document() for name, part in self.parts.items()}

    def draw(self, folder):
        """The pictures, by what was measured. Returns what was written."""
        names = [subject.name for subject in self.bench.subjects]
        charts = [plot.cpu_chart(self.parts["compare"].samples, names, self.bench.floor.name)]
        if "exact" in self.parts:
            charts.append(plot.instructions_chart(self.parts["exact"].samples, names))
        written = []
        for chart in charts:
            if not chart.bars:
                continue
            try:
                written.append(plot.draw(chart, folder))
            except Failure as failure:
                print(f"no picture {chart.name}: {failure}", file=sys.stderr)
        return written
