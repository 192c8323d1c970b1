#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Measures the servers of subjects.conf, each by the same questions. README.md tells what the
figures mean; `bench.py --help` lists commands and options."""
import argparse
import json
import pathlib
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.append(str(HERE.parent / "common"))  # what the tools of perf share

import children
import machine
import subjects
from everything import COMMANDS, Everything
from failure import Failure, Misuse
from runner import Bench, Options, check_binaries, present

ALL = {**COMMANDS, "all": Everything}
EXIT_INTERRUPTED = 130

DESCRIPTION = """\
Measures servers, each by the same questions. Commands:
  compare     rates, server CPU, memory and latency of all subjects, in interleaved rounds (default)
  exact       instructions and system calls per echoed frame and per connection; status 1 when
              millipede misses a target
  scale       CPU per request from 100 to 15,000 connections; start-up by pool size
  fairness    what a flood by one client does to the others
  broadcast   what broadcasts to 10,000 do to the others on their worker
  fanout      one message to 15,000 subscribers: comet server, nginx with nchan, evhttp, bare
              epoll
  log-cost    connections per second with the log at info and without it
  workers     one worker against two
  reuse       memory while all connections are dropped and reopened again and again
  all         everything; writes perf/results/DATE-COMMIT.json and the pictures in docs/images
"""


def names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def at_least(lowest, kind, highest=3600):
    def parse(text):
        value = kind(text)
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{text}: use {lowest} to {highest}")
        return value
    parse.__name__ = "number"
    return parse


def parsed(arguments):
    parser = argparse.ArgumentParser(
        prog="bench", description=DESCRIPTION, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", nargs="?", default="compare", choices=list(ALL),
                        metavar="COMMAND", help="one of those above")
    parser.add_argument("--bin", type=pathlib.Path, default=REPOSITORY / "build/release/bin",
                        help="where the programs are (build/release/bin)")
    parser.add_argument("--manifest", action="append", default=[], metavar="FILE",
                        help="further subjects; repeatable")
    parser.add_argument("--subjects", type=names, default=[], metavar="A,B", help="only these")
    parser.add_argument("--questions", type=names, default=[], metavar="A,B",
                        help="compare, exact, scale, fairness, broadcast, fanout: only these; "
                        "echo means all echo-...")
    parser.add_argument("--rounds", type=at_least(1, int), metavar="N",
                        help="repetitions (each command has its own default)")
    parser.add_argument("--seconds", type=at_least(0.1, float), metavar="S",
                        help="length of one timed run (2)")
    parser.add_argument("--subscribers", type=at_least(1, int, 1_000_000), metavar="N",
                        help="fanout: of the channel (15000)")
    parser.add_argument("--two-machines", action="store_true",
                        help="fanout: server and subscribers in network namespaces of their own, "
                        "a cable between them (root)")
    parser.add_argument("--quick", action="store_true",
                        help="one round, 0.3 s, small counts: it works, but measures nothing")
    parser.add_argument("--top", type=at_least(1, int), default=0, metavar="N",
                        help="exact: the N hottest functions and the system calls of each subject")
    parser.add_argument("--output", type=pathlib.Path, metavar="DIR",
                        help="all: write below DIR instead of below this repository")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures there")
    return parser.parse_args(arguments)


def bench_of(arguments):
    """What to measure with, by the command line."""
    check_binaries(arguments.bin)
    if arguments.two_machines and arguments.command != "fanout":
        raise Misuse(f"--two-machines has no meaning for {arguments.command}; fanout takes it")
    if hasattr(ALL[arguments.command], "present"):  # subjects of its own
        chosen = ALL[arguments.command].present(arguments.subjects, arguments.bin)
    else:
        known = subjects.load([HERE / "subjects.conf", *arguments.manifest])
        chosen = present(subjects.select(known, arguments.subjects), arguments.bin)
    return Bench(Options(binaries=arguments.bin, rounds=arguments.rounds, quick=arguments.quick,
                         seconds=arguments.seconds or (0.3 if arguments.quick else 2.0),
                         questions=arguments.questions, top=arguments.top,
                         subscribers=arguments.subscribers,
                         two_machines=arguments.two_machines), chosen)


def check_questions(bench, command):
    """A misspelt question would measure nothing, without a word."""
    known = getattr(command, "QUESTIONS", [])
    for name in bench.options.questions:
        if not any(question == name or question.startswith(name + "-") for question in known):
            there = "there are " + ", ".join(known) if known else "this command has none"
            raise Misuse(f"--questions: no question '{name}'; {there}")


def write_json(path, description, bench, documents):
    document = {"machine": description, "failures": bench.failures, "commands": documents}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise Misuse(f"{path}: cannot be written: {error}") from None


def keep(arguments, command, description, bench):
    """What `all` found, written where --output says."""
    folder = arguments.output or (None if arguments.quick else REPOSITORY)
    if not folder:
        print("nothing is kept of --quick; --output DIR keeps it")
        return
    path = folder / "perf/results" / f"{description['date']}-{description['commit']}.json"
    write_json(path, description, bench, command.document())
    for written in [path, *command.draw(folder / "docs/images")]:
        print(f"written: {written}")


def interrupt(number, frame):
    raise KeyboardInterrupt


def run(arguments):
    bench = bench_of(arguments)
    description = machine.describe(arguments.bin, REPOSITORY)
    for line in machine.lines(description):
        print(line)
    if bench.cores < 2:
        print("only one core: servers and load share it, and times mean little")
    command = ALL[arguments.command](bench)
    check_questions(bench, command)
    interrupted = False
    try:
        bench.carry_out(arguments.command, command.steps())
    except KeyboardInterrupt:
        interrupted = True
        children.end_all()
        print("\ninterrupted: what follows is what was measured until then", file=sys.stderr)
    for table in command.tables():
        print("\n" + table.text(), end="")
    if bench.failures:
        print(f"\nnot measured: {len(bench.failures)} of what was asked; first "
              f"{bench.failures[0]}")
    if arguments.json:
        document = command.document()
        write_json(arguments.json, description, bench,
                   document if arguments.command == "all" else {arguments.command: document})
    if interrupted:
        return EXIT_INTERRUPTED
    if arguments.command == "all":
        keep(arguments, command, description, bench)
    missed = command.passed() is False and not arguments.quick  # whose counts are too small
    return 1 if bench.failures or missed else 0


def main():
    arguments = parsed(sys.argv[1:])
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return run(arguments)
    except (Misuse, Failure) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        children.end_all()
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
