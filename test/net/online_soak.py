# SPDX-License-Identifier: BSL-1.0
"""MarioTCP's soak: thousands of members, a thousand of them replaced every second.

Goal: the online number that the server reports agrees with the client's own count at every
report, through 20 seconds of churn of 1,000 a second over 15,000 logged-in connections, and ends
at 0.
Method: `millipede-load churn` works in rounds and tells on standard output what it knows:

    busy ROUND TIME FLOOR    from now on it churns; never fewer than FLOOR are members
    quiet ROUND TIME COUNT   every reply is in, every leaver gone: exactly COUNT are members
    done TIME 0              all are gone

The server reports every 100 ms, with the time of the report. A report that falls SETTLE after
`quiet` and before the next `busy` must be exact; any other must lie between the floor and the
number of connections (0 and that number while the crowd arrives and leaves). Only in the middle of
a round it may be above, by no more than the round replaces: a leaver's end and its successor's
login go to different workers, and nothing says which is seen first.

Environment: MILLIPEDE_SOAK_CONNECTIONS (15000), MILLIPEDE_SOAK_SECONDS (20)
"""

import collections
import os
import re
import subprocess
import unittest

from harness import (DEADLINE, SANITIZER, SLOWNESS, Lines, NetTest, raise_descriptor_limit, spawn,
                     wait_until)

CONNECTIONS = int(os.environ.get("MILLIPEDE_SOAK_CONNECTIONS", "15000"))
SECONDS = int(os.environ.get("MILLIPEDE_SOAK_SECONDS", "20"))
CHURN = 1000  # members replaced per second
SETTLE = 0.5 if SANITIZER else 0.3  # seconds after `quiet` until the server must know as well
REPORT_SECONDS = 0.1
EXACT_ROUNDS_MIN = 0.3 if SANITIZER else 0.5  # of the rounds with time for an exact report
WORKERS = 2

Mark = collections.namedtuple("Mark", "kind round time number")


def parse_marks(lines):
    """The marks among the client's lines, in order."""
    marks = []
    for line in lines:
        if found := re.fullmatch(r"(busy|quiet) (\d+) (\d+\.\d+) (\d+)", line):
            marks.append(Mark(found[1], int(found[2]), float(found[3]), int(found[4])))
        elif found := re.fullmatch(r"done (\d+\.\d+) (\d+)", line):
            marks.append(Mark("done", None, float(found[1]), int(found[2])))
    return marks


def judge(reports, marks, most):
    """Holds every report against the client's marks.

    Returns (faults, rounds that had an exact report, reports held against an exact count).
    """
    faults, exact_rounds, exact_reports = [], set(), 0
    for report in reports:
        before = [mark for mark in marks if mark.time <= report.time]
        after = [mark for mark in marks if mark.time > report.time]
        mark = before[-1] if before else Mark("start", None, 0.0, 0)
        next_kind = after[0].kind if after else "end"
        low, high = 0, most
        if mark.kind == "quiet" and report.time - mark.time >= SETTLE and next_kind == "busy":
            low = high = mark.number
            exact_rounds.add(mark.round)
            exact_reports += 1
        elif mark.kind == "done" and report.time - mark.time >= 1.0:
            low = high = 0
        elif mark.kind == "busy":
            low, high = mark.number, most + (CHURN if mark.round else 0)
        elif mark.kind == "quiet" and next_kind == "busy":
            floors = [each.number for each in before if each.kind == "busy"]
            low, high = min(floors[-1:] + [mark.number]), most + CHURN
        if not low <= report.number <= high:
            faults.append(f"{report.time:.6f}: {report.number} reported, {low} to {high} true "
                          f"(after {mark.kind} {mark.round})")
    return faults, exact_rounds, exact_reports


