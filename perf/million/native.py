# SPDX-License-Identifier: BSL-1.0
"""The same run without a guest, as far as this machine's limits go. The kernel's own memory cannot
be told here, where others use the same kernel."""
import pathlib
import re
import resource
import time

import accounts
import child
from failure import Failure, Misuse
from outcome import Observation, Outcome

POLL_SECONDS = 0.05
START_SECONDS = 30
SETTLE_SECONDS = 1.0  # the server's report comes every 100 ms


def check_descriptors(needed, hard):
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise Misuse(f"{needed} descriptors are needed in one process, the hard limit is {hard}: "
                     "fewer --connections, a higher limit (ulimit -Hn, as root), or no --native")


class Native:
    """One server, and a load generator for each step."""

    def __init__(self, plan, binaries, folder, progress, deadline):
        self.plan = plan
        self.binaries = binaries
        self.folder = pathlib.Path(folder)
        self.progress = progress
        self.deadline = deadline
        self.outcome = Outcome("no guest, this machine")
        self.server = None
        self.address = ""
        self.loads = {}

    def text(self, name):
        return (self.folder / name).read_text(errors="replace")

    def begin(self, name, *command):
        """Starts a program whose two outputs go to files NAME and NAME.error."""
        with open(self.folder / name, "wb") as out, \
                open(self.folder / f"{name}.error", "wb") as error:
            return child.start([self.binaries / command[0], *map(str, command[1:])],
                               stdout=out, stderr=error)

    def wait_for(self, condition, process, name, what, seconds=None):
        """Polls until the condition gives something true. None when only `seconds` were over."""
        until = self.deadline if seconds is None else time.monotonic() + seconds
        while time.monotonic() < min(until, self.deadline):
            value = condition()
            if value:
                return value
            if process.poll() is not None:
                words = (self.text(f"{name}.error").strip() or "it said nothing").splitlines()
                raise Failure(f"{name} ended before {what}: {words[-1]}")
            time.sleep(POLL_SECONDS)
        if time.monotonic() >= self.deadline:
            raise Failure(f"time is up (--timeout) while waiting for {what}")
        return None

    def online(self):
        return accounts.last_online(self.text("server.error"))

    def start_server(self):
        self.server = self.begin("server", "millipede-online", "--listen", "127.0.0.1:0",
                                 "--workers", self.plan.workers,
                                 "--connections", self.plan.per_worker(),
                                 "--idle-timeout", "24h", "--report-every", "100ms")
        found = self.wait_for(
            lambda: re.search(r"^listening on (\S+)\n", self.text("server"), re.M),
            self.server, "server", "it listened", START_SECONDS)
        if not found:
            raise Failure("the server did not start to listen")
        self.address = found[1]

    def observe(self, label):
        port = int(self.address.rsplit(":", 1)[1])
        table = pathlib.Path("/proc/net/tcp").read_text()
        clients = [accounts.private_bytes(self.rollup(load)) for load in self.loads.values()]
        self.outcome.observations[label] = Observation(
            private_bytes=accounts.private_bytes(self.rollup(self.server)),
            online=self.online(), clients_bytes=sum(clients),
            established=2 * accounts.established_at(table, port))

    @staticmethod
    def rollup(process):
        try:
            return pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        except OSError as error:
            raise Failure(f"memory of process {process.pid}: {error.strerror}") from None

    def open_step(self, step):
        name = f"load-{step.label}"
        self.progress.say(f"step '{step.label}': up to {step.total:,} connections")
        load = self.begin(name, "millipede-load", "hold", self.address,
                          "--connections", step.added, "--sources", self.plan.sources(),
                          "--sample", step.samples, "--marks", "--json", "--no-progress",
                          "--close", "none", "--duration", "1200m", "--deadline", "1440m")
        self.loads[step.label] = load

        def opened():
            self.progress.count(time.monotonic(), self.online() or 0)
            return "opened " in self.text(name)

        self.wait_for(opened, load, name, "all were open")
        self.wait_for(lambda: self.online() == step.total, self.server, "server",
                      "all were counted", SETTLE_SECONDS)
        self.hold(load, name)
        self.observe(step.label)

    def hold(self, load, name):
        begin = time.monotonic()
        self.wait_for(lambda: time.monotonic() - begin >= self.plan.hold_seconds(), load, name,
                      "the echoes were verified")

    def end(self):
        """The clients give their account; then the server does."""
        for label, load in self.loads.items():
            child.end(load)
            try:
                self.outcome.add_load(label, self.text(f"load-{label}"))
            except ValueError as error:
                raise Failure(str(error)) from None
        self.wait_for(lambda: self.online() == 0, self.server, "server", "all were gone", 10)
        status = child.end(self.server)
        if status != 0:
            raise Failure(f"the server ended with status {status}")
        log = self.text("server.error")
        self.outcome.accepted_in_all = accounts.total(log, "accepted")
        self.outcome.online_at_end = accounts.last_online(log)

    def run(self):
        begin = time.monotonic()
        self.start_server()
        time.sleep(SETTLE_SECONDS)
        self.observe("before")
        for step in self.plan.steps():
            self.open_step(step)
        self.progress.say("all measured; the clients give their account")
        self.end()
        self.outcome.seconds = time.monotonic() - begin
        return self.outcome


def run_native(plan, arguments, folder, progress):
    check_descriptors(plan.descriptors(), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    deadline = time.monotonic() + arguments.timeout
    native = Native(plan, arguments.bin, folder, progress, deadline)
    try:
        return native.run()
    finally:
        for process in [*native.loads.values(), *([native.server] if native.server else [])]:
            child.end(process, child.signal.SIGKILL)
