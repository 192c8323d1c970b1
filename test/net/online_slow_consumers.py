# SPDX-License-Identifier: BSL-1.0
"""Peers that do not read what they are sent, among peers that do.

Goal: a thousand that never read cost the others nothing: under a broadcast of 10 MB/s and more to
a thousand who read, the process stays within its budget of memory, and each of those who read gets
every byte in its order.
Method: a server that broadcasts numbered frames (test/support/publisher.cpp); real connections over
loopback, with small segments so that the kernel does not hold what the server should; every byte
is held against what was published; memory is the process's own, sampled all the time. Who reads a
thousand connections in one process may be behind, and would then be a slow consumer itself: so a
frame is published only when all who read have the one a few places before it, which is less than
the shortest queue holds.

Environment: MILLIPEDE_SLOW_SECONDS (4): how long it is published; 20 for the whole test
"""

import os
import selectors
import socket
import struct
import time
import unittest

from harness import (DEADLINE, LARGE, SANITIZER, NetTest, Witness, echo_of_size, frame,
                     memory_of, raise_descriptor_limit, wait_until)

SECONDS = float(os.environ.get("MILLIPEDE_SLOW_SECONDS", "4"))
READERS = SLEEPERS = 300 if SANITIZER else 1000
ALLOW, NEWS, END = 1, 2, 3
FRAME_BYTES = 1000
FRAMES_PER_SECOND = 20  # to 1,000 readers: so many MB/s, at most
FRAMES = int(SECONDS * FRAMES_PER_SECOND)
QUEUE_BYTES = 8192
FRAMES_AHEAD = 6  # with what a queue adds to each, and the END behind them, they fit into it
MIB = 1 << 20
SAMPLE_EVERY = 0.02  # seconds between two looks at the memory
OVERHEAD = 3 * MIB  # beside queues: their spare room, the allocator's, a record per slow connection


def published():
    """All that each connection is sent."""
    frames = []
    for number in range(FRAMES):
        filling = bytes([ord("a") + number % 26]) * (FRAME_BYTES - 12)
        frames.append(frame(NEWS, struct.pack("<I", number) + filling))
    return b"".join(frames) + frame(END)


