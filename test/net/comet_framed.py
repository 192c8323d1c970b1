# SPDX-License-Identifier: BSL-1.0
"""Framed TCP of the comet server.

Goal: programs that speak no HTTP subscribe and publish by frames, on the channels of all others;
what is no frame or no command is refused.
Method: raw sockets, frames packed by hand; two workers.
"""

import json
import os
import tempfile
import unittest

from harness import HEAD, MAGIC, Client, frame, wait_until
from http_client import CometTest, data
from websocket_client import told

SUBSCRIBE, UNSUBSCRIBE, PUBLISH, MESSAGE, SILENCE, PIECE, USER = range(0x6301, 0x6308)


class FramedClient(Client):
    """One connection."""

    def command(self, command, value):
        """Sends a frame whose data is JSON."""
        self.send(frame(command, json.dumps(value).encode()))

    def frame(self):
        """The next frame: (command, data)."""
        magic, size, command = HEAD.unpack(self.receive(HEAD.size))
        assert magic == MAGIC
        return command, self.receive(size - HEAD.size)

    def message(self):
        """The next message; frames of silence are passed over."""
        text = b""
        while True:
            command, part = self.frame()
            if command == SILENCE:
                assert part == b""
                continue
            text += part
            if command == MESSAGE:
                return json.loads(text)
            assert command == PIECE, hex(command)


