# SPDX-License-Identifier: BSL-1.0
"""10,000 clients of the library on one io_context, against the real server.

Goal: all are logged in and answered, and an idle one takes little memory.
Method: a program of the tests that is nothing but the library's clients (support/holding_clients).
"""

import re
import subprocess
import unittest

import harness

COUNT = 3000 if harness.SANITIZER else 10_000
BYTES_MAX = 3000  # of one idle client; 2 KB when this was written


class ManyClients(harness.NetTest):
    def test_ten_thousand_on_one_io_context(self):
        harness.raise_descriptor_limit(COUNT + 100)
        server = self.serve(connections=COUNT * 3 // 4)  # of two workers
        holder = subprocess.Popen(
            [harness.program("millipede-test-holding-clients"), "127.0.0.1", str(server.port),
             str(COUNT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        out, err = harness.Lines(holder.stdout), harness.Lines(holder.stderr)

        def said(pattern, count=1):
            def look():
                if holder.poll() is not None:
                    raise AssertionError(f"the clients ended: {err.all()}")
                found = [m for m in (re.fullmatch(pattern, line) for line in out.all()) if m]
                return found[-1] if len(found) >= count else None
            return harness.wait_until(look, f"{pattern} in {out.all()}",
                                      harness.DEADLINE * 6)

        size = int(said(rf"connected {COUNT}, (\d+) bytes each")[1])
        print(f"{COUNT} clients, {size} bytes of user memory each", flush=True)
        server.wait_online(COUNT)
        for turn in (1, 2):
            holder.stdin.write(b"ask\n")
            holder.stdin.flush()
            said(f"answered {COUNT}", turn)
        if not harness.SANITIZER:
            self.assertGreater(size, 500)
            self.assertLess(size, BYTES_MAX)
        holder.stdin.close()
        self.assertEqual(holder.wait(harness.DEADLINE * 3), 0)
        server.wait_online(0)


if __name__ == "__main__":
    unittest.main()
