# SPDX-License-Identifier: BSL-1.0
"""Figures are what was counted, and each way in which counts can differ is told."""
import json
import unittest

import material
import figures
import report
from outcome import Observation, Outcome
from plan import Plan
from subjects import SUBJECTS

COUNT = 100_000
FEW = COUNT // 10


def outcome(anonymous_kb=(1024, 1524, 6024), **changes):
    """A run in which all is right, but for the changes of the last observation."""
    found = Outcome("guest")
    for label, total, size in zip(("before", "first", "all"), (0, FEW, COUNT), anonymous_kb):
        texts = material.observed_texts(total, anonymous_kb=size)
        found.observations[label] = Observation.of_texts(texts)
    for name, value in changes.items():
        setattr(found.observations["all"], name, value)
    found.add_load("first", material.load_account(FEW, 9_000))
    found.add_load("all", "opened 1 2\n" + material.load_account(COUNT - FEW, 1_000))
    return found


class Figures(unittest.TestCase):
    def setUp(self):
        self.plan = Plan(COUNT)

    def test_user_memory_as_a_whole_and_as_slope(self):
        whole, slope = figures.user_bytes(self.plan, outcome())
        self.assertAlmostEqual(whole, 5000 * 1024 / COUNT)
        self.assertAlmostEqual(slope, 4500 * 1024 / (COUNT - FEW))

    def test_kernel_memory_by_cache_and_by_end(self):
        numbers = figures.figures(self.plan, outcome())
        self.assertAlmostEqual(numbers["kernel_bytes_per_connection"], 2 * 2304 + 64)
        self.assertAlmostEqual(numbers["kernel_bytes_per_connection_server_end"], 2304)
        self.assertEqual([row["cache"] for row in numbers["kernel_caches"]],
                         ["TCP", "tcp_bind2_bucket"])
        self.assertAlmostEqual(numbers["machine_bytes_per_connection"], 8 * 1024)

    def test_opening(self):
        numbers = figures.figures(self.plan, outcome())
        self.assertEqual(numbers["opening_seconds"], 4.0)
        self.assertEqual(numbers["opened_per_second"], COUNT / 4.0)
        self.assertEqual(numbers["echoes_verified"], 10_000)

    def test_what_cannot_be_told_is_none(self):
        found = outcome()
        for each in found.observations.values():
            each.caches = each.memory_in_use = each.established = None
        numbers = figures.figures(self.plan, found)
        for name in ("kernel_bytes_per_connection", "kernel_caches", "established",
                     "kernel_bytes_per_connection_server_end", "machine_bytes_per_connection"):
            self.assertIsNone(numbers[name], name)
        self.assertEqual(figures.differences(self.plan, found), [])
        self.assertIn("a guest tells it", report.as_text(found, numbers, []))


class Differences(unittest.TestCase):
    def setUp(self):
        self.plan = Plan(COUNT)

    def check(self, found, *patterns):
        faults = figures.differences(self.plan, found)
        self.assertEqual(len(faults), len(patterns), faults)
        for fault, pattern in zip(faults, patterns):
            self.assertRegex(fault, pattern)

    def test_none(self):
        self.check(outcome())

    def test_server_counts_less(self):
        self.check(outcome(online=COUNT - 1), "online by the server: 99,999 instead of 100,000")

    def test_server_counts_nothing(self):
        self.check(outcome(online=None), "online by the server: None")

    def test_kernel_has_an_end_too_many(self):
        self.check(outcome(established=2 * COUNT + 1), "established by the kernel: 100,000.5")

    def test_a_socket_beside_the_connections(self):
        self.check(outcome(sockets=2 * COUNT + 3), "in pairs: 100,001")

    def test_clients_opened_less(self):
        found = outcome()
        found.add_load("first", material.load_account(FEW - 2, 9_000))
        self.check(found, "'first': 9,998 opened by the clients")

    def test_clients_met_errors(self):
        found = outcome()
        found.add_load("all", material.load_account(COUNT - FEW, 1_000, 3, "a wrong byte"))
        self.check(found, "'all': 3 errors of the clients, the first: a wrong byte")

    def test_too_few_echoes(self):
        found = outcome()
        found.add_load("all", material.load_account(COUNT - FEW, 999))
        self.check(found, "echoes verified: 9,999, fewer than 10,000")

    def test_messages_and_ends_of_channels(self):
        def account(opened, messages, ends):
            load = json.loads(material.load_account(opened, 0))
            load["results"].update(messages=messages, silent_replies=ends)
            return json.dumps(load)
        for name, messages, ends in (("comet", 50, 5), ("comet-shared", 50_000, 50_000)):
            self.plan = Plan(COUNT, subject=SUBJECTS[name])
            found = outcome()
            found.add_load("first", account(FEW, messages, ends))
            found.add_load("all", account(COUNT - FEW, messages, ends))
            self.assertEqual(figures.differences(self.plan, found), [])
            self.assertEqual(figures.figures(self.plan, found)["messages_verified"], 2 * messages)
            found.add_load("all", account(COUNT - FEW, messages - 1, ends + 1))
            self.check(found, f"messages verified: {2 * messages - 1:,}, fewer",
                       f"ends of channels seen: {2 * ends + 1:,} instead of {2 * ends:,}")

    def test_server_logged_other_totals(self):
        found = outcome()
        found.accepted_in_all, found.online_at_end = COUNT + 1, -1
        self.check(found, "accepted by the server's log: 100,001", "at the end: -1")

    def test_user_memory_over_the_target(self):
        self.check(outcome(anonymous_kb=(1024, 1524, 9024)), "user memory: 85.3 bytes")

    def test_few_connections_are_not_judged(self):
        numbers = {"connections": 2_000}
        self.assertIn("too few", report.target_text(numbers["connections"], 85.0, 72))
        self.assertIn("MISSED", report.target_text(COUNT, 85.0, 72))
        self.assertIn("met", report.target_text(COUNT, 49.0, 72))


class Report(unittest.TestCase):
    def test_text_shows_faults_and_json_can_be_written(self):
        plan, found = Plan(COUNT), outcome(online=1)
        numbers, faults = figures.figures(plan, found), figures.differences(plan, found)
        text = report.as_text(found, numbers, faults)
        self.assertIn("NOT as it should be: step 'all': online", text)
        self.assertNotIn("agree", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 110)
        self.assertFalse(json.loads(json.dumps(report.as_json(found, numbers, faults)))["passed"])


if __name__ == "__main__":
    unittest.main()
