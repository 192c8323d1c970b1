# SPDX-License-Identifier: BSL-1.0
"""What a flood by one client does to the others: a witness measures latency, first alone, then
beside the flood."""
import questions
from failure import Failure
from report import Table, number, ratio, spread
from runner import Samples, Step

ROUNDS = 3
WITNESS = {"connections": 50, "size": 64}
WITNESS_PER_SECOND = 2_000
FLOODS = {"alone": None,
          "depth": {"connections": 1, "size": 64, "depth": 1_000},
          "bulk": {"connections": 1, "size": 65_535, "depth": 16}}
TITLES = {"alone": "alone", "depth": "beside 64 bytes x 1,000", "bulk": "beside 64 KiB x 16"}
FLOOD_NICE = 19  # the witness is scheduled before it: what delays the witness is the server
HOLD_SECONDS = 60  # the flood may outlast the witness by so much, and is ended then


class Fairness:
    """The command `fairness`."""

    QUESTIONS = list(FLOODS)

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.floods = [name for name in FLOODS if bench.options.asked(name)]

    def steps(self):
        steps = []
        for round_number in range(self.rounds):
            for flood in self.floods:
                for subject in self.bench.rotated(round_number):
                    steps.append(Step(f"{flood}, {subject.name}, round {round_number + 1}",
                                      self.bench.options.seconds + 1.5,
                                      self.bound(subject, flood, round_number)))
        return steps

    def bound(self, subject, flood, round_number):
        return lambda: self.measure(subject, flood, round_number)

    def measure(self, subject, flood, round_number):
        seconds = self.bench.options.seconds
        with self.bench.server(subject) as server:
            beside = None
            if FLOODS[flood]:
                beside = self.bench.load(server, "echo", marks=True, nice=FLOOD_NICE,
                                         **FLOODS[flood], seconds=seconds + HOLD_SECONDS)
                beside.wait_running()
            witness = self.bench.findings(server, "echo", rate=WITNESS_PER_SECOND,
                                          seconds=seconds, **WITNESS)
            if beside:
                if beside.process.poll() is not None:
                    raise Failure("the flood ended before the witness")
                beside.end()
                rate = beside.findings().per_second
                self.samples.add(flood, subject.name, "flood_per_second", round_number, rate)
        for figure in ("p50", "p99"):
            self.samples.add(flood, subject.name, figure, round_number,
                             witness.latency_us[figure])

    def passed(self):
        return None

    def tables(self):
        return [self.table(flood) for flood in self.floods]

    def table(self, flood):
        rows = []
        for subject in self.bench.subjects:
            cells = [subject.name]
            for figure in ("p50", "p99"):
                values = self.samples.all(flood, subject.name, figure)
                alone = questions.middle(self.samples.all("alone", subject.name, figure))
                middle = questions.middle(values)
                cells += [number(middle), spread(values)]
                if flood != "alone":
                    cells.append(ratio(middle / alone if middle and alone else None))
            if flood != "alone":
                cells.append(number(questions.middle(
                    self.samples.all(flood, subject.name, "flood_per_second"))))
            rows.append(cells)
        beside = ["to alone"] if flood != "alone" else []
        head = ["subject", "p50 us", "min..max", *beside, "p99 us", "min..max", *beside]
        notes = []
        if flood != "alone":
            head.append("flood, frames/s")
        else:
            notes.append(f"Witness: {WITNESS['connections']} connections, "
                         f"{WITNESS_PER_SECOND:,} 64-byte echoes a second in all, open loop. It "
                         "shares its core with the flood's client, which stands back for it.")
        return Table(f"Latency of the witness, {TITLES[flood]}", head, rows, notes)

    def document(self):
        return {"rounds": self.rounds, "samples": self.samples.document()}
