# SPDX-License-Identifier: BSL-1.0
"""The million run without its guest, small: it finds what is right and notices what is not."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from harness import BIN, REPOSITORY, SANITIZER, SLOWNESS

MILLION = REPOSITORY / "perf" / "million" / "million.py"
CONNECTIONS = 2000
SAMPLE = 300
LIMIT_SECONDS = 150 * SLOWNESS

# Stands in for millipede-online, and loses one from its log as a server loses a connection.
LIAR = """#!/bin/bash
exec "{online}" "$@" 2> >(exec sed -u 's/online number: {total}$/online number: {less}/' >&2)
"""


class Native(unittest.TestCase):
    def run_million(self, binaries, *words):
        """(status, figures or None, both outputs)."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figures.json"
            done = subprocess.run(
                [sys.executable, MILLION, "--bin", binaries, "--native", "--json", path, *words],
                capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
            figures = json.loads(path.read_text()) if path.exists() else None
        return done.returncode, figures, done.stdout + done.stderr

    def test_counts_agree(self):
        status, figures, text = self.run_million(
            BIN, "--connections", str(CONNECTIONS), "--sample", str(SAMPLE))
        self.assertEqual(status, 0, text)
        self.assertEqual((figures["online"], figures["established"]), (CONNECTIONS, CONNECTIONS))
        self.assertEqual(figures["differences"], [])
        self.assertGreater(figures["machine"]["cores"], 0)
        self.assertGreaterEqual(figures["echoes_verified"], SAMPLE)
        self.assertIsNone(figures["kernel_bytes_per_connection"])
        self.assertGreater(figures["opening_seconds"], 0)
        if not SANITIZER:  # a slot is 32 bytes and the session; pages count as a whole
            self.assertGreater(figures["user_bytes_per_connection_slope"], 32)

    def test_a_server_that_counts_wrongly_is_found(self):
        total = 100
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(BIN / "millipede-load", Path(folder) / "millipede-load")
            liar = Path(folder) / "millipede-online"
            liar.write_text(LIAR.format(online=BIN / "millipede-online", total=total,
                                        less=total - 1))
            liar.chmod(0o755)
            status, figures, text = self.run_million(
                folder, "--connections", str(total), "--sample", "0")
        self.assertEqual(status, 1, text)
        self.assertIn("online by the server: 99 instead of 100", text)
        self.assertFalse(figures["passed"])

    def test_too_many_for_the_limits(self):
        status, figures, text = self.run_million(BIN, "--connections", "20000000")
        self.assertEqual((status, figures), (2, None), text)
        self.assertEqual(text.count("\n"), 1, text)
        self.assertIn("descriptors are needed in one process, the hard limit is", text)


if __name__ == "__main__":
    unittest.main()
