# SPDX-License-Identifier: BSL-1.0
"""Medians, ratios within a round, slopes, and how certain a median is."""
import itertools
import unittest

import modules  # noqa: F401
import figures


class Median(unittest.TestCase):
    def test_odd_and_even_counts(self):
        self.assertEqual(figures.median([9, 1, 5]), 5)
        self.assertEqual(figures.median([9, 1, 5, 6]), 5.5)
        self.assertEqual(figures.median([7]), 7)

    def test_of_nothing(self):
        with self.assertRaises(ValueError):
            figures.median([])


class Ratios(unittest.TestCase):
    def test_are_taken_within_a_round(self):
        # The machine is twice as slow in round 1; within each round the ratio is the same.
        self.assertEqual(figures.ratios({0: 100.0, 1: 50.0}, {0: 200.0, 1: 100.0}), [0.5, 0.5])

    def test_skip_what_one_side_lacks(self):
        self.assertEqual(figures.ratios({0: 1.0, 2: 3.0}, {1: 1.0, 2: 2.0}), [1.5])

    def test_skip_a_floor_of_nothing(self):
        self.assertEqual(figures.ratios({0: 5.0, 1: 4.0}, {0: 0.0, 1: 2.0}), [2.0])


class Slope(unittest.TestCase):
    def test_what_is_the_same_in_both_falls_out(self):
        start = 1_000_000
        self.assertEqual(figures.slope((100, start + 100 * 7), (300, start + 300 * 7)), 7)

    def test_of_one_point(self):
        with self.assertRaises(ValueError):
            figures.slope((5, 1), (5, 2))


class MedianInterval(unittest.TestCase):
    def test_too_few_values(self):
        # With five values even the widest interval misses the median in 2 / 2^5 of all cases.
        self.assertEqual(figures.median_interval([1, 2, 3, 4, 5]), (None, None, 0.0))

    def test_six_values_give_the_whole_range(self):
        low, high, confidence = figures.median_interval([3, 1, 2, 6, 5, 4])
        self.assertEqual((low, high), (1, 6))
        self.assertAlmostEqual(confidence, 1 - 2 / 2 ** 6)

    def test_many_values_give_a_narrow_one(self):
        # From the table of the binomial law: of 30 values the 10th and the 21st.
        low, high, confidence = figures.median_interval(list(range(1, 31)))
        self.assertEqual((low, high), (10, 21))
        self.assertAlmostEqual(confidence, 0.957226, places=5)

    def test_holds_as_often_as_it_says(self):
        # All 2^8 ways in which eight values can fall below (-1) or above (+1) the true median 0.
        inside, confidence = 0, 0
        for signs in itertools.product((-1, 1), repeat=8):
            values = [sign * (place + 1) for place, sign in enumerate(signs)]
            low, high, confidence = figures.median_interval(values)
            inside += low <= 0 <= high
        self.assertAlmostEqual(inside / 2 ** 8, confidence)


class Percent(unittest.TestCase):
    def test_has_a_sign(self):
        self.assertEqual(figures.percent(0.0123), "+1.23 %")
        self.assertEqual(figures.percent(-0.2), "-20.00 %")


if __name__ == "__main__":
    unittest.main()
