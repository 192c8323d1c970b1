# SPDX-License-Identifier: BSL-1.0
"""Options, and what is said when something is missing: one line and status 2."""
import contextlib
import io
import os
import pathlib
import resource
import tempfile
import unittest
from unittest import mock

import material  # noqa: F401 it tells where the modules stand
import million
import native
from failure import Failure, Misuse
from progress import Progress


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("millipede-online", million.CLIENT):
            (self.folder / name).write_text("#!/bin/sh\n")
            (self.folder / name).chmod(0o755)

    def run_main(self, *words):
        """Status and lines on standard error."""
        error = io.StringIO()
        with contextlib.redirect_stderr(error):
            status = million.main(["--bin", str(self.folder), *words])
        return status, error.getvalue().splitlines()

    def check_misuse(self, pattern, *words):
        status, lines = self.run_main(*words)
        self.assertEqual((status, len(lines)), (2, 1), lines)
        self.assertRegex(lines[0], pattern)

    def test_bad_options(self):
        self.check_misuse("'x' is not between 10 and", "--connections", "x")
        self.check_misuse("'9' is not between", "--connections", "9")
        self.check_misuse("'12Q' is not a size", "--memory", "12Q")
        self.check_misuse("invalid choice: 'xen'", "--accel", "xen")
        self.check_misuse("unrecognized arguments: --fast", "--fast")
        self.check_misuse("invalid choice: 'chat'", "--subject", "chat")
        self.check_misuse("no program .*millipede-comet: build first", "--subject", "comet")
        (self.folder / "millipede-comet").write_text("#!/bin/sh\n")
        (self.folder / "millipede-comet").chmod(0o755)
        self.check_misuse("--native: only for --subject online", "--native", "--subject", "comet")

    def test_missing_things(self):
        self.check_misuse("no file /no/kernel", "--kernel", "/no/kernel")
        self.check_misuse("no folder /no/folder", "--json", "/no/folder/x.json")
        os.remove(self.folder / "millipede-load")
        self.check_misuse("no program .*millipede-load: build first")

    def test_missing_emulator(self):
        with mock.patch("shutil.which", return_value=None):
            self.check_misuse("no qemu-system-x86_64: install qemu-system-x86, or use --native")

    def test_not_enough_memory(self):
        with mock.patch("guest.find_qemu"):
            self.check_misuse("this machine has .* GB available", "--memory", "9000000G")

    def test_programs_that_end_at_once(self):
        status, lines = self.run_main("--native", "--connections", "10")
        self.assertEqual(status, 1)
        self.assertRegex(lines[-1], "^million: server ended before it listened: it said nothing$")

    def test_sizes(self):
        self.assertEqual(million.size("12G"), 12 << 30)
        self.assertEqual(million.size("900MiB"), 900 << 20)


class Limits(unittest.TestCase):
    def test_descriptors(self):
        native.check_descriptors(19_990, 20_000)
        native.check_descriptors(10 ** 9, resource.RLIM_INFINITY)
        with self.assertRaisesRegex(Misuse, "20001 descriptors .* hard limit is 20000"):
            native.check_descriptors(20_001, 20_000)

    def test_failures_differ_from_misuse(self):
        self.assertFalse(issubclass(Failure, Misuse))


class Lines(unittest.TestCase):
    def test_rate_and_time_left_by_the_guests_clock(self):
        stream = io.StringIO()
        progress = Progress(1_000, stream)
        progress.count(100.0, 100)
        progress.count(102.0, 300)
        self.assertEqual(progress.rate(), 100.0)
        self.assertRegex(progress.line(300), "300 of 1,000 open  100/s  ETA 0:07")
        progress.count(130.0, 1_000)
        self.assertNotIn("ETA", progress.line(1_000))
        self.assertEqual(stream.getvalue().count("\n"), 1)  # no line for each count


if __name__ == "__main__":
    unittest.main()
