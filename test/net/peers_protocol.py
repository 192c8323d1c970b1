# SPDX-License-Identifier: BSL-1.0
"""The servers that Millipede is compared with do what they are compared in.

Goal: each of them answers logins and echoes exactly, at every cut of the stream and at every frame
size, keeps every byte for a slow reader, uses all its workers and ends well: a peer that lost bytes
or refused work would look fast for the wrong reason.
Method: as the tests of the project's own servers: the real binaries, plain sockets, frames packed
from the spec. Every test runs once for each peer; one whose library is absent here is skipped.
"""

import os
import select
import socket
import time
import unittest
from pathlib import Path

from harness import (BIN, ECHO, LARGE, LOGIN, NetTest, echo, echo_of_size, frame, login,
                     login_reply, run_to_end, wait_until)

NOT_OURS = {"connections": None, "report_every": None, "transport": None}  # unknown to peers


class PeerTest:
    """What every peer must do; the classes below say which peer."""

    NAME = ""
    OPTIONAL = False

    def setUp(self):
        if self.OPTIONAL and not (BIN / self.NAME).exists():
            self.skipTest(f"{self.NAME} was not built: its library is absent")

    def serve_peer(self, **options):
        """Starts the peer; it must end well at the end of the test."""
        return self.serve(name=self.NAME, **{**NOT_OURS, **options})

    # -- frames

    def test_login_is_answered_by_the_head_alone(self):
        client = self.connect(self.serve_peer())
        client.send(login(7))
        self.assertEqual(client.receive(8), bytes.fromhex("f79ab68e 0800 0161"))
        client.ping()
        client.half_close()
        self.assert_stream_ends(client)

    def test_many_frames_joined(self):
        client = self.connect(self.serve_peer(workers=1))
        requests, replies = b"", b""
        for number in range(2000):
            packet = echo_of_size(8 + number % 90, seed=number)
            requests += packet
            replies += packet
            if number % 7 == 0:  # from here on replies are shorter than what asked for them
                requests += login(number)
                replies += login_reply()
        self.assertEqual(client.exchange(requests, len(replies)), replies)
        client.half_close()
        self.assert_stream_ends(client)

    def test_cut_at_every_byte(self):
        server = self.serve_peer(workers=1)
        stream = login(1) + echo(b"abcde") + login(2) + echo()
        reply = login_reply() + echo(b"abcde") + login_reply() + echo()
        cuts = range(1, len(stream))
        clients = [self.connect(server) for _ in cuts]
        for client, cut in zip(clients, cuts):
            client.send(stream[:cut])
        server.wait_all_read()
        for client, cut in zip(clients, cuts):
            client.send(stream[cut:])
        for client, cut in zip(clients, cuts):
            self.assertEqual(client.receive(len(reply)), reply, f"cut at {cut}")
            client.half_close()
            self.assert_stream_ends(client)

    def test_byte_by_byte(self):
        server = self.serve_peer(workers=1)
        client = self.connect(server)
        stream = login(1) + echo(b"abcde") + login(2)
        for position in range(len(stream)):
            client.send(stream[position:position + 1])
            server.wait_all_read()
        reply = login_reply() + echo(b"abcde") + login_reply()
        self.assertEqual(client.receive(len(reply)), reply)

    def test_part_of_a_frame_is_not_answered(self):
        server = self.serve_peer(workers=1)
        client = self.connect(server)
        packet = echo(b"data")
        client.send(packet[:-1])
        server.wait_all_read()
        self.assertEqual(select.select([client.socket], [], [], 0.05)[0], [])
        client.send(packet[-1:])
        self.assertEqual(client.receive(len(packet)), packet)

    def test_large_frames(self):
        client = self.connect(self.serve_peer())
        for size in (4095, 4096, 4097, 16384, 65534, LARGE):
            packet = echo_of_size(size, seed=size)
            client.send(packet)
            self.assertEqual(client.receive(size), packet, f"echo of {size} bytes")

    def test_large_frames_in_pieces_on_several_connections(self):
        server = self.serve_peer(workers=1)
        clients = [self.connect(server) for _ in range(5)]
        packets = [echo_of_size(LARGE, seed) + echo_of_size(100, seed) for seed in range(5)]
        for begin in range(0, LARGE + 100, 9000):
            for client, packet in zip(clients, packets):
                client.send(packet[begin:begin + 9000])
            server.wait_all_read()
        for client, packet in zip(clients, packets):
            self.assertEqual(client.receive(len(packet)), packet)

    # -- what is refused

    def test_refused_after_the_replies_before_it(self):
        server = self.serve_peer()
        refused = {"magic": frame(ECHO, magic=0x8EB69AF8), "size": frame(ECHO, size=7),
                   "no size": frame(ECHO, size=0), "command": frame(0x6103),
                   "long login": frame(LOGIN, b"abc"), "short login": frame(LOGIN, b"a")}
        for what, packet in refused.items():
            with self.subTest(what):
                client = self.connect(server)
                client.ping()
                client.send(login() + packet)
                self.assert_stream_ends(client, login_reply())
        self.connect(server).ping()

    def test_refused_as_the_rest_of_a_head(self):
        server = self.serve_peer(workers=1)
        client = self.connect(server)
        client.send(b"\xf7\x9a")
        server.wait_all_read()
        client.send(b"no frame")
        self.assertTrue(client.is_cut())

    # -- readers that are slow or gone

    def test_slow_reader_gets_every_byte(self):
        """More than the kernel holds waits in the server or in the client, and nothing is lost."""
        server = self.serve_peer(workers=1)
        client = self.connect(server, receive_buffer=4096)
        packets = [echo_of_size(size, seed) for seed, size in enumerate([LARGE, 1000, 16384, 77])]
        stream = b"".join(packets)
        sent = client.send_until_full(stream, limit=16 << 20)
        self.connect(server).ping()  # the worker is not held up
        streams = -(-sent // len(stream))
        rest = stream[sent % len(stream):] if sent % len(stream) else b""
        received = client.exchange(rest, streams * len(stream))
        self.assertTrue(received == stream * streams, "the echoes came back different")
        client.ping()
        client.half_close()
        self.assert_stream_ends(client)

    def test_slow_reader_that_has_said_all(self):
        """The end of its input does not cost a slow reader the replies that still wait."""
        client = self.connect(self.serve_peer(workers=1), receive_buffer=4096)
        packet = echo_of_size(LARGE)
        received = client.exchange(packet * 100, half_close=True, pause=0.001)
        self.assertTrue(received == packet * 100, "the echoes came back different")

    def test_reader_that_vanishes_harms_nobody(self):
        server = self.serve_peer(workers=1)
        for _ in range(3):
            stuck = self.connect(server, receive_buffer=4096)
            stuck.send_until_full(echo_of_size(LARGE), limit=16 << 20, patience=0.1)
            stuck.reset()
            self.connect(server).ping()
        has_said_all = self.connect(server, receive_buffer=4096)
        has_said_all.send_until_full(echo_of_size(LARGE), limit=8 << 20, patience=0.1)
        has_said_all.half_close()
        time.sleep(0.1)  # so that a peer that reads ahead comes to the end
        has_said_all.reset()
        self.connect(server).ping()
        unfinished = self.connect(server)
        unfinished.send(echo(b"abc")[:9])
        server.wait_all_read()
        unfinished.reset()
        for _ in range(3):  # whoever gets the same descriptor starts anew
            self.connect(server).ping()

    # -- the program

    def test_all_workers_serve(self):
        server = self.serve_peer(workers=3)
        clients = [self.connect(server) for _ in range(60)]
        for client in clients:
            client.login()
        before = self.sleeps(server)

        def threads_awoken():
            """Of all threads, those that pings have sent to sleep again several times."""
            for client in clients:
                client.ping()
            after = self.sleeps(server)
            return [each for each in after if after[each] - before.get(each, 0) >= 10]
        wait_until(lambda: len(threads_awoken()) >= 3, "three threads to take part in pings")

    @staticmethod
    def sleeps(server):
        """How often each thread has gone to sleep by itself."""
        counts = {}
        for task in Path(f"/proc/{server.process.pid}/task").iterdir():
            for line in (task / "status").read_text().splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    counts[task.name] = int(line.split()[1])
        return counts

    def test_ends_well_with_clients_in_every_state(self):
        server = self.serve_peer()
        idle, unfinished = self.connect(server), self.connect(server)
        idle.login()
        unfinished.send(echo(b"abc")[:9])
        self.stuck_peer(server)
        server.stop()  # with 0
        self.assertTrue(idle.is_cut())

    def test_ipv6(self):
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            self.skipTest("::1 is absent here")
        self.connect(self.serve_peer(listen="[::1]:0")).ping()

    def assert_refused(self, *arguments, contains):
        """One clear line, and exit status 2."""
        status, out, err = run_to_end(self.NAME, *arguments)
        self.assertEqual((status, out, len(err)), (2, [], 1), f"{arguments}: {err}")
        self.assertTrue(err[0].startswith(self.NAME + ": "), err[0])
        self.assertIn(contains, err[0])

    def test_bad_options(self):
        cases = [(["--listen", "127.0.0.1"], "the port is missing"),
                 (["--listen", "127.0.0.1:65536"], "the port is a number"),
                 (["--listen=localhost:1"], "the address is an IPv4 address"),
                 (["--listen", "::1:1"], "the address is an IPv4 address"),
                 (["--listen", "192.0.2.1:0"], "cannot listen on 192.0.2.1:0"),
                 (["--listen"], "--listen: its value is missing"),
                 (["--workers", "0"], "'0' is not a number from 1"),
                 (["--workers", "2x"], "'2x' is not a number from 1"),
                 (["--workers", "257"], "'257' is not a number from 1"),
                 (["--workers", "1", "--workers=2"], "--workers: given twice"),
                 (["--wrokers", "1"], "'--wrokers' is no option"),
                 (["surplus"], "'surplus' is no option")]
        for arguments, text in cases:
            with self.subTest(arguments):
                self.assert_refused(*arguments, contains=text)

    def test_port_in_use(self):
        server = self.serve_peer()
        self.assert_refused("--listen", f"127.0.0.1:{server.port}", contains="cannot listen on")

    def test_help_and_version(self):
        status, out, err = run_to_end(self.NAME, "--help")
        self.assertEqual((status, err), (0, []))
        self.assertIn("--workers", "\n".join(out))
        status, out, err = run_to_end(self.NAME, "--version")
        self.assertEqual((status, err), (0, []))
        self.assertRegex(out[0], self.NAME + r" \d+\.\d+\.\d+")


class OutOfDescriptors:
    """Peers that accept by hand, when the system has no descriptor to give."""

    def test_without_descriptors_newcomers_wait_and_the_processor_rests(self):
        server = self.serve_peer(workers=1, descriptors=40)
        clients = [self.connect(server) for _ in range(60)]  # the kernel lets all of them in
        clients[0].ping()
        before = self.processor_seconds(server)
        time.sleep(0.5)
        self.assertLess(self.processor_seconds(server) - before, 0.25)
        for client in clients[:40]:
            client.close()
        for client in clients[40:]:
            client.ping()

    @staticmethod
    def processor_seconds(server):
        """What it has used of the processor so far."""
        stat = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


class RawEpoll(OutOfDescriptors, PeerTest, NetTest):
    """The floor."""

    NAME = "bench-raw-epoll"

    def test_raw_bytes_come_back(self):
        server = self.serve_peer(workers=1, codec="raw")
        client = self.connect(server)
        for data in (b"x", b"no frame at all", bytes(range(256)) * 400):
            client.send(data)
            self.assertEqual(client.receive(len(data)), data)
        client.half_close()
        self.assert_stream_ends(client)

    def test_raw_slow_reader_gets_every_byte(self):
        client = self.connect(self.serve_peer(workers=1, codec="raw"), receive_buffer=4096)
        data = os.urandom(6 << 20)
        self.assertTrue(client.exchange(data, len(data), half_close=True, pause=0.001) == data)
        self.assert_stream_ends(client)

    def test_bad_codec(self):
        self.assert_refused("--codec", "line", contains="'line' is neither frame nor raw")


class PinnedPipe(OutOfDescriptors, PeerTest, NetTest):
    """A pipe to each pinned worker."""

    NAME = "bench-pinned-pipe"

    @staticmethod
    def pinned_cores(server):
        """The cores of those threads that may not use all that this test may use."""
        everywhere = os.sched_getaffinity(0)
        affinities = [os.sched_getaffinity(int(task))
                      for task in os.listdir(f"/proc/{server.process.pid}/task")]
        return sorted(sorted(each) for each in affinities if each != everywhere)

    def serve_pinned(self, workers, **options):
        """Starts it with clients at every worker; an answer shows that the worker is pinned."""
        server = self.serve_peer(workers=workers, **options)
        clients = [self.connect(server) for _ in range(workers)]
        for client in clients:
            client.ping()
        return server

    def test_workers_are_pinned_to_cores_in_turn(self):
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            self.skipTest("with one core, pinned and not pinned are the same")
        server = self.serve_pinned(len(cores) + 1)
        self.assertEqual(self.pinned_cores(server), sorted([[core] for core in cores + cores[:1]]))

    def test_no_pin(self):
        server = self.serve_pinned(2, no_pin=True)
        self.assertEqual(self.pinned_cores(server), [])

    def test_no_pin_takes_no_value(self):
        self.assert_refused("--no-pin=yes", contains="'--no-pin' is no option")


class Asio(PeerTest, NetTest):
    """Asio as its examples teach it."""

    NAME = "bench-asio"


class Libevent(PeerTest, NetTest):
    """libevent as its examples teach it."""

    NAME = "bench-libevent"
    OPTIONAL = True


if __name__ == "__main__":
    unittest.main()
