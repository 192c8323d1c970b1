#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""A crowd that behaves in every way a network and its users can, all at once.

Goal: to be as bad for a server as one process may be, while every byte that comes back is checked.
Method: one thread for each of a few actors; an actor lives one connection after the other, and what
it does with each is drawn from its own random numbers, so that a seed repeats its choices.

Usage: chaos.py HOST:PORT --seed N --seconds S [--actors N]
Standard output: one JSON object: what was done how often, and what was wrong. Every actor does all
there is to do at least once. It ends early, with what it has, when nobody listens any more.
"""

import argparse
import collections
import json
import random
import sys
import threading
import time

from harness import LOGIN, Client, echo, echo_of_size, frame, login, login_reply

KEPT_MAX = 20  # stalled connections that an actor keeps


class Ended(Exception):
    """The server has ended, or nobody listens."""


class Actor(threading.Thread):
    """Lives one connection after the other until the time is over."""

    def __init__(self, address, seed, end):
        super().__init__(daemon=True)
        self.address = address
        self.dice = random.Random(seed)
        self.end = end
        self.done = collections.Counter()
        self.wrong = []
        self.kept = collections.deque()  # stalled ones, and such as never read

    def run(self):
        polite = [self.talk, self.talk, self.half_close, self.garbage, self.byte_by_byte,
                  self.bad_frame]
        rude = [self.reset, self.flood, self.stall, self.never_read, self.come_and_go]
        deck = polite + rude
        try:
            while not self.done or time.monotonic() < self.end:
                self.dice.shuffle(deck)  # every way comes, however slow the server is
                for way in deck:
                    self.live(way, way in polite)
                    self.done[way.__name__] += 1
        except Ended:
            self.done["ended"] += 1
        for client in self.kept:
            client.close()

    def live(self, way, is_polite):
        """One connection."""
        client = self.connect()
        kept = False
        try:
            kept = way(client)
        except AssertionError as failure:
            self.suspect(f"{way.__name__}: {failure}")
        except OSError as failure:
            # A reset or silence, that nobody gave a reason for.
            if is_polite:
                self.suspect(f"{way.__name__}: {failure!r}")
            self.done["broken"] += 1
        if not kept:
            client.close()

    def connect(self):
        """A connection to the server, unless it has ended."""
        try:
            return Client(self.address)
        except OSError as refusal:
            raise Ended from refusal

    def suspect(self, what):
        """It is a fault, unless the server has ended meanwhile."""
        self.connect().close()
        self.wrong.append(what)

    @staticmethod
    def check(got, expected):
        """Compares what came back."""
        assert got == expected, (f"{len(got)} bytes {got[:48].hex()}, not {len(expected)} bytes "
                                 f"{expected[:48].hex()}")

    def secret(self, size):
        """An echo packet of `size` bytes in all that nobody else sends."""
        return echo(self.dice.randbytes(size - 8))

    def requests(self, most):
        """A login and some echoes, and their replies."""
        packets = [self.secret(8 + self.dice.choice([0, 1, 56, 500, 3000]))
                   for _ in range(self.dice.randrange(1, most))]
        return login() + b"".join(packets), login_reply() + b"".join(packets)

    # -- ways to live; a true result says that the connection is kept

    def talk(self, client):
        """As it should be."""
        for _ in range(self.dice.randrange(1, 20)):
            packets, replies = self.requests(6)
            client.send(packets)
            self.check(client.receive(len(replies)), replies)

    def reset(self, client):
        """A reset somewhere among requests and replies."""
        packets, _ = self.requests(20)
        sent = self.dice.randrange(len(packets))
        client.send(packets[:sent])
        if sent >= len(login()) and self.dice.randrange(2):
            client.receive(1)
        client.reset()

    def half_close(self, client):
        """The end of the input first: all replies still come."""
        packets, replies = self.requests(10)
        client.send(packets)
        client.half_close()
        self.check(client.receive_to_end(), replies)

    def garbage(self, client):
        """Bytes that mean nothing, which nobody answers."""
        client.send(b"\0" + self.dice.randbytes(self.dice.randrange(7, 5000)))
        client.half_close()
        self.check(client.receive_to_end(), b"")

    def bad_frame(self, client):
        """Good requests and then a bad one: what was good is answered."""
        packets, replies = self.requests(5)
        bad = self.dice.choice([frame(0x7777), frame(LOGIN, b"\1"), frame(0xFFFF), bytes(8)])
        client.send(packets + bad)
        client.half_close()
        self.check(client.receive_to_end(), replies)

    def flood(self, client):
        """Much at once, read late, or not at all."""
        packet = self.secret(self.dice.choice([64, 1000, 20000]))
        count = 300_000 // len(packet)
        if self.dice.randrange(2):
            client.send_until_full(packet, limit=1 << 20, patience=0.05)
            client.reset()
            return
        got = client.exchange(packet * count, expected_size=count * len(packet))
        self.check(got, packet * count)

    def stall(self, client):
        """Half a frame, and then nothing; kept for a while."""
        packet = self.secret(100)
        client.send(login() + packet[:self.dice.randrange(1, len(packet))])
        return self.keep(client)

    def never_read(self, client):
        """Asks for more and more and reads nothing."""
        client.send_until_full(echo_of_size(60000), limit=2 << 20, patience=0.05)
        return self.keep(client)

    def byte_by_byte(self, client):
        """Every byte for itself."""
        packet = self.secret(40)
        for at in range(len(packet)):
            client.send(packet[at:at + 1])
        self.check(client.receive(len(packet)), packet)

    def come_and_go(self, client):
        """Nothing at all."""

    def keep(self, client):
        """Holds on to it; the one held longest goes."""
        self.kept.append(client)
        if len(self.kept) > KEPT_MAX:
            oldest = self.kept.popleft()
            oldest.reset()
        return True


def main():
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--actors", type=int, default=4)
    options = parser.parse_args()
    host, port = options.address.rsplit(":", 1)
    end = time.monotonic() + options.seconds
    actors = [Actor((host, int(port)), options.seed * 1000 + number, end)
              for number in range(options.actors)]
    for actor in actors:
        actor.start()
    for actor in actors:
        actor.join()
    done = sum((actor.done for actor in actors), collections.Counter())
    wrong = [each for actor in actors for each in actor.wrong]
    print(json.dumps({"done": done, "wrong": wrong}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
