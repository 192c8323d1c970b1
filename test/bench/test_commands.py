# SPDX-License-Identifier: BSL-1.0
"""What commands decide: order, options, targets, verdicts; and that one failure stops nothing."""
import contextlib
import io
import pathlib
import unittest

import modules  # noqa: F401
import exact
import log_cost
import questions
import reuse
import scale
import subjects
from compare import Compare
from everything import Everything
from failure import Failure, Misuse
from load import Findings, words
from runner import Bench, Options, Samples, Step, check_binaries

MANIFEST = "\n".join(f"{name} | x | auto | frame" for name in ("other", "raw-epoll", "millipede"))


def bench(names=("other", "raw-epoll", "millipede"), **options):
    known = subjects.parse(MANIFEST, "x")
    return Bench(Options(binaries=pathlib.Path("/nowhere"), **options),
                 subjects.select(known, list(names)))


class Running(unittest.TestCase):
    def test_a_step_that_fails_does_not_stop_the_others(self):
        done = []

        def fails():
            raise Failure("the load had errors")
        one = bench()
        with contextlib.redirect_stderr(io.StringIO()) as told:
            one.carry_out("x", [Step("a", 1, lambda: done.append("a")), Step("b", 1, fails),
                                Step("c", 1, lambda: done.append("c"))])
        self.assertEqual(done, ["a", "c"])
        self.assertEqual(one.failures, ["x: b: the load had errors"])
        self.assertIn("x: b: the load had errors", told.getvalue())

    def test_every_subject_is_first_in_its_turn(self):
        one = bench()
        firsts = [one.rotated(each)[0].name for each in range(4)]
        self.assertEqual(firsts, ["other", "raw-epoll", "millipede", "other"])
        self.assertEqual([each.name for each in one.rotated(1)],
                         ["raw-epoll", "millipede", "other"])

    def test_the_floor_is_raw_epoll_or_else_the_first(self):
        self.assertEqual(bench().floor.name, "raw-epoll")
        self.assertEqual(bench(["other", "millipede"]).floor.name, "other")

    def test_no_load_generator(self):
        with self.assertRaisesRegex(Misuse, "build first"):
            check_binaries(pathlib.Path("/nowhere"))


class Asked(unittest.TestCase):
    def test_by_name_and_by_its_first_part(self):
        one = Options(pathlib.Path(), questions=["echo", "depth-16"])
        self.assertTrue(one.asked("echo-50"))
        self.assertTrue(one.asked("depth-16"))
        self.assertFalse(one.asked("echoes"))
        self.assertFalse(one.asked("connect"))
        self.assertTrue(Options(pathlib.Path()).asked("anything"))

    def test_rounds(self):
        self.assertEqual(Options(pathlib.Path()).rounds_or(5), 5)
        self.assertEqual(Options(pathlib.Path(), quick=True).rounds_or(5), 1)
        self.assertEqual(Options(pathlib.Path(), quick=True, rounds=3).rounds_or(5), 3)

    def test_compare_asks_each_subject_each_round(self):
        command = Compare(bench(questions=["echo-50"], rounds=2))
        self.assertEqual([step.label for step in command.steps()], [
            "echo-50, other, round 1", "echo-50, raw-epoll, round 1", "echo-50, millipede, round 1",
            "echo-50, raw-epoll, round 2", "echo-50, millipede, round 2",
            "echo-50, other, round 2"])

    def test_all_knows_every_question(self):
        self.assertLessEqual({"echo-50", "frame", "start", "bulk"}, set(Everything.QUESTIONS))

    def test_words_of_a_command_line(self):
        self.assertEqual(words({"open_rate": 5, "marks": True, "login": False, "seed": None}),
                         ["--open-rate", "5", "--marks"])


class Load(unittest.TestCase):
    def document(self, mode):
        return {"mode": mode, "results": {"opened_while_running": 30, "replies_while_running": 40,
                                          "running_seconds": 2.0},
                "cpu": {"busiest_thread_share_while_running": 0.5},
                "latency_us": {"login": {"p50": 1}, "echo": {"p50": 2}},
                "observed": {"cpu_us_per_operation": 3.5, "cpu_share": 0.9}}

    def test_an_operation_is_a_reply_or_a_connection(self):
        echo, rate = Findings(self.document("echo")), Findings(self.document("rate"))
        self.assertEqual((echo.per_second, echo.latency_us["p50"]), (20.0, 2))
        self.assertEqual((rate.per_second, rate.latency_us["p50"]), (15.0, 1))
        self.assertEqual((echo.cpu_us, echo.server_share), (3.5, 0.9))


