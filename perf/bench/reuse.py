# SPDX-License-Identifier: BSL-1.0
"""Whether memory stays as it was while all connections are dropped and opened again."""
from exact import TESTED
from failure import Misuse
from report import Table, number, size, verdict
from runner import Samples, Step

ROUNDS = 10
CONNECTIONS = 15_000
QUICK_CONNECTIONS = 200
QUICK_ROUNDS = 4
WARM_ROUNDS = 2  # rings of fixed size go round once; their pages count from their first use
GROWTH_MAX = 0.01  # beyond the warm rounds, as a part


class Reuse:
    """The command `reuse`."""

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        options = bench.options
        self.rounds = options.rounds or options.pick(ROUNDS, QUICK_ROUNDS)
        self.connections = options.pick(CONNECTIONS, QUICK_CONNECTIONS)

    def steps(self):
        tested = self.bench.subject(TESTED)
        if not tested:
            raise Misuse(f"reuse measures {TESTED}, which is left out")
        return [Step(f"{self.rounds} times {self.connections} connections",
                     3.0 * self.rounds, lambda: self.measure(tested))]

    def measure(self, subject):
        with self.bench.server(subject) as server:
            for round_number in range(self.rounds):
                found = self.bench.findings(server, "hold", observe=server.pid,
                                            connections=self.connections, seconds=0.3)
                self.samples.add("reuse", subject.name, "bytes", round_number,
                                 found.observed["memory_bytes_open"])

    def growth(self):
        """From the first round after the warm ones to the last, as a part; None: too few."""
        values = self.samples.all("reuse", TESTED, "bytes")
        if len(values) < WARM_ROUNDS + 2:
            return None
        return values[-1] / values[WARM_ROUNDS] - 1

    def passed(self):
        growth = self.growth()
        return None if growth is None else growth <= GROWTH_MAX

    def tables(self):
        values = self.samples.all("reuse", TESTED, "bytes")
        rows = [[str(number_of), size(value),
                 number((value - values[0]) / self.connections) if number_of > 1 else "-"]
                for number_of, value in enumerate(values, 1)]
        growth = self.growth()
        notes = []
        if growth is not None:
            notes.append(f"From round {WARM_ROUNDS + 1} to the last {growth * 100:+.2f} % (at most "
                         f"{GROWTH_MAX * 100:+.0f} %): {verdict(self.passed())}")
        return [Table(f"Memory of {TESTED} with {self.connections:,} connections open, all dropped "
                      "between rounds", ["round", "private memory", "bytes each above round 1"],
                      rows, notes)]

    def document(self):
        return {"connections": self.connections, "growth": self.growth(),
                "holds": self.passed(), "samples": self.samples.document()}
