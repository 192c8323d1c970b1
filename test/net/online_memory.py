# SPDX-License-Identifier: BSL-1.0
"""What an idle, logged-in connection costs in user space.

Goal: at most 64 bytes plus the session (8 bytes), measured from 1,000 to 15,000 connections; and
dropping and reopening all connections again and again costs nothing.
Method: real connections from this process, from several source addresses; the server's memory is
the anonymous pages (Pss_Anon) of /proc/PID/smaps_rollup. The slope is taken in two ways:

    filling   one server with room for all, memory at 1,000 against memory at 15,000
    sized     two servers, each with room for just its crowd, both full: so that memory that is
              paid for at start, before the first connection comes, is counted as well

Environment: MILLIPEDE_MEMORY_CONNECTIONS (15000)
"""

import os
import unittest

from harness import SANITIZER, Client, NetTest, login, raise_descriptor_limit, settled_memory

FEW = 1000
MANY = int(os.environ.get("MILLIPEDE_MEMORY_CONNECTIONS", "15000"))
CONNECTION_MAX = 64  # bytes
SESSION = 8  # bytes
WORKERS = 2
SLACK = 200  # places beyond the crowd


@unittest.skipIf(SANITIZER, "a sanitizer's own memory would be measured")
class Memory(NetTest):
    """Memory by the kernel's account."""

    def serve_for(self, connections):
        """A server with room for so many."""
        raise_descriptor_limit(connections + SLACK + 256)
        return self.serve(workers=WORKERS, connections=(connections + SLACK) // WORKERS,
                          report_every="100ms")

    def warm_up(self, server, count, times=1):
        """Every path has been walked once: login, echo, a split frame, and all ways to leave."""
        swarm = self.swarm(server)
        for _ in range(times):
            swarm.open(count)
            swarm.reset(swarm.sockets[:count // 2])
            swarm.close()
            server.wait_online(0)
        with Client(server.address) as client:
            client.ping(bytes(1000))
            client.send(login()[:5])
            server.wait_all_read()
            client.send(login()[5:])
            client.receive(8)
        server.wait_online(0)

    def report(self, what, low, high):
        """Prints and returns the bytes per connection."""
        slope = (high - low) / (MANY - FEW)
        print(f"{what}: {FEW} connections {low // 1024} KiB, {MANY} connections {high // 1024} "
              f"KiB: {slope:.1f} bytes each (at most {CONNECTION_MAX + SESSION})")
        return slope

    def test_slope_while_filling(self):
        server = self.serve_for(MANY)
        self.warm_up(server, FEW // 2)
        swarm = self.swarm(server)
        points = {}
        for count in (FEW, MANY // 3, MANY * 2 // 3, MANY):
            swarm.open(count - len(swarm.sockets))
            server.wait_online(count)
            points[count] = settled_memory(server)
        for count, size in points.items():
            print(f"filling: {count} connections {size // 1024} KiB")
        slope = self.report("filling", points[FEW], points[MANY])
        self.assertLessEqual(slope, CONNECTION_MAX + SESSION)

    def test_slope_of_full_servers(self):
        points = []
        for count in (FEW, MANY):
            server = self.serve_for(count)
            self.warm_up(server, FEW // 2)
            swarm = self.swarm(server)
            swarm.open(count)
            server.wait_online(count)
            points.append(settled_memory(server))
            swarm.reset()
            server.wait_online(0)
            server.stop()
        slope = self.report("sized", *points)
        self.assertLessEqual(slope, CONNECTION_MAX + SESSION)

    def test_reopening_does_not_grow(self):
        count = min(5000, MANY)
        server = self.serve_for(count)
        # Rings of fixed size, whose pages count from their first use on, go round once.
        self.warm_up(server, count, times=8)
        swarm = self.swarm(server)
        swarm.open(count)
        server.wait_online(count)
        first = settled_memory(server)
        history = [first]
        for turn in range(5):
            if turn % 2:
                swarm.close()
            else:
                swarm.reset()
            server.wait_online(0)
            swarm.open(count)
            server.wait_online(count)
            history.append(settled_memory(server))
        print("reopening:", ", ".join(f"{each // 1024} KiB" for each in history))
        self.assertLessEqual(history[-1], first * 1.05)


if __name__ == "__main__":
    unittest.main()
