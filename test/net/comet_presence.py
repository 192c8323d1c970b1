# SPDX-License-Identifier: BSL-1.0
"""Who attends a channel, as subscribers call themselves, and who is told.

Goal: the admin port and, if it is so wanted, subscribers know at any time which users there are;
one who comes back in time has never been gone, and nobody stays for ever.
Method: raw sockets, two workers.
"""

import json
import unittest
import urllib.parse

from harness import run_to_end, wait_until
from http_client import CometTest, data
from websocket_client import TEXT, WebSocket, handshake


class PresenceTest(CometTest):
    """What these tests share."""

    def roll(self, server, channel="c"):
        """(users as name: subscriptions, how many are nobody's)"""
        got = json.loads(self.admin(server, "presence", cname=channel))
        self.assertEqual((list(got), got["cname"]), (["cname", "users", "anonymous"], channel))
        names = [each["user"] for each in got["users"]]
        self.assertEqual(names, sorted(names))
        return {each["user"]: each["subscriptions"] for each in got["users"]}, got["anonymous"]

    def wait_roll(self, server, users, anonymous=0, channel="c"):
        wait_until(lambda: self.roll(server, channel) == (users, anonymous),
                   f"{users}, {anonymous}")

    def serve(self, **options):
        """A server whose channels are told once."""
        return self.serve_comet(channel_timeout="1h", **options)

    def watch(self, server, query="?users=1"):
        """A watcher, whom all workers know."""
        watcher = self.http(server.admin)
        watcher.ask(f"/psub{query}")
        watcher.head()
        return watcher

    def lines(self, watcher, count):
        """What it is told next."""
        return [watcher.chunk().decode() for _ in range(count)]


