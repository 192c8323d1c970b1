# SPDX-License-Identifier: BSL-1.0
"""The load generator against a real server: it does what was asked, no more and no less.

Goal: numbers of requests are exact, marks come in order, what it observes of the server is
plausible, samples are taken, and a bad option ends it with one line.
Method: millipede-online on the other side, whose own counters are held against the generator's.
How it finds out a server's faults is in load_faults.py.
"""

import json
import os
import re
import signal
import subprocess
import time
import unittest

from harness import DEADLINE, Lines, NetTest, Server, run_to_end, spawn, wait_until

CORES = os.cpu_count()


class Load:
    """A finished run of millipede-load with --json."""

    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err
        try:
            self.report = json.loads(out[-1])
        except (IndexError, ValueError):
            raise AssertionError(f"no report; status {status}, {out}, {err}") from None
        self.results = self.report["results"]

    def faults(self):
        """The errors that happened: name and number."""
        return {name: number for name, number in self.report["errors"].items()
                if number and name not in ("total", "first")}

    def text(self):
        """For failure messages."""
        return f"stderr {self.err}, errors {self.report['errors']}, results {self.results}"


def run_load(mode, address, *options):
    """Runs it to its end."""
    return Load(*run_to_end("millipede-load", mode, address, "--json", *options,
                            timeout=3 * DEADLINE))


def address_of(server):
    """HOST:PORT."""
    return "%s:%d" % server.address


class Running:
    """A run with --marks and --json that is watched while it lasts."""

    def __init__(self, mode, server, *options):
        self.process = spawn("millipede-load", [mode, address_of(server), "--marks", "--json",
                                                *options])
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def wait_running(self):
        """Waits until all connections are open and the load runs."""
        wait_until(lambda: len(self.out.all()) >= 2, "the marks 'opened' and 'running'")

    def finish(self, status, number=None):
        """Sends a signal if one is given, and awaits the end with this status."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.wait(DEADLINE) == status, self.err.all()
        self.out.join()
        self.err.join()
        return Load(status, self.out.all(), self.err.all())


class ModeTest(NetTest):
    """Runs against a real server that must be content as well."""

    def load(self, server, mode, *options):
        """A run that must succeed."""
        load = run_load(mode, address_of(server), *options)
        self.assertEqual((load.status, load.faults(), load.err), (0, {}, []), load.text())
        return load


class Requests(ModeTest):
    """--requests N makes exactly N, by the server's count too."""

    def assert_exact(self, number, *options, mode="echo"):
        server = self.serve()
        load = self.load(server, mode, "--requests", str(number), *options)
        if mode == "rate":
            self.assertEqual(load.results["opened"], number)
            self.assertEqual(load.results["opened_while_running"], number)
            self.assertEqual(load.report["latency_us"]["login"]["count"], number)
        else:
            self.assertEqual(load.results["requests"], number)
            self.assertEqual(load.results["replies"], number)
            self.assertEqual(load.results["replies_while_running"], number)
            self.assertEqual(load.report["latency_us"]["echo"]["count"], number)
        self.assertEqual(load.report["parameters"]["requests"], number)
        server.stop()
        self.assertEqual(server.totals()["messages_received"], number)
        return load

    def test_closed_loop(self):
        for options in (["--connections", "7"],
                        ["--connections", "7", "--threads", "3"],
                        ["--connections", "5", "--depth", "16", "--threads", "2"],
                        ["--connections", "3", "--size", "30000", "--depth", "8"]):
            with self.subTest(options=options):
                self.assert_exact(1009, *options)

    def test_fewer_requests_than_connections_threads_or_depth(self):
        self.assert_exact(1, "--connections", "20", "--threads", "4", "--depth", "8")
        self.assert_exact(5, "--connections", "4", "--depth", "3")

    def test_open_loop(self):
        load = self.assert_exact(401, "--rate", "1000", "--connections", "7", "--threads", "2")
        self.assertGreaterEqual(load.results["running_seconds"], 0.39)
        self.assert_exact(100, "--rate", "100000", "--connections", "2", "--depth", "4")

    def test_rate(self):
        self.assert_exact(307, "--concurrency", "16", "--threads", "2", mode="rate")
        self.assert_exact(3, "--concurrency", "16", "--threads", "4", mode="rate")
        self.assert_exact(50, "--rate", "500", mode="rate")

    def test_a_signal_before_the_last_one_is_a_failure(self):
        server = self.serve()
        run = Running("echo", server, "--requests", "1000000", "--rate", "100")
        run.wait_running()
        time.sleep(0.1)
        load = run.finish(1, signal.SIGTERM)
        self.assertEqual(len(load.err), 1, load.err)
        self.assertRegex(load.err[0], r"failed: stopped after \d+ of 1,000,000 requests")

    def test_progress_tells_how_much_is_left(self):
        server = self.serve()
        status, _, err = run_to_end("millipede-load", "echo", address_of(server), "--requests",
                                    "2500", "--rate", "1000", "--progress")
        self.assertEqual(status, 0)
        told = [re.fullmatch(r"running \d+ s, 100 connections, ([\d,]+) of 2,500 requests, "
                             r"([\d,]+) replies/s, (\d+) s left, 0 errors", line) for line in err]
        self.assertTrue(told and all(told), err)
        self.assertGreater(int(told[0][1].replace(",", "")), 0)


