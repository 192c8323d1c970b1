# SPDX-License-Identifier: BSL-1.0
"""The soak's judge: it must see a leak of a few bytes for each connection, and nothing else."""

import random
import unittest

import soak

SECONDS = 600
CHURN = 1000
BASE = 4 << 20


def samples(leak_bytes_per_second=0.0, noise_bytes=0, warm_up_bytes=0):
    """A run's samples: rising while it warms up, then as told."""
    dice = random.Random(7)
    return [(second, BASE + warm_up_bytes * min(1.0, second / soak.WARM_UP_SECONDS)
             + leak_bytes_per_second * second + dice.uniform(-noise_bytes, noise_bytes))
            for second in range(SECONDS)]


class Verdict(unittest.TestCase):
    def flat(self, *arguments, **options):
        """Whether such samples are taken for flat."""
        return soak.verdict(samples(*arguments, **options), SECONDS, CHURN)["flat"]

    def test_slope(self):
        self.assertAlmostEqual(soak.slope_of([(0, 5), (1, 7), (2, 9)]), 2)
        self.assertAlmostEqual(soak.slope_of([(0, 9), (1, 9), (2, 9)]), 0)
        self.assertEqual(soak.slope_of([(3, 9)]), 0)

    def test_flat_is_flat(self):
        self.assertTrue(self.flat())
        self.assertTrue(self.flat(noise_bytes=100_000))
        self.assertTrue(self.flat(warm_up_bytes=8 << 20))
        self.assertTrue(self.flat(-500))

    def test_a_leak_is_seen(self):
        for bytes_per_connection in (2, 8, 64):
            self.assertFalse(self.flat(bytes_per_connection * CHURN, noise_bytes=100_000))

    def test_too_few_samples_are_no_proof(self):
        self.assertFalse(soak.verdict(samples()[:2], SECONDS, CHURN)["flat"])

    def test_a_short_run_warms_up_for_a_quarter(self):
        result = soak.verdict([(second, BASE) for second in range(20)], 20, CHURN)
        self.assertEqual(result["from_second"], 5)


if __name__ == "__main__":
    unittest.main()
