# SPDX-License-Identifier: BSL-1.0
"""Peers that are silent, and peers that never read.

Goal: the idle timeout removes whoever sends nothing (members whose machine is gone among them),
any byte resets it, and it frees the place; a reader that never reads costs bounded memory, is
closed by the write timeout, and nobody else notices.
Method: real peers that behave like that over loopback; the passing of time is measured.
"""

import time
import unittest

from harness import (HEAD, LARGE, LOUD, MARGIN, SANITIZER, NetTest, Witness, echo_of_size, login,
                     login_reply, memory_of, wait_until)


class NeverReads(NetTest):
    """The peer sends and sends and reads nothing."""

    def test_write_timeout_closes_it(self):
        server = self.serve(frame_max=LARGE, write_timeout="1s")
        with Witness(server.address):
            begin = time.monotonic()
            self.stuck_peer(server)
            standstill = time.monotonic()
            wait_until(lambda: server.says_online(1), "only the witness to be online",
                       1 + 1 + MARGIN)  # write timeout, linger timeout
            self.assertGreater(time.monotonic() - begin, 0.9)
            self.assertLess(time.monotonic() - standstill, 2 + MARGIN)
        server.wait_online(0)
        server.stop()
        self.assertGreaterEqual(server.totals()["timeouts"], 1)

    def test_slow_but_steady_reader_is_kept(self):
        """The write timeout is about no progress at all, not about slowness."""
        server = self.serve(frame_max=LARGE, write_timeout="3s", stop_timeout="1s")
        client = self.connect(server, receive_buffer=65536)
        client.login()
        begin = time.monotonic()
        got = 0
        sent = client.send_until_full(echo_of_size(LARGE), limit=64 << 20, patience=0.1)
        while time.monotonic() - begin < 5:  # longer than the timeout; there is always more to come
            sent += client.send_until_full(echo_of_size(LARGE), LARGE, 0.01, start=sent % LARGE)
            got += len(client.socket.recv(1 << 18))
        self.assertGreater(got, 1 << 20)
        self.assertEqual(server.online(), 1)

    def test_memory_is_bounded_and_others_are_served(self):
        server = self.serve(frame_max=LARGE, write_timeout="60s", stop_timeout="1s")
        peers = 8
        for _ in range(3):  # warm up what any connection may cost once
            self.connect(server).ping(bytes(60000))
        before = memory_of(server.process.pid)
        with Witness(server.address):
            for _ in range(peers):
                self.stuck_peer(server, patience=0.1)
            server.wait_online(peers + 1)
        grown = memory_of(server.process.pid) - before
        if not SANITIZER:
            self.assertLess(grown, peers * (2 << 20), f"{peers} peers cost {grown} bytes")
        self.connect(server).login()


class Idle(NetTest):
    """--idle-timeout."""

    def test_idle_connections_are_closed_in_time(self):
        server = self.serve(idle_timeout="1s")
        silent, member = self.connect(server), self.connect(server)
        begin = time.monotonic()
        member.login()
        for client in (silent, member):
            self.assert_stream_ends(client)
            self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["timeouts"], 2)
        self.assertEqual(server.log("error"), [])

    def test_any_byte_resets_it(self):
        server = self.serve(idle_timeout="2500ms")
        slow = self.connect(server)
        begin = time.monotonic()
        for byte in login()[:5]:
            slow.send(bytes([byte]))
            time.sleep(0.6)  # the passing of time is what is tested
        self.assertGreater(time.monotonic() - begin, 2.5)
        spoke = time.monotonic()
        slow.send(login()[5:])
        self.assertEqual(slow.receive(HEAD.size), login_reply())
        self.assert_stream_ends(slow)
        self.assertGreater(time.monotonic() - spoke, 2.4)
        self.assertLess(time.monotonic() - spoke, 2.5 + MARGIN)

    def test_only_the_idle_ones_go(self):
        server = self.serve(idle_timeout="2s")
        idle, busy = [], []
        for number in range(60):
            client = self.connect(server)
            client.login()
            (busy if number % 3 == 0 else idle).append(client)
        server.wait_online(60)
        begin = time.monotonic()
        while time.monotonic() - begin < 2 + MARGIN:
            for client in busy:
                client.ping()
            if server.says_online(len(busy)):
                break
            time.sleep(0.1)
        self.assertGreater(time.monotonic() - begin, 1)
        for client in idle:
            self.assert_stream_ends(client)
        for client in busy:
            client.ping()
        self.assertEqual(server.online(), len(busy))

    def test_half_open_peer_is_removed(self):
        """A member whose machine is gone without a word; where that cannot be staged, one that
        stays silent."""
        server = self.serve(idle_timeout="1s")
        for _ in range(5):
            client = self.connect(server)
            client.login()
            client.vanish()
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["timeouts"], 5)
        self.assertEqual(server.log(*LOUD), [])

    def test_timeout_frees_the_place(self):
        server = self.serve(idle_timeout="1s", workers=1, connections=2)
        for _ in range(2):
            clients = [self.enter(server) for _ in range(2)]
            for client in clients:
                self.assert_stream_ends(client)
                client.close()


if __name__ == "__main__":
    unittest.main()
