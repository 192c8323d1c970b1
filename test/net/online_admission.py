# SPDX-License-Identifier: BSL-1.0
"""Who is let in, and what a peer may do.

Goal: limits on connections in all, per source address and per second turn newcomers away with a
clean end of stream and hurt nobody else; a message that does not come in time, and peers that send
faster than they may, are dealt with as the options say; what was set for dead peers is in force.
Method: clients from several addresses of 127.0.0.0/8, with a witness beside them.
"""

import time
import unittest
from pathlib import Path

from harness import (HEAD, MARGIN, SANITIZER, NetTest, Swarm, Witness, echo, has_ipv6, memory_of,
                     wait_until)


class Newcomers(NetTest):
    """--connections-max, --connections-per-source-max, --accepts-per-second."""

    def test_connections_in_all(self):
        server = self.serve(connections_max=5)
        members = [self.connect(server) for _ in range(5)]
        for member in members:
            member.login()
        self.assert_stream_ends(self.connect(server))
        members.pop().close()
        server.wait_online(4)
        members.append(self.enter(server))
        server.wait_online(5)
        server.stop()
        self.assertGreaterEqual(server.totals()["newcomers_over_limit"], 1)
        self.assertEqual(server.totals()["full"], 0)
        self.assertTrue(server.log("warning", contains="all 5 connections are in use"))

    def test_one_source_cannot_keep_the_others_out(self):
        server = self.serve(connections=50, connections_per_source_max=10)
        with Witness(server.address):
            greedy = [self.connect(server, source="127.0.0.2") for _ in range(200)]
            for client in greedy[10:]:
                self.assert_stream_ends(client)
            for number in range(3, 9):
                others = [self.connect(server, source=f"127.0.0.{number}") for _ in range(10)]
                for client in others:
                    client.login()
            for client in greedy[:10]:
                client.login()
        server.stop()
        self.assertEqual(server.totals()["newcomers_over_source_limit"], 190)
        self.assertEqual(server.totals()["full"], 0)
        # A flood is told of now and then, not line by line.
        self.assertLessEqual(len(server.log("warning")), 10)

    def test_counts_per_source_go_down_under_churn(self):
        server = self.serve(connections_per_source_max=30, connections=500)
        swarm = self.swarm(server)
        for number in range(6):
            clients = swarm.open(30 * len(Swarm.SOURCES) // 2)  # half of what is allowed
            (swarm.close if number % 2 else swarm.reset)(clients)
            wait_until(lambda: server.online() == 0, "nobody to be online")
        swarm.open(30 * len(Swarm.SOURCES))  # and now all of it
        server.wait_online(30 * len(Swarm.SOURCES))
        for source in Swarm.SOURCES:
            self.assert_stream_ends(self.connect(server, source=source))

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6_sources_are_counted(self):
        server = self.serve(listen="[::1]:0", connections_per_source_max=2)
        for _ in range(2):
            self.connect(server).login()
        self.assert_stream_ends(self.connect(server))

    def test_new_connections_per_second(self):
        server = self.serve(accepts_per_second=5, accepts_burst=20)
        begin = time.monotonic()
        clients = [self.connect(server) for _ in range(60)]
        wait_until(lambda: server.log("warning", contains="more than 5 new connections"),
                   "a line about it")
        served = 0
        for client in clients:
            try:
                client.login()
                served += 1
            except (AssertionError, ConnectionError):
                pass
        self.assertGreaterEqual(served, 20)
        self.assertLessEqual(served, 20 + 5 * (time.monotonic() - begin) + 1)
        self.enter(server)  # a moment later there is room again

    def test_new_connections_per_second_of_one_source(self):
        server = self.serve(accepts_per_second_per_source=1, accepts_burst_per_source=3)
        clients = [self.connect(server, source="127.0.0.2") for _ in range(30)]
        for client in clients[:3]:
            client.login()
        other = self.connect(server, source="127.0.0.3")
        other.login()
        server.stop()
        self.assertGreater(server.totals()["newcomers_over_source_rate"], 0)


class SlowMessages(NetTest):
    """--first-message-timeout, --message-timeout."""

    @staticmethod
    def drip(client, data, begin):
        """Sends byte by byte until the server ends it; how long it took from `begin` on."""
        try:
            for byte in data:
                client.send(bytes([byte]))
                time.sleep(0.05)
        except ConnectionError:
            pass
        return time.monotonic() - begin

    def test_a_newcomer_that_drips(self):
        server = self.serve(first_message_timeout="1s", idle_timeout="300s")
        with Witness(server.address):
            begin = time.monotonic()
            slow = self.connect(server)
            lasted = self.drip(slow, echo(bytes(1000)), begin)
            self.assertGreater(lasted, 0.9)
            self.assertLess(lasted, 1 + MARGIN)
        silent = self.connect(server)
        self.assert_stream_ends(silent)
        server.stop()
        self.assertEqual(server.totals()["first_message_timeouts"], 2)
        self.assertEqual(server.totals()["timeouts"], 2)

    def test_a_member_that_drips(self):
        server = self.serve(message_timeout="1s", idle_timeout="300s")
        quiet = self.connect(server)
        quiet.login()
        with Witness(server.address):
            slow = self.connect(server)
            slow.login()
            lasted = self.drip(slow, echo(bytes(1000)), time.monotonic())
            self.assertGreater(lasted, 0.9)
            self.assertLess(lasted, 1 + MARGIN)
        quiet.ping()
        server.stop()
        self.assertEqual(server.totals()["message_timeouts"], 1)


class Rates(NetTest):
    """--messages-per-second, --over-rate."""

    def test_a_flood_is_slowed_down_and_nothing_is_lost(self):
        server = self.serve(messages_per_second=100, messages_burst=20)
        with Witness(server.address):
            client = self.connect(server)
            packets = b"".join(echo(number.to_bytes(4, "little")) for number in range(150))
            begin = time.monotonic()
            self.assertEqual(client.exchange(packets, len(packets)), packets)
            self.assertGreater(time.monotonic() - begin, 1.25)  # 130 of them had to wait
        server.stop()
        self.assertGreater(server.totals()["rate_pauses"], 0)

    def test_a_flood_is_closed(self):
        server = self.serve(messages_per_second=100, messages_burst=20, over_rate="close")
        client = self.connect(server)
        client.send(echo() * 300)
        got = client.receive_to_end()
        self.assertGreaterEqual(len(got), 20 * HEAD.size)
        self.assertLess(len(got), 300 * HEAD.size)
        server.stop()
        self.assertEqual(server.totals()["too_fast"], 1)
        self.assertTrue(server.log("warning", contains="too fast"))

    def test_a_flood_holds_little_memory(self):
        server = self.serve(messages_per_second=1, messages_burst=1, stop_timeout="1s")
        flooders = [self.connect(server) for _ in range(100)]
        for flooder in flooders:
            flooder.ping()
        before = memory_of(server.process.pid)
        for flooder in flooders:
            flooder.send_until_full(echo() * 1000, limit=100_000, patience=0.01)
        grown = memory_of(server.process.pid) - before
        if not SANITIZER:
            self.assertLess(grown, len(flooders) * 8192 + (1 << 20), f"grown by {grown} bytes")
        server.stop()
        self.assertEqual(server.totals()["shed"], 0)


class DeadPeers(NetTest):
    """--tcp-user-timeout, --keepalive-*."""

    def test_a_peer_that_is_gone_is_found(self):
        server = self.serve(keepalive_idle="1s", keepalive_interval="1s", keepalive_probes=1,
                            idle_timeout="0s")
        client = self.connect(server)
        client.login()
        server.wait_online(1)
        if not client.vanish():
            self.skipTest("not permitted to let a peer vanish")
        # Whoever answers in its place says that there is no such connection.
        wait_until(lambda: server.says_online(0), "the member to be found gone",
                   3 + MARGIN)

    def test_sockets_inherit_it(self):
        server = self.serve(keepalive_idle="100s")
        self.connect(server).login()
        table = Path(f"/proc/{server.process.pid}/net/tcp")

        def timers():
            """The timers pending for the server's connections."""
            rows = [line.split() for line in table.read_text().splitlines()[1:]]
            return [row[5].split(":")[0] for row in rows
                    if row[3] == "01" and int(row[1].rsplit(":", 1)[1], 16) == server.port]
        wait_until(lambda: timers() == ["02"], "keepalive to be all that is pending")


class Slots(NetTest):
    """What is off costs nothing, and what is on says so in the budget."""

    def slot_bytes(self, **options):
        """Bytes of a slot by the memory budget in the log."""
        server = self.serve(workers=1, connections=100, **options)
        line = wait_until(lambda: server.log("info", contains="for slots"), "the budget")[0]
        return int(line.text.split(" x ")[1].split()[0])

    def test_slot_sizes(self):
        plain = self.slot_bytes()
        self.assertEqual(plain, 40)  # 32, and the sample's session
        self.assertEqual(self.slot_bytes(first_message_timeout="5s", message_timeout="5s",
                                         connections_max=50, accepts_per_second=10), plain)
        self.assertEqual(self.slot_bytes(connections_per_source_max=5), plain + 8)
        self.assertEqual(self.slot_bytes(messages_per_second=5, bytes_per_second=5000),
                         plain + 16)


if __name__ == "__main__":
    unittest.main()