class Tables(unittest.TestCase):
    def test_ratios_are_medians_of_ratios_within_rounds(self):
        samples = Samples()
        for number_of, (mine, floor) in enumerate([(1.0, 2.0), (30.0, 30.0), (8.0, 2.0)]):
            samples.add("q", "mine", "cpu_us", number_of, mine)
            samples.add("q", "floor", "cpu_us", number_of, floor)
        self.assertEqual(questions.median_ratio(samples, "q", "mine", "floor", "cpu_us"), 1.0)
        self.assertIsNone(questions.median_ratio(samples, "q", "absent", "floor", "cpu_us"))

    def rate_table(self, own_share):
        samples = Samples()
        for figure, value in (("per_second", 1000), ("cpu_us", 4), ("own_share", own_share),
                              ("server_share", 0.7)):
            samples.add("echo-50", "mine", figure, 0, value)
        return questions.rate_table(questions.ECHOES[0], samples, ["mine", "absent"], "mine", 0.95)

    def test_numbers_are_marked_when_the_load_was_the_limit(self):
        table = self.rate_table(0.96)
        self.assertEqual(table.rows[0][1], "1,000*")
        self.assertEqual(table.rows[0][-1], "70/96 %")
        self.assertEqual(len(table.notes), 1)
        self.assertEqual(table.rows[1][1:], ["-"] * 7)

    def test_numbers_are_not_marked_otherwise(self):
        table = self.rate_table(0.94)
        self.assertEqual(table.rows[0][1], "1,000")
        self.assertEqual(table.notes, [])


class Exact(unittest.TestCase):
    def command(self, **values):
        command = exact.Exact(bench())
        figures_by_name = {"instructions": ("frame", "instructions"), "calls": ("frame", "calls")}
        for name, value in values.items():
            question, figure = figures_by_name[name]
            command.samples.add(question, "millipede", figure, 0, value)
        return command

    def test_nothing_measured_is_no_verdict(self):
        self.assertIsNone(exact.Exact(bench()).passed())

    def test_targets_hold_up_to_themselves(self):
        self.assertTrue(self.command(instructions=450.0, calls=2.1).passed())
        self.assertFalse(self.command(instructions=450.1, calls=2.1).passed())
        self.assertFalse(self.command(instructions=400.0, calls=2.2).passed())

    def test_the_table_tells_which_target_is_missed(self):
        command = self.command(instructions=451.0, calls=2.0)
        last = command.tables()[0].rows[-1]
        self.assertEqual(last[:5], ["millipede holds it", "MISS", "", "pass", ""])
        self.assertEqual(last[5:], ["-", "", "-"])

    def test_targets_are_held_by_medians(self):
        command = self.command(instructions=440.0)
        for round_number, value in ((1, 500.0), (2, 445.0)):
            command.samples.add("frame", "millipede", "instructions", round_number, value)
        self.assertEqual(command.value("millipede", "frame", "instructions"), 445.0)
        self.assertTrue(command.passed())

    def test_other_subjects_have_no_targets(self):
        command = exact.Exact(bench())
        command.samples.add("frame", "other", "instructions", 0, 9000.0)
        self.assertIsNone(command.passed())
        self.assertEqual(command.tables()[0].rows[0][:2], ["other", "9,000"])


class Reuse(unittest.TestCase):
    def command(self, *sizes):
        command = reuse.Reuse(bench())
        for round_number, size in enumerate(sizes):
            command.samples.add("reuse", "millipede", "bytes", round_number, size)
        return command

    def test_growth_counts_from_the_first_warm_round(self):
        self.assertTrue(self.command(100, 500, 1000, 1200, 1009).passed())
        self.assertFalse(self.command(100, 500, 1000, 1000, 1011).passed())

    def test_too_few_rounds(self):
        self.assertIsNone(self.command(100, 500, 1000).passed())

    def test_without_millipede(self):
        with self.assertRaisesRegex(Misuse, "left out"):
            reuse.Reuse(bench(["other"])).steps()


