# SPDX-License-Identifier: BSL-1.0
"""No descriptor is left.

Goal: with a limit of 256 descriptors and 400 clients, those who are in are served, those who wait
get an end instead of hanging, the processor rests, the log small; and as soon as descriptors
come back, newcomers are served again.
Method: the limit of a running server is lowered from outside, as nothing that it checks at its
start can foresee; processor time is read from the system's own account of the process.
"""

import os
import resource
import time
import unittest
from pathlib import Path

from harness import (DEADLINE, SANITIZER, Client, NetTest, Witness, login, login_reply,
                     wait_until)

CLIENTS = 400
DESCRIPTORS = 256
REST_SECONDS = 0.05  # between two attempts to accept
LINE_SECONDS = 10  # between two lines of the log about it
BUSY_SHARE = 0.2  # of a core; on an idle machine it is a fiftieth


def processor_seconds(server):
    """User and system time that the process has used so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_descriptors(server, count):
    """Sets the soft limit of a process that runs; the hard one stays. Returns what it was."""
    before = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (count, before[1]))
    return before[0]


@unittest.skipIf(SANITIZER == "address", "the sanitizer asks through a pipe whether memory may be "
                 "read, and takes a vtable for none when there is no descriptor for it")
class Exhaustion(NetTest):
    """More clients than descriptors."""

    def crowd(self, server):
        """All clients at once: those who got in, and those who wait."""
        clients = [self.connect(server) for _ in range(CLIENTS)]
        inside, outside = [], []
        for number, client in enumerate(clients):
            try:
                client.send(login(number))
                reply = client.socket.recv(len(login_reply()))
            except ConnectionError:
                reply = b""  # an end as well: its login crossed it
            (inside if reply == login_reply() else outside).append(client)
            self.assertIn(reply, (login_reply(), b""))
        return inside, outside

    def assert_rests(self, server, seconds):
        """Whether the process uses little of a core: one that asks again and again takes all that
        it gets."""
        begin, used = time.monotonic(), processor_seconds(server)
        time.sleep(seconds)
        share = (processor_seconds(server) - used) / (time.monotonic() - begin)
        print(f"exhausted, {seconds} s: {share:.1%} of a core")
        if not SANITIZER:
            self.assertLess(share, BUSY_SHARE)

    def assert_asked_seldom(self, server, begin):
        """Whether it rested between two attempts to accept, since `begin`."""
        attempts = (time.monotonic() - begin) / REST_SECONDS + 1
        self.assertLessEqual(server.totals()["accept_failures"], attempts)

    def test_who_waits_gets_an_end_and_the_others_are_served(self):
        server = self.serve()
        begin = time.monotonic()
        with Witness(server.address):
            before = limit_descriptors(server, DESCRIPTORS)
            inside, outside = self.crowd(server)
            self.assertGreater(len(inside), DESCRIPTORS - 64)
            self.assertGreater(len(outside), CLIENTS - DESCRIPTORS)
            late = [self.connect(server) for _ in range(20)]
            self.assert_rests(server, 2)
            for client in inside[::10]:
                client.ping()
            for client in late:
                self.assert_stream_ends(client)

            limit_descriptors(server, before)
            for _ in range(20):
                self.connect(server).login()
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["newcomers_shed"], len(outside) + len(late))
        self.assertEqual(totals["accepted"], totals["opened"] + totals["newcomers_shed"])
        self.assert_asked_seldom(server, begin)
        loud = server.log("error")
        self.assertTrue(loud and "Too many open files" in loud[0].text)
        self.assertLessEqual(len(loud), 3 + (time.monotonic() - begin) / LINE_SECONDS)
        self.assertEqual(len(server.log("info", contains="accept: goes on")), 1)

    def test_room_that_comes_back_is_used_at_once(self):
        server = self.serve()
        limit_descriptors(server, DESCRIPTORS)
        inside, _ = self.crowd(server)
        for client in inside[:50]:
            client.close()
        wait_until(lambda: server.says_online(len(inside) - 50), "50 to be gone")
        members = [self.connect(server) for _ in range(50)]
        for member in members:
            member.login()
        self.assertEqual(server.online(), len(inside))

    def test_a_crowd_that_comes_back_at_once(self):
        server = self.serve()
        limit_descriptors(server, DESCRIPTORS)
        start = time.monotonic()
        self.crowd(server)
        waiting = [Client(server.address) for _ in range(150)]
        begin, used, ends = time.monotonic(), processor_seconds(server), 0
        while time.monotonic() - begin < 2 or (
                ends <= 150 and time.monotonic() - begin < DEADLINE):
            for index, client in enumerate(waiting):
                client.socket.setblocking(False)
                try:
                    ended = client.socket.recv(1) == b""
                except BlockingIOError:
                    continue
                except ConnectionError:
                    ended = True
                if ended:
                    client.close()
                    waiting[index] = Client(server.address)
                    ends += 1
            time.sleep(0.01)
        share = (processor_seconds(server) - used) / (time.monotonic() - begin)
        for client in waiting:
            client.close()
        print(f"exhausted, {ends} sent away in 2 s: {share:.1%} of a core")
        self.assertGreater(ends, 150)
        if not SANITIZER:
            self.assertLess(share, BUSY_SHARE)
        server.stop()
        self.assert_asked_seldom(server, start)


if __name__ == "__main__":
    unittest.main()
