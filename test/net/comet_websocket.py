# SPDX-License-Identifier: BSL-1.0
"""WebSockets of the comet server.

Goal: RFC 6455 is kept on the server's side, whatever a client sends; a connection has many channels
and each of its messages once and in order, beside subscribers of every other kind.
Method: raw sockets with frames made byte by byte; two workers.
"""

import json
import struct
import unittest

from harness import wait_until
from http_client import data
from websocket_client import (BINARY, CLOSE, CONTINUATION, FINAL, PING, PONG, TEXT, WebSocket,
                              WebSocketTest, client_frame, handshake, told)

RFC_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Beginning(WebSocketTest):
    """The handshake."""

    def test_the_answer(self):
        server = self.serve_comet()
        client = self.http(server.front)
        client.ask("/ws", fields=handshake(RFC_KEY))
        head = client.head()
        self.assertEqual((head.status, head.reason), (101, "Switching Protocols"))
        self.assertEqual(head.fields["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertEqual(head.fields["upgrade"].lower(), "websocket")
        self.assertEqual(head.fields["connection"].lower(), "upgrade")
        self.assertNotIn("sec-websocket-extensions", head.fields)
        self.assertNotIn("sec-websocket-protocol", head.fields)
        server.stop()
        self.assertEqual(server.counts()["websockets"], 1)

    def test_what_is_refused(self):
        server = self.serve_comet()

        def reply(fields, **options):
            client = self.http(server.front)
            reply = client.get(options.pop("target", "/ws"), fields=fields, **options)
            if reply.fields.get("connection") == "close":
                self.assertEqual(client.rest(), b"")
            return reply
        other = reply(handshake(RFC_KEY, version="8"))
        self.assertEqual((other.status, other.reason), (426, "Upgrade Required"))
        self.assertEqual(other.fields["sec-websocket-version"], "13")
        self.assertEqual(other.fields["upgrade"], "websocket")
        good = handshake(RFC_KEY)
        for left_out in range(len(good)):
            fields = good[:left_out] + good[left_out + 1:]
            self.assertEqual(reply(fields).status, 400, fields)
        self.assertEqual(reply(handshake("short")).status, 400)
        self.assertEqual(reply(good, version="1.0").status, 400)
        self.assertEqual(reply(good, method="POST").status, 405)
        for query in ("channels=x", "channels=%5B%5D", "cname=" + "x" * 4097):
            self.assertEqual(reply(good, target="/ws?" + query).status, 400, query)
        server.stop()
        self.assertEqual(server.counts()["refused_requests"], 8)
        self.assertEqual(server.counts()["bad_parameters"], 3)
        self.assertEqual(server.counts()["websockets"], 0)

    def test_pages_of_other_origins(self):
        server = self.serve_comet(cors_origin="https://example.com")
        good = handshake(RFC_KEY)
        host = next(each for each in good if each.startswith("Host: ")).removeprefix("Host: ")
        for origin, status in (("https://example.com", 101), (f"http://{host}", 101),
                               ("https://evil.example", 403), ("null", 403)):
            client = self.http(server.front)
            client.ask("/ws", fields=(*good, f"Origin: {origin}"))
            self.assertEqual(client.head()[0], status, origin)
        server.stop()

    def test_behind_a_poll(self):
        server = self.serve_comet()
        client = WebSocket(server.front)
        self.addCleanup(client.close)
        client.ask("/sub?cname=c&seq=1")
        client.head()
        client.ask("/ws?cname=c", fields=handshake(RFC_KEY))  # waits until the poll has ended
        self.push(server, "c", "x")
        self.assertEqual(json.loads(client.chunk()), data("c", 1, "x"))
        self.assertEqual(client.chunk(), b"")
        self.assertEqual(client.head().status, 101)
        self.assert_opens(client, "c", 2)


class Subscribing(WebSocketTest):
    """Channels of a connection."""

    def test_by_the_address(self):
        server = self.serve_comet()
        self.push(server, "c", "one")
        client = self.websocket(server, "/ws?cname=c&seq=1")
        self.assert_opens(client, "c", 1)
        self.assertEqual(client.message(), data("c", 1, "one"))
        self.push(server, "c", "two")
        self.assertEqual(client.message(), data("c", 2, "two"))
        several = self.websocket(
            server, "/ws?channels=%5B%22c%22,%7B%22cname%22:%22d%22,%22seq%22:1%7D%5D")
        epochs = {}
        for _ in range(2):
            message = several.message()
            epochs[message["cname"]] = (message["type"], message["seq"])
        self.assertEqual(epochs, {"c": ("open", 3), "d": ("open", 1)})

    def test_by_commands(self):
        server = self.serve_comet()
        client = self.websocket(server)
        self.assertTrue(client.is_silent())
        client.command(subscribe=["c", {"cname": "", "seq": 1}])
        opened = {client.message()["cname"] for _ in range(2)}
        self.assertEqual(opened, {"c", ""})
        self.push(server, "", "nameless")
        self.assertEqual(client.message(), data("", 1, "nameless"))
        client.command(subscribe=["c"])
        self.assertEqual(client.message(), told("409", "c", "Already subscribed"))
        client.command(unsubscribe=["c", "never"])
        self.assertEqual(client.message(), told("unsubscribed", "c"))
        self.assertEqual(client.message(), told("unsubscribed", "never"))
        self.wait_subscribers(server, "c", 0)
        self.push(server, "c", "lost")
        client.command(unsubscribe=[""], subscribe=["", {"cname": "c", "seq": 1}])
        self.assertEqual(client.message(), told("unsubscribed", ""))
        rest = sorted((client.message() for _ in range(3)), key=lambda each: each["cname"])
        self.assertEqual([(each["type"], each["cname"], each["seq"]) for each in rest],
                         [("open", "", 2), ("open", "c", 1), ("data", "c", 1)])
        client.command()  # nothing at all
        self.assertEqual(self.subscribers(server, "c"), 1)

    def test_many_channels_on_each_of_many_connections(self):
        server = self.serve_comet(max_subscribers_per_channel=100)
        names = [f"c{number}" for number in range(64)]
        clients = [self.websocket(server) for _ in range(4)]
        for client in clients:
            client.command(subscribe=names)
        for client in clients:
            opened = [client.message() for _ in names]
            self.assertEqual({each["cname"] for each in opened}, set(names))
            self.assertEqual({each["type"] for each in opened}, {"open"})
        for number in range(3):
            for name in names:
                self.push(server, name, f"{name}-{number}")
        for client in clients:
            got = {}
            for _ in range(3 * len(names)):
                message = client.message()
                got.setdefault(message["cname"], []).append((message["seq"], message["content"]))
            for name in names:
                self.assertEqual(got[name], [(1 + number, f"{name}-{number}")
                                             for number in range(3)])
        clients[0].close()
        self.wait_subscribers(server, "c63", 3)

    def test_limits(self):
        server = self.serve_comet(channels_per_connection=2, max_subscribers_per_channel=1)
        client = self.websocket(server)
        client.command(subscribe=["a", "b", "c"])
        got = {message["cname"]: message for message in (client.message() for _ in range(3))}
        self.assertEqual(got["c"], told("429", "c", "Too many channels of one connection"))
        self.assertEqual({got["a"]["type"], got["b"]["type"]}, {"open"})
        other = self.websocket(server)
        other.command(subscribe=["a"])
        self.assertEqual(other.message(), told("429", "a", "Too many subscribers"))
        client.command(unsubscribe=["a"])
        self.assertEqual(client.message(), told("unsubscribed", "a"))
        client.command(subscribe=["c"])
        self.assert_opens(client, "c", 1)
        self.wait_subscribers(server, "a", 0)
        other.command(subscribe=["a"])
        self.assert_opens(other, "a", 1)

    def test_too_many_channels_in_all(self):
        server = self.serve_comet(max_channels=1)
        client = self.websocket(server, "/ws?cname=a")
        self.assert_opens(client, "a", 1)
        client.command(subscribe=["b"])
        self.assertEqual(client.message(), told("429", "b", "Too many channels"))

    def test_tokens(self):
        server = self.serve_comet(auth="token")
        token = json.loads(self.admin(server, "sign", cname="c"))["token"]
        client = self.websocket(server)
        client.command(subscribe=["c", "d", {"cname": "c", "token": "0" * 32}])
        # The second wish for "c" came while the first was not decided: it has no say. Each
        # channel's worker answers when it comes to it.
        got = sorted((client.message() for _ in range(3)),
                     key=lambda each: (each["type"], each["cname"]))
        self.assertEqual([(each["type"], each["cname"]) for each in got[:2]],
                         [("401", "c"), ("401", "d")])
        self.assertEqual(got[2]["type"], "409")
        client.command(subscribe=[{"cname": "c", "token": token}])
        self.assert_opens(client, "c", 1)
        self.assert_opens(self.websocket(server, f"/ws?cname=c&token={token}"), "c", 1)

    def test_users(self):
        server = self.serve_comet(presence="all", presence_linger="0s")
        self.assertEqual(self.http(server.front).get("/ws?user=%ff",
                                                     fields=handshake(RFC_KEY)).status, 400)
        first = self.websocket(server, "/ws?user=first")
        first.command(subscribe=[{"cname": "c", "presence": True}])
        self.assert_opens(first, "c", 1)
        self.assertEqual(first.message(), data("c", 1, "first", "present"))
        first.send_frame(TEXT, b"{", final=False)  # in pieces: whose it is must not be forgotten
        first.send_frame(CONTINUATION, b"}")
        second = self.websocket(server, "/ws?user=second&cname=c")
        self.assertEqual(first.message(), data("c", 1, "second", "join"))
        self.assertEqual(json.loads(self.admin(server, "presence", cname="c"))["users"],
                         [{"user": "first", "subscriptions": 1},
                          {"user": "second", "subscriptions": 1}])
        second.command(unsubscribe=["c"])
        self.assertEqual(first.message(), data("c", 1, "second", "leave"))

    def test_a_channel_that_is_closed(self):
        server = self.serve_comet()
        client = self.websocket(server)
        client.command(subscribe=["c", "d"])
        first = {message["cname"]: message["epoch"]
                 for message in (client.message() for _ in range(2))}
        self.admin(server, "close", cname="c")
        self.assertEqual(client.message(), data("c", 1, "", "close"))
        self.push(server, "d", "goes on")
        self.assertEqual(client.message(), data("d", 1, "goes on"))
        client.command(subscribe=[{"cname": "c", "seq": 1, "epoch": first["c"]}])
        gap = client.message()
        self.assertEqual((gap["type"], gap["content"], gap["seq"]), ("gap", "restarted", 1))
        self.assertNotEqual(gap["epoch"], first["c"])

    def test_coming_back(self):
        server = self.serve_comet(channel_buffer_size=4)
        client = self.websocket(server, "/ws?cname=c")
        epoch = self.assert_opens(client, "c", 1)
        self.push(server, "c", "1")
        self.assertEqual(client.message(), data("c", 1, "1"))
        client.close()
        for number in range(2, 5):
            self.push(server, "c", str(number))
        client = self.websocket(server)
        client.command(subscribe=[{"cname": "c", "seq": 2, "epoch": epoch}])
        self.assert_opens(client, "c", 2)
        for number in range(2, 5):
            self.assertEqual(client.message(), data("c", number, str(number)))
        client.close()
        for number in range(5, 15):
            self.push(server, "c", str(number))
        client = self.websocket(server, f"/ws?cname=c&seq=5&epoch={epoch}")
        gap = client.message()
        self.assertEqual((gap["type"], gap["content"], gap["epoch"]), ("gap", "expired", epoch))
        for number in range(gap["seq"], 15):
            self.assertEqual(client.message(), data("c", number, str(number)))

    def test_one_channel_by_all_ways(self):
        server = self.serve_comet(listen="127.0.0.1:0")
        sockets = [self.websocket(server, "/ws?cname=c") for _ in range(3)]
        for each in sockets:
            self.assert_opens(each, "c", 1)
        streams = [self.subscribe(server, "c", path="stream")[0] for _ in range(2)]
        sse = self.subscribe(server, "c", path="sse")[0]
        poll = self.subscribe(server, "c")[0]
        self.assertEqual(sse.chunk(), b"retry: 2000\n\n")
        contents = ["\u00e9\u20ac\U0001f600", "x" * 300, "y" * 70_000]
        for number, content in enumerate(contents, 1):
            client = self.http(server.admin)
            reply = client.get("/push?cname=c", method="POST",
                               body=b"content=" + content.encode())
            self.assertEqual(reply.status, 200)
            for each in (*sockets, *streams):
                self.assertEqual(each.message(), data("c", number, content))
            self.assertIn(content.encode(), sse.chunk())
        self.assertEqual(poll.message(), data("c", 1, contents[0]))
        self.admin(server, "broadcast", content="all")
        for each in sockets:
            self.assertEqual(each.message(), data("c", 4, "all", "broadcast"))
            self.assertEqual(each.message(), data("c", 5, "", "next_seq"))

    def test_what_is_published_is_made_utf_8(self):
        server = self.serve_comet()
        client = self.websocket(server, "/ws?cname=c")
        self.assert_opens(client, "c", 1)
        self.http(server.admin).get("/push?cname=c&content=a%ff%22%c3%28")
        self.assertEqual(client.message(), data("c", 1, "a\ufffd\"\ufffd("))


class Publishing(WebSocketTest):
    """What clients publish."""

    def test_not_unless_allowed(self):
        server = self.serve_comet()
        client = self.websocket(server)
        client.command(publish={"cname": "c", "content": "x"})
        self.assertEqual(client.message(), told("403", "c", "Publishing is not allowed here"))
        self.assertEqual(json.loads(self.admin(server, "check", cname="c")), {})
        server.stop()
        self.assertEqual(server.counts()["forbidden"], 1)

    def test_allowed(self):
        server = self.serve_comet(front_publish=True, max_channels=1)
        client = self.websocket(server, "/ws?cname=c")
        self.assert_opens(client, "c", 1)
        for number, content in enumerate(("\"\\\n\u00e9", "", "y" * 10_000), 1):
            client.command(publish={"cname": "c", "content": content})
            got = sorted((client.message() for _ in range(2)), key=lambda each: each["type"])
            self.assertEqual(got, [data("c", number, content), told("ok", "c")])
        client.command(publish={"cname": "d", "content": "x"})
        self.assertEqual(client.message(), told("429", "d", "Too many channels"))
        client.command(publish={"cname": "c", "content": "x", "ttl": 60}, unsubscribe=["c"])
        self.assertEqual(client.message(), told("unsubscribed", "c"))
        self.assertEqual(client.message(), told("ok", "c"))

    def test_with_a_token(self):
        server = self.serve_comet(front_publish=True, auth="token")
        token = json.loads(self.admin(server, "sign", cname="c"))["token"]
        client = self.websocket(server)
        for shown in ({}, {"token": "x"}):
            client.command(publish={"cname": "c", "content": "x", **shown})
            self.assertEqual(client.message(), told("401", "c", "Token error"))
        client.command(publish={"cname": "d", "content": "x", "token": token})
        self.assertEqual(client.message(), told("401", "d", "Token error"))
        client.command(publish={"cname": "c", "content": "x", "token": token})
        self.assertEqual(client.message(), told("ok", "c"))


class Frames(WebSocketTest):
    """RFC 6455."""

    def test_in_pieces(self):
        server = self.serve_comet()
        client = self.websocket(server)
        client.send_frame(TEXT, b'{"subscr', final=False)
        client.send_frame(PING, b"still there?")
        self.assertEqual(client.frame(), (PONG, b"still there?"))
        client.send_frame(CONTINUATION, b"", final=False)
        client.send_frame(PONG, b"never asked")
        client.send_frame(CONTINUATION, b'ibe":["\xc3', final=False)
        client.send_frame(CONTINUATION, b'\xa9"]}')
        self.assert_opens(client, "\u00e9", 1)
        for byte in client_frame(FINAL | TEXT, b'{"unsubscribe":["\xc3\xa9"]}'):
            client.send(bytes([byte]))
        self.assertEqual(client.message(), told("unsubscribed", "\u00e9"))
        # Several in one write.
        client.send(client_frame(FINAL | PING, b"1") + client_frame(FINAL | PING, b"2" * 125) +
                    client_frame(FINAL | TEXT, b"{}") + client_frame(FINAL | PING, b""))
        self.assertEqual([client.frame() for _ in range(3)],
                         [(PONG, b"1"), (PONG, b"2" * 125), (PONG, b"")])

    def test_closing(self):
        server = self.serve_comet()
        for sent, answer in ((b"", (None, "")), (b"\x03\xe8bye", (1000, "")),
                             (b"\x0f\xa0", (4000, ""))):
            client = self.websocket(server, "/ws?cname=c")
            self.assert_opens(client, "c", 1)
            client.send_frame(CLOSE, sent)
            client.send_frame(TEXT, b"no JSON")  # is not looked at any more
            self.assertEqual(client.closed(), answer)
            self.wait_subscribers(server, "c", 0)
        server.stop()
        self.assertEqual(server.counts()["bad_commands"], 0)

    def test_bad_frames(self):
        server = self.serve_comet(websocket_message_max=1000)
        cases = [
            (1002, client_frame(FINAL | 0x40 | TEXT, b"{}")),     # reserved bits
            (1002, client_frame(FINAL | 3, b"{}")),               # unknown opcodes
            (1002, client_frame(FINAL | 11)),
            (1002, bytes([FINAL | TEXT, 2]) + b"{}"),             # no mask
            (1002, client_frame(PING)),                           # a control frame in pieces
            (1002, client_frame(FINAL | PING, b"x" * 126)),       # ... or too long
            (1002, bytes([FINAL | TEXT, 0xfe, 0, 2]) + b"mask{}"),  # a length not in its form
            (1002, client_frame(FINAL | CONTINUATION, b"{}")),    # out of order
            (1002, client_frame(TEXT, b"{") + client_frame(FINAL | TEXT, b"}")),
            (1002, client_frame(FINAL | CLOSE, b"\x03")),         # closed by no code
            (1002, client_frame(FINAL | CLOSE, b"\x03\xed")),     # or by one that is not sent
            (1007, client_frame(FINAL | CLOSE, b"\x03\xe8\xff")),
            (1003, client_frame(FINAL | BINARY, b"{}")),
            (1009, client_frame(FINAL | TEXT, b" " * 1001)),
            (1009, bytes([FINAL | TEXT, 0xff]) + struct.pack(">Q", 1 << 40)),
            (1009, client_frame(TEXT, b" " * 600) + client_frame(FINAL, b" " * 401)),
        ]
        for code, sent in cases:
            client = self.websocket(server)
            client.send(sent)
            self.assertEqual(client.closed(), (code, ""), sent[:20])
        client = self.websocket(server)
        client.send_frame(TEXT, b"{}" + b" " * 998)  # as long as may be
        client.send_frame(PING)
        self.assertEqual(client.frame(), (PONG, b""))
        server.stop()
        self.assertEqual(server.counts()["bad_commands"], len(cases))

    def test_bad_messages(self):
        server = self.serve_comet()
        cases = [
            (1007, "not JSON", b""),
            (1007, "not JSON", b"{"),
            (1007, "not JSON", b'{"subscribe":["\xff"]}'),
            (1007, "not JSON", b"[" * 60_000),
            (1008, "not an object", b'["c"]'),
            (1008, "unknown command", b'{"subscribe":["c"],"x":1}'),
            (1008, "subscribe: not an array of channels", b'{"subscribe":"c"}'),
            (1008, "unsubscribe: not an array of names", b'{"unsubscribe":[1]}'),
            (1008, "publish: not a message", b'{"publish":{"cname":"c"}}'),
            (1008, "a channel's name is too long", b'{"subscribe":["%s"]}' % (b"x" * 4097)),
        ]
        for code, reason, sent in cases:
            client = self.websocket(server)
            client.send_frame(TEXT, sent)
            self.assertEqual(client.closed(), (code, reason), sent[:60])
        self.assertEqual(self.subscribers(server, "c"), 0)
        server.stop()
        self.assertEqual(server.counts()["bad_commands"], len(cases))


class Lifetime(WebSocketTest):
    """Silence, and the end."""

    def test_silence(self):
        server = self.serve_comet(polling_timeout="1s")
        idle = self.websocket(server)
        subscribed = self.websocket(server, "/ws?cname=c")
        self.assert_opens(subscribed, "c", 1)
        for _ in range(2):
            for client in (idle, subscribed):
                self.assertEqual(client.frame(), (PING, b""))
                client.send_frame(PONG)
        self.push(server, "c", "x")
        self.assertEqual(subscribed.message(), data("c", 1, "x"))

    def test_a_frame_that_does_not_end(self):
        server = self.serve_comet(message_timeout="200ms")
        client = self.websocket(server, "/ws?cname=c")
        self.assert_opens(client, "c", 1)
        client.send(client_frame(FINAL | TEXT, b"{}")[:-1])
        self.assertEqual(client.rest(), b"")
        self.wait_subscribers(server, "c", 0)

    def test_a_client_that_is_gone(self):
        server = self.serve_comet()
        client = self.websocket(server)
        client.command(subscribe=["a", "b"])
        for name in ("a", "b"):
            self.wait_subscribers(server, name, 1)
        client.send_frame(TEXT, b"{", final=False)
        client.close()
        for name in ("a", "b"):
            self.wait_subscribers(server, name, 0)

    def test_the_server_stops(self):
        server = self.serve_comet()
        idle = self.websocket(server)
        subscribed = self.websocket(server, "/ws?cname=c")
        self.assert_opens(subscribed, "c", 1)
        server.send_signal(15)
        for client in (idle, subscribed):
            self.assertEqual(client.closed(), (1001, ""))
        server.stop()

    def test_one_that_never_reads_is_closed(self):
        server = self.serve_comet(output_max_bytes=200_000)
        client = self.websocket(server, "/ws?cname=c")
        self.assert_opens(client, "c", 1)
        other = self.http(server.admin)

        def is_closed():
            other.get("/push?cname=c", method="POST", body=b"content=" + b"x" * 100_000)
            return self.subscribers(server, "c") == 0
        wait_until(is_closed, "its end")


if __name__ == "__main__":
    unittest.main()
