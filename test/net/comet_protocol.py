# SPDX-License-Identifier: BSL-1.0
"""The comet server speaks as icomet 0.2.5 did, to subscribers and to publishers.

Goal: a client written for icomet works unchanged. Every sentence of the interface's description has
a check here, those with which the original's mistakes were mended included.
Method: raw sockets, two workers, so that a channel and its subscribers are on different ones as
often as not.
"""

import json
import random
import threading
import time
import unittest

from harness import DEADLINE, MARGIN, wait_until
from http_client import CometTest, HttpClient, data, event_in

HTML = "text/html; charset=utf-8"


class Subscribing(CometTest):
    """The front port, transport by transport."""

    def test_a_poll_without_a_number_is_told_the_next_one(self):
        server = self.serve_comet()
        for path in ("sub", "poll"):
            reply = self.http(server.front).get(f"/{path}?cname=c&cb=")
            self.assertEqual((reply.status, reply.reason), (200, "OK"))
            self.assertEqual(reply.body,
                             b'{"type":"next_seq","cname":"c","seq":1,"content":""}\n')
            fields = dict(reply.fields)
            self.assertRegex(fields.pop("date"), r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
            self.assertEqual(fields, {
                "expires": "0", "cache-control": "no-cache", "connection": "keep-alive",
                "access-control-allow-origin": "*",
                "content-type": "application/json; charset=utf-8",
                "transfer-encoding": "chunked"})

    def test_a_poll_waits_and_gets_the_bare_object(self):
        server = self.serve_comet()
        client, head = self.subscribe(server, "c")
        self.assertEqual(head.status, 200)
        self.assertTrue(client.is_silent())
        self.push(server, "c", "hello")
        self.assertEqual(client.chunk(),
                         b'{"type":"data","cname":"c","seq":1,"content":"hello"}\n')
        self.assertEqual(client.chunk(), b"")
        # The connection goes on.
        self.assertEqual(json.loads(client.get("/sub?cname=c&seq=1").body),
                         [data("c", 1, "hello")])

    def test_jsonp(self):
        server = self.serve_comet()
        client = self.http(server.front)
        reply = client.get("/sub?cname=c&cb=icomet_cb_0&_=123")
        self.assertEqual(reply.body, b'icomet_cb_0({"type":"next_seq","cname":"c","seq":1,'
                                     b'"content":""});\n')
        self.push(server, "c", "x")
        reply = client.get("/sub?cname=c&seq=1&cb=a.b$c")
        self.assertEqual(reply.body,
                         b'a.b$c([{"type":"data","cname":"c","seq":1,"content":"x"}]);\n')
        waiting = [self.subscribe(server, "c", 2, cb=f"cb{number}")[0] for number in range(3)]
        self.push(server, "c", "y")
        for number, each in enumerate(waiting):
            self.assertEqual(each.chunk(), f'cb{number}({{"type":"data","cname":"c","seq":2,'
                                           '"content":"y"});\n'.encode())

    def test_a_callback_that_is_no_name_is_refused(self):
        server = self.serve_comet()
        client = self.http(server.front)
        for callback in ("alert(1)//", "a%3Cscript%3E", "x%20y", "a-b"):
            self.assertEqual(client.get(f"/sub?cname=c&cb={callback}").status, 400)
            self.assertEqual(client.get(f"/ping?cb={callback}").status, 400)

    def test_stream(self):
        server = self.serve_comet()
        client, head = self.subscribe(server, "c", path="stream")
        self.assertEqual(head.fields["content-type"], "application/json; charset=utf-8")
        for number in (1, 2, 3):
            self.push(server, "c", f"m{number}")
            self.assertEqual(client.chunk(), json.dumps(data("c", number, f"m{number}"),
                                                        separators=(",", ":")).encode() + b"\n")
        self.assertEqual(self.subscribers(server, "c"), 1)

    def test_event_stream(self):
        server = self.serve_comet()
        client, head = self.subscribe(server, "c", path="sse")
        self.assertEqual(head.fields["content-type"], "text/event-stream; charset=utf-8")
        self.assertEqual(head.fields["access-control-allow-origin"], "*")
        self.push(server, "c", "m")
        self.assertEqual(client.chunk(), b"retry: 2000\n\n")
        self.assertRegex(client.chunk(), b'^id: 1@[0-9a-f]{8}\n'
                         b'data: {"type":"data","cname":"c","seq":1,"content":"m"}\n\n$')
        self.push(server, "c", "n")
        self.assertRegex(client.chunk(), b'^id: 2@[0-9a-f]{8}\n'
                         b'data: {"type":"data","cname":"c","seq":2,"content":"n"}\n\n$')

    def test_iframe(self):
        server = self.serve_comet()
        client, head = self.subscribe(server, "c", path="iframe", cb="other")
        self.assertEqual(head.fields["content-type"], HTML)
        begin = client.chunk().decode()
        self.assertIn("no-cache", begin)
        self.assertIn("document.domain", begin)
        self.assertTrue(begin.endswith("</head><body>\n"), begin)
        self.push(server, "c", "</script><!--x")
        self.assertEqual(client.chunk(),
                         b'<script>parent.icomet_cb({"type":"data","cname":"c","seq":1,"content":'
                         b'"<\\/script>\\u003c!--x"});</script>\n')

    def test_http_1_0_gets_no_chunks_and_an_end(self):
        server = self.serve_comet()
        for fields in ((), ("Connection: keep-alive",)):
            client = self.http(server.front)
            client.ask("/sub?cname=c&seq=1", version="1.0", fields=fields)
            head = client.head()
            self.assertEqual(head.fields["connection"], "close")
            self.assertNotIn("content-length", head.fields)
            self.assertNotIn("transfer-encoding", head.fields)
            self.push(server, "c", "old")
            self.assertEqual(json.loads(client.rest()), data("c", 1, "old"))
            self.admin(server, "close", cname="c")

    def test_a_stream_over_http_1_0(self):
        server = self.serve_comet()
        client = self.http(server.front)
        client.ask("/stream?cname=c", version="1.0")
        client.head()
        self.assertEqual(json.loads(client.until(b"\n")), data("c", 1, "", "next_seq"))
        self.push(server, "c", "m")
        self.assertEqual(json.loads(client.until(b"\n")), data("c", 1, "m"))
        self.admin(server, "close", cname="c")
        self.assertEqual(json.loads(client.rest()), data("c", 2, "", "close"))

    def test_other_methods(self):
        server = self.serve_comet()
        client = self.http(server.front)
        for path in ("/sub", "/poll", "/stream", "/sse", "/iframe"):
            for method in ("POST", "HEAD", "PUT", "DELETE"):
                reply = client.get(f"{path}?cname=c", method=method)
                self.assertEqual((reply.status, reply.reason, reply.body),
                                 (405, "Method Not Allowed", b""))
        self.assertEqual(json.loads(client.get("/sub?cname=c").body)["seq"], 1)
        server.stop()
        self.assertEqual(server.counts()["wrong_methods"], 20)

    def test_ping(self):
        server = self.serve_comet(polling_timeout="7s")
        client = self.http(server.front)
        reply = client.get("/ping")
        self.assertEqual(reply.body, b'icomet_cb({"type":"ping","sub_timeout":7});\n')
        self.assertEqual(reply.fields["content-type"], "text/html; charset=ISO-8859-1")
        self.assertEqual(client.get("/ping?cb=x").body,
                         b'x({"type":"ping","sub_timeout":7});\n')
        self.assertEqual(client.get("/ping?cb=").body, b'({"type":"ping","sub_timeout":7});\n')

    def test_a_channel_without_a_name(self):
        server = self.serve_comet()
        client, _ = self.subscribe(server, "", path="stream")
        self.push(server, "", "m")
        self.assertEqual(client.message(), data("", 1, "m"))

    def test_names_are_escaped(self):
        server = self.serve_comet()
        name = 'a"b\\c\n<i>é'
        client, _ = self.subscribe(server, name)
        self.push(server, name, "m")
        self.assertEqual(client.message(), data(name, 1, "m"))
        self.assertEqual(json.loads(self.admin(server, "sign", cname=name))["cname"], name)
        self.assertEqual(json.loads(self.admin(server, "check", cname=name)), {name: 1})
        self.assertNotIn("<", self.admin(server, "sign", cname=name))
        self.assertNotIn("<i>", self.admin(server, "close", cname="<i>"))

    def test_a_name_that_is_too_long(self):
        server = self.serve_comet()
        self.assertEqual(self.http(server.front).get("/sub?cname=" + "n" * 4096).status, 200)
        self.assertEqual(self.http(server.front).get("/sub?cname=" + "n" * 4097).status, 400)
        for path in ("pub", "push", "sign", "close", "clear", "info", "check"):
            self.assertEqual(
                self.http(server.admin).get(f"/{path}?cname=" + "n" * 4097).status, 400)


class Numbers(CometTest):
    """Sequences and what is kept."""

    def publish(self, server, count, channel="c"):
        client = HttpClient(server.admin)
        for number in range(1, count + 1):
            client.get(f"/push?cname={channel}&content=m{number}")
        client.close()

    def poll(self, server, seq, channel="c"):
        return json.loads(self.http(server.front).get(f"/sub?cname={channel}&seq={seq}").body)

    def test_zero_and_the_future_are_told_the_next_number(self):
        server = self.serve_comet()
        self.publish(server, 3)
        for seq in ("0", "5", "100", "2147483647", "x", "", "-0", "4294967296"):
            self.assertEqual(self.poll(server, seq), data("c", 4, "", "next_seq"), seq)
        client, _ = self.subscribe(server, "c", 9, path="stream")
        self.assertEqual(client.message(), data("c", 4, "", "next_seq"))
        self.push(server, "c", "goes on")
        self.assertEqual(client.message(), data("c", 4, "goes on"))

    def test_what_was_missed_comes_as_an_array(self):
        server = self.serve_comet()
        self.publish(server, 5)
        self.assertEqual(self.poll(server, 5), [data("c", 5, "m5")])
        self.assertEqual(self.poll(server, 3), [data("c", n, f"m{n}") for n in (3, 4, 5)])
        self.assertEqual(self.poll(server, "%20%2B4"), [data("c", n, f"m{n}") for n in (4, 5)])
        self.assertEqual(len(self.poll(server, -7)), 5)
        self.assertEqual(len(self.poll(server, -2147483648)), 5)
        client, _ = self.subscribe(server, "c", 2, path="stream")
        for number in (2, 3, 4, 5):
            self.assertEqual(client.message(), data("c", number, f"m{number}"))

    def test_ten_to_fourteen_are_kept(self):
        server = self.serve_comet()
        for count in range(1, 32):
            self.push(server, "c", "m")
            kept = count if count < 15 else 10 + (count - 15) % 5
            got = self.poll(server, -1)
            self.assertEqual([each["seq"] for each in got],
                             list(range(count - kept + 1, count + 1)), count)

    def test_a_buffer_of_its_own_size(self):
        server = self.serve_comet(channel_buffer_size=2)
        self.publish(server, 2)
        self.assertEqual(len(self.poll(server, 1)), 2)
        self.push(server, "c", "m")
        self.assertEqual([each["seq"] for each in self.poll(server, 1)], [2, 3])

    def test_all_together_keep_so_much(self):
        server = self.serve_comet(history_max_bytes=3000)
        for number in (1, 2, 3):
            self.push(server, "c", "x" * 1000)
        stream, _ = self.subscribe(server, "d", path="stream")
        self.push(server, "d", "not kept")
        self.assertEqual(stream.message(), data("d", 1, "not kept"))
        self.assertEqual(len(self.poll(server, 1, "c")), 3)
        client, _ = self.subscribe(server, "d", 1)
        self.wait_subscribers(server, "d", 2)
        self.admin(server, "clear", cname="c")
        self.push(server, "d", "kept")
        self.assertEqual(client.message(), data("d", 2, "kept"))
        self.assertEqual(self.poll(server, 1, "d"), [data("d", 2, "kept")])

    def test_a_message_has_its_time(self):
        server = self.serve_comet(channel_timeout="1h")
        stream, _ = self.subscribe(server, "c", path="stream")
        admin = self.http(server.admin)
        admin.get("/push?cname=c&content=long&ttl=1000000000")
        admin.get("/pub?cname=c&content=short&ttl=1")
        admin.get("/push", method="POST", body=b"cname=c&content=endless&ttl=0")
        for number, text in enumerate(("long", "short", "endless"), 1):
            self.assertEqual(stream.message(), data("c", number, text))
        kept = [data("c", 1, "long"), data("c", 3, "endless")]
        wait_until(lambda: self.poll(server, 1) == kept, "the end of the short one")
        self.assertEqual(json.loads(self.admin(server, "sign", cname="c"))["seq"], 1)
        for bad in ("-1", "", "x", "1s", "1000000001", "4294967297"):
            for path in ("push", "pub"):
                self.assertEqual(admin.get(f"/{path}?cname=c&content=m&ttl={bad}").status, 400)
        self.assertEqual(self.poll(server, 1), kept)

    def test_the_number_stays_when_the_buffer_is_cleared(self):
        server = self.serve_comet()
        self.publish(server, 3)
        self.assertEqual(self.admin(server, "clear", cname="c"), "ok 4\n")
        client, _ = self.subscribe(server, "c", 1)
        self.wait_subscribers(server, "c", 1)  # it waits: there is nothing for it
        self.push(server, "c", "m")
        self.assertEqual(client.message(), data("c", 4, "m"))

    def test_a_broadcast_is_followed_by_the_next_number(self):
        server = self.serve_comet()
        poll, _ = self.subscribe(server, "c")
        jsonp, _ = self.subscribe(server, "c", cb="f")
        stream, _ = self.subscribe(server, "c", path="stream")
        other, _ = self.subscribe(server, "d", path="sse")
        reply = self.http(server.admin).get("/broadcast?content=a%22b")
        self.assertEqual((reply.body, reply.fields["content-type"]), (b"ok\n", HTML))
        both = [data("c", 1, 'a"b', "broadcast"), data("c", 2, "", "next_seq")]
        self.assertEqual(poll.message(), both)
        self.assertEqual(json.loads(jsonp.chunk()[2:-3]), both)
        self.assertEqual([stream.message(), stream.message()], both)
        self.assertEqual([other.event()[1] for _ in range(2)],
                         [{**each, "cname": "d"} for each in both])
        self.push(server, "c", "m")
        self.assertEqual(self.poll(server, 1), [*both, data("c", 2, "m")])

    def test_a_broadcast_to_many_channels(self):
        server = self.serve_comet()
        client = HttpClient(server.front)
        for number in range(1500):
            client.get(f"/sub?cname=c{number}")
        client.close()
        streams = [self.subscribe(server, f"c{number}", path="stream")[0]
                   for number in range(0, 1500, 100)]
        for _ in range(3):
            self.admin(server, "broadcast", content="all")
        for number, stream in zip(range(0, 1500, 100), streams):
            for seq in (1, 2, 3):
                self.assertEqual(stream.message(), data(f"c{number}", seq, "all", "broadcast"))
                self.assertEqual(stream.message()["type"], "next_seq")
        for number in range(1500):
            wait_until(lambda: self.poll(server, -1, f"c{number}")[-1]["seq"] == 4, "the last")

    def test_every_subscriber_gets_every_message_once_and_in_order(self):
        server = self.serve_comet(max_subscribers_per_channel=1000)
        streams = [self.subscribe(server, "c", path="stream")[0] for _ in range(300)]
        self.publish(server, 20)
        for each in streams:
            for number in range(1, 21):
                self.assertEqual(each.message(), data("c", number, f"m{number}"))
        self.assertTrue(streams[0].is_silent(0.05))

    def test_polls_that_come_back_miss_nothing(self):
        server = self.serve_comet(max_subscribers_per_channel=1000, channel_buffer_size=100)
        publisher = HttpClient(server.admin)
        polls = [(self.http(server.front), []) for _ in range(20)]
        for client, _ in polls:
            client.ask("/sub?cname=c&seq=1")
        for number in range(1, 61):
            publisher.get(f"/push?cname=c&content=m{number}")
            for client, got in polls[number % 3::3]:
                self._collect(client, got)
        for client, got in polls:
            while len(got) < 60:
                self._collect(client, got)
            self.assertEqual(got, list(range(1, 61)))
        publisher.close()

    def test_who_drops_and_resumes_misses_nothing_and_gets_nothing_twice(self):
        """By any transport, dropped at any moment, in the midst of a message or of its request."""
        dice = random.Random(1)
        server = self.serve_comet(max_subscribers_per_channel=1000, channel_buffer_size=400)
        total = 300
        def publish():
            publisher = HttpClient(server.admin)
            for number in range(1, total + 1):
                publisher.get(f"/push?cname=c&content=m{number}")
            publisher.close()
        def take(got, message):
            self.assertEqual(message, data("c", len(got) + 1, f"m{len(got) + 1}"))
            got.append(message["seq"])
        def listen(got):
            path = dice.choice(("sub", "stream", "sse"))
            client = HttpClient(server.front)
            client.ask(f"/{path}?cname=c&seq={len(got) + 1}")
            if dice.random() < 0.2:
                return client.reset()
            client.head()
            for _ in range(dice.randrange(8)):
                if len(got) == total:
                    break
                body = client.event()[1] if path == "sse" else client.message()
                for message in body if isinstance(body, list) else [body]:
                    take(got, message)
                if path == "sub":
                    break
            return client.reset() if dice.random() < 0.5 else client.close()
        crowd = [[] for _ in range(10)]
        thread = threading.Thread(target=publish)
        thread.start()
        while any(len(got) < total for got in crowd):
            listen(dice.choice([got for got in crowd if len(got) < total]))
        thread.join()
        self.wait_subscribers(server, "c", 0)

    @staticmethod
    def _collect(client, got):
        body = json.loads(client.reply().body)
        got += [each["seq"] for each in (body if isinstance(body, list) else [body])]
        client.ask(f"/sub?cname=c&seq={got[-1] + 1}")


class Time(CometTest):
    """What happens when nothing happens."""

    def test_noop(self):
        server = self.serve_comet(polling_timeout="1s")
        begin = time.monotonic()
        poll, _ = self.subscribe(server, "c", noop=5)
        jsonp, _ = self.subscribe(server, "c", noop=7, cb="f")
        stream, _ = self.subscribe(server, "c", path="stream", noop=2147483647)
        self.assertEqual(poll.message(), data("c", 5, "", "noop"))
        self.assertEqual(poll.chunk(), b"")
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertEqual(jsonp.chunk(), b'f({"type":"noop","cname":"c","seq":7,"content":""});\n')
        self.assertEqual(stream.message(), data("c", 2147483647, "", "noop"))
        self.wait_subscribers(server, "c", 1)
        self.push(server, "c", "m")  # noops are not kept, and take no number
        self.assertEqual(json.loads(self.http(server.front).get("/sub?cname=c&seq=1").body),
                         [data("c", 1, "m")])

    def gone(self, server, channel):
        """Waits until a channel has been freed."""
        wait_until(lambda: self.admin(server, "check", cname=channel) == "{}\n",
                   f"the end of {channel}")

    def test_how_long_a_channel_lives(self):
        server = self.serve_comet(channel_timeout="1s")
        stream, _ = self.subscribe(server, "held", path="stream")
        self.admin(server, "sign", cname="long", expires=100)
        self.admin(server, "sign", cname="short", expires=0)
        self.push(server, "c", "m")
        self.assertEqual(self.admin(server, "check", cname="c"), '{"c": 1}\n')
        self.gone(server, "c")
        self.gone(server, "short")
        self.push(server, "c", "again")  # its numbers begin anew
        self.assertEqual(json.loads(self.http(server.front).get("/sub?cname=c&seq=1").body),
                         [data("c", 1, "again")])
        for channel in ("held", "long"):  # as long as it has subscribers, or as it was signed for
            self.assertEqual(self.admin(server, "check", cname=channel), f'{{"{channel}": 1}}\n')
        stream.close()
        self.admin(server, "sign", cname="long", expires=1)  # sets it, be it less
        for channel in ("held", "long", "c"):
            self.gone(server, channel)
        self.assertEqual(json.loads(self.admin(server, "info"))["channels"], 0)

    def test_who_uses_a_channel_lengthens_its_life(self):
        server = self.serve_comet()
        for channel in ("polled", "refreshed", "pushed", "short"):
            self.admin(server, "sign", cname=channel, expires=1)
        self.http(server.front).get("/sub?cname=polled")
        self.admin(server, "sign", cname="refreshed")
        self.push(server, "pushed", "m")
        self.gone(server, "short")
        for channel in ("polled", "refreshed", "pushed"):
            self.assertEqual(self.admin(server, "check", cname=channel), f'{{"{channel}": 1}}\n')

    def test_a_subscriber_that_leaves_is_counted_out(self):
        server = self.serve_comet()
        gone, _ = self.subscribe(server, "c")
        reset, _ = self.subscribe(server, "c", path="stream")
        half, _ = self.subscribe(server, "c", path="sse")
        self.assertEqual(self.subscribers(server, "c"), 3)
        gone.close()
        reset.reset()
        half.half_close()
        self.wait_subscribers(server, "c", 0)
        self.assertNotIn(b"data", half.rest())
        self.assertEqual(json.loads(self.admin(server, "info")),
                         {"version": "0.2.5", "channels": 1, "subscribers": 0})

    def test_subscribers_that_leave_at_once(self):
        server = self.serve_comet(max_subscribers_per_channel=1000)
        for _ in range(20):
            clients = [self.http(server.front) for _ in range(20)]
            for each in clients:
                each.ask("/stream?cname=c&seq=1")
                each.reset()
        self.wait_subscribers(server, "c", 0)
        self.push(server, "c", "m")


class Limits(CometTest):
    """What is refused to subscribers, and how."""

    def check_error(self, server, target, code, why, channel="c"):
        for path, decode in (("sub", json.loads), ("stream", json.loads),
                             ("sse", lambda body: event_in(body)[0])):
            client = self.http(server.front)
            reply = client.get(f"/{path}?{target}")
            self.assertEqual((reply.status, reply.fields["connection"]), (200, "keep-alive"))
            self.assertEqual(decode(reply.body), data(channel, 0, why, code))
            self.assertEqual(client.get("/ping").status, 200)
        self.assertEqual(self.http(server.front).get(f"/sub?{target}&cb=f").body,
                         f'f({{"type":"{code}","cname":"{channel}","seq":0,"content":"{why}"}});\n'
                         .encode())

    def test_too_many_channels(self):
        server = self.serve_comet(max_channels=2)
        self.push(server, "a", "m")
        self.push(server, "b", "m")
        self.check_error(server, "cname=c&seq=1", "429", "Too many channels")
        for path in ("push?cname=c&content=m", "pub?cname=c&content=m", "sign?cname=c"):
            reply = self.http(server.admin).get(f"/{path}")
            self.assertEqual((reply.status, reply.reason, reply.body),
                             (429, "Too Many Channels", b""))
        self.admin(server, "close", cname="a")
        self.push(server, "c", "m")
        server.stop()
        self.assertEqual(server.counts()["channels_full"], 7)

    def test_too_many_subscribers(self):
        server = self.serve_comet()
        streams = [self.subscribe(server, "c", path="stream")[0] for _ in range(16)]
        self.check_error(server, "cname=c&seq=1", "429", "Too many subscribers")
        streams[0].close()
        self.wait_subscribers(server, "c", 15)
        client, _ = self.subscribe(server, "c")
        self.push(server, "c", "m")
        self.assertEqual(client.message(), data("c", 1, "m"))

    def test_tokens(self):
        server = self.serve_comet(auth="token")
        self.check_error(server, "cname=c", "401", "Token error")
        signed = json.loads(self.admin(server, "sign", cname="c"))
        self.assertRegex(signed["token"], "^[0-9a-f]{32}$")
        self.assertEqual(json.loads(self.admin(server, "sign", cname="c"))["token"],
                         signed["token"])
        self.assertNotEqual(json.loads(self.admin(server, "sign", cname="d"))["token"],
                            signed["token"])
        self.check_error(server, "cname=c", "401", "Token error")
        self.check_error(server, f"cname=d&token={signed['token']}", "401", "Token error",
                         channel="d")
        client, _ = self.subscribe(server, "c", token=signed["token"])
        self.push(server, "c", "m")
        self.assertEqual(client.message(), data("c", 1, "m"))
        self.push(server, "unsigned", "m")  # made by push: there, and closed to all without a token
        self.check_error(server, "cname=unsigned&token=", "401", "Token error", "unsigned")

    def test_without_auth_a_token_means_nothing(self):
        server = self.serve_comet()
        self.admin(server, "sign", cname="c")
        reply = self.http(server.front).get("/sub?cname=c&token=nonsense")
        self.assertEqual(json.loads(reply.body), data("c", 1, "", "next_seq"))


class Publishing(CometTest):
    """The admin port."""

    def test_pub_and_push(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        client = self.http(server.admin)
        for path in ("pub", "push"):
            reply = client.get(f"/{path}?cname=c&content=m")
            self.assertEqual((reply.status, reply.body), (200, b'{"type":"ok"}\n'))
            self.assertEqual(reply.fields["content-type"], "text/javascript; charset=utf-8")
            self.assertEqual(reply.fields["server"], "icomet 0.2.5")
            self.assertEqual(stream.message()["content"], "m")
            self.assertEqual(client.get(f"/{path}?cname=c&content=m&cb=f").body,
                             b'f({"type":"ok"});\n')
            self.assertEqual(client.get(f"/{path}?cname=c&content=m&cb=").body,
                             b'({"type":"ok"});\n')
            self.assertEqual(client.get(f"/{path}?cname=c&cb=a(b").status, 400)
            stream.message(), stream.message()

    def test_what_is_escaped(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        client = self.http(server.admin)
        client.get("/push?cname=c&content=%22%5C%0D%0A%09%01%1F+x%7F")
        self.assertEqual(stream.message()["content"], '"\\\r\n\t\x01\x1f x\x7f')
        client.get("/pub?cname=c&content=%5C%22%5Cn%5Cu00e9")  # escaped already
        self.assertEqual(stream.message()["content"], '"\né')
        client.get("/pub?cname=c&content=a%0Ab")  # no JSON string may have that
        self.assertEqual(stream.message()["content"], "a\nb")
        client.get("/push?cname=c&content=a%00b")  # ends at a NUL
        self.assertEqual(stream.message()["content"], "a")
        client.get("/push?cname=c&content=%C3%A9")
        self.assertEqual(stream.message()["content"], "é")

    def test_post(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        client = self.http(server.admin)
        def post(target, body):
            reply = client.get(target, method="POST", body=body)
            self.assertEqual(reply.body, b'{"type":"ok"}\n')
            return stream.message()["content"]
        self.assertEqual(post("/push", b"cname=c&content=in+the+body"), "in the body")
        self.assertEqual(post("/push?cname=c&content=query", b"content=body"), "body")
        self.assertEqual(post("/push?cname=c&content=query", b"junk"), "query")  # void
        self.assertEqual(post("/push?cname=c", 'content=raw é"<|%zz'.encode()), 'raw é"<|%zz')
        self.assertEqual(post("/push?cname=c", b"content=" + b"x" * 100_000), "x" * 100_000)

    def test_chunked_post(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        client = self.http(server.admin)
        body = (b"9\r\ncname=c&c\r\n0A;extension=1\r\nontent=chu\r\n3\r\nnks\r\n"
                b"0\r\nTrailer: x\r\n\r\n")
        head = b"POST /push HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        for cut in range(0, len(head + body) + 1, 7):  # it comes in two pieces
            client.send((head + body)[:cut])
            time.sleep(0.002)
            client.send((head + body)[cut:])
            self.assertEqual(client.reply().status, 200)
            self.assertEqual(stream.message()["content"], "chunks")
        client.ask("/push", method="POST", fields=["Transfer-Encoding: chunked"],
                   body=b"0\r\n\r\n")
        self.assertEqual(client.reply().status, 200)

    def test_100_continue(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        body = b"cname=c&content=m"
        for fields in ([f"Content-Length: {len(body)}"], ["Transfer-Encoding: chunked"]):
            client.send("\r\n".join(["POST /push HTTP/1.1", "Expect: 100-continue", *fields,
                                     "", ""]).encode())
            self.assertEqual(client.until(b"\r\n\r\n"), b"HTTP/1.1 100 Continue\r\n\r\n")
            self.assertTrue(client.is_silent(0.05))
            if "Transfer" in fields[0]:
                client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
            else:
                client.send(body)
            self.assertEqual(client.reply().body, b'{"type":"ok"}\n')
        # What comes at once needs no such answer.
        client.ask("/push", method="POST", fields=["Expect: 100-continue"], body=body)
        self.assertEqual(client.reply().body, b'{"type":"ok"}\n')

    def test_methods(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        for path, refused in (("/pub", ("HEAD", "PUT", "DELETE")),
                              ("/push", ("HEAD", "PUT", "DELETE")),
                              ("/broadcast", ("POST", "HEAD", "PUT", "DELETE"))):
            for method in refused:
                reply = client.get(path, method=method)
                self.assertEqual((reply.status, reply.reason, reply.body),
                                 (405, "Invalid Method", b""))
        reply = client.get("/info", method="HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))
        self.assertGreater(int(reply.fields["content-length"]), 0)
        for method in ("GET", "POST", "PUT", "DELETE"):
            self.assertEqual(json.loads(client.get("/info", method=method).body)["channels"], 0)

    def test_sign(self):
        server = self.serve_comet(polling_timeout="9s", channel_timeout="20s")
        client = self.http(server.admin)
        reply = client.get("/sign?cname=c")
        self.assertEqual(reply.fields["content-type"], HTML)
        self.assertRegex(reply.body.decode(), r'^{"type":"sign","cname":"c","seq":1,'
                         r'"token":"[0-9a-f]{32}","expires":20,"sub_timeout":9}\n$')
        self.assertRegex(client.get("/sign?cname=c&expires=60&cb=f").body.decode(),
                         r'^f\({"type":"sign".*"expires":60,.*}\);\n$')
        self.assertRegex(client.get("/sign?cname=c&cb=").body.decode(), r'^\({.*}\);\n$')
        for expires in ("-1", "0", "x"):
            self.assertIn('"expires":20,', client.get(f"/sign?cname=c&expires={expires}").body
                          .decode())
        for count in range(1, 14):
            self.push(server, "c", "m")
            self.assertEqual(json.loads(client.get("/sign?cname=c").body)["seq"],
                             1 if count <= 10 else count - 9)

    def test_close(self):
        server = self.serve_comet()
        self.push(server, "c", "m")
        poll, _ = self.subscribe(server, "c", 2)
        sse, _ = self.subscribe(server, "c", 2, path="sse")
        client = self.http(server.admin)
        reply = client.get("/close?cname=c")
        self.assertEqual((reply.body, reply.fields["content-type"]), (b"ok 2\n", HTML))
        self.assertEqual(poll.message(), data("c", 2, "", "close"))
        self.assertEqual(poll.chunk(), b"")
        self.assertEqual(sse.event()[1], data("c", 2, "", "close"))
        self.assertEqual(sse.chunk(), b"")
        self.assertEqual(json.loads(self.admin(server, "info")),
                         {"version": "0.2.5", "channels": 0, "subscribers": 0})
        # Both connections go on; the channel begins anew.
        for each in (poll, sse):
            self.assertEqual(json.loads(each.get("/sub?cname=c").body),
                             data("c", 1, "", "next_seq"))

    def test_unknown_channels(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        for path in ("close", "clear"):
            reply = client.get(f"/{path}?cname=c")
            self.assertEqual((reply.status, reply.body),
                             (404, b"channel[c] not connected\n"))
            self.assertEqual(reply.fields["content-type"], HTML)
        self.assertEqual(client.get("/info?cname=c").body, b'{"cname": "c", "subscribers": 0}\n')
        self.assertEqual(client.get("/check?cname=c").body, b"{}\n")
        self.assertEqual(client.get("/info").body,
                         b'{"version": "0.2.5", "channels": 0, "subscribers": 0}\n')

    def test_what_it_knows(self):
        server = self.serve_comet()
        for path in ("stream", "sse", "sub"):
            self.subscribe(server, "c", path=path)
        self.push(server, "d", "m")
        client = self.http(server.admin)
        self.assertEqual(client.get("/info").body,
                         b'{"version": "0.2.5", "channels": 2, "subscribers": 3}\n')
        self.assertEqual(client.get("/info?cname=c").body, b'{"cname": "c", "subscribers": 3}\n')
        self.assertEqual(client.get("/check?cname=d").body, b'{"d": 1}\n')

    def test_presence(self):
        server = self.serve_comet(channel_timeout="1s")
        watcher = self.http(server.admin)
        watcher.ask("/psub")
        head = watcher.head()
        self.assertEqual((head.status, head.fields["transfer-encoding"]), (200, "chunked"))
        old = self.http(server.admin)
        old.ask("/psub", version="1.0")
        self.assertNotIn("transfer-encoding", old.head().fields)
        self.push(server, "before", "m")
        stream, _ = self.subscribe(server, "c", path="stream")
        lines = []
        def seen(line, count=1):
            while lines.count(line) < count:
                lines.append(watcher.chunk().decode())
            return True
        self.assertTrue(seen("1 c\n"))
        self.assertTrue(seen("1 c\n", 2))  # again and again, as long as it is there
        self.assertEqual(lines[0], "1 before\n")
        self.assertTrue(seen("0 before\n"))
        stream.close()
        self.assertTrue(seen("0 c\n"))
        self.push(server, "closed", "m")
        self.admin(server, "close", cname="closed")
        self.assertTrue(seen("0 closed\n"))
        self.assertEqual(old.until(b"\n"), b"1 before\n")
        watcher.close()
        self.push(server, "later", "m")
        old.until(b"1 later\n")


class Http(CometTest):
    """What HTTP clients may do that icomet's could."""

    def test_paths_are_compared_decoded_and_whole(self):
        server = self.serve_comet()
        client = self.http(server.front)
        self.assertEqual(client.get("/%73ub?cname=c").status, 200)
        for path in ("/", "/sub/", "/SUB", "/subx", "//sub", "/pub", "/info"):
            client = self.http(server.front)
            reply = client.get(path)
            self.assertEqual((reply.status, reply.fields["connection"]), (404, "close"), path)
            self.assertIn(b"<h1>Not Found</h1>", reply.body)
            self.assertEqual(client.rest(), b"")
        client = self.http(server.admin)
        self.assertEqual(client.get("/sub?cname=c").status, 404)

    def test_a_query_with_one_bad_item_is_void(self):
        server = self.serve_comet()
        self.push(server, "c", "m")
        def channel(query):
            return json.loads(self.http(server.front).get(f"/sub?{query}").body)
        self.assertEqual(channel("cname=c&seq=1"), [data("c", 1, "m")])
        self.assertEqual(channel("CNAME=c&Seq=1"), [data("c", 1, "m")])
        self.assertEqual(channel("cname=c&cname=d&seq=1&seq=9"), [data("c", 1, "m")])
        self.assertEqual(channel("cname=c&seq=1&"), [data("c", 1, "m")])
        void = data("", 1, "", "next_seq")
        for query in ("cname=c&seq=1&x", "cname=c&seq=1&=x", "cname=c&&seq=1", "&cname=c",
                      "cname=c&x=%zz", "cname=c&x=%4", 'cname=c&x="', "cname=c&x=<",
                      "cname=c&x=|", "cname=c&x=[", "cname=c&x={", "cname=c&x=`",
                      "cname=c&x=\xc3\xa9"):
            self.assertEqual(channel(query), void, query)

    def test_pipelining(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        count = 200
        for number in range(count):
            client.ask(f"/push?cname=c&content=m{number}")
            client.ask("/info?cname=c")
        for _ in range(count):
            self.assertEqual(client.reply().body, b'{"type":"ok"}\n')
            self.assertEqual(client.reply().body, b'{"cname": "c", "subscribers": 0}\n')

    def test_pipelining_behind_a_poll_that_waits(self):
        server = self.serve_comet()
        client, _ = self.subscribe(server, "c")
        client.ask("/ping")
        client.ask("/sub?cname=c&seq=2")
        client.ask("/ping?cb=last")
        self.assertTrue(client.is_silent())
        self.push(server, "c", "one")
        self.assertEqual(client.message(), data("c", 1, "one"))
        self.assertEqual(client.chunk(), b"")
        self.assertIn(b"icomet_cb(", client.reply().body)
        self.wait_subscribers(server, "c", 1)
        self.assertTrue(client.is_silent())  # who polls again gets the head with the message
        self.push(server, "c", "two")
        self.assertEqual(client.head().status, 200)
        self.assertEqual(client.message(), data("c", 2, "two"))
        self.assertEqual(client.chunk(), b"")
        self.assertIn(b"last(", client.reply().body)

    def test_what_follows_an_endless_reply_is_thrown_away(self):
        server = self.serve_comet()
        client, _ = self.subscribe(server, "c", path="stream")
        for _ in range(50):
            client.send(b"POST /junk HTTP/1.1\r\n\x00\xff" * 1000)
        self.push(server, "c", "m")
        self.assertEqual(client.message(), data("c", 1, "m"))
        client.close()
        self.wait_subscribers(server, "c", 0)

    def test_a_request_byte_by_byte(self):
        server = self.serve_comet()
        client = self.http(server.front)
        for byte in b"GET /sub?cname=c HTTP/1.1\r\nHost: x\r\n\r\n":
            client.send(bytes([byte]))
            time.sleep(0.001)
        self.assertEqual(json.loads(client.reply().body), data("c", 1, "", "next_seq"))

    def test_a_line_of_60_kilobytes(self):
        server = self.serve_comet()
        client = self.http(server.front)
        self.assertEqual(client.get("/ping?x=" + "y" * 60_000).status, 200)
        self.assertEqual(client.get("/ping").status, 200)

    def test_the_absolute_form_closes(self):
        server = self.serve_comet()
        client = self.http(server.front)
        reply = client.get("http://example.com/sub?cname=c")
        self.assertEqual(json.loads(reply.body), data("c", 1, "", "next_seq"))
        self.assertEqual(reply.fields["connection"], "close")
        self.assertEqual(client.rest(), b"")

    def test_who_asks_to_close_is_closed(self):
        server = self.serve_comet()
        for address, target in ((server.front, "/ping"), (server.front, "/sub?cname=c"),
                                (server.admin, "/push?cname=c&content=m")):
            client = self.http(address)
            reply = client.get(target, fields=["Connection: close"])
            self.assertEqual((reply.status, reply.fields["connection"]), (200, "close"))
            self.assertEqual(client.rest(), b"")

    def test_http_1_0_on_the_admin_port(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        reply = client.get("/info", version="1.0", fields=["Connection: keep-alive"])
        self.assertEqual(reply.fields["connection"], "keep-alive")
        reply = client.get("/push?cname=c&content=m", version="1.0")
        self.assertEqual((reply.body, reply.fields["connection"]), (b'{"type":"ok"}\n', "close"))
        self.assertEqual(client.rest(), b"")

    def test_the_end_of_the_server(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        poll, _ = self.subscribe(server, "c")
        begin = time.monotonic()
        server.send_signal()
        self.assertEqual(stream.rest(), b"")
        self.assertEqual(poll.rest(), b"")
        stream.close()
        poll.close()
        self.assertEqual(server.wait_exit(), 0)
        self.assertLess(time.monotonic() - begin, MARGIN + DEADLINE)


if __name__ == "__main__":
    unittest.main()
