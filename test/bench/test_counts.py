# SPDX-License-Identifier: BSL-1.0
"""What callgrind and strace write, read back; memory by the kernel's account."""
import unittest

import modules  # noqa: F401
import callgrind
import memory
import system_calls

CALLGRIND = """\
# callgrind format
version: 1
positions: line
events: Ir
summary: 1234

fl=/a/main.cpp
fn=main
10 100
+3 malformed, not a cost line
cfi=/a/log.cpp
cfn=millipede::log_line::~log_line()
calls=3 20
11 900
12 30
fi=/a/inlined.hpp
7 4

fn=millipede::log_line::~log_line()
20 300
cfn=boost::log::core::open_record()
calls=3 30
21 600
cfn=epoll_wait@@GLIBC
calls=2 0
22 5

fn=main
cfn=epoll_wait@@GLIBC
calls=5 0
13 50

totals: 1234
"""
STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 39.55    0.386580        1375       281         1 epoll_wait
 39.10    0.382254       17375        22           futex
  0.00    0.000000           0        52         2 accept4
------ ----------- ----------- --------- --------- ----------------
100.00    0.977511          69       355         3 total
"""
ROLLUP = """\
55d0c0a3d000-7ffd4b5e6000 ---p 00000000 00:00 0                          [rollup]
Rss:                4000 kB
Private_Clean:       700 kB
Private_Dirty:       392 kB
Swap:                  8 kB
SwapPss:               8 kB
"""


class Callgrind(unittest.TestCase):
    def setUp(self):
        self.profile = callgrind.parse(CALLGRIND)

    def test_total(self):
        self.assertEqual(self.profile.instructions, 1234)

    def test_own_cost_leaves_out_what_was_called(self):
        self.assertEqual(self.profile.by_function["main"], 100 + 30 + 4)
        self.assertEqual(self.profile.by_function["millipede::log_line::~log_line()"], 300)

    def test_calls_of_all_callers_add_up(self):
        self.assertEqual(self.profile.calls_of("epoll_wait"), 7)
        self.assertEqual(self.profile.calls_of("log_line"), 3)

    def test_entered_counts_the_way_in_once(self):
        # 900 into the log; the 600 from one of its functions to another are part of them.
        self.assertEqual(self.profile.entered("boost::log|millipede::log"), 900)
        self.assertEqual(self.profile.entered("boost::log"), 600)
        self.assertEqual(self.profile.entered("nothing"), 0)

    def test_hottest_is_per_operation_beyond_the_shorter_run(self):
        shorter = callgrind.Profile(by_function={"a": 100, "b": 10, "c": 5})
        longer = callgrind.Profile(by_function={"a": 300, "b": 1010, "c": 5})
        self.assertEqual(longer.hottest(shorter, 100, 5), [(10.0, "b"), (2.0, "a")])
        self.assertEqual(longer.hottest(shorter, 100, 1), [(10.0, "b")])

    def test_a_file_that_was_cut_short(self):
        with self.assertRaisesRegex(ValueError, "no total"):
            callgrind.parse("# callgrind format\nfn=main\n10 100\n")


class SystemCalls(unittest.TestCase):
    def test_calls_with_and_without_errors(self):
        self.assertEqual(system_calls.parse(STRACE),
                         {"epoll_wait": 281, "futex": 22, "accept4": 52})

    def test_no_table(self):
        with self.assertRaisesRegex(ValueError, "no table"):
            system_calls.parse("strace: exec: no such file\n")


class Memory(unittest.TestCase):
    def test_private_of_a_rollup(self):
        self.assertEqual(memory.private_of(ROLLUP), (392 + 8) * 1024)


if __name__ == "__main__":
    unittest.main()
