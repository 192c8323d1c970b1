# SPDX-License-Identifier: BSL-1.0
"""SIGHUP of the comet server: its own settings are taken up while it runs.

Goal: what the files say otherwise of publishers, channels, users and pages holds within a second,
for connections that are there as for newcomers; what needs a restart is named and left alone; files
that cannot be used change nothing at all.
Method: the real program with files that change, two workers, clients of all ports.
"""

import json
import re
import signal
import tempfile
import time
import unittest
from pathlib import Path

from comet_framed import PUBLISH, FramedClient
from harness import wait_until
from http_client import HttpClient, data
from websocket_client import TEXT, WebSocketTest

TICK = 1  # second: so often workers look for other settings


class Reload(WebSocketTest):
    """With a folder, a configuration file in it, and a way to say SIGHUP."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-comet-reload-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.config = self.folder / "comet.conf"

    def serve_with(self, text, **options):
        """A server whose configuration is `text`."""
        self.config.write_text(text, encoding="utf-8")
        return self.serve_comet(**{"config": self.config, "workers": 2, **options})

    def reload(self, server, text, *wanted):
        """Changes the configuration and says so; the log then has these lines, in this order."""
        self.config.write_text(text, encoding="utf-8")
        before = len(self.told(server))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(self.told(server)) >= before + len(wanted), "lines about settings")
        self.assertEqual(self.told(server)[before:], list(wanted))

    @staticmethod
    def told(server):
        """What was reloaded, and what was not."""
        return [each.text for each in server.log()
                if re.search("^reloaded: |needs a restart$", each.text)]

    def wait_status(self, address, target, status, **request):
        """Waits until newcomers have that status, whichever worker they meet."""
        def is_so():
            clients = [HttpClient(address) for _ in range(4)]
            try:
                return all(each.get(target, **request).status == status for each in clients)
            finally:
                for each in clients:
                    each.close()
        wait_until(is_so, f"status {status} at {target}")

    def later(self, server, channel, **parameters):
        """The first message of a poll that comes now."""
        client, _ = self.subscribe(server, channel, **parameters)
        message = client.message()
        client.close()
        return message


class Publishers(Reload):
    """Who may."""

    def test_an_address_is_denied_and_allowed_again(self):
        server = self.serve_with("")
        kept = self.http(server.admin)
        self.assertEqual(kept.get("/info").status, 200)
        self.reload(server, "admin-deny = 127.0.0\n",
                    "reloaded: admin-deny (default) -> 127.0.0")
        wait_until(lambda: kept.get("/info").status == 403, "no entry for who was there")
        self.wait_status(server.admin, "/info", 403)
        self.reload(server, "admin-deny = 127.0.0\nadmin-allow = 127.0.0.1\nadmin-allow = 10\n",
                    "reloaded: admin-allow (default) -> 127.0.0.1,10")
        self.wait_status(server.admin, "/info", 200)

    def test_who_watches_and_is_denied(self):
        server = self.serve_with("admin-allow = 127\n")
        watchers = [self.http(server.admin) for _ in range(3)]
        for each in watchers:
            each.ask("/psub")
            each.head()
        self.push(server, "c", "x")
        for each in watchers:
            each.until(b"1 c\n")
        self.reload(server, "admin-allow = 10\n", "reloaded: admin-allow 127 -> 10")
        for each in watchers:
            each.rest()  # ends

    def test_who_publishes_by_framed_tcp(self):
        server = self.serve_with("", listen="127.0.0.1:0")
        client = FramedClient(server.framed[0])
        self.addCleanup(client.close)

        def answer():
            client.command(PUBLISH, {"cname": "c", "content": "x"})
            return client.message()["type"]
        self.assertEqual(answer(), "ok")
        self.reload(server, "admin-deny = all\n", "reloaded: admin-deny (default) -> all")
        wait_until(lambda: answer() == "403", "no entry for who was there")
        self.reload(server, "", "reloaded: admin-deny all -> (default)")
        wait_until(lambda: answer() == "ok", "entry again")

    def test_the_front_port_and_tokens(self):
        server = self.serve_with("")
        push = {"method": "POST", "body": b"cname=c&content=x"}
        socket = self.websocket(server)

        def answer():
            socket.command(publish={"cname": "c", "content": "x"})
            return socket.message()["type"]
        self.assertEqual(answer(), "403")
        self.assertEqual(self.http(server.front).get("/push", **push).status, 404)
        self.reload(server, "front-publish = true\n",
                    "reloaded: front-publish (default) -> true")
        wait_until(lambda: answer() == "ok", "entry for who was there")
        self.wait_status(server.front, "/push", 200, **push)
        there, _ = self.subscribe(server, "c", seq=0, path="stream")
        self.reload(server, "front-publish = true\nauth = token\n",
                    "reloaded: auth (default) -> token")
        self.wait_status(server.front, "/push", 401, **push)
        wait_until(lambda: answer() == "401", "the wish for a token")
        wait_until(lambda: self.later(server, "c", seq=0)["type"] == "401", "the same for polls")
        self.push(server, "c", "the last")
        wait_until(lambda: there.message()["content"] == "the last", "what was subscribed before")


class Limits(Reload):
    """How many, and how much."""

    def test_fewer_subscribers_of_a_channel(self):
        server = self.serve_with("")
        there = [self.subscribe(server, "c", path="stream")[0] for _ in range(3)]
        self.reload(server, "max-subscribers-per-channel = 2\n",
                    "reloaded: max-subscribers-per-channel (default) -> 2")

        def refused():
            client, _ = self.subscribe(server, "c", path="stream")
            try:
                return not client.is_silent() and client.message()["type"] == "429"
            finally:
                client.close()
        wait_until(refused, "the refusal of one more")
        self.push(server, "c", "x")
        for each in there:
            self.assertEqual(each.message(), data("c", 1, "x"))

    def test_fewer_channels_and_messages(self):
        server = self.serve_with("")
        for number in range(4):
            self.push(server, "c", str(number))
        self.push(server, "d", "x")
        self.reload(server, "max-channels = 2\nchannel-buffer-size = 1\n",
                    "reloaded: channel-buffer-size (default) -> 1",
                    "reloaded: max-channels (default) -> 2")
        names = iter(range(100))
        wait_until(lambda: self.http(server.admin).get(
            f"/push?cname=new{next(names)}&content=x").status == 429, "the refusal of one more")

        def keeps_one():
            self.push(server, "c", "more")
            return len(self.later(server, "c", seq=1)) == 1
        wait_until(keeps_one, "a channel that keeps the newest alone")

    def test_more_channels_of_one_connection(self):
        server = self.serve_with("channels-per-connection = 1\n")
        client = self.websocket(server, "/ws?cname=c&seq=1")
        self.assert_opens(client, "c", 1)

        def second():
            client.command(subscribe=["d"])
            return client.message()["type"]
        self.assertEqual(second(), "429")
        self.reload(server, "channels-per-connection = 2\n",
                    "reloaded: channels-per-connection 1 -> 2")
        wait_until(lambda: second() in ("open", "409"), "room for one more")

    def test_smaller_and_larger_requests(self):
        server = self.serve_with("")
        socket = self.websocket(server)
        other = self.websocket(server)
        small = "body-max = 20\nhead-max = 300\nwebsocket-message-max = 125\n"
        self.reload(server, small, "reloaded: body-max (default) -> 20",
                    "reloaded: head-max (default) -> 300",
                    "reloaded: websocket-message-max (default) -> 125")
        push = {"method": "POST", "body": b"cname=c&content=" + b"x" * 100}
        self.wait_status(server.admin, "/push", 413, **push)
        self.wait_status(server.front, "/" + "x" * 400, 414)
        socket.send_frame(TEXT, b" " * 200)
        self.assertEqual(socket.closed()[0], 1009)
        self.reload(server, "", "reloaded: body-max 20 -> (default)",
                    "reloaded: head-max 300 -> (default)",
                    "reloaded: websocket-message-max 125 -> (default)")
        self.wait_status(server.admin, "/push", 200, **push)
        self.wait_status(server.front, "/" + "x" * 400, 404)
        other.command(subscribe=["c" * 200])
        self.assert_opens(other, "c" * 200, 1)

    def test_presence(self):
        server = self.serve_with("presence = none\n")
        there, _ = self.subscribe(server, "c", path="stream", user="ann")
        self.assertEqual(self.http(server.admin).get("/presence?cname=c").status, 404)
        self.reload(server, "presence = all\n", "reloaded: presence none -> all")
        self.wait_status(server.admin, "/presence?cname=c", 200)

        def users():
            late, _ = self.subscribe(server, "c", path="stream", user="bob")
            self.addCleanup(late.close)
            roll = json.loads(self.admin(server, "presence", cname="c"))
            return [each["user"] for each in roll["users"]]
        wait_until(lambda: users() == ["bob"], "who came since, as somebody")
        self.push(server, "c", "x")
        self.assertEqual(there.message(), data("c", 1, "x"))


class Times(Reload):
    """Timeouts."""

    def test_silence_of_who_waits_already(self):
        server = self.serve_with("polling-timeout = 1h\n")
        poll, _ = self.subscribe(server, "c")
        stream, _ = self.subscribe(server, "c", path="stream")
        self.reload(server, "polling-timeout = 1s\n", "reloaded: polling-timeout 1h -> 1s")
        for each in (poll, stream):
            self.assertEqual(each.message()["type"], "noop")
        self.assertEqual(poll.chunk(), b"")
        wait_until(lambda: b'"sub_timeout":1}' in self.http(server.front).get("/ping").body,
                   "clients to be told of it")

    def test_channels_that_come_from_now_on(self):
        server = self.serve_with("channel-timeout = 1h\n")
        self.push(server, "old", "x")
        self.reload(server, "channel-timeout = 1s\n", "reloaded: channel-timeout 1h -> 1s")
        names = iter(range(100))

        def is_gone():
            name = f"new{next(names)}"
            self.push(server, name, "x")
            time.sleep(3 * TICK)
            return self.admin(server, "check", cname=name) == "{}\n"
        wait_until(is_gone, "a channel that was freed soon")
        self.assertEqual(self.admin(server, "check", cname="old"), '{"old": 1}\n')

    def test_how_often_channels_are_told(self):
        server = self.serve_with("channel-timeout = 1h\n")
        watcher = self.http(server.admin)
        watcher.ask("/psub")
        watcher.head()
        self.push(server, "c", "x")
        self.assertEqual(watcher.chunk(), b"1 c\n")
        self.reload(server, "channel-timeout = 1s\n", "reloaded: channel-timeout 1h -> 1s")
        for _ in range(2):
            self.assertEqual(watcher.chunk(), b"1 c\n")


class Pages(Reload):
    """Browsers."""

    def test_origins_and_files(self):
        server = self.serve_with("")
        self.assertEqual(self.http(server.front).get("/comet.js").status, 404)
        poll, _ = self.subscribe(server, "c")
        self.reload(server, "cors-origin = https://example.com\nweb = on\n",
                    "reloaded: cors-origin (default) -> https://example.com",
                    "reloaded: web (default) -> on")
        self.wait_status(server.front, "/comet.js", 200)
        origin = "access-control-allow-origin"
        self.assertEqual(self.http(server.front).get("/ping").fields[origin],
                         "https://example.com")
        self.assertEqual(self.subscribe(server, "c")[1].fields[origin], "https://example.com")
        self.push(server, "c", "x")
        self.assertEqual(poll.message(), data("c", 1, "x"))


class Files(Reload):
    """What is read."""

    def test_what_needs_a_restart_is_named_and_left_alone(self):
        server = self.serve_with("message-timeout = 1h\n")
        fixed = ("admin = 127.0.0.1:1\nlisten = 127.0.0.1:1\nops = 127.0.0.1:1\n"
                 "connections-per-source-max = 9\nweb = on\nmessage-timeout = 300ms\n")
        # What the command line says, as for the admin port, wins.
        named = ("connections-per-source-max: 0 -> 9 needs a restart",
                 "ops: (none) -> 127.0.0.1:1 needs a restart",
                 "listen: (default) -> 127.0.0.1:1 needs a restart")
        self.reload(server, fixed, "reloaded: message-timeout 1h -> 300ms",
                    "reloaded: web (default) -> on", *named)
        self.wait_status(server.front, "/comet.js", 200)
        slow = self.http(server.front)
        slow.send(b"GET")
        self.assertEqual(slow.head().status, 408)
        self.reload(server, fixed, *named)  # still
        self.reload(server, "message-timeout = 300ms\nweb = on\n",
                    "reloaded: no option has changed")

    def test_one_that_cannot_be_used_changes_nothing(self):
        server = self.serve_with("web = on\n")
        for text, why in (("web = off\nmax-channels = none\n", "max-channels"),
                          ("web = off\nadmin-deny = ten\n", "neither all, nor an IPv4 address"),
                          ("web = off\nspeed = 1\n", "unknown option 'speed'"),
                          ("web = off\nidle-timeout = 1s\nmessage-timeout = 2s\n",
                           "--message-timeout: ")):
            with self.subTest(text):
                self.config.write_text(text, encoding="utf-8")
                before = len(server.log("error"))
                server.process.send_signal(signal.SIGHUP)
                lines = wait_until(lambda: server.log("error")[before:], "an error in the log")
                self.assertIn("nothing was reloaded: ", lines[0].text)
                self.assertIn(why, lines[0].text)
        time.sleep(2 * TICK)
        self.assertEqual(self.http(server.front).get("/comet.js").status, 200)
        self.assertEqual(self.told(server), [])
        self.reload(server, "web = off\n", "reloaded: web on -> off")
        self.wait_status(server.front, "/comet.js", 404)

    def test_icomets_is_read_again_and_a_stronger_one_wins(self):
        icomet = self.folder / "icomet.conf"
        conf = "front:\n\tpolling_timeout: {}\n\tmax_channels: {}\nlogger:\n\tlevel: {}\n"
        icomet.write_text(conf.format(3600, 9, "info"), encoding="utf-8")
        server = self.serve_with("max-channels = 3\n", icomet_conf=icomet)
        poll, _ = self.subscribe(server, "c")
        icomet.write_text(conf.format(1, 8, "debug"), encoding="utf-8")
        self.reload(server, "max-channels = 3\n", "reloaded: log-level info -> debug",
                    "reloaded: polling-timeout 3600 -> 1")
        self.assertEqual(poll.message()["type"], "noop")

    def test_however_often_it_comes(self):
        server = self.serve_with("")
        there = [self.subscribe(server, "c", path="stream")[0] for _ in range(4)]
        for number in range(200):
            self.config.write_text(f"max-subscribers-per-channel = {number + 4}\n"
                                   f"cors-origin = https://example{number}.com\n",
                                   encoding="utf-8")
            server.process.send_signal(signal.SIGHUP)
        self.config.write_text("web = on\n", encoding="utf-8")
        server.process.send_signal(signal.SIGHUP)
        self.wait_status(server.front, "/comet.js", 200)
        self.push(server, "c", "x")
        for each in there:
            self.assertEqual(each.message(), data("c", 1, "x"))
        self.assertFalse(server.log("error"))


if __name__ == "__main__":
    unittest.main()
