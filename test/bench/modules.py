# SPDX-License-Identifier: BSL-1.0
"""Lets the tests here import the bench's modules: import this first."""
import pathlib
import sys

PERF = pathlib.Path(__file__).resolve().parents[2] / "perf"
BENCH = PERF / "bench"
sys.path[:0] = [str(BENCH), str(PERF / "common")]