class Observe(ModeTest):
    def test_figures_are_plausible(self):
        server = self.serve()
        load = self.load(server, "echo", "--login", "--connections", "500", "--requests", "20000",
                         "--observe", str(server.process.pid))
        seen, seconds = load.report["observed"], load.results["running_seconds"]
        self.assertEqual(seen["pid"], server.process.pid)
        self.assertGreater(seen["cpu_seconds"], 0)
        self.assertLessEqual(seen["cpu_seconds"], seconds * CORES + 0.02)
        self.assertAlmostEqual(seen["cpu_us_per_operation"], seen["cpu_seconds"] / 20000 * 1e6, 2)
        self.assertAlmostEqual(seen["cpu_share"], seen["cpu_seconds"] / seconds, 2)
        self.assertGreater(seen["memory_bytes_before"], 10_000)
        self.assertEqual(seen["connections_open"], 500)
        grown = seen["memory_bytes_open"] - seen["memory_bytes_before"]
        self.assertAlmostEqual(seen["memory_bytes_per_connection"], grown / 500, 2)

    def test_time_outside_of_the_load_is_not_counted(self):
        server = self.serve()
        # This very test is observed: it works hard while the connections are opened, then rests.
        run = Running("hold", server, "--connections", "50", "--open-rate", "100", "--duration",
                      "500ms", "--observe", str(os.getpid()))
        began = time.process_time()
        while len(run.out.all()) < 2:
            pass
        burnt_seconds = time.process_time() - began
        load = run.finish(0)
        self.assertGreater(burnt_seconds, 0.1)
        self.assertLess(load.report["observed"]["cpu_seconds"], burnt_seconds / 2)
        self.assertEqual(load.report["observed"]["cpu_us_per_operation"], 0)

    def test_memory_is_that_before_the_first_and_with_all_connections(self):
        server = self.serve()
        seen = self.load(server, "hold", "--connections", "1000", "--duration", "0s", "--observe",
                         str(server.process.pid)).report["observed"]
        grown = seen["memory_bytes_open"] - seen["memory_bytes_before"]
        # A slot takes 40 bytes, in whole pages.
        self.assertGreaterEqual(grown, 32_000)

    def test_the_text_report_has_it(self):
        server = self.serve()
        status, out, _ = run_to_end("millipede-load", "echo", address_of(server), "--requests",
                                    "2000", "--observe", str(server.process.pid))
        self.assertEqual(status, 0)
        self.assertRegex("\n".join(out), r"observed process \d+: CPU [\d.]+ s while running, "
                                         r"\d+ % of a core, [\d.]+ us per request\n +own memory "
                                         r"[\d,]+ bytes before, [\d,]+ after the load, -?[\d.]+ "
                                         r"per connection")
        self.assertRegex("\n".join(out), r"replies +2,000 in .*/s\), [\d.]+ MB/s each way")
        self.assertIn("own CPU", "\n".join(out))

    def test_a_process_that_ends_meanwhile_is_an_error(self):
        server = self.serve()
        with subprocess.Popen(["sleep", "0.5"]) as other:
            load = run_load("hold", address_of(server), "--duration", "1500ms", "--observe",
                            str(other.pid))
        self.assertEqual((load.status, load.faults()), (1, {"observation_failed": 1}), load.text())
        self.assertNotIn("observed", load.report)
        self.assertEqual(len(load.err), 1)
        self.assertIn(f"process {other.pid} has ended", load.err[0])

    def test_a_server_that_dies_is_an_error(self):
        server = self.serve()
        run = Running("hold", server, "--connections", "5", "--duration", "30s", "--observe",
                      str(server.process.pid))
        run.wait_running()
        server.cut_short = True
        server.kill()
        load = run.finish(1)
        self.assertEqual(sum(load.faults().values()), 6, load.text())
        self.assertEqual(load.faults()["observation_failed"], 1)
        self.assertNotIn("observation", load.err[0])  # the consequence is not the reason


