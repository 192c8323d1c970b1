# SPDX-License-Identifier: BSL-1.0
"""millipede-echo sends back every message, in each of its codecs, however the stream is cut.

Goal: what comes back is what was sent, to the byte, message by message; a message that is too long
ends the connection after the replies to those before it, and so does the line "quit".
Method: plain sockets and streams packed here from the codecs' descriptions. Cuts are real: the next
piece goes out only when the server has read the one before.
"""

import struct
import unittest

from harness import CRLF, NetTest, echo, frame, wait_until


def length_prefixed(data, form=">I"):
    """A message behind its length."""
    return struct.pack(form, len(data)) + data


# Options of each codec, whole messages, and a beginning of one more.
CODECS = {
    "frame": ({"codec": "frame"}, [echo(b"abc"), echo(), frame(7, b"\0" * 9)], echo(b"xy")[:-1]),
    "line": ({"codec": "line"}, [b"abc\n", b"\n", b"\0\xff\r\n"], b"rest\r"),
    "line crlf": ({"codec": "line", "line_ending": "crlf"},
                  [b"abc\r\n", b"\r\n", b"a\rb\nc\r\r\n"], b"rest\r"),
    "line either": ({"codec": "line", "line_ending": "either"}, [b"abc\r\n", b"\r\n"], b"rest"),
    "length": ({"codec": "length"},
               [length_prefixed(b"abc"), length_prefixed(b""), length_prefixed(b"\0\0")],
               length_prefixed(b"rest")[:-1]),
    "length 8": ({"codec": "length", "length_bits": 8},
                 [b"\x03abc", b"\0", b"\xff" + b"x" * 255], b"\x02a"),
    "length 16 little": ({"codec": "length", "length_bits": 16, "length_order": "little"},
                         [length_prefixed(b"abc", "<H"), b"\0\0"], b"\x02\0a"),
    "length 64 little": ({"codec": "length", "length_bits": 64, "length_order": "little"},
                         [length_prefixed(b"abc", "<Q"), length_prefixed(b"", "<Q")], b"\x01"),
    "fixed": ({"codec": "fixed", "fixed_size": 4}, [b"abcd", b"\0\0\0\0", b"\r\nxy"], b"abc"),
    "raw": ({"codec": "raw"}, [b"abc", b"\0", b"\r\n"], b""),
}


class EchoTest(NetTest):
    """With a server of any codec."""

    def serve_echo(self, **options):
        """Starts one; it has no reports."""
        return self.serve(name="millipede-echo", report_every=None, **options)

    def each_codec(self):
        """(server, messages, rest) of every codec, as subtests."""
        for name, (options, messages, rest) in CODECS.items():
            with self.subTest(name):
                yield self.serve_echo(**options), messages, rest


class Streams(EchoTest):
    """Every codec, by the same questions."""

    def test_one_message_at_a_time(self):
        for server, messages, _ in self.each_codec():
            client = self.connect(server)
            for message in messages:
                client.send(message)
                self.assertEqual(client.receive(len(message)), message)

    def test_pipelined(self):
        for server, messages, rest in self.each_codec():
            stream = b"".join(messages) * 2_000
            client = self.connect(server)
            self.assertEqual(client.exchange(stream + rest, len(stream)), stream)
            client.half_close()
            self.assert_stream_ends(client)

    def test_cut_at_every_byte(self):
        for server, messages, rest in self.each_codec():
            stream = b"".join(messages)
            cuts = range(1, min(len(stream), 40))
            clients = [self.connect(server) for _ in cuts]
            for client, cut in zip(clients, cuts):
                client.send(stream[:cut])
            server.wait_all_read()
            for client, cut in zip(clients, cuts):
                client.send(stream[cut:] + rest)
            for client, cut in zip(clients, cuts):
                self.assertEqual(client.receive(len(stream)), stream, f"cut at {cut}")
                client.close()

    def test_byte_by_byte(self):
        for server, messages, _ in self.each_codec():
            stream = b"".join(messages)
            client = self.connect(server)
            for at in range(len(stream)):
                client.send(stream[at:at + 1])
            self.assertEqual(client.receive(len(stream)), stream)

    def test_half_close_is_answered_in_full(self):
        for server, messages, rest in self.each_codec():
            client = self.connect(server)
            client.send(b"".join(messages) + rest)
            client.half_close()
            self.assert_stream_ends(client, b"".join(messages))

    def test_a_peer_that_reads_late_gets_all(self):
        for server, messages, _ in self.each_codec():
            stream = b"".join(messages) * (1 + (1 << 20) // len(b"".join(messages)))
            client = self.connect(server, receive_buffer=4096)
            self.assertEqual(client.exchange(stream, len(stream), half_close=True), stream)


class OverLong(EchoTest):
    """What exceeds --message-max."""

    def check(self, good, bad, **options):
        """The reply to `good` comes, then the end, and the log says why; others are not hurt."""
        server = self.serve_echo(message_max=8, **options)
        other = self.connect(server)
        client = self.connect(server)
        client.send(good + bad)
        self.assert_stream_ends(client, good)
        other.send(good)
        self.assertEqual(other.receive(len(good)), good)
        wait_until(lambda: server.log("warning", contains="bad size; connection closed"),
                   "the log to say why")
        self.assertEqual(len(server.log("warning", contains="connection closed")), 1)

    def test_line(self):
        self.check(b"1234567\n", b"12345678\n", codec="line")

    def test_line_without_end(self):
        self.check(b"\n", b"12345678", codec="line")

    def test_line_with_cr_lf(self):
        self.check(b"123456\r\n", b"1234567\r\n", codec="line", line_ending="crlf")

    def test_length(self):
        self.check(length_prefixed(b"12345678"), length_prefixed(b"123456789"), codec="length")

    def test_length_that_is_told_and_does_not_come(self):
        self.check(length_prefixed(b""), b"\xff\xff\xff\xff", codec="length")

    def test_frame(self):
        self.check(echo(), echo(b"x"), codec="frame")

    def test_raw_has_no_message_that_is_too_long(self):
        server = self.serve_echo(codec="raw", message_max=8)
        client = self.connect(server)
        stream = bytes(range(256)) * 300
        self.assertEqual(client.exchange(stream, len(stream)), stream)


class Quit(EchoTest):
    """The line that ends a connection, and that others do not have."""

    def test_quit_closes(self):
        for ending, quit_line in (("lf", b"quit\n"), ("lf", b"quit\r\n"), ("crlf", b"quit\r\n"),
                                  ("either", b"quit\n")):
            with self.subTest(ending=ending, line=quit_line):
                server = self.serve_echo(codec="line", line_ending=ending)
                first = b"hello" + (b"\n" if ending == "lf" else CRLF)
                client = self.connect(server)
                client.send(first + quit_line + b"never answered\n")
                self.assert_stream_ends(client, first)
                client.close()
                server.stop()
                self.assertEqual(server.totals()["closed_by_server"], 1)

    def test_what_is_like_it_does_not(self):
        server = self.serve_echo(codec="line")
        client = self.connect(server)
        stream = b"quit \n quit\nQUIT\nquit!\nqui\nt\n"
        client.send(stream)
        self.assertEqual(client.receive(len(stream)), stream)

    def test_only_lines_have_it(self):
        server = self.serve_echo(codec="raw")
        client = self.connect(server)
        client.send(b"quit\n")
        self.assertEqual(client.receive(5), b"quit\n")
        client.half_close()
        self.assert_stream_ends(client)


if __name__ == "__main__":
    unittest.main()