class LogCost(unittest.TestCase):
    def command(self, parts, inside=None):
        command = log_cost.LogCost(bench())
        for round_number, part in enumerate(parts):
            silent = 10.0 * (round_number + 1)
            command.samples.add("fatal", "millipede", "cpu_us", round_number, silent)
            command.samples.add("info", "millipede", "cpu_us", round_number, silent * (1 + part))
        if inside is not None:
            command.instructions["info"], command.log_instructions["info"] = 1000.0, inside
        return command

    def test_certainly_below(self):
        command = self.command([0.001, 0.002, 0.003, 0.004, 0.005, 0.006], 1.0)
        self.assertIn("below 1 %", command.statement())
        self.assertTrue(command.passed())

    def test_certainly_above(self):
        command = self.command([0.02] * 6, 1.0)
        self.assertIn("above 1 %", command.statement())
        self.assertFalse(command.passed())

    def test_not_told_apart(self):
        for parts in ([-0.05, 0.1, 0.02, -0.02, 0.0, 0.01],  # a median below 1 % ...
                      [-0.05, 0.1, 0.03, -0.02, 0.02, 0.04]):  # ... and one above
            command = self.command(parts, 1.0)
            self.assertIn("not told apart", command.statement())
            self.assertTrue(command.passed())  # by what was counted

    def test_counted_above(self):
        self.assertFalse(self.command([0.0] * 6, 10.0).passed())

    def test_little_or_nothing_measured(self):
        self.assertIn("too few rounds", self.command([0.02] * 3).statement())
        self.assertIn("nothing was timed", self.command([]).statement())
        self.assertIsNone(self.command([0.0] * 6).passed())

    def test_which_functions_are_the_log(self):
        for name in ("boost::log::v2_mt_posix::core::open_record(x)",
                     "millipede::log_line::~log_line()", "millipede::log(millipede::severity)",
                     "millipede::detail::log_write(int)", "millipede::logging::flush()"):
            self.assertRegex(name, log_cost.LOG_FUNCTION)
        for name in ("(anonymous namespace)::login::operator()", "millipede::login::reply()",
                     "boost::asio::detail::epoll_reactor::run(long)"):
            self.assertNotRegex(name, log_cost.LOG_FUNCTION)


class Scale(unittest.TestCase):
    def test_growth_counts_from_a_thousand_on(self):
        command = scale.Scale(bench())
        for count, cost in zip(scale.CONNECTIONS, (9.0, 4.0, 4.2, 4.4, 5.0)):
            command.samples.add(f"requests-{count}", "millipede", "cpu_us", 0, cost)
        self.assertEqual([what for what, _ in command.growths()], ["millipede"])
        self.assertAlmostEqual(command.growths()[0][1], 0.25)
        self.assertIn("+25.00 %: not level", command.requests_table().notes[0])

    def test_growth_beyond_the_floors(self):
        command = scale.Scale(bench())
        for count, cost, floor in zip(scale.CONNECTIONS, (9.0, 4.0, 4.2, 4.4, 5.0),
                                      (9.0, 4.0, 4.0, 4.0, 5.0)):
            command.samples.add(f"requests-{count}", "millipede", "cpu_us", 0, cost)
            command.samples.add(f"requests-{count}", "raw-epoll", "cpu_us", 0, floor)
        growths = dict(command.growths())
        self.assertAlmostEqual(growths["raw-epoll"], 0.25)
        self.assertAlmostEqual(growths["millipede, as a ratio to raw-epoll"], 0.1)
        self.assertIn("+10.00 %: level", command.requests_table().notes[2])

    def test_start_is_told_by_places(self):
        command = scale.Scale(bench())
        for ready in (1.5, 2.5, 3.5):
            command.samples.add("start-1000000", "millipede", "ready_ms", ready, ready)
            command.samples.add("start-1000000", "millipede", "private_bytes", ready, 163_840)
        row = next(row for row in command.start_table().rows if row[0] == "1,000,000")
        self.assertIn("2.5", row[1])
        self.assertIn("160", row[3])


if __name__ == "__main__":
    unittest.main()
