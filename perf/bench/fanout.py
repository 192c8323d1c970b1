# SPDX-License-Identifier: BSL-1.0
"""What it takes to give one message to all subscribers of a channel: the comet server, nginx with
its module nchan, icomet's design on libevent's evhttp, and bare epoll."""
import http.client
import json
import time

import children
import comet_subjects
import figures
import networks
import runner
import subjects
from failure import Failure
from load import Load
from report import Table, number, ratio, spread
from runner import Samples, Step

ROUNDS = 5
SUBSCRIBERS = 15_000
QUICK_SUBSCRIBERS = 200
PACKETS_EACH = 8  # that may wait for a machine: those of a message and of what follows it
PUBLICATIONS = 10  # for which the processor's time is taken together
WARM_UP = 2  # publications before those
CONTENT = "x" * 40
OPEN_SECONDS = 60
ROUND_SECONDS = 30
SPIN = "20ms"  # so long a subscriber's thread stays awake: the server need not wake it each time
SETTLE_SECONDS = 0.3  # with all subscribers back the server's last work is done by then
TITLES = {"poll": "Long-polls (each asks again after each message)", "stream": "Streams in chunks",
          "sse": "Event streams"}


class Audience:
    """Subscribers of one channel, in a program of their own."""

    def __init__(self, bench, network, server, question, count):
        way = server.subject.ways[question]
        self.load = Load(server, bench.options.binaries, "subscribe", core=bench.load_core,
                         seconds=3600, connections=count, marks=True, spin=SPIN,
                         **network.load_options, **way)
        self.server, self.count = server, count
        try:
            self.load.wait_running(OPEN_SECONDS)
            self.await_all_back()
        except BaseException:
            children.kill(self.load.process)
            raise

    def await_all_back(self):
        if not children.wait_for(lambda: self.server.subscribers() == self.count, ROUND_SECONDS,
                                 0.02):
            raise Failure(f"{self.server.subject.name} has {self.server.subscribers()} subscribers "
                          f"instead of {self.count}")

    def heard(self, message):
        """When the last of them had so many messages; None: not yet."""
        for line in self.load.lines():
            words = line.split()
            if words[0] == "round" and int(words[1]) == message:
                return float(words[2])
        return None

    def await_heard(self, message):
        moment = children.wait_for(lambda: self.heard(message), ROUND_SECONDS, 0.02)
        if not moment:
            raise Failure(f"{self.load.what}: not everybody had message {message}")
        return moment

    def end(self, messages):
        """Ends them, and sees that nobody had another number of messages."""
        children.end(self.load.process)
        document = self.load.document()
        if not document or not document["results"]["passed"]:
            raise Failure(f"{self.load.what}: {self.load.reason(1, document)}")
        results = document["results"]
        if (results["messages_least"], results["messages_most"]) != (messages, messages):
            raise Failure(f"{self.load.what}: {results['messages_least']} to "
                          f"{results['messages_most']} messages instead of {messages}")


def publish(server, connection, sequence):
    """Publishes one message, and returns when that began."""
    text = json.dumps({"type": "data", "cname": "c0", "seq": sequence, "content": CONTENT},
                      separators=(",", ":"))
    path, body = server.subject.publication("c0", CONTENT, text)
    begin = time.time()
    connection.request("POST" if body else "GET", path, body=body or None)
    reply = connection.getresponse()
    said = reply.read()
    if reply.status not in (200, 201, 202):
        raise Failure(f"{server.subject.name} does not publish: {reply.status} {said[:80]!r}")
    return begin


