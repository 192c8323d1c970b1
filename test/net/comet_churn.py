# SPDX-License-Identifier: BSL-1.0
"""Subscribers of the comet server that come and go all the time, by number and epoch.

Goal: over every transport, dropped at any moment, each gets every message of its channels exactly
once and in order as long as history reaches; where it does not, and after the server has started
anew, a gap marker says so, and where it goes on.
Method: the publisher waits for those who are not to miss anything, so that history always reaches
for them, however slow the machine is. Others come once, and stay away until it cannot. In the midst
the server is replaced by another.

Environment: MILLIPEDE_CHURN_SECONDS (1): for how long each server is published to, at least.
"""

import json
import os
import random
import threading
import time
import unittest
import urllib.parse

from harness import DEADLINE, free_port, wait_until
from comet_framed import SUBSCRIBE, FramedClient
from http_client import CometTest, HttpClient
from websocket_client import CLOSE, WebSocket

SECONDS = float(os.environ.get("MILLIPEDE_CHURN_SECONDS", "1"))
CHANNELS = ("news", "chat", "a \"b\" é")
BUFFER = 40  # messages that a channel keeps; and up to half as many more
LAG_MAX = BUFFER // 2  # of those who are not to miss anything
LIVES = 2
GOING_AWAY = str((CLOSE, b"\x03\xe9"))  # what a WebSocket's end is told with


class Broken(Exception):
    """A promise that was not kept."""


def require(condition, *what):
    if not condition:
        raise Broken(*what)


class Timetable:
    """What has been published, for all threads: numbers by channel, in the life of a server."""

    def __init__(self):
        self.life = 0
        self.begun = dict.fromkeys(CHANNELS, 0)  # messages that have been sent
        self.done = dict.fromkeys(CHANNELS, 0)  # and those that were taken
        self.final = None  # what they will be in the end; none: not known yet
        self.failures = []

    def begin_life(self):
        self.begun = dict.fromkeys(CHANNELS, 0)
        self.done = dict.fromkeys(CHANNELS, 0)
        self.life += 1


def is_refused(reply):
    """A server that is about to end has nothing for newcomers."""
    require(reply.status in (200, 503), reply)
    return reply.status == 503


def text_of(life, channel, number):
    """What a message says: it is known by it."""
    return f"{life} {channel} {number}"


class Place:
    """How far a subscriber is with a channel, and what it has seen."""

    def __init__(self, channel):
        self.channel = channel
        self.wanted = 1
        self.epoch = ""
        self.life = 0  # of the last message; 0: none of this epoch
        self.past_life = 0  # of those of the epoch before
        self.taken = 0
        self.gaps = {"expired": 0, "restarted": 0}
        self.has_missed = False  # a gap has to be told

    def item(self):
        return {"cname": self.channel, "seq": self.wanted, "epoch": self.epoch}


