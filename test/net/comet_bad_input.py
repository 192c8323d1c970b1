# SPDX-License-Identifier: BSL-1.0
"""The comet server and peers that do not mean well, or do not know HTTP.

Goal: whatever comes is answered with the status that fits, or ended, and counted; nobody else
notices; nothing can be smuggled past a proxy.
Method: bytes on a socket, whole and cut in two at each byte.
"""

import json
import time
import unittest

from harness import SLOWNESS, wait_until
from http_client import CometTest, data

GET = b"GET /ping HTTP/1.1\r\n"
POST = b"POST /push HTTP/1.1\r\n"

REFUSED = {
    # what no HTTP is
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
    b"\x00\r\n\r\n": 400,
    b"GET\r\n\r\n": 400,
    b"GET /ping\r\n\r\n": 400,
    b"GET  /ping HTTP/1.1\r\n\r\n": 400,
    b"GET /ping HTTP/1.1 \r\n\r\n": 400,
    b"GET ping HTTP/1.1\r\n\r\n": 400,
    b"GET /pi\x01ng HTTP/1.1\r\n\r\n": 400,
    b"GET /ping HTTQ/1.1\r\n\r\n": 400,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505,
    b"GET /ping HTTP/3.0\r\n\r\n": 505,
    # fields
    GET + b"no colon\r\n\r\n": 400,
    GET + b"blank : before\r\n\r\n": 400,
    GET + b": no name\r\n\r\n": 400,
    GET + b"x: a\x00b\r\n\r\n": 400,
    GET + b"x: a\rb\r\n\r\n": 400,
    GET + b"x: folded\r\n b\r\n\r\n": 400,
    GET + b"x: folded\r\n\tb\r\n\r\n": 400,
    GET + b" x: the first one\r\n\r\n": 400,
    GET + b"Expect: the unexpected\r\n\r\n": 417,
    # lengths
    POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde": 400,
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef": 400,
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    POST + b"Transfer-Encoding: gzip\r\n\r\n": 501,
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n": 501,
    POST + b"Transfer-Encoding: identity\r\n\r\n": 501,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n": 501,
    b"POST /push HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    POST + b"Content-Length: -1\r\n\r\n": 400,
    POST + b"Content-Length: +1\r\n\r\n": 400,
    POST + b"Content-Length: 0x10\r\n\r\n": 400,
    POST + b"Content-Length: 1 2\r\n\r\n": 400,
    POST + b"Content-Length:\r\n\r\n": 400,
    POST + b"Content-Length: 99999999999999999999\r\n\r\n": 400,
    POST + b"Content-Length: 1048577\r\n\r\n": 413,
    # chunks
    POST + b"Transfer-Encoding: chunked\r\n\r\nx\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n": 413,
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n": 413,
    POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n": 400,
    POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 1025: 413,
    # methods
    b"TRACE / HTTP/1.1\r\n\r\n": 501,
    b"CONNECT example.com:443 HTTP/1.1\r\n\r\n": 501,
    b"PATCH /push HTTP/1.1\r\n\r\n": 501,
    b"FLY /push HTTP/1.1\r\n\r\n": 501,
    b"get /ping HTTP/1.1\r\n\r\n": 501,
    # sizes
    b"GET /ping?" + b"x" * 65_536: 414,
    GET + b"x: " + b"y" * 65_536: 431,
    GET + b"x: y\r\n" * 11_000 + b"\r\n": 431,
}


