# SPDX-License-Identifier: BSL-1.0
"""What the public headers bring along.

Goal: who includes server.hpp, client.hpp or admin.hpp gets neither Boost.Log, Boost.Beast, OpenSSL
nor prometheus-cpp with it, and can do so without including anything before.
Method: the compiler's own list of all files that such a translation unit reads.
"""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "lib"
COMPILER = os.environ.get("CXX", "c++")
UNWANTED = ("/boost/log/", "/boost/beast/", "/openssl/", "/prometheus/")


def files_read_by(header):
    """All files that a program of that one include reads; it must compile so far."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "program.cpp"
        source.write_text(f"#include <millipede/{header}>\nint main() {{}}\n")
        done = subprocess.run([COMPILER, "-std=c++20", "-M", f"-I{LIBRARY}", str(source)],
                              capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace("\\\n", " ").split()


class PublicHeaders(unittest.TestCase):
    def test_bring_no_heavy_friends(self):
        for header in ("server.hpp", "client.hpp", "admin.hpp"):
            with self.subTest(header):
                files = files_read_by(header)
                self.assertIn(str(LIBRARY / "millipede" / header), files)
                self.assertGreater(len(files), 100)  # it is all of them
                heavy = [name for name in files if any(part in name for part in UNWANTED)]
                self.assertEqual(heavy, [])


if __name__ == "__main__":
    unittest.main()
