# SPDX-License-Identifier: BSL-1.0
"""What the log at its default level costs a connection that comes and goes: timed in pairs, with
the certainty that the pairs allow, and counted: the instructions that run inside the log."""
import pathlib
import shutil
import tempfile

import exact
import figures
from failure import Failure, Misuse
from report import Table, number, ratio, spread, verdict
from runner import Samples, Step

ROUNDS = 30
LEVELS = ("info", "fatal")  # the default, and as good as off
TARGET = 0.01  # at most this part of the cost
TESTED = exact.TESTED
LOG_FUNCTION = r"boost::log::|millipede::(?:detail::)?log(?:_|ging|\b)"


class LogCost:
    """The command `log-cost`."""

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.instructions = {}  # level -> per connection
        self.log_instructions = {}  # level -> of those, inside the log

    def steps(self):
        tested = self.bench.subject(TESTED)
        if not tested:
            raise Misuse(f"log-cost measures {TESTED}, which is left out")
        steps = []
        if shutil.which("valgrind"):
            steps += [Step(f"instructions at {level}", 8, self.bound(self.count, tested, level))
                      for level in LEVELS]
        for round_number in range(self.rounds):
            for level in (LEVELS if round_number % 2 else LEVELS[::-1]):
                steps.append(Step(f"{level}, round {round_number + 1}",
                                  self.bench.options.seconds + 0.6,
                                  self.bound(self.measure, tested, level, round_number)))
        return steps

    @staticmethod
    def bound(method, *arguments):
        return lambda: method(*arguments)

    @staticmethod
    def log_options(level, folder):
        return ["--log-level", level, "--log-file", str(pathlib.Path(folder) / "server.log")]

    def measure(self, subject, level, round_number):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            with self.bench.server(subject, extra=self.log_options(level, folder)) as server:
                found = self.bench.findings(server, "rate", observe=server.pid,
                                            seconds=self.bench.options.seconds)
        self.samples.add(level, subject.name, "per_second", round_number, found.per_second)
        self.samples.add(level, subject.name, "cpu_us", round_number, found.cpu_us)

    def count(self, subject, level):
        lengths = (exact.QUICK if self.bench.options.quick else exact.USUAL)[
            "connection", "instructions"]
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            value, short, long = exact.instructions_per_operation(
                self.bench, subject, "connection", lengths, self.log_options(level, folder))
        self.instructions[level] = value
        inside = [profile.entered(LOG_FUNCTION) for profile in (short, long)]
        if inside[0] == 0 and level == LEVELS[0]:
            raise Failure("no function of the log was seen, though it writes lines at its start")
        self.log_instructions[level] = figures.slope((lengths.short, inside[0]),
                                                     (lengths.long, inside[1]))

    def cost(self):
        """(median, low, high, confidence) of what the log adds to the CPU of a connection, as a
        part, from pairs of the same round; None before the first pair."""
        logged, silent = (self.samples.rounds(level, TESTED, "cpu_us") for level in LEVELS)
        parts = [each - 1 for each in figures.ratios(logged, silent)]
        if not parts:
            return None
        return (figures.median(parts), *figures.median_interval(parts))

    def counted_cost(self):
        """Which part of a connection's instructions runs inside the log at its default level."""
        level = LEVELS[0]
        if level not in self.log_instructions:
            return None
        return self.log_instructions[level] / self.instructions[level]

    def statement(self):
        """What can be said for certain about the target."""
        cost = self.cost()
        if cost is None:
            return "nothing was timed"
        middle, low, high, confidence = cost
        text = f"Server CPU: the log adds {figures.percent(middle)} (median of pairs)"
        if low is None:
            return text + "; too few rounds to say how certain that is"
        text += (f", between {figures.percent(low)} and {figures.percent(high)} with "
                 f"{confidence * 100:.1f} % confidence")
        if high < TARGET:
            return text + f": below {TARGET * 100:.0f} %"
        if low > TARGET:
            return text + f": above {TARGET * 100:.0f} %"
        return text + f": not told apart from {TARGET * 100:.0f} % by time; more rounds narrow it"

    def passed(self):
        """By instructions, which do not depend on the hour; by time only if it is certain."""
        counted, cost = self.counted_cost(), self.cost()
        if counted is not None and counted >= TARGET:
            return False
        if cost and cost[1] is not None and cost[1] > TARGET:
            return False
        return None if counted is None else True

    def tables(self):
        rows = []
        for level in LEVELS:
            rates = self.samples.all(level, TESTED, "per_second")
            costs = self.samples.all(level, TESTED, "cpu_us")
            rows.append([level, number(figures.median(rates) if rates else None), spread(rates),
                         number(figures.median(costs) if costs else None), spread(costs),
                         number(self.instructions.get(level)),
                         number(self.log_instructions.get(level))])
        rounds = [self.samples.rounds(level, TESTED, "per_second") for level in LEVELS]
        rates = figures.ratios(*rounds)
        notes = [self.statement()]
        if rates:
            notes.append(f"Connections per second: ratio {ratio(figures.median(rates))} "
                         f"({spread(rates)})")
        if self.counted_cost() is not None:
            notes.append(f"Instructions inside the log: {self.counted_cost() * 100:.2f} % of "
                         f"a connection's (at most {TARGET * 100:.0f} %): {verdict(self.passed())}")
        return [Table(f"{TESTED}: cost of the log to a connection, {len(rounds[0])} rounds",
                      ["level", "connections/s", "min..max", "server us each", "min..max",
                       "instr. each", "in the log"], rows, notes)]

    def document(self):
        cost = self.cost()
        return {"cpu_cost": cost and dict(zip(("median", "low", "high", "confidence"), cost)),
                "instruction_cost": self.counted_cost(), "instructions": self.instructions,
                "log_instructions": self.log_instructions, "holds": self.passed(),
                "samples": self.samples.document()}
