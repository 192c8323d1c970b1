# SPDX-License-Identifier: BSL-1.0
"""Peers that are asked whether they are still there.

Goal: with --heartbeat-interval, members that only answer when they are asked stay online for as
long as they like; members whose machine is gone without a word are off the online count within the
idle timeout and two seconds.
Method: members on two machines (network namespaces) answer the server's questions and do nothing
else. Then the cable of one machine is pulled. Needs root and iproute2; the other tests do not.
"""

import selectors
import threading
import time
import unittest

from harness import (MARGIN, POLL, NetTest, echo, frame, stays_true, wait_until)
from network_namespaces import TwoMachines

HEARTBEAT = frame(0x6103)


class Answering:
    """Members that send back what they are sent, and nothing else."""

    def __init__(self, clients):
        self._selector = selectors.DefaultSelector()
        self._clients = clients
        for client in clients:
            client.socket.setblocking(False)
            self._selector.register(client.socket, selectors.EVENT_READ)
        self._stop = threading.Event()
        self.bytes = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while not self._stop.is_set():
            for key, _ in self._selector.select(POLL):
                got = key.fileobj.recv(4096)
                if got:
                    self.bytes += len(got)
                    key.fileobj.send(got)
                else:
                    self._selector.unregister(key.fileobj)

    def stop(self):
        """Answers nothing more."""
        self._stop.set()
        self._thread.join()
        self._selector.close()


class Heartbeat(NetTest):
    """--heartbeat-interval."""

    IDLE = 3.0

    def answering(self, clients):
        """Has them answer until the end of the test."""
        answering = Answering(clients)
        self.addCleanup(answering.stop)
        return answering

    def member(self, server):
        """A connection that is logged in."""
        client = self.connect(server)
        client.login()
        return client

    def test_dead_peers_are_off_the_count_in_time(self):
        machines = TwoMachines()
        self.addCleanup(machines.close)
        with machines.near():
            server = self.serve(listen=f"{machines.NEAR}:0", idle_timeout=f"{self.IDLE:g}s",
                                heartbeat_interval="1s")
            staying = [self.member(server) for _ in range(20)]
        with machines.far():
            vanishing = [self.member(server) for _ in range(50)]
        answering = self.answering(staying + vanishing)
        server.wait_online(70)
        stays_true(lambda: server.reports()[-1].number == 70, "70 who answer are online",
                   self.IDLE + 1)
        self.assertGreater(answering.bytes, 70 * len(HEARTBEAT))

        machines.pull_the_plug()
        begin = time.monotonic()
        wait_until(lambda: server.reports()[-1].number == 20, "the dead to be off the online count",
                   self.IDLE + MARGIN)
        took = time.monotonic() - begin
        server.wait_online(20)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["timeouts"], 50)
        print(f"50 of 70 peers vanished: off the online count after {took:.2f} s (idle timeout "
              f"{self.IDLE:g} s, bound {self.IDLE + MARGIN:g} s), {totals['heartbeats']} "
              "heartbeats")

    def test_silent_ones_are_asked_by_an_empty_frame(self):
        server = self.serve(heartbeat_interval="200ms", idle_timeout="60s")
        client = self.member(server)
        self.assertEqual(client.receive(len(HEARTBEAT)), HEARTBEAT)
        client.send(HEARTBEAT)  # the answer has none
        self.assertEqual(client.receive(len(HEARTBEAT)), HEARTBEAT)
        client.send(echo(b"x"))
        self.assertEqual(client.receive(len(echo(b"x"))), echo(b"x"))

    def test_by_default_nobody_is_asked(self):
        """For MarioTCP's clients know no such frame: to them it would be garbage."""
        server = self.serve(idle_timeout="1s")
        client = self.member(server)
        self.assert_stream_ends(client)
        server.stop()
        self.assertEqual(server.totals()["heartbeats"], 0)


if __name__ == "__main__":
    unittest.main()
