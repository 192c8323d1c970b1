# SPDX-License-Identifier: BSL-1.0
"""What is asked of every subject in `compare`, and how its answer is shown."""
import dataclasses
import typing

import figures
from report import Table, number, ratio, spread

LIMIT_MARK = "*"


@dataclasses.dataclass(frozen=True)
class Rate:
    """A closed loop that goes as fast as it can: how often, and at what cost to the server."""
    name: str
    title: str
    mode: str
    load: typing.Mapping[str, int]
    unit: str = "requests/s"
    unit_factor: float = 1.0  # operations per second to the unit
    quick: typing.Mapping[str, int] = dataclasses.field(default_factory=dict)

    def load_options(self, is_quick):
        return {**self.load, **self.quick} if is_quick else dict(self.load)


@dataclasses.dataclass(frozen=True)
class Latency:
    """An open loop at a share of what the floor reaches in the question `peak`."""
    name: str
    title: str
    connections: int
    peak: str


@dataclasses.dataclass(frozen=True)
class Memory:
    """Server memory by connections held."""
    name: str
    title: str


BULK_BYTES = 16 * 1024
ECHOES = [Rate(f"echo-{count}", f"64-byte echo, {count:,} connections, one in flight each",
               "echo", {"connections": count, "size": 64, "depth": 1},
               quick={"connections": min(count, 200)}) for count in (50, 1000, 10000)]
QUESTIONS = [
    *ECHOES,
    Rate("depth-16", "64-byte echo, 100 connections, 16 in flight each", "echo",
         {"connections": 100, "size": 64, "depth": 16}),
    Rate("bulk-16k", "16 KiB frames, 50 connections, one in flight each", "echo",
         {"connections": 50, "size": BULK_BYTES, "depth": 1}, "MB/s", BULK_BYTES / 1e6),
    Rate("connect", "connect, log in, read the reply, close by a reset", "rate", {},
         "connections/s"),
    Memory("memory", "user memory of an idle, logged-in connection"),
    Latency("latency-50", "latency of a 64-byte echo, 50 connections, open loop", 50, "echo-50"),
    Latency("latency-1000", "latency of a 64-byte echo, 1,000 connections, open loop", 1000,
            "echo-1000"),
]
PERCENTILES = {"p50": "p50", "p99": "p99", "p99_9": "p99.9"}


def middle(values):
    return figures.median(values) if values else None


def median_ratio(samples, question, name, floor, figure):
    return middle(figures.ratios(samples.rounds(question, name, figure),
                                 samples.rounds(question, floor, figure)))


def busy(server_shares, load_shares):
    """How busy the server's and the load's core were."""
    if not server_shares or not load_shares:
        return "-"
    return f"{figures.median(server_shares) * 100:.0f}/{figures.median(load_shares) * 100:.0f} %"


def rate_table(question, samples, names, floor, limit_share):
    """Rates and CPU, each with its spread and its ratio to the floor."""
    rows, marked = [], False
    for name in names:
        rates = samples.all(question.name, name, "per_second")
        costs = samples.all(question.name, name, "cpu_us")
        shares = samples.all(question.name, name, "own_share")
        limited = bool(shares) and figures.median(shares) >= limit_share
        marked = marked or limited
        rows.append([
            name, number(middle(rates)) + (LIMIT_MARK if limited else ""), spread(rates),
            ratio(median_ratio(samples, question.name, name, floor, "per_second")),
            number(middle(costs)), spread(costs),
            ratio(median_ratio(samples, question.name, name, floor, "cpu_us")),
            busy(samples.all(question.name, name, "server_share"), shares)])
    notes = [f"{LIMIT_MARK} the load generator was the limit: compare the CPU column only"]
    return Table(f"{question.name}: {question.title}",
                 ["subject", question.unit, "min..max", "ratio", "server us each", "min..max",
                  "ratio", "cores busy"], rows, notes if marked else [])


def latency_table(question, samples, names, floor, share):
    rates = samples.all(question.name, "", "rate")
    rows = []
    for name in names:
        row = [name]
        for figure in PERCENTILES:
            values = samples.all(question.name, name, figure)
            row += [number(middle(values)), spread(values)]
        rows.append(row)
    head = ["subject"]
    for label in PERCENTILES.values():
        head += [label + " us", "min..max"]
    notes = [f"The same {number(rates[0])} requests/s for all: {share * 100:.0f} % of the median "
             f"peak of {floor}. From the moment a request was due."] if rates else []
    return Table(f"{question.name}: {question.title}", head, rows, notes)


def memory_table(question, samples, names, few, many):
    rows = []
    for name in names:
        values = samples.all(question.name, name, "bytes")
        empty = samples.all(question.name, name, "start_bytes")
        rows.append([name, number(middle(values)), spread(values),
                     number(middle(empty) / 1024) if empty else "-"])
    notes = [f"Growth of private memory from {few:,} to {many:,} connections held by a fresh "
             "server; KiB at start: before the first connection."]
    return Table(f"{question.name}: {question.title}",
                 ["subject", "bytes each", "min..max", "KiB at start"], rows, notes)
