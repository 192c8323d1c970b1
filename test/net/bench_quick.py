# SPDX-License-Identifier: BSL-1.0
"""The bench at work: every command runs for a moment against real servers, and what it writes has
the figures it should have. Nothing is said of how good they are.

Goal: no command of perf/bench is broken, errors are one clear line, and nothing outlives it.
Method: bench.py as a program of its own, with --quick; its JSON is read back.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import BIN, DEADLINE, REPOSITORY, SANITIZER, free_port, program, wait_until
from network_namespaces import TwoMachines

BENCH = REPOSITORY / "perf" / "bench" / "bench.py"
PATIENCE = 300
BACKLOG = Path("/proc/sys/net/core/netdev_max_backlog")
# Two subjects that every build has.
SUBJECTS = ["millipede", "millipede-asio"]


def processes_of(folder):
    """Processes whose program lies in the folder of binaries, or is wrapped around one."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(os.fsencode(folder) + b"/") for word in words[:8]):
                found.add(int(entry.name))
    return found


class BenchTest(unittest.TestCase):
    """Runs the bench with a copy of the binaries' folder, so that its children can be told."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-bench-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        for name in ("millipede-load", "millipede-online", "bench-start", "bench-broadcast",
                     "bench-audience", "millipede-comet"):
            (self.bin / name).symlink_to(program(name))
        for name in ("bench-raw-epoll", "bench-raw-comet"):
            if (BIN / name).exists():
                (self.bin / name).symlink_to(BIN / name)
        self.addCleanup(lambda: self.assertEqual(processes_of(self.bin), set()))

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, str(BENCH), *arguments, "--bin", str(self.bin)], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run_bench(self, *arguments, status=0):
        """Runs it to its end; gives (what it printed, what it said on standard error)."""
        process = self.start(*arguments)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, status, f"{arguments}\n{out}\n{err}")
        self.assertNotIn("Traceback", err)
        return out, err

    def measured(self, command, *arguments, subjects=SUBJECTS):
        """The document of a quick run of one command."""
        path = self.folder / "figures.json"
        self.run_bench(command, "--quick", "--subjects", ",".join(subjects), "--json", str(path),
                       *arguments)
        document = json.loads(path.read_text())
        self.assertEqual(document["failures"], [])
        return document["commands"][command]


@unittest.skipIf(SANITIZER, "a sanitizer's own work would be measured")
class Commands(BenchTest):
    def samples(self, document):
        """{(question, subject, figure): values}"""
        return {(each["question"], each["subject"], each["figure"]): each["values"]
                for each in document["samples"]}

    def test_compare(self):
        samples = self.samples(self.measured("compare"))
        for subject in SUBJECTS:
            for question in ("echo-50", "echo-1000", "echo-10000", "depth-16", "bulk-16k",
                             "connect"):
                for figure in ("per_second", "cpu_us", "own_share"):
                    self.assertEqual(len(samples[question, subject, figure]), 1)
                    self.assertGreater(samples[question, subject, figure][0], 0)
            self.assertIn(("memory", subject, "bytes"), samples)
            for question in ("latency-50", "latency-1000"):
                p50, p99, p99_9 = (samples[question, subject, figure][0]
                                   for figure in ("p50", "p99", "p99_9"))
                self.assertTrue(0 < p50 <= p99 <= p99_9)
        self.assertEqual(len(samples["latency-50", "", "rate"]), 1)

    @unittest.skipUnless(shutil.which("valgrind") and shutil.which("strace"),
                         "valgrind or strace is missing")
    def test_exact(self):
        document = self.measured("exact", "--top", "3", subjects=["millipede"])
        values = {(question, figure): found[0]
                  for (question, _, figure), found in self.samples(document).items()}
        # An echo takes a read and a write, a connection at least accept, read, write and close.
        self.assertGreaterEqual(values["frame", "calls"], 2)
        self.assertGreaterEqual(values["connection", "calls"], 4)
        self.assertGreater(values["frame", "instructions"], 2)
        self.assertGreater(values["connection", "instructions"], values["frame", "calls"])

    def test_scale(self):
        samples = self.samples(self.measured("scale"))
        self.assertGreater(samples["requests-100", "millipede", "cpu_us"][0], 0)
        self.assertGreater(samples["start-1000", "millipede", "ready_ms"][0], 0)

    def test_fairness(self):
        samples = self.samples(self.measured("fairness"))
        for flood in ("alone", "depth", "bulk"):
            self.assertGreater(samples[flood, "millipede", "p99"][0], 0)
        self.assertGreater(samples["depth", "millipede", "flood_per_second"][0], 0)

    def test_broadcast(self):
        samples = self.samples(self.measured("broadcast", "--seconds", "1"))
        for send in ("calm", "all-64", "group-64", "group-1024"):
            self.assertGreater(samples[send, "", "p99"][0], 0)
            if send != "calm":
                self.assertGreaterEqual(samples[send, "", "messages"][0], 100)  # whom there are
        self.assertNotIn(("calm", "", "messages"), samples)

    def test_fanout(self):
        self.check_fanout()

    def test_fanout_on_two_machines(self):
        before = BACKLOG.read_text()
        TwoMachines().close()  # or it is skipped
        self.check_fanout("--two-machines")
        self.assertEqual(BACKLOG.read_text(), before)

    def check_fanout(self, *options):
        subjects = ["raw-epoll", "millipede"] if (BIN / "bench-raw-comet").exists() else \
            ["millipede"]
        document = self.measured("fanout", "--subscribers", "50", *options, subjects=subjects)
        self.assertEqual((document["subscribers"], document["two_machines"]),
                         (50, "--two-machines" in options))
        samples = self.samples(document)
        for question in ("poll", "stream", "sse"):
            for subject in subjects:
                self.assertGreater(samples[question, subject, "last_ms"][0], 0)
                self.assertGreaterEqual(samples[question, subject, "cpu_us"][0], 0)

    def test_log_cost(self):
        document = self.measured("log-cost", "--rounds", "2")
        self.assertIsNotNone(document["cpu_cost"]["median"])
        self.assertIsNone(document["cpu_cost"]["low"])  # two rounds make nothing certain

    def test_workers(self):
        samples = self.samples(self.measured("workers", "--questions", "echo-50"))
        for workers in (1, 2):
            self.assertGreater(samples[f"echo-50-{workers}", "millipede", "per_second"][0], 0)

    def test_reuse(self):
        document = self.measured("reuse")
        self.assertEqual(len(document["samples"][0]["values"]), 4)
        self.assertIsNotNone(document["growth"])

    def test_manifest(self):
        manifest = self.folder / "mine.conf"
        manifest.write_text("mine | {bin}/millipede-online --listen {address}:{port} --workers "
                            "{workers} | auto | frame | a second name\n")
        document = self.measured("compare", "--manifest", str(manifest), "--questions", "depth",
                                 subjects=["mine"])
        self.assertEqual(document["floor"], "mine")
        self.assertIn(("depth-16", "mine", "cpu_us"), self.samples(document))

    @unittest.skipUnless((BIN / "bench-raw-epoll").exists(), "bench-raw-epoll was not built")
    def test_plain_echo_on_a_port_of_its_own(self):
        manifest = self.folder / "mine.conf"
        port = free_port()
        manifest.write_text("plain | {bin}/bench-raw-epoll --codec raw --listen {address}:{port} "
                            f"--workers {{workers}} | {port} | raw | bytes come back\n")
        document = self.measured("compare", "--manifest", str(manifest), "--questions",
                                 "depth,connect,memory", subjects=["plain"])
        self.assertEqual({question for question, _, _ in self.samples(document)},
                         {"depth-16", "connect", "memory"})

    def test_ctrl_c_ends_two_machines(self):
        before = BACKLOG.read_text()
        TwoMachines().close()  # or it is skipped
        process = self.start("fanout", "--two-machines", "--subjects", "millipede",
                             "--subscribers", "200", "--rounds", "500")
        self.addCleanup(lambda: process.poll() is None and process.kill())
        wait_until(lambda: BACKLOG.read_text() != before, "two machines")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("two machines in one", out)
        self.assertNotIn("Traceback", err)
        self.assertEqual(BACKLOG.read_text(), before)

    def test_ctrl_c_ends_all_and_prints_what_there_is(self):
        process = self.start("compare", "--subjects", "millipede", "--seconds", "30",
                             "--questions", "echo-50")
        self.addCleanup(lambda: process.poll() is None and process.kill())
        wait_until(lambda: len(processes_of(self.bin)) >= 2, "a server and a load")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 130)
        self.assertIn("interrupted", err)
        self.assertIn("echo-50", out)
        self.assertNotIn("Traceback", err)


@unittest.skipIf(SANITIZER, "a sanitizer's own work would be measured")
class Faults(BenchTest):
    def test_a_server_that_breaks_the_protocol_is_an_error_not_a_number(self):
        manifest = self.folder / "bad.conf"
        manifest.write_text("bad | {bin}/millipede-online --magic 0x1 --listen {address}:{port} | "
                            "auto | frame |\n")
        path = self.folder / "figures.json"
        out, err = self.run_bench("compare", "--quick", "--questions", "depth", "--manifest",
                                  str(manifest), "--subjects", "bad,millipede", "--json",
                                  str(path), status=1)
        document = json.loads(path.read_text())
        self.assertEqual(len(document["failures"]), 1)
        self.assertIn("depth-16, bad", document["failures"][0])
        self.assertEqual({each["subject"] for each in document["commands"]["compare"]["samples"]},
                         {"millipede"})
        self.assertIn("not measured: 1", out)
        self.assertIn("bad", err)

    def test_a_server_that_does_not_start(self):
        manifest = self.folder / "bad.conf"
        manifest.write_text("bad | {bin}/millipede-online --no-such-option | auto | frame |\n")
        _, err = self.run_bench("reuse", "--manifest", str(manifest), "--subjects", "bad",
                                status=2)
        self.assertIn("reuse measures millipede", err)
        _, err = self.run_bench("compare", "--quick", "--questions", "depth", "--manifest",
                                str(manifest), "--subjects", "bad", status=1)
        self.assertIn("ended with status 2 before it was ready", err)
        self.assertIn("no-such-option", err)

    def refused(self, *arguments):
        """One line on standard error and status 2; gives the line."""
        _, err = self.run_bench(*arguments, status=2)
        lines = [line for line in err.splitlines() if "is left out" not in line]
        self.assertEqual(len(lines), 1, err)
        self.assertTrue(lines[0].startswith("bench: "), err)
        return lines[0]

    def test_misuse(self):
        self.assertIn("no subject 'x'", self.refused("--subjects", "x"))
        self.assertIn("no question 'x'", self.refused("--questions", "x"))
        self.assertIn("no question 'echo'", self.refused("exact", "--questions", "echo"))
        self.assertIn("--two-machines has no meaning for scale; fanout takes it",
                      self.refused("scale", "--two-machines"))
        self.assertIn("manifest /no/such", self.refused("--manifest", "/no/such"))
        (self.bin / "millipede-load").unlink()
        self.assertIn("build first", self.refused())

    def test_bad_options(self):
        for arguments in (["--rounds", "0"], ["--seconds", "x"], ["nonsense"], ["--no-such"]):
            _, err = self.run_bench(*arguments, status=2)
            self.assertIn("bench: error:", err)


if __name__ == "__main__":
    unittest.main()
