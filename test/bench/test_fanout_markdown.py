# SPDX-License-Identifier: BSL-1.0
"""The tables of docs/performance.md are those of the files in perf/results."""
import json
import pathlib
import unittest

import modules
import fanout_markdown

REPOSITORY = modules.PERF.parent


class Tables(unittest.TestCase):
    def fanout(self, ours, theirs):
        return {"samples": [{"question": "sse", "subject": subject, "figure": figure,
                             "values": [value * factor for value in (1, 2, 4)]}
                            for subject, factor in (("millipede", ours), ("raw-epoll", theirs))
                            for figure in ("last_ms", "cpu_us", "user_us")]}

    def test_medians_and_ratios_of_the_same_round(self):
        lines = fanout_markdown.table(self.fanout(5, 0.1)).splitlines()
        self.assertEqual(lines[2:],
                         ["| event streams, millipede | 10 ms | | 10.0 us | | 10.0 us |",
                          "| bare epoll | 0 ms | 0.02 (0.02 to 0.02) | 0.20 us | "
                          "0.02 (0.02 to 0.02) | 0.20 us |"])

    def test_the_page_has_the_figures_that_are_kept(self):
        page = pathlib.Path(REPOSITORY, "docs/performance.md").read_text(encoding="utf-8")
        kept = list(pathlib.Path(REPOSITORY, "perf/results").glob("*fanout*.json"))
        self.assertEqual(len(kept), 2)  # loopback, two machines
        for path in kept:
            self.assertIn(fanout_markdown.table(json.loads(path.read_text())["commands"]["fanout"]),
                          page, path.name)


if __name__ == "__main__":
    unittest.main()
