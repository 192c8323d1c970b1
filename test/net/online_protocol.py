# SPDX-License-Identifier: BSL-1.0
"""The online-count server speaks MarioTCP's protocol, however its bytes are cut or joined.

Goal: login, echo and the online number are exact to the byte, at every cut of the stream, at
every frame size, in every burst; and the original's own test client is served without a murmur.
Method: plain sockets and frames packed from the spec. Cuts are real: the next piece goes out only
when the kernel's socket table shows that the server has read the one before.
"""

import itertools
import random
import select
import unittest

from harness import (CRLF, ECHO, LOGIN, LOUD, Client, NetTest, echo, echo_of_size, frame,
                     login, login_reply)


class Frames(NetTest):
    """The helpers themselves, held against bytes written out by hand from the spec."""

    def test_bytes_are_those_of_the_spec(self):
        self.assertEqual(login(0x1234), bytes.fromhex("f79ab68e 0a00 0161 3412"))
        self.assertEqual(login_reply(), bytes.fromhex("f79ab68e 0800 0161"))
        self.assertEqual(echo(b"hi"), bytes.fromhex("f79ab68e 0a00 0261 6869"))


class Login(NetTest):
    """Who counts as online."""

    def test_reply_is_the_head_alone(self):
        server = self.serve()
        client = self.connect(server)
        client.send(login(7))
        self.assertEqual(client.receive(8), bytes.fromhex("f79ab68e 0800 0161"))
        client.half_close()
        self.assert_stream_ends(client)

    def test_login_raises_and_disconnect_lowers(self):
        server = self.serve()
        server.wait_online(0)
        first, second = self.connect(server), self.connect(server)
        first.login(1)
        server.wait_online(1)
        second.login(1)  # the same user from elsewhere is one more
        server.wait_online(2)
        first.close()
        server.wait_online(1)
        second.reset()
        server.wait_online(0)

    def test_second_login_counts_once(self):
        server = self.serve()
        client = self.connect(server)
        for uid in (5, 5, 6):
            client.login(uid)  # answered every time
        server.wait_online(1)
        client.close()
        server.wait_online(0)

    def test_disconnect_of_stranger_does_not_lower(self):
        server = self.serve()
        member = self.connect(server)
        member.login()
        silent, pinger = self.connect(server), self.connect(server)
        pinger.ping()
        for stranger in (silent, pinger):
            stranger.half_close()
            self.assert_stream_ends(stranger)
        another = self.connect(server)
        another.ping()
        another.reset()
        server.wait_all_read()
        server.wait_online(1)

    def test_totals_agree(self):
        server = self.serve()
        clients = [self.connect(server) for _ in range(5)]
        for client in clients:
            client.login()
            client.ping()
        for client in clients:
            client.half_close()
            self.assert_stream_ends(client)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["accepted"], 5)
        self.assertEqual(totals["opened"], 5)
        self.assertEqual(totals["closed"], 5)
        self.assertEqual(totals["messages_received"], 10)
        self.assertEqual(totals["refused_frames"], 0)
        self.assertEqual(totals["full"], 0)
        self.assertEqual(totals["timeouts"], 0)


