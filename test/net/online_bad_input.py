# SPDX-License-Identifier: BSL-1.0
"""Bad input gets exactly what the spec says, and costs nobody else anything.

Goal: a frame that breaks the rules closes its own connection with nothing sent for it; replies to
the good frames before it still arrive; it is counted, and logged at a bounded rate.
Method: hand-made bad frames, alone, behind good ones, before megabytes of garbage, and from
thousands of clients, while a well-behaved witness pings.
"""

import threading
import time
import unittest

from harness import (DEADLINE, ECHO, HEAD, LOGIN, LOUD, MAGIC, MARGIN, SANITIZER, Client,
                     NetTest, Witness, echo, frame, login, login_reply, memory_of, wait_until)

FRAME_MAX = 1500

# name -> (bytes, reason in the log)
BAD = {
    "magic with one bit wrong": (frame(ECHO, b"data", magic=MAGIC ^ 1), "bad magic"),
    "magic in network order": (frame(ECHO, b"data", magic=0xF79AB68E), "bad magic"),
    "text": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "bad magic"),
    "zeros": (bytes(64), "bad magic"),
    "size 0": (frame(ECHO, size=0), "bad size"),
    "size 1": (frame(ECHO, size=1), "bad size"),
    "size 7": (frame(ECHO, size=7), "bad size"),
    "size above the limit": (frame(ECHO, bytes(FRAME_MAX - 7)), "bad size"),
    "size above the limit, head only": (frame(ECHO, size=FRAME_MAX + 1), "bad size"),
    "size 65535": (frame(ECHO, size=65535), "bad size"),
    "command 0": (frame(0x0000), "unknown command"),
    "command below login": (frame(LOGIN - 1, b"\1\0"), "unknown command"),
    "command above echo": (frame(ECHO + 1), "unknown command"),
    "last user command": (frame(0xFFFB), "unknown command"),
    "command with bytes swapped": (frame(0x0161, b"\1\0"), "unknown command"),
    "reserved: connected": (frame(0xFFFC), "unknown command"),
    "reserved: timeout": (frame(0xFFFD), "unknown command"),
    "reserved: closed": (frame(0xFFFE, b"data"), "unknown command"),
    "reserved: error": (frame(0xFFFF), "unknown command"),
    "login of 8 bytes": (frame(LOGIN), "bad message"),
    "login of 9 bytes": (frame(LOGIN, b"\1"), "bad message"),
    "login of 11 bytes": (frame(LOGIN, b"\1\0\0"), "bad message"),
    "login of 1500 bytes": (frame(LOGIN, bytes(1492)), "bad message"),
}


class Refused(NetTest):
    """One bad frame."""

    def test_closed_with_nothing_sent(self):
        server = self.serve(frame_max=FRAME_MAX)
        for name, (packet, _) in BAD.items():
            with self.subTest(name):
                client = self.connect(server)
                client.send(packet)
                self.assert_stream_ends(client)
                client.close()
        server.wait_online(0)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["refused_frames"], len(BAD))
        self.assertEqual((totals["opened"], totals["closed"]), (len(BAD), len(BAD)))

    def test_reason_is_logged_at_warning(self):
        """One server per reason, so that no rate limit hides a line."""
        for name in ("text", "size 7", "size above the limit", "last user command",
                     "reserved: closed", "login of 9 bytes"):
            packet, reason = BAD[name]
            with self.subTest(name):
                server = self.serve(frame_max=FRAME_MAX)
                client = self.connect(server)
                client.send(packet)
                self.assert_stream_ends(client)
                client.close()
                server.stop()
                lines = server.log("warning", contains="refused")
                self.assertEqual(len(lines), 1, server.log())
                self.assertIn(reason, lines[0].text)
                self.assertEqual(server.log("error"), [])

    def test_member_that_sends_a_bad_frame_is_counted_down(self):
        server = self.serve(frame_max=FRAME_MAX)
        for name, (packet, _) in BAD.items():
            with self.subTest(name):
                client = self.connect(server)
                client.login()
                client.send(packet)
                self.assert_stream_ends(client)
        server.wait_online(0)

    def test_bad_head_is_refused_in_every_cut(self):
        server = self.serve(workers=1, frame_max=FRAME_MAX)
        stream = login() + frame(ECHO + 1, b"data") + login()
        clients = [self.connect(server) for _ in range(1, len(stream))]
        for cut, client in enumerate(clients, 1):
            client.send(stream[:cut])
        server.wait_all_read()
        for cut, client in enumerate(clients, 1):
            try:
                client.send(stream[cut:])
            except ConnectionError:
                pass  # refused already by its first piece
        for client in clients:
            self.assert_stream_ends(client, login_reply())
            client.close()
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["refused_frames"], len(clients))

    def test_incomplete_frame_then_end_is_no_refusal(self):
        server = self.serve()
        client = self.connect(server)
        client.send(login() + echo(b"never finished")[:-1])
        client.half_close()
        self.assert_stream_ends(client, login_reply())
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["refused_frames"], 0)
        self.assertEqual(server.log(*LOUD), [])