class Judge(unittest.TestCase):
    """The judge itself."""

    MARKS = [Mark("busy", 0, 10.0, 0), Mark("quiet", 0, 11.0, 100), Mark("busy", 1, 12.0, 90),
             Mark("quiet", 1, 13.0, 100), Mark("busy", 2, 14.0, 0), Mark("done", None, 15.0, 0)]

    def faults(self, moment, number):
        """Faults of one report at that moment."""
        report = collections.namedtuple("Report", "time number")(moment, number)
        return len(judge([report], self.MARKS, 100)[0])

    def test_judges(self):
        late = 11.0 + SETTLE + 0.05
        self.assertEqual(self.faults(10.5, 50), 0)   # arriving
        self.assertEqual(self.faults(late, 100), 0)  # exact
        self.assertEqual(self.faults(late, 99), 1)
        self.assertEqual(self.faults(12.5, 90), 0)   # churning
        self.assertEqual(self.faults(12.5, 89), 1)
        self.assertEqual(self.faults(12.5, 101), 0)
        self.assertEqual(self.faults(12.5, 101 + CHURN), 1)
        self.assertEqual(self.faults(13.1, 90), 0)   # settling
        self.assertEqual(self.faults(14.5, 3), 0)    # leaving
        self.assertEqual(self.faults(14.5, -1), 1)
        self.assertEqual(self.faults(16.1, 1), 1)
        self.assertEqual(self.faults(16.1, 0), 0)


class Soak(NetTest):
    """The whole recipe."""

    def run_client(self, server):
        """Runs the churn to its end; returns its lines and its exit status."""
        client = spawn("millipede-load", [
            "churn", "%s:%d" % server.address, "--connections", str(CONNECTIONS),
            "--churn", str(CHURN), "--send", "1000", "--settle", "--close", "mixed",
            "--duration", f"{SECONDS}s"])
        out, err = Lines(client.stdout), Lines(client.stderr)
        try:
            client.wait(SECONDS * 2 + 60 * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.fail(f"millipede-load did not end; it wrote {out.all()[-3:]}, {err.all()[-3:]}")
        finally:
            if client.poll() is None:
                client.kill()
                client.wait()
        out.join()
        err.join()
        return out.all(), err.all(), client.returncode

    def test_online_number_agrees_at_every_report(self):
        places = -(-(CONNECTIONS + 2 * CHURN) // WORKERS)  # leavers and newcomers may overlap
        raise_descriptor_limit(WORKERS * places + 256)
        server = self.serve(workers=WORKERS, connections=places,
                            report_every=f"{REPORT_SECONDS * 1000:.0f}ms")
        out, err, status = self.run_client(server)
        self.assertEqual(status, 0, f"millipede-load: {out[-5:]} {err[-5:]}")

        marks = parse_marks(out)
        self.assertEqual([(mark.kind, mark.number) for mark in marks[-1:]], [("done", 0)], out[-5:])
        done = marks[-1].time
        last = wait_until(lambda: server.reports_after(done + 1.0),
                          "a report after the end", DEADLINE)
        self.assertEqual(last[0].number, 0)
        server.stop()

        reports = server.reports()
        faults, exact_rounds, exact_reports = judge(reports, marks, CONNECTIONS)
        rounds = {mark.round for mark in marks if mark.kind == "quiet"}
        # On a machine that takes all of a second for a round the next one begins at once.
        quiet_enough = {mark.round for mark, then in zip(marks, marks[1:])
                        if mark.kind == "quiet" and then.kind == "busy"
                        and then.time - mark.time >= SETTLE + 2 * REPORT_SECONDS}
        print(f"{len(reports)} reports; {len(rounds)} rounds, {len(exact_rounds)} of them with a "
              f"report at a quiet moment, {exact_reports} such reports; {len(faults)} wrong")
        self.assertEqual(faults[:10], [])
        self.assertGreaterEqual(len(rounds), 2, "too few rounds of churn")
        self.assertGreaterEqual(len(exact_rounds), max(1, EXACT_ROUNDS_MIN * len(quiet_enough)))
        self.assertEqual({mark.number for mark in marks if mark.kind == "quiet"}, {CONNECTIONS})
        self.assertEqual(reports[-1].number, 0)

        totals = server.totals()
        self.assertEqual(totals["opened"], totals["closed"])
        self.assertEqual(totals["accepted"], totals["opened"])
        self.assertGreaterEqual(totals["opened"], CONNECTIONS + CHURN * (len(rounds) - 1))
        self.assertEqual((totals["refused_frames"], totals["full"], totals["timeouts"]), (0, 0, 0))


if __name__ == "__main__":
    unittest.main()
