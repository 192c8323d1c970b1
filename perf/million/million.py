#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A million connections to one server, millipede-online or millipede-comet, opened, counted, heard
and weighed: in a guest of QEMU, whose kernel sets no one's limits, or with --native as far as this
machine goes."""
import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
sys.path.append(str(HERE.parent / "common"))  # what the tools of perf share

import figures
import machine as machines
import plan as plans
import report
from failure import Failure, Misuse
from guest import run_guest
from image import CLIENT
from native import run_native
from progress import Progress
from subjects import SUBJECTS

UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclasses.dataclass(frozen=True)
class Machine:
    """The guest's."""
    accel: str
    processors: int
    memory_bytes: int


def size(text):
    """Bytes, in `12G` or `900M`."""
    found = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"'{text}' is not a size such as 12G")
    return int(found[1]) * UNITS[found[2]]


def number(least, most):
    def parse(text):
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not between {least:,} and {most:,}")
        return int(text)
    return parse


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "millipede"


class Parser(argparse.ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message):
        raise Misuse(message + "; --help explains")


def parse_arguments(words):
    parser = Parser(prog="million", description=__doc__)
    add = parser.add_argument
    add("--bin", type=pathlib.Path, required=True, metavar="FOLDER", help="the programs")
    add("--connections", type=number(10, plans.CONNECTIONS_MAX), default=1_000_000, metavar="N",
        help="how many [1000000]")
    add("--subject", choices=list(SUBJECTS), default="online",
        help="whose they are: logged in at millipede-online, or long-polls of millipede-comet, "
        "each on a channel of its own or all on one [online]")
    add("--sample", type=number(0, 1_000_000), default=10_000, metavar="N",
        help="online: echoes verified at least, on random connections, while all are open [10000]")
    add("--native", action="store_true", help="without a guest, as far as the limits allow")
    add("--memory", type=size, metavar="SIZE", help="of the guest [by the connections]")
    add("--processors", type=number(1, 64), default=2, metavar="N", help="of the guest [2]")
    add("--accel", choices=("tcg", "kvm"), default="tcg", help="tcg emulates the processor [tcg]")
    add("--kernel", type=pathlib.Path, metavar="FILE",
        help="a vmlinuz to boot [Debian's cloud kernel, by apt]")
    add("--timeout", type=number(1, 1_000_000), metavar="SECONDS",
        help="limit for everything [by the connections]")
    add("--json", type=pathlib.Path, metavar="FILE", help="write the figures there as well")
    add("--keep", action="store_true", help="keep the work folder, with all logs")
    add("--cache", type=pathlib.Path, default=cache_folder(), metavar="FOLDER",
        help="where kernels are kept [%(default)s]")
    return parser.parse_args(words)


def check(arguments):
    """What can be checked before anything begins."""
    for name in (SUBJECTS[arguments.subject].server, CLIENT):
        if not os.access(arguments.bin / name, os.X_OK):
            raise Misuse(f"no program {arguments.bin / name}: build first (./dev build release)")
    if arguments.native and arguments.subject != "online":
        raise Misuse("--native: only for --subject online; for the others ./dev test -R "
                     "comet-memory")
    if arguments.kernel and not arguments.kernel.is_file():
        raise Misuse(f"--kernel: no file {arguments.kernel}")
    if arguments.json and not arguments.json.resolve().parent.is_dir():
        raise Misuse(f"--json: no folder {arguments.json.parent}")


@contextlib.contextmanager
def work_folder(keep, say):
    """A folder for logs and the guest's file system; it goes when the run is over."""
    if keep:
        folder = tempfile.mkdtemp(prefix="million-")
        try:
            yield folder
        finally:
            say(f"kept: {folder}")
    else:
        with tempfile.TemporaryDirectory(prefix="million-") as folder:
            yield folder


def run(arguments):
    check(arguments)
    plan = plans.Plan(arguments.connections, arguments.sample,
                      subject=SUBJECTS[arguments.subject])
    arguments.timeout = arguments.timeout or plan.timeout_seconds()
    progress = Progress(plan.connections)
    with work_folder(arguments.keep, progress.say) as folder:
        if arguments.native:
            outcome = run_native(plan, arguments, folder, progress)
        else:
            machine = Machine(arguments.accel, arguments.processors,
                              arguments.memory or plan.guest_bytes())
            outcome = run_guest(plan, machine, arguments, folder, progress)
    numbers = figures.figures(plan, outcome)
    faults = figures.differences(plan, outcome)
    print(report.as_text(outcome, numbers, faults))
    if arguments.json:
        document = {"machine": machines.describe(arguments.bin, REPOSITORY),
                    **report.as_json(outcome, numbers, faults)}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 1 if faults else 0


def main(words):
    try:
        return run(parse_arguments(words))
    except Misuse as refusal:
        status, text = 2, str(refusal)
    except (Failure, OSError) as failure:
        status, text = 1, str(failure)
    except KeyboardInterrupt:
        status, text = 130, "stopped by Ctrl-C; nothing was measured"
    print(f"million: {text}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
