# SPDX-License-Identifier: BSL-1.0
"""examples/client from outside: logs in, asks, is pushed to, comes back, and logs in again.

Goal: what the example promises, with a real server that dies and one that says goodbye.
Method: the real programs; a server that pushes and says goodbye is a Python socket with a script.
"""

import contextlib
import signal
import socket
import struct
import time
import unittest

import harness

GOODBYE = 0x6110


class Example:
    """The running example, and the lines that it prints."""

    def __init__(self, port, uid=7):
        self.process = harness.spawn("example-client", ["127.0.0.1", str(port), str(uid)])
        self.lines = harness.Lines(self.process.stdout)
        self.errors = harness.Lines(self.process.stderr)

    def wait_for(self, line, count=1):
        harness.wait_until(lambda: self.lines.all().count(line) >= count,
                           f"'{line}' {count} times in {self.lines.all()}")

    def stop(self):
        """Ends it by SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(harness.DEADLINE)

    def kill(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(harness.DEADLINE)


class ClientExample(harness.NetTest):
    def start(self, port):
        example = Example(port)
        self.addCleanup(example.kill)
        return example

    def test_logs_in_again_after_the_server_has_gone(self):
        first = self.serve()
        host, port = first.address[:2]
        example = self.start(port)
        first.wait_online(1)
        example.wait_for("logged in as 7")
        example.wait_for("answer 1")
        first.stop()
        harness.wait_until(lambda: any(line.startswith("waiting: ")
                                       for line in example.lines.all()), "the end to be noticed")
        second = self.serve(listen=f"{host}:{port}")
        second.wait_online(1)
        example.wait_for("logged in as 7", 2)
        self.assertEqual(example.stop(), 0)
        second.wait_online(0)

    def test_pushes_and_a_goodbye_that_says_when_to_come_back(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(harness.DEADLINE)
            example = self.start(listener.getsockname()[1])
            with listener.accept()[0] as peer:
                peer.settimeout(harness.DEADLINE)
                self.assertEqual(peer.recv(10), harness.login(7))
                peer.sendall(harness.login_reply() + harness.frame(0x0010, b"abc"))
                example.wait_for("command 16: 3 bytes")
                peer.sendall(harness.frame(GOODBYE, struct.pack("<I", 1500)))
            gone = time.monotonic()
            with listener.accept()[0] as peer:
                self.assertGreaterEqual(time.monotonic() - gone, 1.4)
                peer.settimeout(harness.DEADLINE)
                self.assertEqual(peer.recv(10), harness.login(7))
            self.assertEqual(example.stop(), 0)

    def test_wrong_usage(self):
        status, _, err = harness.run_to_end("example-client", "127.0.0.1")
        self.assertEqual(status, 2)
        self.assertIn("usage", "\n".join(err))


if __name__ == "__main__":
    unittest.main()
