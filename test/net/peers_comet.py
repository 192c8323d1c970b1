# SPDX-License-Identifier: BSL-1.0
"""The floor that comet servers are compared with, bench-raw-comet, does what it is compared in.

Goal: everybody who listens gets each message once, by whichever way; who goes is forgotten; what
is no request, or too slow a reader, ends one connection and no other.
Method: plain sockets; /info says who listens.
"""

import json
import unittest

from harness import NetTest, wait_until

FIELDS = b"HTTP/1.1\r\nHost: here\r\n\r\n"
MESSAGE = b'{"type":"data","cname":"c","seq":%d,"content":"%s"}'


def request(target):
    return b"GET " + target + b" " + FIELDS


class RawComet(NetTest):
    def setUp(self):
        self.server = self.serve(name="bench-raw-comet", connections=None, report_every=None,
                                 transport=None)
        self.publisher = self.connect(self.server)

    def reply(self, client):
        """The body of a whole reply."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.receive(1)
        self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
        (length,) = [line.split(b": ")[1] for line in head.splitlines()
                     if line.startswith(b"Content-Length: ")]
        return client.receive(int(length))

    def ask(self, target):
        self.publisher.send(request(target))
        return json.loads(self.reply(self.publisher))

    def await_listeners(self, count):
        wait_until(lambda: self.ask(b"/info") == {"subscribers": count}, f"{count} who listen")

    def push(self, content):
        self.assertEqual(self.ask(b"/push?cname=c&content=" + content), {"type": "ok"})

    def begin_stream(self, target, kind):
        client = self.connect(self.server)
        client.send(request(target))
        head = (b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"; charset=utf-8\r\n"
                b"Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(client.receive(len(head)), head)
        return client

    def assert_chunk(self, client, body):
        chunk = b"%x\r\n%s\r\n" % (len(body), body)
        self.assertEqual(client.receive(len(chunk)), chunk)

    def test_each_way_gets_each_message(self):
        polls = [self.connect(self.server) for _ in range(3)]
        stream = self.begin_stream(b"/stream?cname=c", b"application/json")
        events = self.begin_stream(b"/sse?cname=c", b"text/event-stream")
        for number in (1, 2):
            for each in polls:
                each.send(request(b"/sub?cname=c&seq=%d" % number))
            self.await_listeners(5)
            self.push(b"x")
            for each in polls:
                self.assertEqual(self.reply(each), MESSAGE % (number, b"x") + b"\n")
            self.assert_chunk(stream, MESSAGE % (number, b"x") + b"\n")
            self.assert_chunk(events, b"data: " + MESSAGE % (number, b"x") + b"\n\n")
            self.await_listeners(2)

    def test_content_is_decoded_and_quoted(self):
        stream = self.begin_stream(b"/stream", b"application/json")
        self.push(b"a+%22b%5C%0a%2B&other=1")
        self.assert_chunk(stream, MESSAGE % (1, rb'a \"b\\ +') + b"\n")
        self.push(b"%")
        self.assert_chunk(stream, MESSAGE % (2, b"%") + b"\n")
        self.ask(b"/push")
        self.assert_chunk(stream, MESSAGE.replace(b'"c"', b'""') % (3, b"") + b"\n")

    def test_a_request_in_pieces(self):
        client = self.connect(self.server)
        whole = request(b"/sub?cname=c")
        for cut in range(0, len(whole), 5):
            client.send(whole[cut:cut + 5])
            self.server.wait_all_read()
        self.await_listeners(1)

    def test_who_goes_is_forgotten(self):
        clients = [self.begin_stream(b"/stream", b"application/json") for _ in range(4)]
        clients[1].close()
        self.await_listeners(3)
        self.push(b"x")
        for each in (clients[0], clients[2], clients[3]):
            self.assert_chunk(each, MESSAGE % (1, b"x") + b"\n")

    def test_what_is_wrong_ends_one_connection(self):
        client = self.connect(self.server)
        client.send(request(b"/nothing"))
        absent = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(client.receive(len(absent)), absent)
        for bytes_sent in (b"POST /push HTTP/1.1\r\n\r\n", b"x" * 10_000):
            client = self.connect(self.server)
            client.send(bytes_sent)
            self.assert_stream_ends(client)
        client = self.begin_stream(b"/stream", b"application/json")
        client.send(request(b"/info"))
        self.assert_stream_ends(client)
        self.await_listeners(0)

    def test_who_does_not_read_is_dropped(self):
        self.begin_stream(b"/stream", b"application/json")
        stream = b"x" * 7_000
        def dropped():
            self.push(stream)
            return self.ask(b"/info") == {"subscribers": 0}
        wait_until(dropped, "the end of a slow reader")


if __name__ == "__main__":
    unittest.main()
