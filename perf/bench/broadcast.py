# SPDX-License-Identifier: BSL-1.0
"""What broadcasts do to the other traffic of their worker: a witness measures latency, first beside
a quiet audience, then beside one that is sent to."""
import json
import os
import tempfile

import children
import questions
from failure import Failure
from report import Table, number, ratio, spread
from runner import Samples, Step
from subjects import Subject

ROUNDS = 3
AUDIENCE = 10_000
QUICK_AUDIENCE = 100
EVERY_MS = 200
WITNESS = {"connections": 50, "size": 64}
WITNESS_PER_SECOND = 2_000
# Whom it is sent to, and in frames of how many bytes.
SENDS = {"calm": None, "all-64": ("all", 64), "group-64": ("group", 64),
         "group-1024": ("group", 1_024)}
TITLES = {"calm": "no broadcast", "all-64": "64 bytes to all", "group-64": "64 bytes to a group",
          "group-1024": "1,024 bytes to a group"}
AUDIENCE_NICE = 19  # the witness is scheduled before it: what delays the witness is the server
OPEN_SECONDS = 60
FIGURES = ("p50", "p99", "p99_9", "max")


class Audience:
    """Connections that log in and listen, in a program of their own."""

    def __init__(self, bench, server, connections):
        self.output = tempfile.TemporaryFile()
        self.process = children.start(
            [str(bench.options.binaries / "bench-audience"), server.target, str(connections)],
            bench.load_core, stdout=self.output, stderr=self.output)
        if not children.wait_for(self.is_running, OPEN_SECONDS):
            children.kill(self.process)
            raise Failure(f"the audience was not there after {OPEN_SECONDS} s")
        children.stand_back(AUDIENCE_NICE, self.process.pid)  # it took its places without delay

    def lines(self):
        return os.pread(self.output.fileno(), 1 << 16, 0).decode().splitlines()

    def is_running(self):
        if self.process.poll() is not None:
            raise Failure(f"the audience ended too early: {self.lines()[-1:]}")
        return any(line.startswith("running ") for line in self.lines())

    def end(self):
        """Ends it, and returns how many bytes it got."""
        if self.process.poll() is not None:
            raise Failure(f"the audience ended before the witness: {self.lines()[-1:]}")
        children.end(self.process)
        return json.loads(self.lines()[-1])["bytes"]


class Broadcast:
    """The command `broadcast`."""

    QUESTIONS = list(SENDS)

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.audience = bench.options.pick(AUDIENCE, QUICK_AUDIENCE)
        self.sends = [name for name in SENDS if bench.options.asked(name)]

    def steps(self):
        return [Step(f"{send}, round {round_number + 1}", self.bench.options.seconds + 4.0,
                     self.bound(send, round_number))
                for round_number in range(self.rounds) for send in self.sends]

    def bound(self, send, round_number):
        return lambda: self.measure(send, round_number)

    @staticmethod
    def subject(send):
        to, frame_bytes = SENDS[send] or ("group", 64)
        every = EVERY_MS if SENDS[send] else 0
        return Subject("broadcast", f"{{bin}}/bench-broadcast {{address}}:{{port}} {to} "
                       f"{frame_bytes} {every}", 0, "frame", "")

    def measure(self, send, round_number):
        seconds = self.bench.options.seconds
        with self.bench.server(self.subject(send)) as server:
            audience = Audience(self.bench, server, self.audience)
            witness = self.bench.findings(server, "echo", rate=WITNESS_PER_SECOND,
                                          seconds=seconds, observe=server.pid, **WITNESS)
            received = audience.end()
        if SENDS[send]:
            if received == 0:
                raise Failure("the audience was sent nothing")
            self.samples.add(send, "", "messages", round_number, received / SENDS[send][1])
        self.samples.add(send, "", "server_share", round_number, witness.server_share)
        for figure in FIGURES:
            self.samples.add(send, "", figure, round_number, witness.latency_us[figure])

    def passed(self):
        return None

    def tables(self):
        rows = []
        for send in self.sends:
            cells = [TITLES[send]]
            for figure in FIGURES:
                values = self.samples.all(send, "", figure)
                cells.append(number(questions.middle(values)))
                if figure == "p99":
                    cells.append(spread(values))
            calm = questions.middle(self.samples.all("calm", "", "p99"))
            p99 = questions.middle(self.samples.all(send, "", "p99"))
            share = questions.middle(self.samples.all(send, "", "server_share"))
            rows.append([*cells, ratio(p99 / calm if p99 and calm else None),
                         "-" if share is None else f"{share * 100:.0f} %"])
        head = ["beside", "p50 us", "p99 us", "min..max", "p99.9 us", "max us", "p99 to calm",
                "server busy"]
        return [Table(f"Latency of the others on a worker that sends to {self.audience:,}, "
                      f"{1000 // EVERY_MS} times a second", head,
                      rows, [f"Witness: {WITNESS['connections']} connections, "
                             f"{WITNESS_PER_SECOND:,} 64-byte echoes a second in all, open loop, "
                             "on the one worker that broadcasts."])]

    def document(self):
        return {"rounds": self.rounds, "audience": self.audience, "every_ms": EVERY_MS,
                "samples": self.samples.document()}
