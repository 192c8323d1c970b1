# SPDX-License-Identifier: BSL-1.0
"""The small servers that docs/tutorial.md begins with (examples/hello, online_callbacks, tls).

Goal: each does what its page says, ends with 0 when it is told to end, and says what is wrong with
its arguments.
Method: the real programs, plain sockets and Python's TLS.
"""

import re
import signal
import struct
import unittest

from harness import DEADLINE, Client, Lines, NetTest, frame, run_to_end, spawn, wait_until
from secure import SecureTest, TlsClient

LOGIN, SAY_HELLO, HOW_MANY, WHISPER = 0x6101, 0x6103, 0x6104, 0x6105


class Example:
    """A running example."""

    def __init__(self, test, name, *arguments, endpoints=1):
        self.process = spawn(name, arguments)
        test.addCleanup(self.end)
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        lines = wait_until(lambda: len(got := self.out.all()) >= endpoints and got,
                           f"'listening on' from {name}")
        found = [re.fullmatch(r"listening on (.+):(\d+)", line) for line in lines]
        self.addresses = [(each[1], int(each[2])) for each in found]

    def end(self):
        """Ends it, which must go well."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(DEADLINE)
        finally:
            self.process.kill()
        assert status == 0, f"exit status {status}: {self.err.all()}"


class Hello(NetTest):
    def test_greets_by_name(self):
        hello = Example(self, "example-hello", "127.0.0.1:0")
        with Client(hello.addresses[0]) as client:
            for name in (b"Ada", b"", b"sixteen letters!"):
                client.send(frame(SAY_HELLO, name.ljust(16, b"\0")))
                expected = frame(SAY_HELLO, b"hello, " + name)
                self.assertEqual(client.receive(len(expected)), expected)

    def test_what_is_no_name_ends_the_connection(self):
        hello = Example(self, "example-hello", "127.0.0.1:0")
        for bad in (frame(SAY_HELLO, b"too short"), frame(LOGIN), b"nonsense"):
            with self.subTest(bad), Client(hello.addresses[0]) as client:
                client.send(bad)
                self.assertEqual(client.receive_to_end(), b"")

    def test_an_endpoint_that_is_none_is_named(self):
        for name in ("example-hello", "example-online-callbacks"):
            status, _, err = run_to_end(name, "nowhere")
            self.assertEqual(status, 2)
            self.assertIn("nowhere", "\n".join(err))


class OnlineCallbacks(NetTest):
    def setUp(self):
        self.example = Example(self, "example-online-callbacks", "127.0.0.1:0")

    def ask(self, client):
        """The number that it answers."""
        client.send(frame(HOW_MANY))
        answer = client.receive(16)
        self.assertEqual(answer[:8], frame(HOW_MANY, bytes(8))[:8])
        return struct.unpack("<q", answer[8:])[0]

    def login(self):
        """A client that is logged in."""
        client = Client(self.example.addresses[0])
        self.addCleanup(client.close)
        client.send(frame(LOGIN, b"\1\0"))
        self.assertEqual(client.receive(8), frame(LOGIN))
        return client

    def test_counts_who_is_logged_in(self):
        with Client(self.example.addresses[0]) as stranger:
            self.assertEqual(self.ask(stranger), 0)
            ada, grace = self.login(), self.login()
            self.assertEqual(self.ask(stranger), 2)
            ada.send(frame(LOGIN, b"\1\0"))  # once more: counts once
            self.assertEqual(ada.receive(8), frame(LOGIN))
            self.assertEqual(self.ask(ada), 2)
            grace.close()
            wait_until(lambda: self.ask(stranger) == 1, "the count to go down")


class Tls(SecureTest):
    def test_serves_both_and_reads_its_files_again(self):
        example = Example(self, "example-tls", "127.0.0.1:0", "127.0.0.1:0", self.certificate,
                          self.key, endpoints=2)
        whisper = frame(WHISPER, b"psst")
        with Client(example.addresses[0]) as plain:
            plain.send(whisper)
            self.assertEqual(plain.receive(len(whisper)), whisper)
        with TlsClient(example.addresses[1], self.context()) as first:
            before = first.socket.getpeercert(binary_form=True)
            self.authority.issue("server")  # over the old one
            example.process.send_signal(signal.SIGHUP)

            def has_changed():
                with TlsClient(example.addresses[1], self.context()) as newcomer:
                    return newcomer.socket.getpeercert(binary_form=True) != before
            wait_until(has_changed, "newcomers to get the new certificate")
            first.send(whisper)  # nobody was dropped
            self.assertEqual(first.receive(len(whisper)), whisper)

    def test_usage_and_missing_files(self):
        status, _, err = run_to_end("example-tls")
        self.assertEqual((status, err[0][:18]), (2, "usage: example-tls"))
        status, _, err = run_to_end("example-tls", "127.0.0.1:0", "127.0.0.1:0", "/no/such", "x")
        self.assertEqual(status, 2)
        self.assertIn("/no/such", "\n".join(err))


if __name__ == "__main__":
    unittest.main()