class Cuts(NetTest):
    """A stream means the same wherever it is cut."""

    STREAM = login(1) + echo(b"abcde") + login(2)
    REPLY = login_reply() + echo(b"abcde") + login_reply()

    def run_cuts(self, server, stream, reply, pieces):
        """Sends `stream` in `pieces` pieces, one connection for every way to cut it."""
        ways = list(itertools.combinations(range(1, len(stream)), pieces - 1))
        clients = [self.connect(server) for _ in ways]
        for piece in range(pieces):
            for client, way in zip(clients, ways):
                edges = (0, *way, len(stream))
                client.send(stream[edges[piece]:edges[piece + 1]])
            server.wait_all_read()
        for client, way in zip(clients, ways):
            self.assertEqual(client.receive(len(reply)), reply, f"cut at {way}")
        return clients

    def finish(self, server, clients):
        """All of them are online once; then all end, with not one byte more."""
        server.wait_online(len(clients))
        for client in clients:
            client.half_close()
        for client in clients:
            self.assert_stream_ends(client)
        server.wait_online(0)

    def test_two_pieces(self):
        server = self.serve(workers=1)
        self.finish(server, self.run_cuts(server, self.STREAM, self.REPLY, 2))

    def test_three_pieces(self):
        server = self.serve(workers=1)
        self.finish(server, self.run_cuts(server, self.STREAM, self.REPLY, 3))

    def test_byte_by_byte(self):
        server = self.serve(workers=1)
        client = self.connect(server)
        for position in range(len(self.STREAM)):
            client.send(self.STREAM[position:position + 1])
            server.wait_all_read()
        self.assertEqual(client.receive(len(self.REPLY)), self.REPLY)
        self.finish(server, [client])

    def test_head_alone_is_not_answered_before_its_data(self):
        server = self.serve(workers=1)
        client = self.connect(server)
        client.send(login()[:9])
        server.wait_all_read()
        server.wait_online(0)
        self.assertEqual(select.select([client.socket], [], [], 0)[0], [])
        client.send(login()[9:])
        self.assertEqual(client.receive(8), login_reply())

    def test_skip_crlf_in_every_cut(self):
        server = self.serve(workers=1, skip_crlf=True)
        stream = login(1) + CRLF + echo(b"x\r\n") + CRLF + login(2) + CRLF
        reply = login_reply() + echo(b"x\r\n") + login_reply()
        clients = self.run_cuts(server, stream, reply, 2)
        clients += self.run_cuts(server, stream, reply, 3)
        self.finish(server, clients)
        server.stop()
        self.assertEqual(server.totals()["refused_frames"], 0)


