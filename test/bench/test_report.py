# SPDX-License-Identifier: BSL-1.0
"""Tables, figures as text, progress, and what is said of the machine."""
import io
import unittest

import modules  # noqa: F401
import machine
import plot
import progress
import report
from runner import Samples

CACHE = """\
CMAKE_BUILD_TYPE:STRING=Release
CMAKE_CXX_COMPILER:FILEPATH=/no/such/compiler
Boost_DIR:PATH=/usr/lib/x86_64-linux-gnu/cmake/Boost-1.81.0
"""


class Numbers(unittest.TestCase):
    def test_have_the_places_that_they_are_worth(self):
        for value, text in [(1234567.8, "1,234,568"), (1000, "1,000"), (123.4, "123"),
                            (12.34, "12.3"), (1.234, "1.23"), (0, "0.00"), (-12.34, "-12.3"),
                            (None, "-")]:
            self.assertEqual(report.number(value), text)

    def test_spread_ratio_and_verdict(self):
        self.assertEqual(report.spread([3, 1, 2]), "1.00..3.00")
        self.assertEqual(report.spread([]), "-")
        self.assertEqual(report.ratio(None), "-")
        self.assertEqual(report.ratio(0.999), "1.00")
        self.assertEqual([report.verdict(each) for each in (True, False, None)],
                         ["pass", "MISS", "-"])

    def test_sizes(self):
        self.assertEqual(report.size(404 * 1024), "404 KiB")
        self.assertEqual(report.size(20 << 20), "20.0 MiB")
        self.assertEqual(report.size(None), "-")


class Table(unittest.TestCase):
    def test_columns_are_aligned(self):
        table = report.Table("title", ["name", "value"], [["a", "1"], ["longer", "1,000"]],
                             ["word " * 40])
        lines = table.text().splitlines()
        self.assertEqual(lines[:5], ["title", "  name    value", "  ------  -----",
                                     "  a           1", "  longer  1,000"])
        self.assertGreater(len(lines), 6)  # the note is wrapped
        self.assertLessEqual(max(map(len, lines)), report.COLUMNS_MAX)


class Progress(unittest.TestCase):
    def setUp(self):
        self.now = 0.0

    def make(self, seconds, steps):
        self.stream = io.StringIO()
        return progress.Progress("x", seconds, steps, self.stream, lambda: self.now)

    def test_time_left_follows_what_the_steps_took(self):
        shown = self.make(100, 10)
        self.assertEqual(shown.left_seconds(), 100)
        shown.begin("first")
        self.now = 20.0  # a step that was guessed at 10 s took 20
        shown.done(10)
        self.assertEqual(shown.left_seconds(), 180)

    def test_lines_are_few_where_they_cannot_be_rewritten(self):
        shown = self.make(100, 30)
        for _ in range(30):
            shown.begin("step")
            self.now += 1
        lines = self.stream.getvalue().splitlines()
        self.assertEqual(len(lines), 3)
        self.assertEqual(lines[0], "x 1/30: step, about 1 min 40 s left")

    def test_durations(self):
        self.assertEqual([progress.duration_text(each) for each in (59.4, 90, 3661)],
                         ["59 s", "1 min 30 s", "1 h 1 min"])


class Machine(unittest.TestCase):
    def test_processor_and_memory(self):
        self.assertEqual(machine.processor("a\nmodel name\t: Some CPU\nb"), "Some CPU")
        self.assertEqual(machine.processor("no such line"), machine.UNKNOWN)
        self.assertEqual(machine.memory_bytes("MemTotal:       24000 kB\n"), 24000 * 1024)
        self.assertIsNone(machine.memory_bytes(""))

    def test_build(self):
        self.assertEqual(machine.build_of(CACHE), {
            "build_type": "Release", "compiler": machine.UNKNOWN, "boost": "1.81.0"})
        self.assertEqual(set(machine.build_of("").values()), {machine.UNKNOWN})

    def test_programs_that_are_missing_or_fail(self):
        self.assertIsNone(machine.output("/no/such/program"))
        self.assertIsNone(machine.output("false"))
        self.assertEqual(machine.output("echo", "a"), "a")

    def test_description_without_a_build_or_a_repository(self):
        found = machine.describe("/no/such/bin", "/")
        self.assertEqual((found["commit"], found["dirty"]), (machine.UNKNOWN, None))
        self.assertEqual(len(machine.lines(found)), 2)


class Plot(unittest.TestCase):
    def chart(self):
        return plot.Chart("c", "Title", [plot.Bar("one", 213.4, False),
                                         plot.Bar("millipede", 412.0, True)], 0)

    def test_script_has_a_row_for_each_bar_the_first_on_top(self):
        lines = self.chart().script().splitlines()
        self.assertEqual(lines[0], "$bars << END")
        self.assertEqual(lines[1].split()[:2], ["213.4", "1"])
        self.assertEqual(lines[2].split()[:2], ["412.0", "0"])
        self.assertNotEqual(lines[1].split()[2], lines[2].split()[2])  # ours has its colour
        self.assertIn('set ytics ("one" 1, "millipede" 0) scale 0', lines)

    def test_text_takes_the_colour_of_the_page(self):
        svg = plot.themed('<?xml?>\n<svg width="1">\n<text fill="#010203"/>'
                          '<g fill="none" color="black" stroke="currentColor">'
                          "<path stroke='rgb(  1,   2,   3)'/></g></svg>")
        self.assertEqual(svg.count("currentColor"), 3)
        self.assertIn('<g fill="none" stroke=', svg)
        self.assertEqual(svg.count("prefers-color-scheme: dark"), 1)
        self.assertLess(svg.index("<svg"), svg.index("<style"))

    def test_instructions_are_those_of_frames(self):
        samples = Samples()
        for question, value in (("frame", 5.0), ("connection", 9.0)):
            samples.add(question, "a", "instructions", 0, value)
        self.assertEqual(plot.instructions_chart(samples, ["a", "b"]).bars,
                         [plot.Bar("a", 5.0, False)])

    def test_cpu_leaves_out_the_floor_and_marks_ours(self):
        samples = Samples()
        for name, value in (("raw-epoll", 4.0), ("millipede", 5.0), ("asio", 8.0)):
            samples.add("echo-1000", name, "cpu_us", 0, value)
        self.assertEqual(plot.cpu_chart(samples, ["raw-epoll", "millipede", "asio"],
                                        "raw-epoll").bars,
                         [plot.Bar("millipede, 1,000 connections", 1.25, True),
                          plot.Bar("asio, 1,000 connections", 2.0, False)])


if __name__ == "__main__":
    unittest.main()
