# SPDX-License-Identifier: BSL-1.0
"""The programs of docs/migrating.md: MarioTCP's sample, and one service in three ways.

Goal: what the page sets side by side does the same on the wire.
Method: the same checks on each program that is built; libevent need not be there.
"""

import struct
import unittest

from example import Example
from harness import BIN, Client, NetTest, frame, run_to_end, wait_until

LOGIN, HOW_MANY, SAY_HELLO = 0x6101, 0x6104, 0x6111
PROGRAMS = [name for name in ("example-online-callbacks", "example-asio-sessions",
                              "example-bufferevents") if (BIN / name).exists()]


def ask(client):
    """The number that it answers."""
    client.send(frame(HOW_MANY))
    head, number = client.receive(8), client.receive(8)
    assert head == frame(HOW_MANY, bytes(8))[:8], head
    return struct.unpack("<q", number)[0]


class OneServiceInThreeWays(NetTest):
    def each(self):
        """Each program, running."""
        self.assertGreaterEqual(len(PROGRAMS), 2)
        for name in PROGRAMS:
            with self.subTest(name):
                yield Example(self, name, "127.0.0.1:0").addresses[0]

    def test_counts_who_is_logged_in(self):
        for address in self.each():
            with Client(address) as stranger, Client(address) as ada:
                self.assertEqual(ask(stranger), 0)
                for _ in range(2):  # the second time counts no more
                    ada.send(frame(LOGIN, b"\1\0"))
                    self.assertEqual(ada.receive(8), frame(LOGIN))
                    self.assertEqual(ask(stranger), 1)
                ada.close()
                wait_until(lambda c=stranger: ask(c) == 0, "the count to go down")

    def test_frames_may_be_cut_anywhere(self):
        for address in self.each():
            with Client(address) as client:
                for byte in frame(LOGIN, b"\1\0") + frame(HOW_MANY):
                    client.send(bytes([byte]))
                self.assertEqual(client.receive(8), frame(LOGIN))
                self.assertEqual(client.receive(16), frame(HOW_MANY, struct.pack("<q", 1)))

    def test_what_is_no_frame_ends_the_connection(self):
        for address in self.each():
            for bad in (b"nonsense", frame(LOGIN), frame(0x7777), frame(LOGIN, size=7)):
                with Client(address) as client:
                    client.send(bad)
                    self.assertEqual(client.receive_to_end(), b"")

    def test_a_place_that_is_none_is_named(self):
        for name in PROGRAMS:
            status, _, err = run_to_end(name, "nowhere")
            self.assertEqual(status, 2)
            self.assertIn("nowhere", "\n".join(err))

    def test_the_sample_of_mariotcp_answers_its_clients(self):
        address = Example(self, "example-mario-sample", "127.0.0.1:0").addresses[0]
        with Client(address) as client:
            client.send(frame(LOGIN, b"\7\0") + b"\r\n" + frame(SAY_HELLO))  # as mario_test does
            self.assertEqual(client.receive(8), frame(LOGIN))
            self.assertEqual(client.receive(13), frame(SAY_HELLO, b"hello"))
            client.send(frame(SAY_HELLO, bytes(1493)))  # longer than MarioTCP takes
            self.assertEqual(client.receive_to_end(), b"")
        status, _, err = run_to_end("example-mario-sample", "nowhere")
        self.assertEqual(status, 2)
        self.assertIn("nowhere", "\n".join(err))


if __name__ == "__main__":
    unittest.main()