class Framed(CometTest):
    """The port of frames."""

    def serve_framed(self, **options):
        """A server with such a port."""
        return self.serve_comet(**{"listen": "127.0.0.1:0", **options})

    def connect(self, server):
        """A client that is closed at the end of the test."""
        client = FramedClient(server.framed[0])
        self.addCleanup(client.close)
        return client

    def opened(self, client, channel, seq=1):
        """The next message opens the channel; returns its epoch."""
        message = client.message()
        epoch = message.pop("epoch")
        self.assertEqual(message, {"type": "open", "cname": channel, "seq": seq, "content": ""})
        return epoch

    def test_it_is_off_unless_asked_for(self):
        server = self.serve_comet()
        self.assertEqual(server.framed, [])
        server.stop()
        self.assertEqual(len([each for each in server.out.all() if "listening on" in each]), 2)

    def test_subscribing(self):
        server = self.serve_framed()
        self.push(server, "c", "one")
        client = self.connect(server)
        client.command(SUBSCRIBE, [{"cname": "c", "seq": 1}])
        epoch = self.opened(client, "c")
        self.assertEqual(client.message(), data("c", 1, "one"))
        self.push(server, "c", "two")
        self.assertEqual(client.message(), data("c", 2, "two"))
        client.command(SUBSCRIBE, ["c", "d"])
        self.assertEqual(client.message(), told("409", "c", "Already subscribed"))
        self.opened(client, "d")
        client.command(UNSUBSCRIBE, ["c"])
        self.assertEqual(client.message(), told("unsubscribed", "c"))
        self.wait_subscribers(server, "c", 0)
        self.push(server, "c", "three")
        client.command(SUBSCRIBE, [{"cname": "c", "seq": 3, "epoch": epoch}])
        self.assertEqual(self.opened(client, "c", 3), epoch)
        self.assertEqual(client.message(), data("c", 3, "three"))
        self.admin(server, "close", cname="d")
        self.assertEqual(client.message(), data("d", 1, "", "close"))
        client.close()
        self.wait_subscribers(server, "c", 0)

    def test_a_token_is_needed_as_elsewhere(self):
        server = self.serve_framed(auth="token")
        token = json.loads(self.admin(server, "sign", cname="c"))["token"]
        client = self.connect(server)
        client.command(SUBSCRIBE, ["c"])
        self.assertEqual(client.message(), told("401", "c", "Token error"))
        client.command(SUBSCRIBE, [{"cname": "c", "token": token}])
        self.opened(client, "c")
        # Who may publish by the admin port's rules needs none, as there.
        client.command(PUBLISH, {"cname": "c", "content": "x"})
        got = sorted((client.message() for _ in range(2)), key=lambda each: each["type"])
        self.assertEqual(got, [data("c", 1, "x"), told("ok", "c")])

    def test_longer_than_a_frame(self):
        server = self.serve_framed()
        client = self.connect(server)
        client.command(SUBSCRIBE, ["c"])
        self.opened(client, "c")
        for number, size in enumerate((65_470, 65_600, 200_000), 1):
            content = "x" * size
            self.http(server.admin).get("/push?cname=c", method="POST",
                                        body=b"content=" + content.encode())
            self.assertEqual(client.message(), data("c", number, content))

    def test_publishing(self):
        server = self.serve_framed()
        reader = self.subscribe(server, "c", path="stream")[0]
        client = self.connect(server)
        client.command(PUBLISH, {"cname": "c", "content": "\"\n\u00e9"})
        self.assertEqual(client.message(), told("ok", "c"))
        self.assertEqual(reader.message(), data("c", 1, "\"\n\u00e9"))

    def test_who_may_publish(self):
        for rules, answer in (({"admin_allow": "127.0.0"}, "ok"), ({"admin_deny": "10"}, "403"),
                              ({"admin_allow": "10"}, "403")):
            client = self.connect(self.serve_framed(**rules))
            client.command(PUBLISH, {"cname": "c", "content": "x"})
            self.assertEqual(client.message()["type"], answer, rules)

    def test_over_a_unix_socket_and_ipv6(self):
        with tempfile.TemporaryDirectory() as folder:
            path = "unix:" + os.path.join(folder, "s")
            for place in (path, "[::1]:0"):
                client = self.connect(self.serve_framed(listen=place))
                client.command(PUBLISH, {"cname": "c", "content": "x"})
                self.assertEqual(client.message(), told("ok", "c"), place)

    def test_who_is_there(self):
        server = self.serve_framed(presence="all", presence_linger="0s")

        def users(channel):
            return json.loads(self.admin(server, "presence", cname=channel))

        watcher = self.subscribe(server, "c", 0, path="stream", presence=1)[0]
        watcher.message()
        client = self.connect(server)
        client.command(USER, "nobody")
        client.command(USER, "")
        client.command(SUBSCRIBE, ["d"])
        self.opened(client, "d")
        self.assertEqual(users("d"), {"cname": "d", "users": [], "anonymous": 1})
        client.command(UNSUBSCRIBE, ["d"])
        client.message()
        name = "\u00e9 of more than sixteen bytes"
        client.command(USER, name)  # has none any more
        client.command(SUBSCRIBE, ["c", "d", "e"])
        self.assertEqual({client.message()["type"] for _ in range(3)}, {"open"})
        self.assertEqual(watcher.message(), data("c", 1, name, "join"))
        for channel in "de":
            self.assertEqual(users(channel), {"cname": channel, "anonymous": 0, "users": [
                {"user": name, "subscriptions": 1}]})
        client.command(USER, "other")
        self.assertEqual(client.message(), told("400", "", "user: it has subscriptions"))
        self.assertEqual(client.receive_to_end(), b"")
        self.assertEqual(watcher.message(), data("c", 1, name, "leave"))
        wait_until(lambda: users("e")["users"] == [], "that he is gone")

    def test_silence(self):
        server = self.serve_framed(polling_timeout="1s")
        client = self.connect(server)
        for _ in range(2):
            self.assertEqual(client.frame(), (SILENCE, b""))
            client.send(frame(SILENCE))
            client.send(frame(SILENCE, b"whatever"))
        client.command(SUBSCRIBE, ["c"])
        self.opened(client, "c")

    def test_bad_commands(self):
        server = self.serve_framed()
        cases = [
            (frame(SUBSCRIBE, b"["), "not JSON"),
            (frame(SUBSCRIBE, b""), "not JSON"),
            (frame(SUBSCRIBE, b'["\xff"]'), "not JSON"),
            (frame(SUBSCRIBE, b'{"cname":"c"}'), "subscribe: not an array of channels"),
            (frame(UNSUBSCRIBE, b'"c"'), "unsubscribe: not an array of names"),
            (frame(PUBLISH, b'["c"]'), "publish: not a message"),
            (frame(USER, b"joe"), "not JSON"),
            (frame(USER, b'["joe"]'), "not JSON"),  # deeper than a name
            (frame(USER, b"7"), "user: not a name"),
            (frame(USER, b'"' + 257 * b"x" + b'"'), "user: not a name"),
            (frame(MESSAGE, b"{}"), "unknown command"),
            (frame(0x7777), "unknown command"),
        ]
        for sent, reason in cases:
            client = self.connect(server)
            client.send(sent + frame(SUBSCRIBE, b'["c"]'))
            self.assertEqual(client.message(), told("400", "", reason))
            self.assertEqual(client.receive_to_end(), b"")
        self.assertEqual(self.subscribers(server, "c"), 0)
        for sent in (frame(SUBSCRIBE, b'["c"]', magic=1), frame(SUBSCRIBE, size=7)):
            client = self.connect(server)
            client.send(sent)
            self.assertTrue(client.is_cut())
        server.stop()
        self.assertEqual(server.counts()["bad_commands"], len(cases))


if __name__ == "__main__":
    unittest.main()
