# SPDX-License-Identifier: BSL-1.0
"""How cost grows with size: CPU per request with the number of connections, start-up with the
number of places."""
import json
import subprocess

import figures
import questions
from exact import TESTED
from failure import Failure
from report import Table, number, ratio, size, spread
from runner import Samples, Step

ROUNDS = 3
CONNECTIONS = [100, 1_000, 5_000, 10_000, 15_000]
QUICK_CONNECTIONS = [20, 100]
FLAT_FROM = 1_000  # from so many connections on the cost should stay level ...
FLAT_WITHIN = 0.15  # ... by so much
PLACES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
QUICK_PLACES = [1_000, 10_000]


class Scale:
    """The command `scale`."""

    QUESTIONS = ["requests", "start"]

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.counts = bench.options.pick(CONNECTIONS, QUICK_CONNECTIONS)
        self.places = bench.options.pick(PLACES, QUICK_PLACES)
        self.chosen = [subject for subject in bench.subjects
                       if subject.name == TESTED or subject is bench.floor]

    def steps(self):
        steps = []
        if self.bench.options.asked("requests"):
            for count in self.counts:
                for round_number in range(self.rounds):
                    for subject in self.bench.rotated(round_number):
                        if subject in self.chosen:
                            steps.append(Step(
                                f"{count} connections, {subject.name}", self.seconds(count),
                                self.bound(self.measure_requests, subject, count, round_number)))
        if self.bench.options.asked("start"):
            for places in self.places:
                for round_number in range(self.rounds):
                    steps.append(Step(f"start with {places} places", 0.1, self.bound(
                        self.measure_start, places, round_number)))
        return steps

    def seconds(self, count):
        return self.bench.options.seconds + 0.6 + count / 10_000

    @staticmethod
    def bound(measure, *arguments):
        return lambda: measure(*arguments)

    def measure_requests(self, subject, count, round_number):
        with self.bench.server(subject) as server:
            found = self.bench.findings(server, "echo", observe=server.pid, connections=count,
                                        size=64, seconds=self.bench.options.seconds)
        question = f"requests-{count}"
        self.samples.add(question, subject.name, "cpu_us", round_number, found.cpu_us)
        self.samples.add(question, subject.name, "per_second", round_number, found.per_second)

    def measure_start(self, places, round_number):
        """By bench-start: a server refuses more places than its process may open descriptors."""
        program = self.bench.options.binaries / "bench-start"
        ran = subprocess.run([program, str(places)], capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            raise Failure(f"bench-start: status {ran.returncode}: {ran.stderr.strip()}")
        found = json.loads(ran.stdout)
        for figure in ("ready_ms", "private_bytes"):
            self.samples.add(f"start-{places}", TESTED, figure, round_number, found[figure])

    def growth(self, cost_of):
        """By which part the dearest count from FLAT_FROM on exceeds the cheapest."""
        costs = [cost_of(f"requests-{count}") for count in self.counts if count >= FLAT_FROM]
        costs = [cost for cost in costs if cost]
        return max(costs) / min(costs) - 1 if len(costs) > 1 else None

    def growths(self):
        """(what, growth) of each subject, and of TESTED's ratio to the floor: that leaves out what
        the kernel takes more for more sockets."""
        floor = self.bench.floor.name
        found = [(subject.name, self.growth(lambda question, name=subject.name: questions.middle(
            self.samples.all(question, name, "cpu_us")))) for subject in self.chosen]
        if floor != TESTED and any(subject.name == TESTED for subject in self.chosen):
            found.append((f"{TESTED}, as a ratio to {floor}", self.growth(
                lambda question: questions.median_ratio(
                    self.samples, question, TESTED, floor, "cpu_us"))))
        return [(what, growth) for what, growth in found if growth is not None]

    def passed(self):
        return None

    def tables(self):
        tables = []
        if self.bench.options.asked("requests"):
            tables.append(self.requests_table())
        if self.bench.options.asked("start"):
            tables.append(self.start_table())
        return tables

    def requests_table(self):
        rows = []
        floor = self.bench.floor.name
        for subject in self.chosen:
            for count in self.counts:
                question = f"requests-{count}"
                costs = self.samples.all(question, subject.name, "cpu_us")
                rates = self.samples.all(question, subject.name, "per_second")
                rows.append([subject.name, f"{count:,}", number(questions.middle(costs)),
                             spread(costs), ratio(questions.median_ratio(
                                 self.samples, question, subject.name, floor, "cpu_us")),
                             number(questions.middle(rates))])
        notes = []
        for what, growth in self.growths():
            level = "level" if growth <= FLAT_WITHIN else "not level"
            notes.append(f"{what}, from {FLAT_FROM:,} connections on: dearest over cheapest "
                         f"{figures.percent(growth)}: {level} (within {FLAT_WITHIN * 100:.0f} %)")
        return Table("Cost of a 64-byte echo by number of connections", [
            "subject", "connections", "server us each", "min..max", "ratio", "requests/s"],
            rows, notes)

    def start_table(self):
        rows = []
        for places in self.places:
            question = f"start-{places}"
            ready = self.samples.all(question, TESTED, "ready_ms")
            private = questions.middle(self.samples.all(question, TESTED, "private_bytes"))
            rows.append([f"{places:,}", number(questions.middle(ready)), spread(ready),
                         size(private)])
        return Table("Start of a worker, by its places for connections",
                     ["places", "ms until ready", "min..max", "private memory"], rows)

    def document(self):
        return {"rounds": self.rounds, "samples": self.samples.document()}
