# SPDX-License-Identifier: BSL-1.0
"""Instructions and system calls, counted rather than timed.

Each figure is a slope: a short and a long run against fresh servers, the difference of the counts
divided by the difference of the operations. What a server does at its start, while connections
open and at its end is the same in both and falls out."""
import dataclasses
import pathlib
import shutil
import tempfile

import callgrind
import figures
import system_calls
from failure import Failure, Misuse
from report import Table, number, ratio, verdict
from runner import Samples, Step

ROUNDS = 3
CONNECTIONS = 50
FRAME_BYTES = 64
TESTED = "millipede"
# At most so many of each for TESTED.
TARGETS = {("frame", "instructions"): 450.0, ("frame", "calls"): 2.1,
           ("connection", "instructions"): 3000.0, ("connection", "calls"): 8.0}
FRAME_LOAD = ("echo", {"connections": CONNECTIONS, "size": FRAME_BYTES, "depth": 1})
CONNECTION_LOAD = ("rate", {"concurrency": CONNECTIONS})


@dataclasses.dataclass(frozen=True)
class Lengths:
    """Operations of the short and of the long run."""
    short: int
    long: int


USUAL = {("frame", "instructions"): Lengths(20_000, 120_000),
         ("frame", "calls"): Lengths(5_000, 30_000),
         ("connection", "instructions"): Lengths(4_000, 14_000),
         ("connection", "calls"): Lengths(2_000, 7_000)}
QUICK = {("frame", "instructions"): Lengths(500, 1_500), ("frame", "calls"): Lengths(500, 1_500),
         ("connection", "instructions"): Lengths(200, 500),
         ("connection", "calls"): Lengths(200, 500)}


def run(bench, subject, wrapper, question, operations, extra=()):
    """One run of so many operations under a tool that wraps the server."""
    mode, options = FRAME_LOAD if question == "frame" else CONNECTION_LOAD
    with bench.server(subject, wrapper=wrapper, extra=extra) as server:
        found = bench.findings(server, mode, requests=operations, **options)
    if found.document["results"]["requests" if mode == "echo" else "opened"] != operations:
        raise Failure(f"the load made another number of operations than {operations}")


