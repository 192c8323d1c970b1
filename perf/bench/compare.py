# SPDX-License-Identifier: BSL-1.0
"""All subjects side by side, in interleaved rounds."""
import figures
import load
import questions
from failure import Failure
from runner import Samples, Step

ROUNDS = 5
PEAK_SHARE = 0.7  # of the floor's peak, for latency
FEW, MANY = 1_000, 15_000  # connections held, for memory
QUICK_FEW, QUICK_MANY = 100, 400
HOLD_SECONDS = 60


class Compare:
    """The command `compare`."""

    QUESTIONS = [question.name for question in questions.QUESTIONS]

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.asked = [question for question in questions.QUESTIONS
                      if bench.options.asked(question.name)]
        self.few, self.many = bench.options.pick((FEW, MANY), (QUICK_FEW, QUICK_MANY))
        self.open_loop_rates = {}  # question -> requests per second

    def steps(self):
        measures = {questions.Rate: self.measure_rate, questions.Memory: self.measure_memory,
                    questions.Latency: self.measure_latency}
        steps = []
        for question in self.asked:
            measure = measures[type(question)]
            for round_number in range(self.rounds):
                for subject in self.bench.rotated(round_number):
                    steps.append(Step(
                        f"{question.name}, {subject.name}, round {round_number + 1}",
                        self.bench.options.seconds + 0.7,
                        self.bound(measure, question, subject, round_number)))
        return steps

    @staticmethod
    def bound(measure, question, subject, round_number):
        return lambda: measure(question, subject, round_number)

    def rate_findings(self, question, subject):
        options = question.load_options(self.bench.options.quick)
        with self.bench.server(subject) as server:
            return self.bench.findings(server, question.mode, observe=server.pid,
                                       seconds=self.bench.options.seconds, **options)

    def measure_rate(self, question, subject, round_number):
        found = self.rate_findings(question, subject)
        for figure, value in (("per_second", found.per_second * question.unit_factor),
                              ("cpu_us", found.cpu_us), ("own_share", found.own_share),
                              ("server_share", found.server_share)):
            self.samples.add(question.name, subject.name, figure, round_number, value)

    def open_loop_rate(self, question):
        """Requests per second for all subjects, made once from the floor's peaks."""
        if question.name not in self.open_loop_rates:
            floor = self.bench.floor
            peaks = self.samples.all(question.peak, floor.name, "per_second")
            if not peaks:
                peak = next(each for each in questions.QUESTIONS if each.name == question.peak)
                peaks = [self.rate_findings(peak, floor).per_second]
            rate = max(int(figures.median(peaks) * PEAK_SHARE), 1)
            self.open_loop_rates[question.name] = rate
            self.samples.add(question.name, "", "rate", 0, rate)
        return self.open_loop_rates[question.name]

    def measure_latency(self, question, subject, round_number):
        rate = self.open_loop_rate(question)
        with self.bench.server(subject) as server:
            found = self.bench.findings(server, "echo", connections=question.connections,
                                        rate=rate, size=64,
                                        seconds=self.bench.options.seconds)
        for figure in questions.PERCENTILES:
            self.samples.add(question.name, subject.name, figure, round_number,
                             found.latency_us[figure])

    def measure_memory(self, question, subject, round_number):
        points = []
        with self.bench.server(subject) as server:
            start_bytes = server.private_bytes()
            loads = []
            for count in (self.few, self.many - self.few):
                loads.append(self.bench.load(server, "hold", connections=count, marks=True,
                                             seconds=HOLD_SECONDS))
                loads[-1].wait_running()
                points.append(server.private_bytes())
            for each in loads:
                if each.process.poll() is not None:
                    raise Failure("a connection was lost while memory was measured")
                each.end()
        value = figures.slope((self.few, points[0]), (self.many, points[1]))
        self.samples.add(question.name, subject.name, "bytes", round_number, value)
        self.samples.add(question.name, subject.name, "start_bytes", round_number, start_bytes)

    def passed(self):
        return None

    def tables(self):
        names = [subject.name for subject in self.bench.subjects]
        floor = self.bench.floor.name
        tables = []
        for question in self.asked:
            if isinstance(question, questions.Rate):
                tables.append(questions.rate_table(question, self.samples, names, floor,
                                                   load.LIMIT_SHARE))
            elif isinstance(question, questions.Memory):
                tables.append(questions.memory_table(question, self.samples, names, self.few,
                                                     self.many))
            else:
                tables.append(questions.latency_table(question, self.samples, names, floor,
                                                      PEAK_SHARE))
        if tables:
            tables[0].notes.insert(0, f"{self.rounds} interleaved rounds of "
                                   f"{self.bench.options.seconds:g} s; medians; ratios are medians "
                                   f"of those to {floor} within the same round. Server with one "
                                   "worker on one core, load on another; cores busy: the "
                                   "server's and the load's.")
        return tables

    def document(self):
        return {"rounds": self.rounds, "seconds": self.bench.options.seconds,
                "floor": self.bench.floor.name, "samples": self.samples.document()}