class GoodBeforeBad(NetTest):
    """Replies to good frames that stand before a bad one arrive first."""

    GOOD = login() + b"".join(echo(f"good {number}".encode()) for number in range(20))
    REPLIES = login_reply() + GOOD[HEAD.size + 2:]
    GARBAGE = bytes(range(256)) * (4 << 12)  # 4 MiB

    def test_in_one_segment(self):
        server = self.serve(frame_max=FRAME_MAX)
        for name, (packet, _) in BAD.items():
            with self.subTest(name):
                client = self.connect(server)
                client.send(self.GOOD + packet + echo(b"after the bad one"))
                self.assert_stream_ends(client, self.REPLIES)
        server.wait_online(0)

    def test_many_replies_before_the_bad_one(self):
        """More replies than one kernel buffer holds are still flushed before the close."""
        server = self.serve(frame_max=65535, linger_timeout="10s")
        client = self.connect(server)
        good = b"".join(echo(bytes([number]) * 60000) for number in range(60))
        got = client.exchange(good + frame(ECHO + 1), half_close=True)
        self.assertTrue(got == good, f"{len(got)} of {len(good)} bytes arrived")

    def test_garbage_behind_while_reading(self):
        server = self.serve(linger_timeout="10s")
        client = self.connect(server)
        got = client.exchange(self.GOOD + frame(ECHO + 1) + self.GARBAGE)
        self.assertEqual(got, self.REPLIES)

    def test_garbage_behind_then_reading(self):
        server = self.serve(linger_timeout="10s")
        with Witness(server.address):
            for _ in range(5):
                client = self.connect(server)
                client.send(self.GOOD + frame(ECHO + 1) + self.GARBAGE)
                self.assert_stream_ends(client, self.REPLIES)
        server.wait_online(0)

    def test_bad_one_and_garbage_come_later(self):
        server = self.serve(linger_timeout="10s")
        client = self.connect(server)
        client.send(self.GOOD)
        client.send(frame(LOGIN, b"\1") + self.GARBAGE)
        client.half_close()
        self.assert_stream_ends(client, self.REPLIES)

    def test_garbage_without_end_is_cut(self):
        """--linger-timeout bounds how long the server swallows what it will never handle."""
        server = self.serve(linger_timeout="1s")
        client = self.connect(server)
        client.send(login() + frame(ECHO + 1))
        self.assertEqual(client.receive(HEAD.size), login_reply())
        begin = time.monotonic()
        memory = memory_of(server.process.pid)
        with self.assertRaises(ConnectionError):
            while time.monotonic() - begin < DEADLINE:
                client.send(bytes(1 << 16))
                time.sleep(0.001)
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)
        if not SANITIZER:
            self.assertLess(memory_of(server.process.pid) - memory, 4 << 20)
        server.wait_online(0)


