# SPDX-License-Identifier: BSL-1.0
"""Lets the tests here import the bench's modules: import this first."""
import pathlib
import sys

BENCH = pathlib.Path(__file__).resolve().parents[2] / "perf" / "bench"
sys.path.insert(0, str(BENCH))
