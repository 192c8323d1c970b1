# SPDX-License-Identifier: BSL-1.0
"""What an idle long-poll subscriber, or WebSocket, costs the comet server in user space.

Goal: at most 400 bytes for one on a channel of its own, and 128 on a channel that all share;
measured from 1,000 to 15,000 subscribers. And subscribers that leave and come again cost nothing.
Method: as online_memory.py: real connections, the anonymous pages (Pss_Anon) of smaps_rollup.

Environment: MILLIPEDE_MEMORY_CONNECTIONS (15000)
"""

import json
import os
import unittest
from pathlib import Path

from harness import SANITIZER, Swarm, raise_descriptor_limit, settled_memory, wait_until
from http_client import CometTest
from websocket_client import handshake

FEW = 1000
MANY = int(os.environ.get("MILLIPEDE_MEMORY_CONNECTIONS", "15000"))
OWN_MAX = 400  # bytes
SHARED_MAX = 128
SLACK = 1000
RING = 16_384  # newcomers until the worker's hand-over queue, made at start, is all in memory


def processor_seconds(server):
    """What the server has used so far, in user mode and in the kernel's together."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(each) for each in fields[11:13]) / os.sysconf("SC_CLK_TCK")


class Polls(Swarm):
    """Long-polls that wait, each connection's from its first request on."""

    def __init__(self, address, channel_of):
        super().__init__(address)
        self.channel_of = channel_of

    def opened(self):
        """How many there ever were."""
        return self._opened

    def log_in(self, sockets):
        first = len(self.sockets) - len(sockets)
        for number, one in enumerate(sockets, first):
            one.sendall(f"GET /sub?cname={self.channel_of(number)}&seq=1 HTTP/1.1\r\n"
                        "Host: 127.0.0.1\r\nUser-Agent: some browser\r\n\r\n".encode())
        for one in sockets:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                part = one.recv(4096)
                assert part, "end of stream"
                head += part


class WebSockets(Polls):
    """WebSockets that wait, each subscribed to its channel."""

    def log_in(self, sockets):
        first = len(self.sockets) - len(sockets)
        for number, one in enumerate(sockets, first):
            fields = "\r\n".join(handshake("dGhlIHNhbXBsZSBub25jZQ=="))
            one.sendall(f"GET /ws?cname={self.channel_of(number)}&seq=1 HTTP/1.1\r\n"
                        f"{fields}\r\n\r\n".encode())
        for one in sockets:
            got = b""
            while b'"type":"open"' not in got or not got.endswith(b"}"):
                part = one.recv(4096)
                assert part, "end of stream"
                got += part


@unittest.skipIf(SANITIZER, "a sanitizer's own memory would be measured")
class Memory(CometTest):
    """Memory by the kernel's account."""

    def serve_for_all(self):
        raise_descriptor_limit(MANY + SLACK + 256)
        return self.serve_comet(workers=1, connections=MANY + SLACK, polling_timeout="1h",
                                channel_timeout="1s", max_subscribers_per_channel=1_000_000)

    def wait_totals(self, server, subscribers, channels):
        wanted = {"version": "0.2.5", "channels": channels, "subscribers": subscribers}
        wait_until(lambda: json.loads(self.admin(server, "info")) == wanted, f"{wanted}")

    def polls(self, server, channel_of, kind=Polls):
        polls = kind(server.front, channel_of)
        self.addCleanup(polls.close)
        return polls

    def measure(self, what, channel_of, most, kind=Polls):
        """Bytes per subscriber; every path has been walked before with a few."""
        server = self.serve_for_all()
        warm = self.polls(server, lambda number: "warm", kind)
        warm.open(200)
        self.push(server, "warm", "m")
        self.admin(server, "broadcast", content="m")
        warm.close()
        while warm.opened() < RING + FEW:
            warm.open(FEW, log_in=False)
            warm.reset()
        self.wait_totals(server, 0, 0)
        polls = self.polls(server, channel_of, kind)
        polls.open(FEW)
        low = settled_memory(server)
        polls.open(MANY - FEW)
        high = settled_memory(server)
        each = (high - low) / (MANY - FEW)
        print(f"{what}: {FEW} subscribers {low // 1024} KiB, {MANY} subscribers {high // 1024} "
              f"KiB: {each:.1f} bytes each (at most {most})")
        self.assertLessEqual(each, most)
        return server, polls, high

    def test_each_on_a_channel_of_its_own(self):
        server, polls, high = self.measure("own channel", lambda number: f"user-{number:06}",
                                           OWN_MAX)
        self.wait_totals(server, MANY, MANY)
        polls.close()
        self.wait_totals(server, 0, 0)
        polls.open(MANY)
        again = settled_memory(server)
        print(f"own channel, all come again: {again // 1024} KiB")
        self.assertLessEqual(again, high * 1.05)

    def test_all_on_one_channel(self):
        server, polls, _ = self.measure("shared channel", lambda number: "all", SHARED_MAX)
        self.wait_totals(server, MANY, 1)
        before = processor_seconds(server)
        self.push(server, "all", "m")
        wanted = b'{"type":"data","cname":"all","seq":1,"content":"m"}\n\r\n0\r\n\r\n'
        for one in polls.sockets:
            got = b""
            while not got.endswith(wanted):
                part = one.recv(4096)
                self.assertNotEqual(part, b"")
                got += part
        each = 1e6 * (processor_seconds(server) - before) / MANY
        print(f"to deliver a message to all took {each:.1f} us of the processor for each")
        self.wait_totals(server, 0, 1)

    def test_websockets_on_one_channel(self):
        self.measure("shared channel, WebSocket", lambda number: "all", SHARED_MAX, WebSockets)


if __name__ == "__main__":
    unittest.main()