class Flood(NetTest):
    """Thousands of bad clients."""

    CLIENTS = 2000

    def misbehave(self, server, count):
        """`count` clients send a bad frame each, one after the other."""
        packets = [packet for packet, _ in BAD.values()]
        for number in range(count):
            with Client(server.address) as client:
                client.send(packets[number % len(packets)])
                self.assertTrue(client.is_cut(), "bytes were sent to a bad client")

    def test_counted_but_the_log_stays_short(self):
        server = self.serve(frame_max=FRAME_MAX)
        begin = time.monotonic()
        with Witness(server.address):
            self.misbehave(server, self.CLIENTS)
        elapsed = time.monotonic() - begin
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["refused_frames"], self.CLIENTS)
        lines = server.log(*LOUD)
        self.assertGreater(len(lines), 0)
        self.assertLess(len(lines), min(self.CLIENTS // 2, 100 + 50 * elapsed))
        self.assertTrue([line for line in lines if "suppressed" in line.text],
                        f"no line says that others were suppressed: {lines[-3:]}")

    def test_several_at_once_do_not_hurt_a_witness(self):
        server = self.serve(frame_max=FRAME_MAX)
        failures = []

        def work():
            try:
                self.misbehave(server, 200)
            except (OSError, AssertionError) as failure:
                failures.append(failure)

        members = [self.connect(server) for _ in range(20)]
        for member in members:
            member.login()
        with Witness(server.address):
            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])
            server.wait_online(len(members) + 1)  # the witness is a member too
        for member in members:
            member.ping()


class FullTable(NetTest):
    """No room left."""

    def fill(self, server, count):
        """`count` members."""
        members = [self.connect(server) for _ in range(count)]
        for member in members:
            member.login()
        return members

    def test_newcomers_are_closed_politely(self):
        server = self.serve(workers=1, connections=10)
        members = self.fill(server, 10)
        for _ in range(7):
            self.assert_stream_ends(self.connect(server))
        for member in members:
            member.ping()
        server.wait_online(10)
        self.assertTrue(server.log("warning"), "nothing in the log about a full table")
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["full"], 7)
        self.assertEqual((totals["opened"], totals["closed"]), (10, 10))

    def test_newcomer_that_speaks_at_once_gets_no_reply(self):
        server = self.serve(workers=1, connections=10)
        self.fill(server, 10)
        for _ in range(20):
            client = self.connect(server)
            try:
                client.send(login())
            except ConnectionError:
                pass
            self.assertTrue(client.is_cut())
        server.wait_online(10)

    def test_capacity_is_the_sum_over_workers(self):
        server = self.serve(workers=2, connections=5)
        self.fill(server, 10)
        self.assert_stream_ends(self.connect(server))
        server.wait_online(10)

    def test_freed_places_are_usable_again(self):
        server = self.serve(workers=1, connections=10)
        members = self.fill(server, 10)
        for turn in range(30):
            leaver = members.pop(0)
            if turn % 3 == 0:
                leaver.reset()
            elif turn % 3 == 1:
                leaver.close()
            else:
                leaver.send(frame(ECHO + 1))  # refused: its place is freed too
                self.assert_stream_ends(leaver)
                leaver.close()
            members.append(self.enter(server))
        for member in members:
            member.ping()
        server.wait_online(10)
        for member in members:
            member.close()
        server.wait_online(0)
        self.fill(server, 10)
        server.wait_online(10)

    def test_flood_at_a_full_table_is_counted_and_logged_little(self):
        server = self.serve(workers=1, connections=10)
        members = self.fill(server, 9)
        begin = time.monotonic()
        with Witness(server.address):
            wait_until(lambda: server.says_online(10), "10 online")
            for _ in range(500):
                with Client(server.address) as client:
                    self.assertTrue(client.is_cut())
        elapsed = time.monotonic() - begin
        for member in members:
            member.ping()
        server.stop()
        self.assertEqual(server.totals()["full"], 500)
        self.assertLess(len(server.log(*LOUD)), min(250, 50 + 50 * elapsed))


if __name__ == "__main__":
    unittest.main()