class Audience:
    """Many connections, some of which read and compare, and others that never read."""

    def __init__(self, address):
        raise_descriptor_limit(READERS + SLEEPERS + 100)
        self.selector = selectors.EpollSelector()
        self.expected = memoryview(published())
        self.readers = [self._connect(address) for _ in range(READERS)]
        self.sleepers = [self._connect(address, receive_buffer=2048) for _ in range(SLEEPERS)]
        self.got = {}
        for reader in self.readers:
            reader.setblocking(False)
            self.got[reader] = 0
            self.selector.register(reader, selectors.EVENT_READ)
        self.unfinished = READERS
        self.having = [0] * (FRAMES + 1)  # how many have so many frames
        self.complete = 0  # so many frames have all of them

    def allow(self):
        """Lets the publisher go on as far as all readers can follow."""
        self.readers[0].send(frame(ALLOW, struct.pack("<I", self.complete + FRAMES_AHEAD)))

    @staticmethod
    def _connect(address, receive_buffer=None):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        one.settimeout(DEADLINE)
        one.connect(address)
        return one

    def read(self, patience):
        """Reads what there is, or waits for it so long; whether there was anything."""
        ready = self.selector.select(patience)
        for key, _ in ready:
            reader = key.fileobj
            try:
                part = reader.recv(1 << 16)
            except BlockingIOError:
                continue
            begin = self.got[reader]
            assert part, f"a reader's stream ended after {begin} bytes"
            wanted = self.expected[begin:begin + len(part)]
            assert wanted == part, f"a reader got something else at byte {begin}"
            self.got[reader] = begin + len(part)
            for count in range(begin // FRAME_BYTES, min(FRAMES, self.got[reader] // FRAME_BYTES)):
                self.having[count + 1] += 1
            if self.got[reader] == len(self.expected):
                self.unfinished -= 1
                self.selector.unregister(reader)
        before = self.complete
        while self.complete < FRAMES and self.having[self.complete + 1] == READERS:
            self.complete += 1
        if self.complete != before:
            self.allow()
        return bool(ready)

    def close(self):
        """Ends all."""
        for one in self.readers + self.sleepers:
            one.close()
        self.selector.close()


class Broadcast(NetTest):
    """A thousand read, a thousand do not."""

    def publish(self, **options):
        """Publishes it all; returns the totals and by how much memory grew meanwhile at most."""
        server = self.serve(name="millipede-test-publisher", connections=READERS, workers=3,
                            frames=FRAMES, frame_bytes=FRAME_BYTES, report_every=None,
                            audience=READERS + SLEEPERS,
                            every=f"{1000 // FRAMES_PER_SECOND}ms", write_timeout="10m",
                            idle_timeout="10m", stop_timeout="1s", **options)
        audience = Audience(server.address)
        self.addCleanup(audience.close)
        before = memory_of(server.process.pid)
        audience.allow()
        most = 0
        begin = progress = sampled = time.monotonic()
        while audience.unfinished:
            if audience.read(SAMPLE_EVERY):
                progress = time.monotonic()
            now = time.monotonic()
            self.assertLess(now, progress + DEADLINE, f"{audience.unfinished} miss something")
            if now > sampled + SAMPLE_EVERY:
                sampled = now
                most = max(most, memory_of(server.process.pid) - before)
        seconds = time.monotonic() - begin
        audience.close()
        server.stop()
        totals = server.totals()
        print(f"{FRAMES} frames of {FRAME_BYTES} bytes to {READERS} readers and {SLEEPERS} "
              f"sleepers in {seconds:.1f} s: memory grew by {most} bytes at most; dropped "
              f"{totals['messages_dropped']}, shed {totals['shed_for_budget']}, "
              f"writes blocked {totals['writes_blocked']}")
        self.assertGreaterEqual(totals["writes_blocked"], SLEEPERS / 2)
        return totals, most

    def test_dropping(self):
        """Each has a short queue, from which the oldest goes."""
        totals, most = self.publish(overflow="drop-oldest", output_max_bytes=QUEUE_BYTES)
        self.assertGreater(totals["messages_dropped"], SLEEPERS)
        self.assertEqual(totals["messages_dropped"], totals["messages_dropped_oldest"])
        self.assertEqual(totals["bytes_dropped"], totals["messages_dropped"] * FRAME_BYTES)
        self.assertEqual(totals["shed"], 0)
        if not SANITIZER:
            self.assertLess(most, OVERHEAD + SLEEPERS * 1024)

    def test_shedding(self):
        """Each may have much, all together little: those who do not read have to go."""
        budget = MIB
        totals, most = self.publish(output_max_bytes=64 * MIB, output_budget_bytes=budget)
        self.assertGreater(totals["shed_for_budget"], SLEEPERS / 10)
        self.assertLessEqual(totals["shed_for_budget"], SLEEPERS)
        self.assertEqual(totals["shed_for_budget"], totals["shed"])
        self.assertEqual(totals["messages_dropped"], 0)
        if not SANITIZER:
            self.assertLess(most, OVERHEAD + budget)


class Replies(NetTest):
    """Peers that ask millipede-online for more and more and never read the answers."""

    def test_the_budget_sheds_them_and_others_notice_nothing(self):
        server = self.serve(frame_max=LARGE, output_budget_bytes=MIB, write_timeout="10m")
        with Witness(server.address):
            packet = echo_of_size(LARGE)
            peers = [self.connect(server, receive_buffer=4096) for _ in range(50)]
            for peer in peers:
                peer.login()
            stuffed = [0] * len(peers)  # bytes that each has sent

            def some_are_shed():
                """Asks for more, as far as the server reads."""
                for number, peer in enumerate(peers):
                    try:
                        stuffed[number] += peer.send_until_full(
                            packet, limit=16 << 20, patience=0, start=stuffed[number] % LARGE)
                    except ConnectionError:
                        pass  # shed meanwhile
                return server.log("warning", contains="output budget exceeded")
            wait_until(some_are_shed, "those who do not read to be shed")
            self.assertGreater(server.online(), 1)  # and not all of them
        for peer in peers:
            peer.close()
        server.stop()
        totals = server.totals()
        self.assertGreater(totals["shed_for_budget"], 0)
        self.assertGreater(totals["bytes_shed"], 0)


if __name__ == "__main__":
    unittest.main()
