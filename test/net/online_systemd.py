# SPDX-License-Identifier: BSL-1.0
"""What a server says to systemd, or to another service manager that speaks its protocol.

Goal: it is ready when it is, tells of its end, and its sign of life fails to come
when it hangs; a manager that does not listen harms nobody.
Method: a socket of ours in the place of systemd's (sd_notify(3)), and its variables.
"""

import unittest

from harness import LOUD, frame
from service_manager import ManagedTest

SLEEP, WAKE = 1, 2  # the commands of millipede-test-sleeper


class Notices(ManagedTest):
    """READY, STOPPING."""

    def test_ready_and_stopping(self):
        for abstract in (False, True):
            with self.subTest(abstract=abstract):
                manager = self.manage(abstract=abstract)
                server = self.serve_under(manager, stop_timeout="3s", drain_spread="2s")
                first = manager.get("READY")
                self.assertEqual(first, {"READY": "1", "STATUS": "0 connections"})
                self.assertEqual(first.process, server.process.pid)
                client = self.connect(server)
                client.ping()
                client.close()
                server.stop()
                last = manager.get("STOPPING")
                self.assertEqual((last["STOPPING"], last["STATUS"]), ("1", "draining"))
                self.assertGreaterEqual(int(last["EXTEND_TIMEOUT_USEC"]), 5_000_000)
                self.assertFalse([each for each in manager.notices() if "WATCHDOG" in each])
                self.assertEqual(server.log(*LOUD), [])

    def test_nobody_listens(self):
        manager = self.manage()
        manager.close()  # its path is gone
        server = self.serve_under(manager)
        with self.connect(server) as client:
            client.ping()
        server.stop()

    def test_a_manager_that_does_not_read(self):
        manager = self.manage(reads=False, watchdog_usec=20_000)
        server = self.serve_under(manager)
        client = self.connect(server)
        for _ in range(20):
            client.ping()
        client.close()
        server.stop()

    def test_what_is_no_address(self):
        for address in ("", "vsock:2:1"):
            with self.subTest(address):
                manager = self.manage()
                manager.address = address
                server = self.serve_under(manager)
                with self.connect(server) as client:
                    client.ping()
                server.stop()
                self.assertEqual(manager.notices(), [])


class Watchdog(ManagedTest):
    """WATCHDOG=1, as long as all is well."""

    def test_comes_again_and_again(self):
        manager = self.manage(watchdog_usec=100_000)
        self.serve_under(manager)
        for _ in range(4):
            manager.wait_for("WATCHDOG", since=manager.count())

    def test_is_another_process_s(self):
        manager = self.manage(watchdog_usec=20_000, watchdog_pid=1)
        server = self.serve_under(manager)
        manager.wait_for("READY")
        server.stop()
        manager.wait_for("STOPPING")
        self.assertFalse([each for each in manager.notices() if "WATCHDOG" in each])

    def sleeper(self, manager, policy):
        """A server, one of whose workers is held, and a client that can end that."""
        server = self.serve_under(manager, name="millipede-test-sleeper", report_every=None,
                                  workers=2, stall_after="100ms", stall_policy=policy)
        held, free = self.connect(server), self.connect(server)
        manager.wait_for("STATUS", status="2 connections")  # each on a worker of its own
        held.send(frame(SLEEP))
        return held, free

    def test_does_not_come_while_a_worker_is_stalled(self):
        manager = self.manage(watchdog_usec=40_000)
        held, free = self.sleeper(manager, "watchdog")
        stalled = manager.wait_for("STATUS", status="2 connections, 1 stalled workers")
        for _ in range(5):
            after = manager.wait_for("STATUS", since=manager.count())
        between = manager.notices()[stalled:after]
        self.assertGreaterEqual(len(between), 4)
        self.assertFalse([each for each in between if "WATCHDOG" in each])
        free.send(frame(WAKE))
        self.assertEqual(held.receive(8), frame(SLEEP))
        held.close()
        free.close()
        manager.wait_for("WATCHDOG", since=after)

    def test_comes_nevertheless_when_that_is_the_policy(self):
        manager = self.manage(watchdog_usec=40_000)
        held, free = self.sleeper(manager, "report")
        manager.wait_for("WATCHDOG", status="2 connections, 1 stalled workers")
        free.send(frame(WAKE))
        self.assertEqual(held.receive(8), frame(SLEEP))
        held.close()
        free.close()


if __name__ == "__main__":
    unittest.main()