class Subscriber(threading.Thread):
    """One that comes and goes until it has seen the last message."""

    def __init__(self, server, table, seed, channels, stays_away):
        super().__init__(daemon=True)
        self.front, self.framed = server.front, server.framed[0]
        self.table = table
        self.dice = random.Random(seed)
        self.places = {channel: Place(channel) for channel in channels}
        self.stays_away = stays_away
        self.visits = dict.fromkeys(("poll", "stream", "sse", "websocket", "framed"), 0)

    def run(self):
        try:
            while not self.is_done() and not self.table.failures:
                if self.stays_away:
                    self.stay_away()
                self.visit(self.dice.choice(list(self.visits)))
        except BaseException as failure:  # told by the test's own thread
            self.table.failures.append((self.name, list(map(vars, self.places.values())), failure))

    def is_done(self):
        return self.table.final is not None and all(
            each.life == LIVES and each.wanted == self.table.final[each.channel] + 1
            for each in self.places.values())

    def stay_away(self):
        """Until history does not reach any more, or no more comes."""
        places = self.places.values()
        def is_time():
            final, life = self.table.final, self.table.life
            for each in places:
                each.has_missed = (each.life == life and self.table.done[each.channel]
                                   >= each.wanted + BUFFER + BUFFER // 2)
            return final or any(each.life != life for each in places) \
                or all(each.has_missed for each in places)
        while not self.table.failures and not is_time():
            time.sleep(0.01)

    # -- one visit

    def visit(self, how):
        """Comes, takes some, and is gone: in the midst of whatever it is."""
        kinds = {"websocket": WebSocket, "framed": FramedClient}
        try:
            client = kinds.get(how, HttpClient)(self.framed if how == "framed" else self.front)
        except OSError:  # between two servers
            time.sleep(0.01)
            return
        try:
            if self.dice.random() < 0.1:
                client.send(b"GET /sub?cname=news HTTP/1.1\r\nUser-Ag")
                return
            self.visits[how] += 1
            if how == "poll":
                self.poll(client)
            elif how == "framed":
                client.command(SUBSCRIBE, [each.item() for each in self.places.values()])
                self.listen(client, how)
            elif how == "websocket":
                client.begin()
                client.command(subscribe=[each.item() for each in self.places.values()])
                self.listen(client, how)
            else:
                self.ask(client, how, how == "sse" and self.dice.random() < 0.5)
                if not is_refused(client.head()):
                    self.listen(client, how)
        except (OSError, AssertionError) as failure:  # the server ends, and its streams with it
            if isinstance(failure, TimeoutError):
                raise
            if not (isinstance(failure, OSError) or "end of stream" in str(failure)
                    or str(failure) == GOING_AWAY):
                raise
        finally:
            client.close()

    def ask(self, client, path, resumes_by_id=False):
        fields = []
        if len(self.places) > 1:
            wanted = {"channels": json.dumps([each.item() for each in self.places.values()])}
        else:
            (place,) = self.places.values()
            wanted = place.item()
            if resumes_by_id and place.epoch:
                fields = [f"Last-Event-ID: {place.wanted - 1}@{place.epoch}"]
                wanted = {"cname": place.channel, "seq": 1, "epoch": ""}
        client.ask(f"/{path}?{urllib.parse.urlencode(wanted)}", fields=fields)

    def poll(self, client):
        for _ in range(self.dice.randrange(1, 8)):
            self.ask(client, "sub")
            if self.dice.random() < 0.2 or self.is_done():
                return
            reply = client.reply()
            if is_refused(reply):
                return
            got = json.loads(reply.body)
            for each in got if isinstance(got, list) else [got]:
                self.take(each)

    def listen(self, client, how):
        for _ in range(self.dice.randrange(20)):
            if self.is_done():
                return
            number, message = client.event() if how == "sse" else (None, client.message())
            if message["type"] == "503":  # as is_refused()
                return
            self.take(message)
            if how != "sse":
                continue
            if len(self.places) == 1 and message["type"] != "noop":
                (place,) = self.places.values()
                require(number == f"{place.wanted - 1}@{place.epoch}", number, message)

    # -- what comes

    def take(self, message):
        if message["type"] == "noop":
            return
        place = self.places[message["cname"]]
        if message["type"] in ("open", "gap"):
            self.take_marker(place, message)
            return
        require(message["type"] == "data" and not place.has_missed, message)
        require(message["seq"] == place.wanted, message)
        life = int(message["content"].split(" ")[0])
        require(message["content"] == text_of(life, place.channel, place.wanted), message)
        require(life == place.life or place.life == 0 and place.past_life < life, message)
        place.life = life
        place.wanted += 1
        place.taken += 1

    def take_marker(self, place, message):
        first, epoch = message["seq"], message["epoch"]
        if message["type"] == "open":
            require(not place.has_missed and first == place.wanted, message)
            require(place.epoch in ("", epoch), message)
        elif message["content"] == "expired":
            require(self.stays_away and place.epoch in ("", epoch), message)
            require(place.wanted < first, message)
            require(self.table.begun[place.channel] >= place.wanted + BUFFER, message)
            place.gaps["expired"] += 1
        else:
            require(message["content"] == "restarted" and place.epoch not in ("", epoch), message)
            require(self.stays_away or first == 1, message)
            place.gaps["restarted"] += 1
            place.past_life, place.life = place.life or place.past_life, 0
        place.has_missed = False
        place.wanted, place.epoch = first, epoch


class Churn(CometTest):
    """All of them at once."""

    def publish(self, table, subscribers, server):
        """To all channels in turn, for a life; no one who is to miss nothing is left behind."""
        table.begin_life()
        publisher = self.http(server.admin)
        until = time.monotonic() + SECONDS
        number = 0
        while number < 5 * BUFFER or time.monotonic() < until:
            number += 1
            self.send_all(table, subscribers, publisher, number)
        if table.life == LIVES:
            table.final = dict.fromkeys(CHANNELS, number + 1)
            self.send_all(table, subscribers, publisher, number + 1)
        publisher.close()

    def send_all(self, table, subscribers, publisher, number):
        def is_behind(who, channel):
            place = who.places[channel]
            if place.life != table.life:
                return number > LAG_MAX
            return not who.stays_away and number - place.wanted > LAG_MAX
        for channel in CHANNELS:
            crowd = [each for each in subscribers if channel in each.places]
            wait_until(lambda: table.failures
                       or not any(is_behind(each, channel) for each in crowd),
                       "those who are behind", DEADLINE * 2)
            if table.failures:
                return
            table.begun[channel] = number
            query = urllib.parse.urlencode(
                {"cname": channel, "content": text_of(table.life, channel, number)})
            self.assertEqual(publisher.get(f"/push?{query}").status, 200)
            table.done[channel] = number

    def test_who_comes_and_goes_gets_everything_once_and_in_order(self):
        places = {name: f"127.0.0.1:{free_port()}" for name in ("front", "admin", "listen")}
        def serve():
            return self.serve_comet(channel_buffer_size=BUFFER, max_subscribers_per_channel=1000,
                                    channel_timeout="1h", **places)
        server = serve()
        table = Timetable()
        subscribers = [Subscriber(server, table, seed, channels, stays_away)
                       for seed, (channels, stays_away) in enumerate(
                           [(channel, away) for away in (False, False, False, True)
                            for channel in [*((each,) for each in CHANNELS), CHANNELS]])]
        for each in subscribers:
            each.start()
        for life in range(1, LIVES + 1):
            self.publish(table, subscribers, server)
            if life == LIVES or table.failures:
                break
            server.stop()
            server = serve()
        for each in subscribers:
            each.join(DEADLINE * 2)
        self.assertEqual(table.failures, [])
        self.assertFalse([vars(each) for each in subscribers if each.is_alive()])
        self.check_what_they_saw(table, subscribers)

    def check_what_they_saw(self, table, subscribers):
        """That there was something to see."""
        for each in subscribers:
            for place in each.places.values():
                self.assertEqual(place.wanted, table.final[place.channel] + 1)
                self.assertEqual(place.gaps["restarted"], LIVES - 1)
                if each.stays_away:
                    self.assertGreater(place.gaps["expired"], 0)
                else:
                    self.assertEqual(place.gaps["expired"], 0)
            self.assertGreater(sum(each.visits.values()), 2)
        print(f"{sum(sum(each.visits.values()) for each in subscribers)} visits of "
              f"{len(subscribers)} subscribers, "
              f"{sum(place.taken for each in subscribers for place in each.places.values())} "
              "messages")


if __name__ == "__main__":
    unittest.main()