class ForAdmins(PresenceTest):
    """/presence and /psub."""

    def test_users_are_counted(self):
        server = self.serve(presence_linger="1h")
        self.assertEqual(self.admin(server, "presence", cname="c"),
                         '{"cname":"c","users":[],"anonymous":0}\n')
        for path, user in (("sub", "b"), ("stream", "b"), ("sse", "a"), ("iframe", ""),
                           ("sub", "")):
            self.subscribe(server, "c", path=path, **({"user": user} if user else {}))
        self.subscribe(server, "d", user="b")
        self.wait_roll(server, {"a": 1, "b": 2}, 2)
        self.wait_roll(server, {"b": 1}, channel="d")
        reply = self.http(server.admin).get("/presence?cname=c")
        self.assertEqual(reply.fields["content-type"], "application/json; charset=utf-8")
        self.assertEqual(reply.body, b'{"cname":"c","users":[{"user":"a","subscriptions":1},'
                                     b'{"user":"b","subscriptions":2}],"anonymous":2}\n')
        self.push(server, "c", "m")  # ends the polls
        self.wait_roll(server, {"a": 1, "b": 1}, 1)
        self.admin(server, "close", cname="c")
        self.wait_roll(server, {})

    def test_who_has_left_lingers(self):
        server = self.serve(presence_linger="1s")
        watcher = self.watch(server)
        stream, _ = self.subscribe(server, "c", path="stream", user="a")
        other, _ = self.subscribe(server, "c", path="stream", user="a")
        self.subscribe(server, "c", path="stream", user="b")
        self.assertEqual(self.lines(watcher, 3), ["1 c\n", "+ a c\n", "+ b c\n"])
        stream.close()
        self.wait_roll(server, {"a": 1, "b": 1})
        other.close()
        self.assertEqual(self.lines(watcher, 1), ["- a c\n"])
        self.assertEqual(self.roll(server), ({"b": 1}, 0))
        self.admin(server, "close", cname="c")
        self.assertEqual(self.lines(watcher, 2), ["- b c\n", "0 c\n"])

    def test_polls_that_come_back_have_never_been_gone(self):
        server = self.serve(presence_linger="1h")
        watcher = self.watch(server)
        poll = self.http(server.front)
        for number in range(1, 6):
            poll.ask(f"/sub?cname=c&seq={number}&user=a")
            self.wait_roll(server, {"a": 1})
            self.push(server, "c", "m")
            poll.reply()
            self.wait_roll(server, {"a": 0})
        poll.get("/sub?cname=c&seq=1&user=late")  # is answered at once
        self.subscribe(server, "c", 6, user="z")
        self.assertEqual(self.lines(watcher, 4),
                         ["1 c\n", "+ a c\n", "+ late c\n", "+ z c\n"])
        self.assertEqual(self.roll(server), ({"a": 0, "late": 0, "z": 1}, 0))

    def test_nobody_lingers_unless_told(self):
        server = self.serve(presence_linger="0s")
        watcher = self.watch(server)
        poll, _ = self.subscribe(server, "c", user="a")
        self.assertEqual(self.lines(watcher, 2), ["1 c\n", "+ a c\n"])
        poll.close()
        self.assertEqual(self.lines(watcher, 1), ["- a c\n"])
        self.push(server, "c", "m")
        self.assertIn("m", self.http(server.front).get("/sub?cname=c&seq=1&user=b").body.decode())
        self.assertEqual(self.roll(server), ({}, 0))

    def test_many_at_once(self):
        server = self.serve(presence_linger="1s", max_subscribers_per_channel=1000)
        users = [f"user {number:03}" for number in range(300)]
        for user in users:
            self.subscribe(server, "c", user=user)
        self.wait_roll(server, dict.fromkeys(users, 1))
        watcher = self.watch(server)
        self.push(server, "c", "m")  # all polls end
        self.wait_subscribers(server, "c", 0)
        gone = sorted(self.lines(watcher, len(users)))
        self.assertEqual(gone, [f"- user\\u0020{number:03} c\n" for number in range(300)])
        self.wait_roll(server, {})

    def test_names_are_escaped(self):
        server = self.serve()
        watcher = self.watch(server)
        name = 'a "b"\\\n<é'
        self.subscribe(server, "c d", path="stream", user=name)
        self.wait_roll(server, {name: 1}, channel="c d")
        first, line = self.lines(watcher, 2)
        self.assertEqual(first, "1 c d\n")
        self.assertEqual(line, '+ a\\u0020\\"b\\"\\\\\\n<é c d\n')
        self.assertEqual(json.loads(f'"{line.split(" ")[1]}"'), name)
        self.assertNotIn("<", self.admin(server, "presence", cname="c d"))

    def test_names_that_may_not_be(self):
        server = self.serve()
        client = self.http(server.front)
        for user in ("x" * 257, "%ff", "%c3", "%ed%a0%80"):
            self.assertEqual(client.get(f"/sub?cname=c&user={user}").status, 400, user)
        self.assertEqual(client.get(f"/sub?cname=c&user={'x' * 256}").status, 200)
        server.stop()
        self.assertEqual(server.counts()["bad_parameters"], 4)

    def test_so_many_and_no_more(self):
        server = self.serve(presence_users=3, presence_users_per_channel=2,
                                  presence_linger="1h")
        for channel, user in (("c", "a"), ("c", "b"), ("c", "x"), ("c", "a"), ("d", "a"),
                              ("d", "y")):
            self.subscribe(server, channel, path="stream", user=user)
        self.wait_roll(server, {"a": 2, "b": 1}, 1)
        self.wait_roll(server, {"a": 1}, 1, channel="d")
        server.stop()
        self.assertEqual(server.counts()["users_full"], 2)

    def test_old_watchers_hear_nothing_of_users(self):
        server = self.serve()
        for query in ("", "?users=0"):
            watcher = self.watch(server, query)
            self.subscribe(server, f"c{query[-1:]}", path="stream", user="a")
            self.wait_roll(server, {"a": 1}, channel=f"c{query[-1:]}")
            self.push(server, f"d{query[-1:]}", "m")
            self.assertEqual(self.lines(watcher, 2),
                             [f"1 c{query[-1:]}\n", f"1 d{query[-1:]}\n"])
            watcher.close()

    def test_presence_none(self):
        server = self.serve(presence="none")
        watcher = self.watch(server)
        self.subscribe(server, "c", path="stream", user="a", presence=1)
        self.wait_subscribers(server, "c", 1)
        self.assertEqual(self.lines(watcher, 1), ["1 c\n"])
        self.assertEqual(self.http(server.admin).get("/presence?cname=c").status, 404)
        status, _, err = run_to_end("millipede-comet", "--presence", "some")
        self.assertEqual(status, 2)
        self.assertIn("none, admin or all", err[0])

    def test_a_name_that_is_too_long_for_a_channel(self):
        server = self.serve()
        self.assertEqual(self.http(server.admin).get("/presence?cname=" + "n" * 4097).status, 400)


