# SPDX-License-Identifier: BSL-1.0
"""The reported online number is the true one, under churn of every kind.

Goal: after any mixture of logins, repeated logins, polite and rude leavers, strangers, bad frames
and half-open peers the report shows exactly how many members are connected.
Method: a seeded random churn keeps its own count; at every quiet moment two reports in a row must
equal it. In the noise between, no report may be below zero or above what was ever possible.
"""

import random
import time
import unittest

from harness import (CRLF, ECHO, HEAD, LOGIN, MARGIN, Client, NetTest, echo, frame, login,
                     login_reply, wait_until)


class Crowd:
    """Members and strangers, and the count of members as the clients know it."""

    def __init__(self, test, server, seed):
        self.test = test
        self.server = server
        self.dice = random.Random(seed)
        self.members = []
        self.strangers = []

    def come(self):
        """A new member."""
        client = Client(self.server.address)
        client.login(self.dice.randrange(65536))
        self.members.append(client)

    def come_in_pieces(self):
        """A new member whose login is cut."""
        client = Client(self.server.address)
        packet = login(self.dice.randrange(65536))
        cut = self.dice.randrange(1, len(packet))
        client.send(packet[:cut])
        client.send(packet[cut:])
        self.test.assertEqual(client.receive(HEAD.size), login_reply())
        self.members.append(client)

    def come_twice(self):
        """A new member that logs in two or three times in one segment."""
        client = Client(self.server.address)
        times = self.dice.choice((2, 3))
        client.send(b"".join(login(uid) for uid in range(times)))
        self.test.assertEqual(client.receive(times * HEAD.size), times * login_reply())
        self.members.append(client)

    def log_in_again(self):
        """A member logs in once more."""
        if self.members:
            self.dice.choice(self.members).login(self.dice.randrange(65536))

    def stand_by(self):
        """A stranger that is silent, pings, or never finishes its login."""
        client = Client(self.server.address)
        habit = self.dice.randrange(3)
        if habit == 0:
            client.ping(b"not a member")
        elif habit == 1:
            client.send(login()[:self.dice.randrange(1, 10)])
        self.strangers.append(client)

    def become_member(self):
        """A pinging stranger logs in late."""
        client = Client(self.server.address)
        client.ping()
        client.ping()
        client.login()
        self.members.append(client)

    def leave(self):
        """A member leaves, politely or not."""
        if not self.members:
            return
        client = self.members.pop(self.dice.randrange(len(self.members)))
        habit = self.dice.randrange(6)
        if habit == 0:
            client.reset()
        elif habit == 1:
            client.send(CRLF)
            client.close()
        elif habit == 2:
            client.send(echo(b"unread reply"))
            client.close()
        elif habit == 3:
            client.send(self.dice.choice((frame(ECHO + 1), frame(LOGIN), frame(0xFFFE), b"x" * 8)))
            self.test.assert_stream_ends(client)
            client.close()
        elif habit == 4:
            client.half_close()
            self.test.assert_stream_ends(client)
            client.close()
        else:
            client.close()

    def stranger_leaves(self):
        """A stranger leaves, politely or not."""
        if self.strangers:
            client = self.strangers.pop(self.dice.randrange(len(self.strangers)))
            if self.dice.randrange(2):
                client.reset()
            else:
                client.close()

    def churn(self, steps):
        """Some of all that."""
        habits = [self.come, self.come, self.come, self.come_in_pieces, self.come_twice,
                  self.log_in_again, self.stand_by, self.become_member, self.leave, self.leave,
                  self.leave, self.leave, self.stranger_leaves]
        for _ in range(steps):
            self.dice.choice(habits)()

    def close(self):
        """All leave."""
        for client in self.members + self.strangers:
            client.close()
        self.members, self.strangers = [], []


class OnlineNumber(NetTest):
    """Reports against the clients' own count."""

    def crowd(self, server, seed):
        """A crowd that is gone at the end of the test."""
        crowd = Crowd(self, server, seed)
        self.addCleanup(crowd.close)
        return crowd

    def test_exact_at_every_quiet_moment(self):
        server = self.serve(workers=3)
        crowd = self.crowd(server, seed=3)
        most = 0
        for _ in range(15):
            begin = time.time()
            before = len(crowd.members)
            steps = 150
            crowd.churn(steps)
            server.wait_online(len(crowd.members))
            most = max(most, before + steps)
            for report in server.reports_after(begin):
                self.assertGreaterEqual(report.number, 0)
                self.assertLessEqual(report.number, most)
        crowd.close()
        server.wait_online(0)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["opened"], totals["closed"])
        self.assertEqual(totals["accepted"], totals["opened"])
        self.assertEqual(server.reports()[-1].number, 0)

    def test_several_servers_know_only_their_own(self):
        servers = [self.serve(), self.serve()]
        crowds = [self.crowd(server, seed) for seed, server in enumerate(servers)]
        for crowd in crowds:
            crowd.churn(100)
        for server, crowd in zip(servers, crowds):
            server.wait_online(len(crowd.members))

    def test_half_open_peers_fall_out(self):
        """Members that vanish without a word are counted until the idle timeout, then no more."""
        server = self.serve(idle_timeout="4s")
        faithful = [self.connect(server) for _ in range(20)]
        vanished = [self.connect(server) for _ in range(30)]
        for client in faithful + vanished:
            client.login()
        server.wait_online(50)
        for client in vanished:
            client.vanish()  # or silent for ever, where that is not permitted

        def only_the_faithful():
            for client in faithful:
                client.ping()
            return server.says_online(len(faithful))
        wait_until(only_the_faithful, "the vanished to fall out", 4 + MARGIN)
        for _ in range(5):
            for client in faithful:
                client.ping()
            self.assertEqual(server.online(), len(faithful))

    def test_mass_arrival_and_departure(self):
        server = self.serve(connections=2000)
        swarm = self.swarm(server)
        dice = random.Random(4)
        for _ in range(5):
            swarm.open(1000)
            server.wait_online(len(swarm.sockets))
            dice.shuffle(swarm.sockets)
            swarm.reset(swarm.sockets[:300])
            swarm.close(swarm.sockets[:500])
            server.wait_online(len(swarm.sockets))
        swarm.close()
        server.wait_online(0)

    def test_report_comes_at_its_interval(self):
        server = self.serve(report_every="200ms")
        reports = wait_until(lambda: len(r := server.reports()) >= 12 and r, "twelve reports")
        times = [report.time for report in reports[1:12]]
        self.assertEqual(times, sorted(times))
        average = (times[-1] - times[0]) / (len(times) - 1)
        self.assertGreater(average, 0.19)
        self.assertLess(average, 1)  # a busy machine has some of them late


if __name__ == "__main__":
    unittest.main()
