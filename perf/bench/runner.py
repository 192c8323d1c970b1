# SPDX-License-Identifier: BSL-1.0
"""Carries measurements out: where servers and load run, one step after the other."""
import collections
import dataclasses
import os
import pathlib
import resource
import sys
import typing

import subjects
from failure import Failure, Misuse
from load import Load
from progress import Progress
from server import Server


@dataclasses.dataclass
class Options:
    """What was asked for on the command line."""
    binaries: pathlib.Path
    rounds: typing.Optional[int] = None  # None: each command's own number
    seconds: float = 2.0
    quick: bool = False
    questions: typing.List[str] = dataclasses.field(default_factory=list)
    top: int = 0
    subscribers: typing.Optional[int] = None  # None: the command's own number
    two_machines: bool = False

    def rounds_or(self, usual):
        if self.rounds:
            return self.rounds
        return 1 if self.quick else usual

    def pick(self, usual, quick):
        return quick if self.quick else usual

    def asked(self, question):
        """Whether a question was asked for: by its name, or by that name's first part."""
        return not self.questions or any(
            question == name or question.startswith(name + "-") for name in self.questions)


@dataclasses.dataclass
class Step:
    """One measurement, and how long it should take."""
    label: str
    seconds: float
    action: typing.Callable[[], None]


class Samples:
    """Measured values: of a question, for a subject, one figure, by round."""

    def __init__(self):
        self.values = collections.defaultdict(dict)

    def add(self, question, subject, figure, round_number, value):
        self.values[question, subject, figure][round_number] = value

    def rounds(self, question, subject, figure):
        """{round: value}, empty when nothing was measured."""
        return self.values.get((question, subject, figure), {})

    def all(self, question, subject, figure):
        return list(self.rounds(question, subject, figure).values())

    def document(self):
        """For JSON: question, subject, figure, values in the order of rounds."""
        return [{"question": question, "subject": subject, "figure": figure,
                 "values": [value for _, value in sorted(rounds.items())]}
                for (question, subject, figure), rounds in self.values.items()]


class Bench:
    """What all commands share: the subjects, the cores and the options."""

    def __init__(self, options, chosen):
        self.options = options
        self.subjects = chosen
        self.failures = []
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[1 % len(cores)]
        self.cores = len(cores)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    @property
    def floor(self):
        """The subject that ratios refer to: raw-epoll, or else the first one."""
        for subject in self.subjects:
            if subject.name == subjects.FLOOR:
                return subject
        return self.subjects[0]

    def subject(self, name):
        """The subject of that name, None when it is left out."""
        return next((subject for subject in self.subjects if subject.name == name), None)

    def rotated(self, round_number):
        """The subjects in the order of that round: each is first, second, ... in its turn."""
        shift = round_number % len(self.subjects)
        return self.subjects[shift:] + self.subjects[:shift]

    def server(self, subject, pinned=True, **keywords):
        return Server(subject, self.options.binaries,
                      core=self.server_core if pinned else None, **keywords)

    def load(self, server, mode, pinned=True, **keywords):
        return Load(server, self.options.binaries, mode,
                    core=self.load_core if pinned else None, **keywords)

    def findings(self, server, mode, **keywords):
        return self.load(server, mode, **keywords).findings()

    def carry_out(self, name, steps):
        """Runs the steps. One that fails is told of and counted; the others go on."""
        progress = Progress(name, sum(step.seconds for step in steps), len(steps))
        for step in steps:
            progress.begin(step.label)
            try:
                step.action()
            except Failure as failure:
                progress.clear()
                print(f"{name}: {step.label}: {failure}", file=sys.stderr, flush=True)
                self.failures.append(f"{name}: {step.label}: {failure}")
            progress.done(step.seconds)
        progress.end()


def present(chosen, binaries):
    """Those subjects whose programs are there; a line tells who is left out and why."""
    found = []
    for subject in chosen:
        why = subject.missing(binaries)
        if why:
            print(f"{subject.name} is left out: {why}", file=sys.stderr)
        else:
            found.append(subject)
    if not found:
        raise Misuse(f"no subject can be started: build first, or check --bin {binaries}")
    return found


def check_binaries(binaries):
    if not os.access(binaries / "millipede-load", os.X_OK):
        raise Misuse(f"--bin {binaries}: no program millipede-load there; build first: "
                     "./dev build release")
