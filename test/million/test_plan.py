# SPDX-License-Identifier: BSL-1.0
"""What is derived from the number of connections fits together."""
import unittest

import material  # noqa: F401 it tells where the modules stand
from plan import Plan

COUNTS = (10, 11, 999, 2_000, 19_000, 1_000_000, 2_000_000, 20_000_000)


class Numbers(unittest.TestCase):
    def test_steps_add_up(self):
        for count in COUNTS:
            steps = Plan(count).steps()
            self.assertEqual(sum(step.added for step in steps), count)
            self.assertEqual(steps[-1].total, count)
            self.assertEqual(steps[0].total, count // 10)

    def test_samples_reach_the_sample(self):
        for count in COUNTS:
            plan = Plan(count, sample=min(count, 10_000))
            self.assertLess(plan.rounds(), plan.hold_seconds())
            in_all = sum(step.samples for step in plan.steps()) * plan.rounds()
            self.assertGreaterEqual(in_all, plan.sample)
            self.assertLess(in_all, plan.sample + 50)
            for step in plan.steps():  # the load generator refuses more
                self.assertLessEqual(step.samples, step.added)

    def test_no_sample_is_none(self):
        self.assertEqual([step.samples for step in Plan(1_000, sample=0).steps()], [0, 0])

    def test_the_server_has_room(self):
        for count in COUNTS:
            plan = Plan(count)
            self.assertGreater(plan.workers * plan.per_worker(), count)
            self.assertGreater(plan.descriptors(), plan.workers * plan.per_worker())

    def test_every_other_port_suffices(self):
        ports_of_a_usual_range = 28_000
        for count in COUNTS:
            self.assertLess(count / Plan(count).sources(), ports_of_a_usual_range / 2)

    def test_memory_of_the_guest(self):
        gib = 1 << 30
        self.assertGreater(Plan(1_000_000).guest_bytes(), 9 * gib)
        self.assertLess(Plan(2_000_000).guest_bytes(), 21 * gib)
        self.assertEqual(Plan(12_345).guest_bytes() % (1 << 20), 0)

    def test_19000_fit_into_20000_descriptors(self):
        self.assertLessEqual(Plan(19_000).descriptors(), 20_000)


if __name__ == "__main__":
    unittest.main()
