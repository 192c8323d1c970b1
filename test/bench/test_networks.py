# SPDX-License-Identifier: BSL-1.0
"""Two machines in one: what they are like, that nothing is left of them, who cannot have them."""
import os
import socket
import unittest
from unittest import mock

import modules
import networks
from failure import Failure, Misuse

PACKETS = 123_456  # more than any machine has
LAST_CORE = os.cpu_count() - 1


def here():
    return os.readlink(networks.NAMESPACE)


class Masks(unittest.TestCase):
    def test_one_core_in_words_of_32_bits(self):
        self.assertEqual([networks.core_mask(core) for core in (0, 1, 31, 32, 65)],
                         ["00000001", "00000002", "80000000", "00000001,00000000",
                          "00000002,00000000,00000000"])


class Misused(unittest.TestCase):
    def refusal(self, cores=2, connections=10, user=0, program="/bin/true"):
        with mock.patch("os.geteuid", return_value=user), \
             mock.patch("shutil.which", return_value=program), \
             self.assertRaises(Misuse) as caught:
            networks.TwoMachines.check(cores, connections)
        return str(caught.exception)

    def test_it_is_told_what_is_missing(self):
        self.assertIn("run it as root", self.refusal(user=1000))
        self.assertIn("needs the program ip", self.refusal(program=None))
        self.assertIn("a core for each", self.refusal(cores=1))
        self.assertIn("28000 subscribers at most", self.refusal(connections=28_001))


@unittest.skipIf(os.geteuid() != 0, "network namespaces take root")
class Real(unittest.TestCase):
    def setUp(self):
        self.before = here(), networks.BACKLOG.read_text()
        try:
            with networks.TwoMachines(0, 0, 1):
                pass
        except Failure as refusal:
            self.skipTest(f"no two machines in here: {refusal}")
        self.addCleanup(lambda: self.assertEqual((here(), networks.BACKLOG.read_text()),
                                                 self.before))

    def test_they_are_connected_and_receive_on_their_cores(self):
        with networks.TwoMachines(0, LAST_CORE, PACKETS) as machines:
            self.assertNotEqual(here(), self.before[0])
            with socket.create_server((machines.address, 0)) as listener:
                networks.enter(machines.subscribers)
                subscriber = socket.create_connection(listener.getsockname(), 10)
                networks.enter(machines.server)
                with subscriber, listener.accept()[0] as accepted:
                    accepted.sendall(b"message")
                    self.assertEqual(subscriber.recv(16), b"message")
                    self.assertEqual(subscriber.getsockname()[0], machines.subscribers_address)
            for namespace, core in ((machines.server, 0), (machines.subscribers, LAST_CORE)):
                shown = networks.in_sysfs(namespace, "cd /sys/class/net/cable; "
                                          "cat queues/rx-0/rps_cpus gro_flush_timeout")
                mask, timeout = shown.split()
                self.assertEqual(int(mask.replace(",", ""), 16), 1 << core)
                self.assertEqual(int(timeout), networks.MODERATION_NS)

    def test_the_backlog_is_raised_for_the_time(self):
        with networks.TwoMachines(0, 0, PACKETS) as machines:
            networks.enter(machines.home)
            self.assertEqual(int(networks.BACKLOG.read_text()), PACKETS)
        with networks.TwoMachines(0, 0, 1) as machines:
            networks.enter(machines.home)
            self.assertEqual(networks.BACKLOG.read_text(), self.before[1])

    def test_nothing_is_left_after_a_failure(self):
        with self.assertRaises(KeyboardInterrupt):
            with networks.TwoMachines(0, 0, PACKETS):
                raise KeyboardInterrupt
        self.assertEqual((here(), networks.BACKLOG.read_text()), self.before)
        with mock.patch.object(networks, "core_mask", return_value="nonsense"), \
             self.assertRaisesRegex(Failure, "rps_cpus"), \
             networks.TwoMachines(0, 0, PACKETS):
            pass

    def test_what_cannot_be_done_is_told(self):
        machines = networks.TwoMachines(0, 0, 1)
        with mock.patch.object(networks.LIBC, "unshare", return_value=-1), \
             self.assertRaisesRegex(Failure, "no network namespace can be made"), machines:
            pass
        with mock.patch("fcntl.ioctl", side_effect=OSError("no such thing")), \
             self.assertRaisesRegex(Failure, "cannot receive in turns: no such thing"), machines:
            pass
        with self.assertRaisesRegex(OSError, "setns"):
            networks.enter(-1)


if __name__ == "__main__":
    unittest.main()
