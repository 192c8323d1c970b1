# SPDX-License-Identifier: BSL-1.0
"""The small servers that docs/tutorial.md begins with (examples/hello, online_callbacks).

Goal: each does what its page says, ends with 0 when it is told to end, and says what is wrong with
its arguments.
Method: the real programs, plain sockets.
"""

import struct
import unittest

from example import Example
from harness import Client, NetTest, frame, run_to_end, wait_until

LOGIN, SAY_HELLO, HOW_MANY = 0x6101, 0x6111, 0x6104


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

    def test_says_hello(self):
        with Client(self.example.addresses[0]) as client:
            client.send(frame(SAY_HELLO))
            self.assertEqual(client.receive(13), frame(SAY_HELLO, b"hello"))

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


if __name__ == "__main__":
    unittest.main()