def counted(bench, subject, tool, question, operations, extra=()):
    """What the tool (callgrind or system_calls) counted over such a run."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out_file = pathlib.Path(folder) / "out"
        run(bench, subject, tool.wrapper(out_file), question, operations, extra)
        try:
            return tool.parse(out_file.read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError) as error:
            raise Failure(f"{tool.__name__}: {error}") from None


def instructions_per_operation(bench, subject, question, lengths, extra=()):
    """(instructions per operation, profile of the short run, profile of the long run)."""
    short, long = (counted(bench, subject, callgrind, question, operations, extra)
                   for operations in (lengths.short, lengths.long))
    value = figures.slope((lengths.short, short.instructions), (lengths.long, long.instructions))
    return value, short, long


class Exact:
    """The command `exact`."""

    QUESTIONS = ["frame", "connection"]

    def __init__(self, bench):
        self.bench = bench
        self.lengths = bench.options.pick(USUAL, QUICK)
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.samples = Samples()
        self.batches = {}  # subject -> frames for each wait
        self.profiles = {}  # (subject, question) -> (short, long)
        self.kinds = {}  # (subject, question) -> {system call: per operation}

    def steps(self):
        for program in ("valgrind", "strace"):
            if not shutil.which(program):
                raise Misuse(f"exact needs {program}: apt-get install valgrind strace")
        steps = []
        for question in ("frame", "connection"):
            if not self.bench.options.asked(question):
                continue
            for round_number in range(self.rounds):
                for subject in self.bench.rotated(round_number):
                    steps.append(Step(
                        f"instructions per {question}, {subject.name}", 8, self.bound(
                            self.count_instructions, subject, question, round_number)))
                    steps.append(Step(
                        f"system calls per {question}, {subject.name}", 5, self.bound(
                            self.count_calls, subject, question, round_number)))
        return steps

    @staticmethod
    def bound(method, *arguments):
        return lambda: method(*arguments)

    def count_instructions(self, subject, question, round_number):
        lengths = self.lengths[question, "instructions"]
        value, short, long = instructions_per_operation(self.bench, subject, question, lengths)
        self.samples.add(question, subject.name, "instructions", round_number, value)
        self.profiles[subject.name, question] = (short, long)
        waits = long.calls_of("epoll_wait") - short.calls_of("epoll_wait")
        if question == "frame" and waits > 0:
            self.batches[subject.name] = (lengths.long - lengths.short) / waits

    def count_calls(self, subject, question, round_number):
        lengths = self.lengths[question, "calls"]
        short, long = (counted(self.bench, subject, system_calls, question, operations)
                       for operations in (lengths.short, lengths.long))
        per = {name: figures.slope((lengths.short, short[name]), (lengths.long, long[name]))
               for name in short | long}
        self.kinds[subject.name, question] = per
        self.samples.add(question, subject.name, "calls", round_number, sum(per.values()))

    def value(self, subject, question, figure):
        """Per operation, the median of all rounds; None when it was not measured."""
        values = self.samples.all(question, subject, figure)
        return figures.median(values) if values else None

    def passed(self):
        """Whether all targets that were measured hold; None when none was."""
        held = [self.holds(*target) for target in TARGETS]
        held = [each for each in held if each is not None]
        return all(held) if held else None

    def holds(self, question, figure):
        value = self.value(TESTED, question, figure)
        return None if value is None else value <= TARGETS[question, figure]

    def tables(self):
        head = ["subject", "instr/frame", "ratio", "calls/frame", "frames/wait",
                "instr/connection", "ratio", "calls/connection"]
        rows = [self.row(subject.name) for subject in self.bench.subjects]
        if self.passed() is not None:
            rows.append(["target for " + TESTED, *self.target_cells("at most {}".format)])
            rows.append([TESTED + " holds it", *self.target_cells(None)])
        repeated = f"Medians of {self.rounds} rounds. " if self.rounds > 1 else ""
        notes = [f"{repeated}User-mode instructions by callgrind, system calls by strace, as "
                 f"slopes of two run lengths; {CONNECTIONS} connections, {FRAME_BYTES}-byte "
                 "frames, one in flight each; a connection connects, logs in and closes by a "
                 f"reset. Ratio: to {self.bench.floor.name}. frames/wait: for each epoll_wait, "
                 "under callgrind."]
        tables = [Table("Exact counts", head, rows, notes)]
        if self.bench.options.top:
            tables += self.hot_tables()
        return tables

    def row(self, name):
        cells = [name]
        for question in ("frame", "connection"):
            value = self.value(name, question, "instructions")
            floor = self.value(self.bench.floor.name, question, "instructions")
            cells += [number(value), ratio(value / floor if value and floor else None),
                      number(self.value(name, question, "calls"))]
            if question == "frame":
                cells.append(number(self.batches.get(name)))
        return cells

    def target_cells(self, form):
        """The target's or the verdict's cells beside the figures that have one."""
        def cell(question, figure):
            return form(number(TARGETS[question, figure])) if form else verdict(
                self.holds(question, figure))
        return [cell("frame", "instructions"), "", cell("frame", "calls"), "",
                cell("connection", "instructions"), "", cell("connection", "calls")]

    def hot_tables(self):
        """Where the instructions go, and which system calls there are."""
        tables = []
        for (name, question), (short, long) in self.profiles.items():
            lengths = self.lengths[question, "instructions"]
            hottest = long.hottest(short, lengths.long - lengths.short, self.bench.options.top)
            tables.append(Table(
                f"{name}: hottest functions, instructions of their own per {question}",
                ["function", "instr"],
                [[shortened(function), f"{cost:,.1f}"] for cost, function in hottest]))
        for (name, question), per in self.kinds.items():
            common = sorted(per.items(), key=lambda item: -item[1])
            tables.append(Table(f"{name}: system calls per {question}", ["call", "count"],
                                [[call, f"{count:.3f}"] for call, count in common
                                 if count >= 0.001]))
        return tables

    def document(self):
        return {"rounds": self.rounds, "samples": self.samples.document(),
                "frames_per_wait": self.batches,
                "targets": [{"question": question, "figure": figure, "at_most": limit,
                             "holds": self.holds(question, figure)}
                            for (question, figure), limit in TARGETS.items()]}


def shortened(name, columns=96):
    """A function's name without what says little, at most so long."""
    name = name.replace("(anonymous namespace)::", "").replace("boost::asio::", "asio::")
    return name if len(name) <= columns else name[:columns - 3] + "..."