class Joined(NetTest):
    """Many frames in one segment, every size, and bursts larger than any buffer."""

    def test_many_frames_in_one_segment(self):
        server = self.serve()
        client = self.connect(server)
        requests, replies = b"", b""
        for number in range(500):
            packet = echo(f"number {number}".encode())
            requests += packet
            replies += packet
            if number % 50 == 0:
                requests += login(number)
                replies += login_reply()
        client.send(requests)
        self.assertEqual(client.receive(len(replies)), replies)
        server.wait_online(1)

    def test_echo_of_every_size_class(self):
        server = self.serve(frame_max=65535)
        client = self.connect(server)
        sizes = set(range(8, 80)) | {65535, 65534, 1499, 1500, 1501}
        for power in range(7, 16):
            sizes |= {2 ** power - 1, 2 ** power, 2 ** power + 1}
        for size in sorted(sizes):
            packet = echo_of_size(size, seed=size)
            self.assertEqual(len(packet), size)
            client.send(packet)
            self.assertEqual(client.receive(size), packet, f"echo of {size} bytes")

    def test_sizes_mixed_in_one_stream(self):
        server = self.serve(frame_max=65535)
        client = self.connect(server)
        dice = random.Random(1)
        packets = [echo_of_size(dice.choice((8, 9, 40, 700, 1500, 4096, 16384, 65535)), seed)
                   for seed in range(300)]
        stream = b"".join(packets)
        self.assertEqual(client.exchange(stream, len(stream)), stream)

    def test_pipelined_burst_of_largest_frames(self):
        server = self.serve(frame_max=65535)
        client = self.connect(server)
        stream = b"".join(echo_of_size(65535, seed) for seed in range(160))
        self.assertEqual(client.exchange(stream, len(stream)), stream)

    def test_reader_that_starts_late_gets_all(self):
        """A burst whose reader looks away first: more than queues hold must wait, not be lost."""
        server = self.serve(frame_max=65535)
        client = self.connect(server, receive_buffer=4096)
        packet = echo_of_size(65535)
        sent = client.send_until_full(packet, limit=24 * len(packet))
        rest = packet[sent % len(packet):] if sent % len(packet) else b""
        frames = -(-sent // len(packet))
        received = client.exchange(rest, frames * len(packet))
        self.assertTrue(received == packet * frames, "the echoes came back different")

    def test_many_clients_at_once_keep_their_own_streams(self):
        server = self.serve(frame_max=65535)
        clients = [self.connect(server) for _ in range(50)]
        packets = [echo_of_size(3000 + number, seed=number) for number in range(50)]
        for _ in range(5):
            for client, packet in zip(clients, packets):
                client.send(packet)
            for client, packet in zip(clients, packets):
                self.assertEqual(client.receive(len(packet)), packet)


class OriginalTestClient(NetTest):
    """MarioTCP's mario_test: LOGIN, then CR LF in a second send, reads nothing, and is gone."""

    def come(self, server, count):
        """`count` such clients log in; their replies lie unread in their kernels."""
        clients = [self.connect(server) for _ in range(count)]
        for client in clients:
            client.send(login())
        server.wait_all_read()
        for client in clients:
            client.send(CRLF)
        server.wait_all_read()
        for client in clients:
            self.assertTrue(select.select([client.socket], [], [], 10)[0], "no reply")
        server.wait_online(count)
        return clients

    def check_quiet(self, server, count):
        """All were counted down and nobody raised the voice."""
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.log(*LOUD), [])
        totals = server.totals()
        self.assertEqual((totals["opened"], totals["closed"]), (count, count))
        self.assertEqual(totals["refused_frames"], 0)

    def test_leaves_with_fin(self):
        server = self.serve()
        for client in self.come(server, 40):
            client.half_close()
            self.assert_stream_ends(client, login_reply())
        self.check_quiet(server, 40)

    def test_leaves_with_reset(self):
        server = self.serve()
        for number, client in enumerate(self.come(server, 40)):
            if number % 2:
                client.close()  # its unread reply makes this a reset
            else:
                client.reset()
        self.check_quiet(server, 40)

    def test_leaves_at_once(self):
        server = self.serve()
        for number in range(100):
            client = Client(server.address)
            client.send(login())
            client.send(CRLF)
            if number % 2:
                client.close()
            else:
                client.reset()
        member = self.connect(server)
        member.login()
        server.wait_online(1)
        member.close()
        server.wait_online(0)
        self.assertEqual(server.log(*LOUD), [])

    def test_strict_refuses_packet_after_crlf(self):
        server = self.serve()
        client = self.connect(server)
        client.login()
        client.send(CRLF)
        server.wait_all_read()
        server.wait_online(1)
        client.send(login())
        self.assert_stream_ends(client)
        client.close()
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.totals()["refused_frames"], 1)
        self.assertEqual(len(server.log("warning", contains="bad magic")), 1)

    def test_skip_crlf_still_refuses_other_bytes(self):
        server = self.serve(skip_crlf=True)
        client = self.connect(server)
        client.send(login() + b"xy" + login())
        self.assert_stream_ends(client, login_reply())
        server.wait_online(0)


class Settings(NetTest):
    """--magic and --frame-max."""

    def test_custom_magic(self):
        server = self.serve(magic="0x01020304")
        client = self.connect(server)
        client.send(login(1, magic=0x01020304))
        self.assertEqual(client.receive(8), bytes.fromhex("04030201 0800 0161"))
        client.ping(b"with another word", magic=0x01020304)
        stranger = self.connect(server)
        stranger.send(login(1))
        self.assert_stream_ends(stranger)
        server.wait_online(1)

    def test_frame_max_is_the_largest_accepted(self):
        for limit in (10, 64, 1500, 4096, 65534):
            with self.subTest(limit=limit):
                server = self.serve(frame_max=limit)
                client = self.connect(server)
                client.login()
                packet = echo_of_size(limit)
                client.send(packet)
                self.assertEqual(client.receive(limit), packet)
                client.send(frame(ECHO, size=limit + 1))
                self.assert_stream_ends(client)  # refused by its head, its data never came
                client.close()
                server.stop()
                self.assertEqual(len(server.log("warning", contains="bad size")), 1)

    def test_head_alone_is_a_frame(self):
        server = self.serve(frame_max=8)
        client = self.connect(server)
        client.send(echo() * 3)
        self.assertEqual(client.receive(24), echo() * 3)
        client.send(frame(LOGIN, b"\1\0"))
        self.assert_stream_ends(client)


if __name__ == "__main__":
    unittest.main()
