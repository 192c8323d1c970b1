# SPDX-License-Identifier: BSL-1.0
"""millipede-load, run against a server, and what it found."""
import json
import os
import subprocess
import tempfile

import children
from failure import Failure

MARGIN_SECONDS = 150  # beyond its duration; valgrind and strace are slow
LIMIT_SHARE = 0.95  # of its core; from here on the generator may be what was measured


class Findings:
    """The figures of one run that had no error."""

    def __init__(self, document):
        self.document = document
        results = document["results"]
        self.rate_mode = document["mode"] == "rate"
        self.operations = results["opened_while_running" if self.rate_mode
                                  else "replies_while_running"]
        self.seconds = results["running_seconds"]
        self.per_second = self.operations / self.seconds if self.seconds > 0 else 0.0
        self.own_share = document["cpu"]["busiest_thread_share_while_running"]
        self.latency_us = document["latency_us"]["login" if self.rate_mode else "echo"]
        self.observed = document.get("observed", {})

    @property
    def cpu_us(self):
        """Server CPU per operation in microseconds."""
        return self.observed["cpu_us_per_operation"]

    @property
    def server_share(self):
        """Server CPU as a part of one core."""
        return self.observed["cpu_share"]


class Load:
    """One run of the generator, under way."""

    def __init__(self, server, binaries, mode, core=None, nice=0, seconds=None, namespace=None,
                 **options):
        self.what = f"millipede-load {mode} against {server.subject.name}"
        if server.subject.protocol == "raw":
            options["codec"] = "raw"
        if seconds is not None:
            options["duration"] = f"{round(seconds * 1000)}ms"
        self.seconds = seconds or 0.0
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.process = children.start(
            [os.path.join(binaries, "millipede-load"), mode, server.target, "--json",
             "--no-progress", *words(options)], core, nice, namespace,
            stdout=self.output, stderr=self.errors)

    def lines(self):
        """What it printed so far."""
        return os.pread(self.output.fileno(), 1 << 20, 0).decode().splitlines()

    def wait_running(self, seconds=60):
        """Waits for the mark that says that all connections are open."""
        def running():
            if self.process.poll() is not None:
                self.findings()
                raise Failure(f"{self.what}: it ended too early")
            return any(line.startswith("running ") for line in self.lines())
        if not children.wait_for(running, seconds):
            children.kill(self.process)
            raise Failure(f"{self.what}: its connections were not open after {seconds} s")

    def end(self):
        """Ends it before its time; it closes its connections."""
        children.end(self.process)

    def findings(self):
        """Waits for its end. Any error it met makes a failure, not a number."""
        try:
            status = self.process.wait(self.seconds + MARGIN_SECONDS)
        except subprocess.TimeoutExpired:
            children.kill(self.process)
            raise Failure(f"{self.what}: it did not end in time") from None
        children.end(self.process)
        document = self.document()
        if status != 0 or not document:
            raise Failure(f"{self.what}: {self.reason(status, document)}")
        return Findings(document)

    def document(self):
        found = [line for line in self.lines() if line.startswith("{")]
        try:
            return json.loads(found[-1]) if found else None
        except ValueError:
            return None

    def reason(self, status, document):
        if document and document["results"]["reason"]:
            return document["results"]["reason"]
        said = [line for line in os.pread(self.errors.fileno(), 1 << 20, 0).decode().splitlines()
                if line.strip()]
        return said[-1] if said else f"it ended with status {status}"


def words(options):
    """open_rate=5, login=True as words of a command line."""
    result = []
    for name, value in options.items():
        if value is True:
            result.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            result += ["--" + name.replace("_", "-"), str(value)]
    return result
