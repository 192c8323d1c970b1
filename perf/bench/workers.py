# SPDX-License-Identifier: BSL-1.0
"""One worker against two, on a machine whose cores the load shares."""
import figures
import questions
from report import Table, number, ratio, spread
from runner import Samples, Step

ROUNDS = 5
WORKERS = (1, 2)
LOADS = {"echo-50": {"connections": 50, "size": 64}, "echo-1000": {"connections": 1000, "size": 64},
         "depth-16": {"connections": 100, "size": 64, "depth": 16}}


class Workers:
    """The command `workers`."""

    QUESTIONS = list(LOADS)

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.asked = [name for name in LOADS if bench.options.asked(name)]

    def steps(self):
        steps = []
        for question in self.asked:
            for round_number in range(self.rounds):
                for subject in self.bench.rotated(round_number):
                    for workers in (WORKERS if round_number % 2 else WORKERS[::-1]):
                        steps.append(Step(f"{question}, {subject.name}, {workers} workers",
                                          self.bench.options.seconds + 0.7, self.bound(
                                              question, subject, workers, round_number)))
        return steps

    def bound(self, question, subject, workers, round_number):
        return lambda: self.measure(question, subject, workers, round_number)

    def measure(self, question, subject, workers, round_number):
        with self.bench.server(subject, workers=workers, pinned=False) as server:
            found = self.bench.findings(server, "echo", pinned=False, observe=server.pid,
                                        threads=2, seconds=self.bench.options.seconds,
                                        **LOADS[question])
        name = f"{question}-{workers}"
        self.samples.add(name, subject.name, "per_second", round_number, found.per_second)
        self.samples.add(name, subject.name, "cpu_us", round_number, found.cpu_us)

    def passed(self):
        return None

    def tables(self):
        return [self.table(question) for question in self.asked]

    def table(self, question):
        rows = []
        for subject in self.bench.subjects:
            one, two = (self.samples.rounds(f"{question}-{workers}", subject.name, "per_second")
                        for workers in WORKERS)
            costs = [questions.middle(self.samples.all(f"{question}-{workers}", subject.name,
                                                       "cpu_us")) for workers in WORKERS]
            gain = questions.middle(figures.ratios(two, one))
            rows.append([subject.name, number(questions.middle(list(one.values()))),
                         spread(list(one.values())),
                         number(questions.middle(list(two.values()))),
                         spread(list(two.values())), ratio(gain), *map(number, costs)])
        notes = [f"Nothing is pinned; the load has two threads on the same {self.bench.cores} "
                 "cores, so twice the rate cannot be had here: what a request costs the server "
                 "with one worker and with two tells whether workers hinder each other."]
        return Table(f"{question}: one worker and two", [
            "subject", "1: requests/s", "min..max", "2: requests/s", "min..max", "ratio",
            "1: server us", "2: server us"], rows, notes)

    def document(self):
        return {"rounds": self.rounds, "samples": self.samples.document()}