class Marks(ModeTest):
    MARK = re.compile(r"(opened|running|drained|closed) (\d+\.\d{6})(?: (\d+))?")

    def marks_of(self, lines):
        """Name, time and count of each line."""
        found = [self.MARK.fullmatch(line) for line in lines]
        self.assertTrue(all(found), lines)
        times = [float(each[2]) for each in found]
        self.assertEqual(times, sorted(times))
        self.assertLess(abs(times[-1] - time.time()), 60)
        return [(each[1], each[3] and int(each[3])) for each in found]

    def test_they_come_in_order_in_every_mode(self):
        for mode, options in (("hold", ["--duration", "100ms"]), ("echo", ["--requests", "500"]),
                              ("rate", ["--requests", "20"]), ("churn", ["--duration", "200ms"])):
            with self.subTest(mode=mode):
                load = self.load(self.serve(), mode, "--marks", *options)
                count = 0 if mode == "rate" else 100
                self.assertEqual(self.marks_of(load.out[:-1]),
                                 [("opened", count), ("running", None), ("drained", None),
                                  ("closed", None)])

    def test_they_come_at_once_and_the_text_goes_elsewhere(self):
        server = self.serve()
        client = spawn("millipede-load", ["hold", address_of(server), "--marks", "--duration",
                                          "60s"])
        out, err = Lines(client.stdout), Lines(client.stderr)
        wait_until(lambda: len(out.all()) == 2, "the first two marks")
        server.wait_online(100)
        client.send_signal(signal.SIGTERM)
        self.assertEqual(client.wait(DEADLINE), 0)
        out.join()
        err.join()
        self.assertEqual([name for name, _ in self.marks_of(out.all())],
                         ["opened", "running", "drained", "closed"])
        self.assertIn("stopped early by a signal", "\n".join(err.all()))

    def test_the_kernel_closes_after_a_signal(self):
        server = self.serve()
        for number in (signal.SIGTERM, signal.SIGINT):
            run = Running("hold", server, "--connections", "500", "--duration", "60m",
                          "--close", "none")
            run.wait_running()
            server.wait_online(500)
            load = run.finish(0, number)
            self.assertEqual([name for name, _ in self.marks_of(load.out[:-1])],
                             ["opened", "running", "drained"])
            self.assertEqual(load.results["closed"], 0)
            server.wait_online(0)


