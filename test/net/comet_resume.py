#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The comet server beyond icomet: lives of channels and gaps, ids of event streams, and several
channels on one connection."""

import json
import unittest
import urllib.parse

from harness import wait_until
from http_client import CometTest, data

UNKNOWN = "00000000"


def marker(kind, channel, seq, content, epoch):
    """A message that says where a subscription begins."""
    return {**data(channel, seq, content, kind), "epoch": epoch}


def listed(*items, **parameters):
    """The path of a request for several channels."""
    return urllib.parse.urlencode({"channels": json.dumps(items), **parameters})


class ResumeTest(CometTest):
    """A test with a server, and what it says of its channels' lives."""

    def ask(self, server, path, **fields):
        client = self.http(server.front)
        client.ask(path, fields=[f"{name}: {value}" for name, value in fields.items()])
        return client

    def epoch_of(self, server, channel):
        """The life of a channel."""
        reply = self.http(server.front).get(f"/sub?cname={channel}&seq=0&epoch=")
        return json.loads(reply.body)["epoch"]

    def poll(self, server, **parameters):
        """A poll's reply, as JSON."""
        query = urllib.parse.urlencode(parameters)
        return json.loads(self.http(server.front).get(f"/sub?{query}").body)


class Epochs(ResumeTest):
    def test_a_stream_begins_with_the_life_of_its_channel(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", 1, path="stream", epoch="")
        epoch = self.epoch_of(server, "c")
        self.assertRegex(epoch, "^[0-9a-f]{8}$")
        self.assertEqual(stream.message(), marker("open", "c", 1, "", epoch))
        self.push(server, "c", "m")
        self.assertEqual(stream.message(), data("c", 1, "m"))
        again, _ = self.subscribe(server, "c", 1, path="stream", epoch=epoch)
        self.assertEqual(again.message(), marker("open", "c", 1, "", epoch))
        self.assertEqual(again.message(), data("c", 1, "m"))
        late, _ = self.subscribe(server, "c", 0, path="stream", epoch="")
        self.assertEqual(late.message(), marker("open", "c", 2, "", epoch))
        self.assertTrue(late.is_silent(0.05))

    def test_polls_are_told_what_they_do_not_know(self):
        server = self.serve_comet()
        self.push(server, "c", "one")
        self.push(server, "c", "two")
        epoch = self.epoch_of(server, "c")
        two = data("c", 2, "two")
        # Who knows it gets messages alone; at once those that there are, and else later.
        self.assertEqual(self.poll(server, cname="c", seq=2, epoch=epoch), [two])
        waits, _ = self.subscribe(server, "c", 3, epoch=epoch)
        self.assertTrue(waits.is_silent(0.05))
        self.push(server, "c", "three")
        self.assertEqual(waits.message(), data("c", 3, "three"))
        # Who does not is told.
        self.assertEqual(self.poll(server, cname="c", seq=2, epoch=""),
                         [marker("open", "c", 2, "", epoch), two, data("c", 3, "three")])
        self.assertEqual(self.poll(server, cname="c", seq=4, epoch=""),
                         marker("open", "c", 4, "", epoch))
        self.assertEqual(self.poll(server, cname="c", seq=0, epoch=epoch),
                         marker("open", "c", 4, "", epoch))
        jsonp = self.http(server.front).get("/sub?cname=c&seq=4&epoch=&cb=f")
        self.assertEqual(json.loads(jsonp.body[2:-3]), marker("open", "c", 4, "", epoch))

    def test_gaps(self):
        server = self.serve_comet(channel_buffer_size=2)
        for number in range(1, 6):
            self.push(server, "c", f"m{number}")
        epoch = self.epoch_of(server, "c")
        kept = [data("c", number, f"m{number}") for number in range(4, 6)]
        for known in ("", epoch):
            self.assertEqual(self.poll(server, cname="c", seq=2, epoch=known),
                             [marker("gap", "c", 4, "expired", epoch), *kept])
        # Another life, were its numbers the same; or one whose numbers have begun again.
        for seq, known in ((5, UNKNOWN), (1, UNKNOWN), (7, ""), (7, epoch), (-1, UNKNOWN)):
            self.assertEqual(self.poll(server, cname="c", seq=seq, epoch=known),
                             [marker("gap", "c", 4, "restarted", epoch), *kept])
        # All that there is, whatever it is: the one number that has always meant that.
        self.assertEqual(self.poll(server, cname="c", seq=-2**31, epoch=epoch), kept)
        self.admin(server, "clear", cname="c")
        self.assertEqual(self.poll(server, cname="c", seq=5, epoch=epoch),
                         marker("gap", "c", 6, "expired", epoch))
        stream, _ = self.subscribe(server, "c", 5, path="stream", epoch=epoch)
        self.assertEqual(stream.message(), marker("gap", "c", 6, "expired", epoch))
        self.push(server, "c", "m6")
        self.assertEqual(stream.message(), data("c", 6, "m6"))

    def test_a_channel_that_comes_again_has_another_life(self):
        server = self.serve_comet()
        self.push(server, "c", "old")
        first = self.epoch_of(server, "c")
        self.admin(server, "close", cname="c")
        self.push(server, "c", "new")
        second = self.epoch_of(server, "c")
        self.assertNotEqual(first, second)
        self.assertEqual(self.poll(server, cname="c", seq=2, epoch=first),
                         [marker("gap", "c", 1, "restarted", second), data("c", 1, "new")])
        other = self.serve_comet()
        self.push(other, "c", "newer")
        self.assertNotIn(self.epoch_of(other, "c"), (first, second))

    def test_who_does_not_ask_sees_nothing_of_it(self):
        server = self.serve_comet(channel_buffer_size=2)
        for number in range(1, 6):
            self.push(server, "c", f"m{number}")
        self.assertEqual([each["seq"] for each in self.poll(server, cname="c", seq=2)], [4, 5])
        self.assertEqual(self.poll(server, cname="c", seq=9), data("c", 6, "", "next_seq"))

    def test_broadcasts_after_a_marker(self):
        server = self.serve_comet()
        self.push(server, "c", "m")
        self.admin(server, "broadcast", content="b")
        wait_until(lambda: len(self.poll(server, cname="c", seq=1)) > 1, "the broadcast")
        epoch = self.epoch_of(server, "c")
        self.assertEqual(self.poll(server, cname="c", seq=2, epoch=""),
                         [marker("open", "c", 2, "", epoch), data("c", 2, "b", "broadcast"),
                          data("c", 3, "", "next_seq")])


class EventStreams(ResumeTest):
    def test_ids_name_number_and_life(self):
        server = self.serve_comet(polling_timeout="1s")
        self.push(server, "c", "m")
        epoch = self.epoch_of(server, "c")
        stream, _ = self.subscribe(server, "c", 1, path="sse")
        self.assertEqual(stream.event(), (f"1@{epoch}", data("c", 1, "m")))
        self.assertEqual(stream.event(), (None, data("c", 0, "", "noop")))
        self.admin(server, "broadcast", content="b")
        self.assertEqual(stream.event(), (f"2@{epoch}", data("c", 2, "b", "broadcast")))
        self.assertEqual(stream.event(), (f"2@{epoch}", data("c", 3, "", "next_seq")))
        late, _ = self.subscribe(server, "c", 0, path="sse")
        self.assertEqual(late.event(), (f"2@{epoch}", data("c", 3, "", "next_seq")))
        marked, _ = self.subscribe(server, "c", 0, path="sse", epoch="")
        self.assertEqual(marked.event(), (f"2@{epoch}", marker("open", "c", 3, "", epoch)))
        self.admin(server, "close", cname="c")
        self.assertEqual(late.event(), (None, data("c", 3, "", "close")))

    def test_a_browser_that_comes_back_goes_on_behind_what_it_had(self):
        server = self.serve_comet(channel_buffer_size=2)
        for number in range(1, 5):
            self.push(server, "c", f"m{number}")
        epoch = self.epoch_of(server, "c")
        four = (f"4@{epoch}", data("c", 4, "m4"))
        def come_back(number, path="/sse?cname=c&seq=1"):
            stream = self.ask(server, path, **{"last-event-id": number})
            stream.head()
            return stream
        # The URL is the one that it began with: the field is newer.
        stream = come_back(f"3@{epoch}")
        self.assertEqual(stream.event(), (f"3@{epoch}", marker("open", "c", 4, "", epoch)))
        self.assertEqual(stream.event(), four)
        self.assertEqual(come_back("3").event(), four)  # no life, no marker
        stream = come_back(f"3@{UNKNOWN}")
        self.assertEqual(stream.event(), (f"2@{epoch}",
                                          marker("gap", "c", 3, "restarted", epoch)))
        stream = come_back(f"1@{epoch}")
        self.assertEqual(stream.event(), (f"2@{epoch}", marker("gap", "c", 3, "expired", epoch)))
        for ignored in ("", "x", "3x", "99999999999", "@", f"x@{epoch}"):
            self.assertEqual(come_back(ignored).event(), (f"3@{epoch}", data("c", 3, "m3")))
        # It is of event streams alone.
        other = come_back("3", "/stream?cname=c&seq=3")
        self.assertEqual(other.message(), data("c", 3, "m3"))


class SeveralChannels(ResumeTest):
    def test_one_stream_of_many(self):
        server = self.serve_comet()
        self.push(server, "b", "old")
        stream = self.ask(server, "/stream?" + listed("a", {"cname": "b", "seq": 1}, "a"))
        stream.head()
        begin = [stream.message(), stream.message()]
        self.assertCountEqual(begin, [data("a", 1, "", "next_seq"), data("b", 1, "old")])
        for number in range(1, 4):
            self.push(server, "a", f"m{number}")
            self.assertEqual(stream.message(), data("a", number, f"m{number}"))
        self.push(server, "b", "new")
        self.assertEqual(stream.message(), data("b", 2, "new"))
        self.assertEqual([self.subscribers(server, each) for each in "ab"], [1, 1])
        stream.close()
        for each in "ab":
            self.wait_subscribers(server, each, 0)

    def test_an_event_stream_of_several_has_no_ids(self):
        server = self.serve_comet()
        stream = self.ask(server, "/sse?" + listed("a", {"cname": "b", "epoch": ""}))
        stream.head()
        found = [stream.event(), stream.event()]
        self.assertEqual([number for number, _ in found], [None, None])
        self.assertCountEqual([each["type"] for _, each in found], ["next_seq", "open"])
        every = self.ask(server, "/sse?" + listed("a", "b", epoch=""))
        every.head()
        self.assertEqual([every.event()[1]["type"] for _ in range(2)], ["open", "open"])

    def test_a_poll_ends_with_the_first_message_of_any(self):
        server = self.serve_comet()
        items = [{"cname": name, "seq": 1} for name in ("a", "b", "c")]
        poll = self.ask(server, "/sub?" + listed(*items))
        poll.head()
        for name in "abc":
            self.wait_subscribers(server, name, 1)
        self.push(server, "b", "m")
        self.assertEqual(poll.message(), data("b", 1, "m"))
        self.assertEqual(poll.chunk(), b"")
        for name in "abc":
            self.wait_subscribers(server, name, 0)
        # The connection goes on, and what others have comes with the next.
        self.push(server, "a", "n")
        items[1]["seq"] = 2
        self.assertEqual(json.loads(poll.get("/sub?" + listed(*items)).body), [data("a", 1, "n")])
        self.assertEqual(poll.get("/ping").status, 200)
        for name in "abc":
            self.wait_subscribers(server, name, 0)

    def test_what_is_there_already_ends_a_poll_once(self):
        """However many of its channels have something: one reply."""
        server = self.serve_comet()
        names = [f"c{number}" for number in range(40)]
        for name in names:
            self.push(server, name, name)
        client = self.http(server.front)
        items = {name: 1 for name in names}
        while items:
            query = listed(*({"cname": name, "seq": 1} for name in items))
            for message in json.loads(client.get("/sub?" + query).body):
                self.assertEqual(message, data(message["cname"], 1, message["cname"]))
                del items[message["cname"]]
        for name in names:
            self.wait_subscribers(server, name, 0)

    def test_refusals_are_told_with_the_name(self):
        server = self.serve_comet(auth="token")
        token = json.loads(self.admin(server, "sign", cname="a"))["token"]
        stream = self.ask(server, "/stream?" + listed({"cname": "a", "token": token}, "b"))
        stream.head()
        self.assertCountEqual([stream.message(), stream.message()],
                              [data("a", 1, "", "next_seq"), data("b", 0, "Token error", "401")])
        self.push(server, "a", "m")
        self.assertEqual(stream.message(), data("a", 1, "m"))
        nobody = self.http(server.front).get("/stream?" + listed("b", "c"))
        self.assertCountEqual(
            [json.loads(line) for line in nobody.body.splitlines()],
            [data(name, 0, "Token error", "401") for name in "bc"])
        poll = self.http(server.front).get("/sub?" + listed("b", "c"))
        self.assertEqual(json.loads(poll.body)["type"], "401")

    def test_a_channel_that_is_closed_leaves_the_others(self):
        server = self.serve_comet()
        stream = self.ask(server, "/stream?" + listed({"cname": "a", "seq": 1},
                                                      {"cname": "b", "seq": 1}))
        stream.head()
        for name in "ab":
            self.wait_subscribers(server, name, 1)
        self.admin(server, "close", cname="a")
        self.assertEqual(stream.message(), data("a", 1, "", "close"))
        self.push(server, "b", "m")
        self.assertEqual(stream.message(), data("b", 1, "m"))
        self.admin(server, "close", cname="b")
        self.assertEqual(stream.message(), data("b", 2, "", "close"))
        self.assertEqual(stream.chunk(), b"")
        self.assertEqual(stream.get("/ping").status, 200)

    def test_silence_is_told_once(self):
        server = self.serve_comet(polling_timeout="1s")
        stream = self.ask(server, "/stream?" + listed({"cname": "a", "seq": 1},
                                                      {"cname": "b", "seq": 1}, noop=7))
        stream.head()
        for number in (7, 8):
            noop = stream.message()
            self.assertEqual((noop["type"], noop["seq"]), ("noop", number))
            self.assertIn(noop["cname"], "ab")
        poll = self.ask(server, "/sub?" + listed({"cname": "a", "seq": 1},
                                                 {"cname": "b", "seq": 1}))
        self.assertEqual(json.loads(poll.reply().body)["type"], "noop")
        for name in "ab":
            self.wait_subscribers(server, name, 1)

    def test_what_is_no_list_of_channels(self):
        server = self.serve_comet(channels_per_connection=3)
        client = self.http(server.front)
        for text in ("", "[]", "{}", "[1]", '"a"', "[", '["a",]', '[{"seq":1}]', '[{"cname":1}]',
                     '[{"cname":"a","seq":"1"}]', '[{"cname":"a","sequence":1}]',
                     json.dumps(["a", "b", "c", "d"]), json.dumps(["a" * 5000])):
            query = urllib.parse.urlencode({"channels": text})
            self.assertEqual(client.get(f"/sub?{query}").status, 400, text)
        self.assertEqual(client.get("/sub?" + listed("a", "b", "c")).status, 200)
        client.close()
        server.stop()
        self.assertEqual(server.counts()["bad_parameters"], 13)


if __name__ == "__main__":
    unittest.main()
