# SPDX-License-Identifier: BSL-1.0
"""What the tests of examples that are servers share."""

import re

from harness import DEADLINE, Lines, spawn, wait_until


class Example:
    """A running example."""

    def __init__(self, test, name, *arguments, endpoints=1):
        self.process = spawn(name, arguments)
        test.addCleanup(self.end)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        lines = wait_until(lambda: len(got := self.out.all()) >= endpoints and got,
                           f"'listening on' from {name}")
        found = [re.fullmatch(r"listening on (.+):(\d+)", line) for line in lines]
        self.addresses = [(each[1], int(each[2])) for each in found]

    def end(self):
        """Ends it, which must go well."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(DEADLINE)
        finally:
            self.process.kill()
        assert status == 0, f"exit status {status}: {self.err.all()}"