class Fanout:
    """The command `fanout`."""

    QUESTIONS = list(TITLES)

    def __init__(self, bench):
        self.bench = bench
        self.samples = Samples()
        self.rounds = bench.options.rounds_or(ROUNDS)
        self.count = bench.options.subscribers or bench.options.pick(SUBSCRIBERS,
                                                                     QUICK_SUBSCRIBERS)
        self.two_machines = bench.options.two_machines
        if self.two_machines:
            networks.TwoMachines.check(bench.cores, self.count)
        self.asked = [name for name in TITLES if bench.options.asked(name)]
        self.subjects = [each for each in bench.subjects if each in comet_subjects.SUBJECTS]

    @staticmethod
    def present(wanted, binaries):
        """Those of the wanted names that can be started; a line tells who is left out and why."""
        return runner.present(subjects.select(comet_subjects.SUBJECTS, wanted), binaries)

    def steps(self):
        if not self.subjects:  # another command's were chosen
            self.subjects = self.present([], self.bench.options.binaries)
        steps = []
        for round_number in range(self.rounds):
            shift = round_number % len(self.subjects)
            for question in self.asked:
                for subject in self.subjects[shift:] + self.subjects[:shift]:
                    steps.append(Step(f"{question}, {subject.name}, round {round_number + 1}", 8.0,
                                      self.bound(question, subject, round_number)))
        return steps

    def bound(self, question, subject, round_number):
        return lambda: self.measure(question, subject, round_number)

    def network(self):
        if self.two_machines:
            return networks.TwoMachines(self.bench.server_core, self.bench.load_core,
                                        PACKETS_EACH * self.count)
        return networks.Loopback()

    def measure(self, question, subject, round_number):
        with self.network() as network, \
             comet_subjects.CometServer(subject, self.bench, network.address,
                                        self.count) as server:
            connection = http.client.HTTPConnection(*server.publish_at, timeout=ROUND_SECONDS)
            connection.connect()
            audience = Audience(self.bench, network, server, question, self.count)
            lasts = []
            before = None
            for message in range(1, WARM_UP + PUBLICATIONS + 1):
                if message == WARM_UP + 1:
                    before = server.usage()
                begin = publish(server, connection, message)
                lasts.append((audience.await_heard(message) - begin) * 1e3)
                audience.await_all_back()
            time.sleep(SETTLE_SECONDS)
            after = server.usage()
            audience.end(WARM_UP + PUBLICATIONS)
            connection.close()
        deliveries = PUBLICATIONS * self.count
        for figure, value in (
                ("last_ms", figures.median(lasts[WARM_UP:])),
                ("user_us", (after.user_ms - before.user_ms) * 1e3 / deliveries),
                ("system_us", (after.system_ms - before.system_ms) * 1e3 / deliveries)):
            self.samples.add(question, subject.name, figure, round_number, value)
        user, system = (self.samples.rounds(question, subject.name, figure)[round_number]
                        for figure in ("user_us", "system_us"))
        self.samples.add(question, subject.name, "cpu_us", round_number, user + system)

    def ratios(self, question, subject, figure):
        """Of another's figure to ours in the same rounds."""
        return figures.ratios(self.samples.rounds(question, subject, figure),
                              self.samples.rounds(question, comet_subjects.OURS, figure))

    def passed(self):
        return None

    def row(self, question, subject):
        cells = [subject.name]
        for figure in ("last_ms", "cpu_us"):
            values = self.samples.all(question, subject.name, figure)
            cells += [number(figures.median(values) if values else None), spread(values)]
            ratios = self.ratios(question, subject.name, figure)
            cells += [ratio(figures.median(ratios) if ratios else None), spread(ratios)]
        for figure in ("user_us", "system_us"):
            values = self.samples.all(question, subject.name, figure)
            cells.append(number(figures.median(values) if values else None))
        return cells

    def tables(self):
        head = ["", "last ms", "min..max", "to ours", "min..max", "CPU us", "min..max", "to ours",
                "min..max", "user us", "system us"]
        tables = [Table(TITLES[question], head,
                        [self.row(question, subject) for subject in self.subjects])
                  for question in self.asked]
        if tables:
            where, until = (("two machines in one", "has come to the last subscriber's machine")
                            if self.two_machines
                            else ("loopback", "was read by the last subscriber"))
            tables[0].notes.append(
                f"{where}: {self.rounds} interleaved rounds, each with fresh servers of one worker "
                f"on one core and {self.count:,} subscribers on the other; last: from the "
                f"publisher's request until the message {until}, the median of "
                f"{PUBLICATIONS}; CPU: the server's, of all its processes, per message and "
                "subscriber, with what follows it (a poll's next request); medians of rounds, and "
                "ratios of the same round.")
        return tables

    def document(self):
        return {"rounds": self.rounds, "subscribers": self.count, "publications": PUBLICATIONS,
                "two_machines": self.two_machines, "samples": self.samples.document()}