class ForSubscribers(PresenceTest):
    """Messages to those who want to know."""

    def test_who_is_there_and_who_comes_and_goes(self):
        server = self.serve(presence="all", presence_linger="1s")
        self.push(server, "c", "old")
        self.subscribe(server, "c", path="stream", user="a b")
        self.wait_roll(server, {"a b": 1})
        first, _ = self.subscribe(server, "c", path="stream", user="first", presence=1)
        self.assertEqual([first.message() for _ in range(3)],
                         [data("c", 1, "old"), data("c", 2, "a b", "present"),
                          data("c", 2, "first", "present")])
        plain, _ = self.subscribe(server, "c", 2, path="stream")
        second, _ = self.subscribe(server, "c", 2, path="sse", user='"', presence=1, epoch="")
        for kind, content in (("open", ""), ("present", '"'), ("present", "a b"),
                              ("present", "first")):
            number, message = second.event()
            self.assertEqual((message["type"], message["content"]), (kind, content))
            self.assertEqual(number is None, kind == "present")
        self.assertEqual(first.message(), data("c", 2, '"', "join"))
        self.push(server, "c", "m")
        for each in (first, plain):
            self.assertEqual(each.message(), data("c", 2, "m"))
        self.assertEqual(second.event()[1], data("c", 2, "m"))
        first.close()
        self.assertEqual(second.event(), (None, data("c", 3, "first", "leave")))
        self.push(server, "c", "n")
        self.assertEqual(plain.message(), data("c", 3, "n"))

    def test_with_the_channels_of_a_list(self):
        server = self.serve(presence="all", presence_linger="1h")
        items = [{"cname": "c", "presence": True}, {"cname": "d"}]
        client = self.http(server.front)
        query = urllib.parse.urlencode({"channels": json.dumps(items), "user": "u"})
        client.ask(f"/stream?{query}")
        client.head()
        got = [client.message() for _ in range(3)]
        for each in (data("c", 1, "", "next_seq"), data("c", 1, "u", "present"),
                     data("d", 1, "", "next_seq")):
            self.assertIn(each, got)
        self.wait_roll(server, {"u": 1}, channel="d")
        self.subscribe(server, "d", user="v")
        self.subscribe(server, "c", user="v")
        self.assertEqual(client.message(), data("c", 1, "v", "join"))
        client.close()
        self.wait_subscribers(server, "c", 1)
        self.wait_roll(server, {"u": 0, "v": 1})
        self.wait_roll(server, {"u": 0, "v": 1}, channel="d")

    def test_over_a_websocket(self):
        server = self.serve(presence="all", presence_linger="1s")
        first = WebSocket(server.front)
        self.addCleanup(first.close)
        first.begin("/ws?user=%C3%A9")
        first.command(subscribe=[{"cname": "c", "presence": True}, "d"])
        got = [first.message() for _ in range(3)]
        self.assertEqual(sorted((each["type"], each["cname"]) for each in got),
                         [("open", "c"), ("open", "d"), ("present", "c")])
        self.assertIn(data("c", 1, "é", "present"), got)
        self.wait_roll(server, {"é": 1}, channel="d")
        for part, final in ((b'{"unsub', False), (b'scribe":["d"]}', True)):  # in two pieces
            first.send_frame(0 if final else TEXT, part, final)
        self.assertEqual(first.message()["type"], "unsubscribed")
        self.wait_roll(server, {}, channel="d")
        self.assertEqual(self.roll(server), ({"é": 1}, 0))
        second = WebSocket(server.front)
        self.addCleanup(second.close)
        second.begin("/ws?user=b&cname=c&presence=1")
        self.assertEqual(first.message(), data("c", 1, "b", "join"))
        second.close()
        self.assertEqual(first.message(), data("c", 1, "b", "leave"))
        first.close()
        self.wait_roll(server, {})
        refused = self.http(server.front)
        self.assertEqual(refused.get("/ws?user=%ff", fields=handshake("x")).status, 400)

    def test_polls_are_told_nothing(self):
        server = self.serve(presence="all")
        poll, _ = self.subscribe(server, "c", presence=1, user="a")
        self.subscribe(server, "c", user="b")
        self.wait_roll(server, {"a": 1, "b": 1})
        self.push(server, "c", "m")
        self.assertEqual(poll.message(), data("c", 1, "m"))

    def test_only_if_it_is_so_wanted(self):
        server = self.serve()
        stream, _ = self.subscribe(server, "c", path="stream", presence=1, user="a")
        self.subscribe(server, "c", user="b")
        self.wait_roll(server, {"a": 1, "b": 1})
        self.push(server, "c", "m")
        self.assertEqual(stream.message(), data("c", 1, "m"))


if __name__ == "__main__":
    unittest.main()
