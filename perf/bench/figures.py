# SPDX-License-Identifier: BSL-1.0
"""What is made of repeated measurements: medians, spreads, ratios, slopes."""
import math


def median(values):
    """The middle value; of an even number the mean of the middle two."""
    if not values:
        raise ValueError("no values")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def ratios(rounds, floor_rounds):
    """Ratios of values to the floor's of the same round. Both are {round: value}; rounds that
    only one of them has are left out, as is a floor of 0."""
    return [value / floor_rounds[key] for key, value in sorted(rounds.items())
            if floor_rounds.get(key)]


def slope(first, second):
    """Between two points (x, y): how much y grows when x grows by one."""
    if first[0] == second[0]:
        raise ValueError("a slope needs two different counts")
    return (second[1] - first[1]) / (second[0] - first[0])


def percent(part):
    """0.0123 as +1.23 %."""
    return f"{part * 100:+.2f} %"


def median_interval(values, confidence=0.95):
    """(low, high, confidence) between which the true median lies, whatever the distribution:
    order statistics, by the binomial law. (None, None, 0) when there are too few values."""
    ordered = sorted(values)
    count = len(ordered)
    outside = 0.0  # the probability of at most `rank` values on one side
    best = (None, None, 0.0)
    for rank in range(count // 2):
        outside += math.comb(count, rank) / 2 ** count
        reached = 1 - 2 * outside
        if reached < confidence:
            break
        best = (ordered[rank], ordered[count - 1 - rank], reached)
    return best