class Samples(ModeTest):
    def test_each_second_so_many_are_asked_and_checked(self):
        server = self.serve()
        load = self.load(server, "hold", "--connections", "50", "--sample", "20", "--threads", "2",
                         "--duration", "1500ms", "--size", "100")
        rounds, rest = divmod(load.results["replies"], 20)
        self.assertEqual((rounds >= 2, rest), (True, 0), load.text())
        self.assertEqual(load.results["requests"], load.results["replies"])
        server.stop()
        self.assertEqual(server.totals()["messages_received"], 50 + load.results["replies"])

    def test_all_are_asked_when_as_many_are_wanted(self):
        load = self.load(self.serve(), "hold", "--connections", "300", "--sample", "300",
                         "--duration", "500ms")
        self.assertEqual(load.results["replies"], 300)

    def test_none_by_default(self):
        load = self.load(self.serve(), "hold", "--duration", "200ms")
        self.assertEqual(load.results["requests"], 0)


class Report(ModeTest):
    def test_bytes_per_second_are_those_of_the_replies(self):
        results = self.load(self.serve(), "echo", "--size", "1000", "--requests", "5000").results
        expected = 5000 * 1000 / results["running_seconds"]
        self.assertAlmostEqual(results["bytes_per_second"] / expected, 1, 3)

    def test_own_cpu_is_told(self):
        own = self.load(self.serve(), "echo", "--requests", "20000").report["cpu"]
        self.assertGreater(own["share_of_wall"], 0)
        self.assertGreater(own["busiest_thread_share_while_running"], 0)


class BadOptions(NetTest):
    def assert_refused(self, *arguments, mentions, descriptors=None):
        """Status 2 and one line that mentions this."""
        status, out, err = run_to_end("millipede-load", *arguments, descriptors=descriptors)
        self.assertEqual((status, out, len(err)), (2, [], 1), f"{arguments}: {out} {err}")
        self.assertTrue(err[0].startswith("millipede-load: "), err)
        self.assertIn(mentions, err[0])

    def test_one_line_and_status_2(self):
        echo = ("echo", "127.0.0.1:1")
        self.assert_refused(mentions="--help")
        self.assert_refused("push", "127.0.0.1:1", mentions="'push'")
        self.assert_refused("hold", "192.0.2.1:80", mentions="--allow-remote")
        self.assert_refused(*echo, "--requests", "5", "--duration", "5s", mentions="exclude")
        self.assert_refused(*echo, "--requests", "0", mentions="--requests")
        self.assert_refused(*echo, "--requests", "few", mentions="'few'")
        self.assert_refused(*echo, "--observe", "2147483647", mentions="process 2147483647")
        self.assert_refused(*echo, "--codec", "line", mentions="'line'")
        self.assert_refused(*echo, "--codec", "raw", "--login", mentions="--login")
        self.assert_refused(*echo, "--sample", "5", mentions="--sample")
        self.assert_refused(*echo, "--no-such-option", mentions="no-such-option")
        self.assert_refused("hold", "127.0.0.1:1", "--sample", "101", mentions="--sample")
        self.assert_refused("rate", "127.0.0.1:1", "--close", "none", mentions="--close")

    def test_descriptors_are_raised_by_who_may_and_missed_by_who_may_not(self):
        with open("/proc/self/status", encoding="ascii") as status:
            effective = int(re.search(r"CapEff:\s*([0-9a-f]+)", status.read())[1], 16)
        if effective >> 24 & 1:  # CAP_SYS_RESOURCE
            server = Server()
            self.addCleanup(server.stop)
            status, _, err = run_to_end("millipede-load", "hold", address_of(server),
                                        "--duration", "100ms", descriptors=80)
            self.assertEqual((status, err), (0, []))
        else:
            self.assert_refused("hold", "127.0.0.1:1", descriptors=80,
                                mentions="166 descriptors are needed, but the hard limit is 80")


if __name__ == "__main__":
    unittest.main()
