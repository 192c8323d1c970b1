# SPDX-License-Identifier: BSL-1.0
"""A server under test while it runs."""
import os
import pathlib
import re
import socket
import tempfile
import time

import children
import memory
import subjects
from failure import Failure

READY_SECONDS = 60  # valgrind starts slowly
POLL_SECONDS = 0.001  # the start-up times that are reported are no finer


class Server:
    """A subject that was started and is ready. Use it in a with statement."""

    def __init__(self, subject, binaries, workers=1, core=None, wrapper=(), extra=()):
        self.subject = subject
        self.wrapped = bool(wrapper)
        self.output = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log", delete=False)
        arguments = [*wrapper, *subject.arguments(binaries, workers), *extra]
        if subject.port and answers(subject.port):
            raise Failure(f"{subject.name}: port {subject.port} is in use by another program")
        self.begun = time.monotonic()
        self.process = children.start(arguments, core, stdout=self.output, stderr=self.output)
        try:
            self.port = self.wait_ready()
        except BaseException:
            children.kill(self.process)
            self.remove_output()
            raise
        self.ready_seconds = time.monotonic() - self.begun

    def wait_ready(self):
        """Its port, once it takes connections."""
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"{self.subject.name} ended with status {self.process.returncode} "
                              f"before it was ready: {self.last_line()}")
            if self.subject.port:
                return answers(self.subject.port) and self.subject.port
            found = re.search(r"^listening on \S+:(\d+)$", self.text(), re.M)
            return found and int(found[1])
        port = children.wait_for(ready, READY_SECONDS, POLL_SECONDS)
        if not port:
            raise Failure(f"{self.subject.name} was not ready after {READY_SECONDS} s")
        return port

    @property
    def pid(self):
        """The server's own process, not a wrapper's that stands above it."""
        below = children.descendants(self.process.pid) if self.wrapped else []
        return below[-1] if below else self.process.pid

    @property
    def target(self):
        return f"{subjects.ADDRESS}:{self.port}"

    def text(self):
        return pathlib.Path(self.output.name).read_text(encoding="utf-8", errors="replace")

    def last_line(self):
        lines = [line for line in self.text().splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def private_bytes(self):
        """Its memory once that stands still."""
        return memory.settled_bytes(self.pid)

    def stop(self):
        """Ends it. A server that was gone by then, or does not end with 0, makes a failure."""
        gone = self.process.poll() is not None
        status = children.end(self.process, self.pid)
        said = self.last_line()
        self.remove_output()
        if gone or (status != 0 and not self.subject.port):
            raise Failure(f"{self.subject.name} ended with status {status}"
                          f"{' while it was measured' if gone else ''}: {said}")

    def remove_output(self):
        self.output.close()
        if os.path.exists(self.output.name):
            os.unlink(self.output.name)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            children.end(self.process, self.pid)
            self.remove_output()


def answers(port):
    """Whether somebody takes connections there."""
    try:
        socket.create_connection((subjects.ADDRESS, port), timeout=1).close()
        return True
    except OSError:
        return False