class BadInput(CometTest):
    """What is refused."""

    def check_refused(self, address, bytes_sent, status):
        client = self.http(address)
        for part in bytes_sent:
            client.send(part)
            if len(bytes_sent) > 1:
                time.sleep(0.001)
        head = client.head()
        self.assertEqual(head.status, status, bytes_sent)
        self.assertEqual(head.fields["connection"], "close")
        body = client.rest()
        self.assertEqual(len(body), int(head.fields["content-length"]), "one reply, and the end")
        client.close()

    def test_each_has_its_status(self):
        server = self.serve_comet(linger_timeout="10s")
        for text, status in REFUSED.items():
            for address in (server.front, server.admin):
                self.check_refused(address, [text], status)
        self.check_refused(server.front, [b"\r\n", b"\r\nGET", b" \r\n\r\n"], 400)
        self.assertEqual(self.http(server.front).get("/ping").status, 200)
        self.assertEqual(json.loads(self.admin(server, "info"))["channels"], 0)
        server.stop()
        self.assertEqual(server.counts()["refused_requests"], 2 * len(REFUSED) + 1)

    def test_cut_in_two(self):
        server = self.serve_comet(linger_timeout="10s")
        for text, status in REFUSED.items():
            if len(text) > 100 or text[0] < 32:
                continue
            for cut in range(1, len(text), 5):
                self.check_refused(server.admin, [text[:cut], text[cut:]], status)

    def test_a_refusal_is_not_lost_to_what_follows(self):
        """A close that leaves input unread would reset the connection, and the reply with it."""
        server = self.serve_comet(linger_timeout="30s")
        client = self.http(server.front)
        client.send(b"BREW /pot HTTP/1.1\r\n\r\n" + b"x" * 500_000)
        self.assertEqual(client.head().status, 501)
        client.rest()

    def test_blank_lines_before_a_request(self):
        server = self.serve_comet()
        client = self.http(server.front)
        for cut in range(9):
            text = b"\r\n\r\n\r\n\r\n" + GET + b"\r\n"
            client.send(text[:cut])
            time.sleep(0.002)
            client.send(text[cut:])
            self.assertEqual(client.reply().status, 200)

    def test_limits_are_settings(self):
        server = self.serve_comet(head_max=300, body_max=20)
        client = self.http(server.admin)
        head = b"POST /push HTTP/1.1\r\nContent-Length: 20\r\nx: "
        client.send(head.ljust(296, b"y") + b"\r\n\r\n" + b"cname=c&content=1234")
        self.assertEqual(client.reply().status, 200)
        self.check_refused(server.admin, [head.ljust(297, b"y") + b"\r\n\r\n"], 431)
        self.check_refused(server.admin, [POST + b"Content-Length: 21\r\n\r\n"], 413)
        chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n"
        self.check_refused(server.admin, [chunked + b"10\r\n" + b"x" * 16 + b"\r\n5\r\n"], 413)
        self.check_refused(server.admin, [chunked + b"1;" + b"x" * 40_000], 413)

    def test_slow_heads_and_bodies(self):
        server = self.serve_comet(message_timeout="1s", linger_timeout="30s")
        stream, _ = self.subscribe(server, "c", path="stream")
        poll, _ = self.subscribe(server, "c")
        slow = [self.http(address) for address in (server.front, server.admin) for _ in range(3)]
        for each in (slow[0], slow[3]):
            each.send(b"G")
        for each in (slow[1], slow[4]):
            each.send(GET)
        for each in (slow[2], slow[5]):
            each.send(POST + b"Content-Length: 10\r\n\r\nabc")
        for each in slow:
            head = each.head()
            self.assertEqual((head.status, head.reason), (408, "Request Timeout"))
            self.assertEqual(head.fields["connection"], "close")
            each.send(b"x" * 1000)  # too late, and no reason for a reset
            self.assertEqual(len(each.rest()), int(head.fields["content-length"]))
            each.close()
        self.push(server, "c", "m")  # who waits for us is not slow
        for each in (stream, poll):
            self.assertEqual(each.message(), data("c", 1, "m"))
        for each in (stream, poll):
            each.close()
        server.stop()
        self.assertEqual(server.totals()["message_timeouts"], 6)
        self.assertEqual(server.counts()["slow_requests"], 6)

    def test_the_rest_of_a_request_behind_a_reply(self):
        """Who has had a reply and begins another request is as slow as a newcomer."""
        server = self.serve_comet(message_timeout="1s")
        client = self.http(server.front)
        self.assertEqual(client.get("/ping").status, 200)
        client.send(GET)
        self.assertEqual(client.head().status, 408)

    def test_who_says_nothing_at_all(self):
        server = self.serve_comet(first_message_timeout="500ms")
        self.assertEqual(self.http(server.front).head().status, 408)
        server.stop()
        self.assertEqual(server.totals()["first_message_timeouts"], 1)

    def test_bad_percent_encoding(self):
        """A path is no other's; a query is void, as it is for icomet: and both are counted."""
        server = self.serve_comet()
        for path in ("/pi%zzng", "/ping%", "/%2", "/ping%00"):
            self.assertEqual(self.http(server.front).get(path).status, 404, path)
        client = self.http(server.admin)
        for query in ("cname=%zz", "cname=c&content=%", "cname=c&content=a%2&"):
            self.assertEqual(client.get(f"/push?{query}").status, 200)
        self.assertEqual(client.get("/check?cname=c").body, b"{}\n")
        self.assertEqual(client.get("/check?cname=").body, b'{"": 1}\n')
        self.assertEqual(client.get("/pi%6eg").status, 404)  # of the other port
        server.stop()
        counts = server.counts()
        self.assertEqual((counts["unknown_paths"], counts["void_queries"]), (5, 3))

    def test_unknown_methods_of_known_paths(self):
        server = self.serve_comet()
        front, admin = self.http(server.front), self.http(server.admin)
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(front.get("/sub?cname=c", method=method).status, 405)
            self.assertEqual(admin.get("/broadcast?content=c", method=method).status, 405)
        self.assertEqual(admin.get("/push?cname=c", method="PUT").status, 405)
        server.stop()
        self.assertEqual(server.counts()["wrong_methods"], 7)

    def test_a_subscriber_that_never_reads(self):
        server = self.serve_comet(output_max_bytes=65_536, write_timeout="0s")
        stuck = self.http(server.front, receive_buffer=4096)
        stuck.ask("/stream?cname=c&seq=1")
        reader, _ = self.subscribe(server, "c", path="stream")
        self.wait_subscribers(server, "c", 2)
        publisher = self.http(server.admin)
        text = "x" * 50_000
        for number in range(1, 201):
            publisher.ask("/push?cname=c", method="POST", body=b"content=" + text.encode())
            publisher.reply()
            self.assertEqual(reader.message(), data("c", number, text))
            if number % 20 == 0 and self.subscribers(server, "c") == 1:
                break
        self.wait_subscribers(server, "c", 1)
        self.push(server, "c", "m")
        self.assertEqual(reader.message()["content"], "m")
        server.stop()
        self.assertEqual(server.totals()["shed"], 1)

    def test_one_who_never_reads_and_asks_on(self):
        """Replies that nobody reads cost what one connection may have, and no more."""
        server = self.serve_comet()
        client = self.http(server.front, receive_buffer=4096)
        client.send_until_full(b"GET /ping HTTP/1.1\r\n\r\n", limit=16 << 20,
                               patience=0.3 * SLOWNESS)
        self.assertEqual(self.http(server.front).get("/ping").status, 200)

    def test_many_behind_a_poll(self):
        """What is pipelined behind a waiting poll stays with its sender."""
        server = self.serve_comet()
        client, _ = self.subscribe(server, "c")
        sent = client.send_until_full(b"GET /ping HTTP/1.1\r\n\r\n", limit=64 << 20,
                                      patience=0.3 * SLOWNESS)
        self.assertLess(sent, 64 << 20)
        self.push(server, "c", "m")
        self.assertEqual(client.message(), data("c", 1, "m"))
        self.assertEqual(client.chunk(), b"")
        for _ in range(1000):
            self.assertEqual(client.reply().status, 200)

    def test_a_million_names(self):
        """Well, some thousands: no more channels than allowed, whoever makes them up."""
        server = self.serve_comet(max_channels=1000)
        client = self.http(server.front)
        codes = []
        for begin in range(0, 3000, 100):
            for number in range(begin, begin + 100):
                client.ask(f"/sub?cname={number}")
            codes += [json.loads(client.reply().body)["type"] for _ in range(100)]
        self.assertEqual(codes, ["next_seq"] * 1000 + ["429"] * 2000)
        self.assertEqual(json.loads(self.admin(server, "info"))["channels"], 1000)
        server.stop()
        self.assertEqual(server.counts()["channels_full"], 2000)

    def test_publishers_that_are_faster_than_a_worker(self):
        """While a worker cannot deliver, its messages have a bound, and publishers are told."""
        server = self.serve_comet(max_subscribers_per_channel=100, workers=1,
                                  output_max_bytes=1 << 30, write_timeout="0s",
                                  output_budget_bytes=4 << 20)
        stuck = [self.http(server.front, receive_buffer=4096) for _ in range(20)]
        for each in stuck:
            each.ask("/stream?cname=c&seq=1")
        self.wait_subscribers(server, "c", 20)
        publisher = self.http(server.admin)
        for _ in range(200):
            publisher.ask("/push?cname=c", method="POST", body=b"content=" + b"x" * 100_000)
            self.assertIn(publisher.reply().status, (200, 503))
        wait_until(lambda: self.subscribers(server, "c") < 20, "those with the most to be shed")


if __name__ == "__main__":
    unittest.main()
