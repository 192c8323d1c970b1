# SPDX-License-Identifier: BSL-1.0
"""The wall clock jumps, as it does when it is set or a machine wakes up.

Goal: no timeout comes early and none is missed, reports go on at their interval, the log shows the
new time, and the server ends as it should.
Method: a preloaded library (test/support/false_clock.cpp) shifts every answer of the wall clock by
what a file says; the test writes days into it. That library cannot reach the kernel's own timers,
so the last test sees that none of the server's runs by the wall clock.
"""

import os
import struct
import tempfile
import time
import unittest
from pathlib import Path

from harness import BIN, MARGIN, SANITIZER, NetTest, stays_true, wait_until

DAY = 86_400
LIBRARY = BIN / "libfalse-clock.so"
CLOCK_MONOTONIC = "1"
IDLE = 2.0  # seconds


class ClockTest(NetTest):
    """A server whose wall clock the test sets."""

    def serve_with_clock(self, **options):
        """A server by that clock, which is right at first."""
        handle, name = tempfile.mkstemp(prefix="false-clock-")
        os.close(handle)
        self.addCleanup(os.unlink, name)
        self.shift_file = Path(name)
        self.set_clock(0)
        changed = {"LD_PRELOAD": str(LIBRARY), "MILLIPEDE_FALSE_CLOCK": name}
        os.environ.update(changed)
        try:
            return self.serve(**options)
        finally:
            for variable in changed:
                del os.environ[variable]

    def set_clock(self, shift_seconds):
        """Shifts the server's wall clock, from the true time."""
        with open(self.shift_file, "r+b") as file:
            file.write(struct.pack("<q", shift_seconds))

    def wait_report_at(self, server, shift_seconds):
        """Waits for a report whose time is shifted by so much; returns its number."""
        def shifted():
            found = [report for report in server.reports()
                     if abs(report.time - time.time() - shift_seconds) < 30]
            return found and found[-1]
        return wait_until(shifted, f"a report at {shift_seconds} s from now").number


@unittest.skipIf(SANITIZER, "a sanitizer has to be preloaded before all others")
class Jumps(ClockTest):
    """Days ahead and days back."""

    SHIFTS = (DAY, -400 * DAY, 20 * 365 * DAY, -3 * DAY)

    def test_reports_go_on_with_the_new_time(self):
        server = self.serve_with_clock(report_every="100ms")
        client = self.connect(server)
        client.login()
        for shift in self.SHIFTS:
            self.set_clock(shift)
            self.assertEqual(self.wait_report_at(server, shift), 1)
            reports, begin = len(server.reports()), time.monotonic()
            # A jump back must not silence them until the clock has caught up, nor ahead bring more.
            wait_until(lambda: len(server.reports()) >= reports + 4, "the reports to go on")
            more = len(server.reports()) - reports
            self.assertLessEqual(more, 10 + 20 * (time.monotonic() - begin))
            client.ping(b"after a jump of %d s" % shift)

    def test_timeouts_are_neither_early_nor_missed(self):
        server = self.serve_with_clock(idle_timeout=f"{IDLE:.0f}s", linger_timeout="200ms")
        for shift in self.SHIFTS[:2]:
            with self.subTest(shift):
                client = self.connect(server)
                begin = time.monotonic()
                client.login()
                self.set_clock(shift)
                stays_true(lambda: server.running(), "the server runs", 0.3)
                active = time.monotonic()
                client.ping(b"not timed out by a jump")
                self.assert_stream_ends(client)
                self.assertGreaterEqual(time.monotonic() - active, IDLE - 0.01)
                self.assertLess(time.monotonic() - begin, 2 * IDLE + 1 + MARGIN)

    def test_it_ends_within_its_deadline(self):
        server = self.serve_with_clock(stop_timeout="1s")
        stuck = self.stuck_peer(server)
        self.set_clock(-DAY)
        begin = time.monotonic()
        server.send_signal()
        self.set_clock(DAY)
        server.wait_exit()
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)
        stuck.close()


class KernelTimers(NetTest):
    """What no library can shift."""

    def test_none_runs_by_the_wall_clock(self):
        server = self.serve()
        clocks = []
        for entry in Path(f"/proc/{server.process.pid}/fd").iterdir():
            if os.readlink(entry) == "anon_inode:[timerfd]":
                lines = Path(f"/proc/{server.process.pid}/fdinfo/{entry.name}").read_text()
                clocks += [line.split()[1] for line in lines.splitlines()
                           if line.startswith("clockid:")]
        self.assertTrue(clocks, "no timer was found: does it keep time in another way?")
        self.assertEqual(set(clocks), {CLOCK_MONOTONIC})


if __name__ == "__main__":
    unittest.main()
