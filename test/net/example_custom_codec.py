# SPDX-License-Identifier: BSL-1.0
"""The example of a codec of one's own (examples/custom_codec): netstrings.

Goal: it does what its description says, at every cut, and refuses what is no netstring.
Method: the real program, plain sockets.
"""

import unittest

from harness import DEADLINE, Lines, NetTest, spawn, wait_until


class Netstrings(NetTest):
    """`5:world,` is answered by `13:Hello, world!,`."""

    def setUp(self):
        self.process = spawn("example-custom-codec", ["127.0.0.1:0"])
        self.addCleanup(self.end)  # after the clients'
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)
        line = wait_until(self.out.all, "'listening on'")[0]
        host, port = line.removeprefix("listening on ").rsplit(":", 1)
        self.address = (host, int(port))

    def end(self):
        """Ends the program, which must go well."""
        self.process.terminate()
        try:
            self.assertEqual(self.process.wait(DEADLINE), 0)
        finally:
            self.process.kill()

    def test_answers_each_name(self):
        client = self.connect(self.address)
        client.send(b"5:world,0:,3:you,")
        self.assert_reply(client, b"13:Hello, world!,8:Hello, !,11:Hello, you!,")

    def test_cut_at_every_byte(self):
        stream = b"5:world,10:everybody!,"
        for cut in range(1, len(stream)):
            client = self.connect(self.address)
            client.send(stream[:cut])
            client.send(stream[cut:])
            self.assert_reply(client, b"13:Hello, world!,18:Hello, everybody!!,")

    def test_the_longest_name_and_what_cannot_be_answered(self):
        client = self.connect(self.address)
        client.send(b"991:" + b"x" * 991 + b",")
        self.assert_reply(client, b"999:Hello, " + b"x" * 991 + b"!,")
        client.send(b"992:" + b"x" * 992 + b",")  # the answer would be too long
        self.assert_stream_ends(client)

    def test_what_is_none_ends_the_connection(self):
        for bad in (b"x:abc,", b":,", b"-1:,", b"3:abcd", b"1000:", b"12345", b"5 :world,"):
            with self.subTest(bad):
                client = self.connect(self.address)
                client.send(b"2:ok," + bad)
                self.assert_stream_ends(client, b"10:Hello, ok!,")

    def assert_reply(self, client, expected):
        """Exactly this comes."""
        self.assertEqual(client.receive(len(expected)), expected)


if __name__ == "__main__":
    unittest.main()
