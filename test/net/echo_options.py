# SPDX-License-Identifier: BSL-1.0
"""The options of millipede-echo: what they do, and what is said of bad ones.

Goal: whatever cannot be right is refused with one clear line and exit status 2.
Method: start the real program with good and bad input, and look at what it does and says.
"""

import os
import unittest
from pathlib import Path

from harness import NetTest, frame, run_to_end, wait_until

OPTIONS = ["--codec", "--message-max", "--magic", "--line-ending", "--length-bits",
           "--length-order", "--fixed-size", "--pin", "--listen", "--workers", "--config"]

BAD = {
    "codec": ["", "lines", "FRAME"],
    "message-max": ["-1", "many", "4294967296", ""],
    "magic": ["0x1ffffffff", "magic"],
    "line-ending": ["cr", ""],
    "length-bits": ["0", "24", "128", "x"],
    "length-order": ["middle", ""],
    "fixed-size": ["0", "1073741825", "few"],
    "listen": ["unix:", "unix:/a,mode=888", "unix:/a,mode=0", "unix:/a,mode=1777",
               "unix:/a,mode=", "unix:/a,dual-stack", "127.0.0.1:0,dual-stack",
               "127.0.0.1:0,mode=600", "[::]:0,dual-stack,dual-stack",
               "unix:/a,mode=600,mode=600", "fd:", "fd:x", "systemd:a:b", "unix:" + "x" * 108],
}

MISFITS = [  # what each option alone would allow
    ("--codec line --message-max 1", "line size limit: 1 is not in 2 to 65536"),
    ("--codec line --message-max 65537", "line size limit"),
    ("--codec frame --message-max 7", "frame size limit"),
    ("--codec frame --message-max 65536", "frame size limit"),
    ("--codec raw --message-max 0", "piece size limit"),
    ("--codec length --length-bits 8 --message-max 256", "message size limit: 256 exceeds 255"),
    ("--codec length --length-bits 16 --message-max 65536", "message size limit"),
    ("--codec length --message-max 1073741825", "message size limit"),
]


class Options(NetTest):
    """On the command line."""

    def assert_refused(self, arguments, mention):
        """One line, and status 2."""
        status, out, err = run_to_end("millipede-echo", *arguments)
        self.assertEqual((status, out, len(err)), (2, [], 1), err)
        self.assertIn(mention, err[0])

    def test_help(self):
        status, out, err = run_to_end("millipede-echo", "--help")
        self.assertEqual((status, err), (0, []))
        text = "\n".join(out)
        for option in OPTIONS:
            with self.subTest(option):
                self.assertRegex(text, rf"(?m){option}(?![\w-])")
        self.assertLessEqual(len(out), 60)
        self.assertLessEqual(max(len(line) for line in out), 100)

    def test_version(self):
        self.assertEqual(run_to_end("millipede-echo", "--version"),
                         (0, ["millipede-echo 0.1.0"], []))

    def test_bad_values(self):
        for name, values in BAD.items():
            for value in values:
                with self.subTest(f"--{name} {value}"):
                    self.assert_refused([f"--{name}", value], f"--{name}")

    def test_what_does_not_go_together(self):
        for arguments, mention in MISFITS:
            with self.subTest(arguments):
                self.assert_refused(arguments.split(), mention)

    def test_magic(self):
        server = self.serve(name="millipede-echo", report_every=None, magic="0x01020304")
        client = self.connect(server)
        packet = frame(1, b"data", magic=0x01020304)
        client.send(packet)
        self.assertEqual(client.receive(len(packet)), packet)

    def test_pinned_workers_have_a_processor_each(self):
        allowed = sorted(os.sched_getaffinity(0))
        for pin in (True, None):
            with self.subTest(pin=pin):
                server = self.serve(name="millipede-echo", report_every=None, workers=3, pin=pin)
                expected = {number: [allowed[number % len(allowed)]] if pin else allowed
                            for number in range(3)}
                wait_until(lambda: self.processors_of(server) == expected,
                           f"workers on {expected}")

    @staticmethod
    def processors_of(server):
        """The processors that each worker's thread may run on, by its number."""
        found = {}
        for task in Path(f"/proc/{server.process.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            if name.startswith("worker-"):
                found[int(name[7:])] = sorted(os.sched_getaffinity(int(task.name)))
        return found


if __name__ == "__main__":
    unittest.main()
