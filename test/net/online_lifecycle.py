# SPDX-License-Identifier: BSL-1.0
"""How connections and the server itself end.

Goal: half-closed peers get every reply, reset peers are counted down, SIGTERM and SIGINT end the
server gracefully within its deadline whatever its peers do, a second signal ends it at once, and
a reused slot shows nothing of its former owner.
Method: real peers that behave like that over loopback; deadlines are measured. What must lie there
when the server looks is sent while it is asleep (SIGSTOP). Idle and write timeouts have a file of
their own, online_timeouts.py.
"""

import random
import signal
import time
import unittest

from harness import (DEADLINE, LARGE, LOUD, MARGIN, NetTest, Witness, echo,
                     echo_of_size, frame, login, login_reply, refuses, stays_true,
                     unsent_bytes_of, wait_until)


class HalfClose(NetTest):
    """The peer says that it has nothing more to send."""

    def test_all_replies_then_end(self):
        server = self.serve()
        client = self.connect(server)
        packets = b"".join(echo_of_size(1000, number) for number in range(100))
        client.send(login() + packets)
        client.half_close()
        self.assert_stream_ends(client, login_reply() + packets)
        server.wait_online(0)

    def test_at_once_after_connect(self):
        server = self.serve()
        client = self.connect(server)
        client.half_close()
        self.assert_stream_ends(client)
        server.wait_online(0)

    def test_behind_much_input_at_once(self):
        """Requests and the end of the stream lie there together when the server looks."""
        for size in (1, 1000, 32768, 65535, 65536, 65537, 131072, 200000, 500000):
            with self.subTest(bytes=size):
                server = self.serve(frame_max=LARGE)
                client = self.connect(server)
                client.ping()
                piece = echo(bytes(92))
                stream = piece * (size // 100) + echo(bytes(size % 100))
                with server.asleep():
                    sent = client.send_until_full(stream, limit=len(stream), patience=0.05)
                    if sent == len(stream):
                        client.half_close()
                if sent < len(stream):
                    got = client.exchange(stream[sent:], half_close=True)
                else:
                    got = client.exchange(b"")
                self.assertTrue(got == stream, f"{len(got)} of {len(stream)} bytes")

    def test_came_and_went_before_the_server_looked(self):
        server = self.serve()
        with server.asleep():
            clients = [self.connect(server) for _ in range(60)]
            for number, client in enumerate(clients):
                client.send(login() + echo(b"gone when you read this"))
                if number % 3 == 0:
                    client.half_close()
                elif number % 3 == 1:
                    client.close()
                else:
                    client.reset()
        for client in clients[::3]:
            self.assert_stream_ends(client, login_reply() + echo(b"gone when you read this"))
            client.close()
        server.wait_online(0)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["opened"], totals["closed"])
        self.assertEqual(server.log(*LOUD), [])

    def test_slow_reader_gets_all(self):
        """More replies than kernels hold, an end of stream behind them, and a slow reader."""
        server = self.serve(frame_max=LARGE)
        packet = echo_of_size(LARGE)
        stream = packet * 160
        for _ in range(4):  # where the last read falls is up to chance
            client = self.connect(server, receive_buffer=16384)
            sent = client.send_until_full(packet, limit=100 * LARGE, patience=0.1)
            received = client.exchange(stream[sent:], half_close=True, pause=0.001)
            self.assertEqual(len(received), len(stream))
            self.assertTrue(received == stream)


class Reset(NetTest):
    """The peer resets the connection."""

    def test_counted_down(self):
        server = self.serve()
        swarm = self.swarm(server)
        swarm.open(100)
        server.wait_online(100)
        swarm.reset(swarm.sockets[:60])
        server.wait_online(40)
        swarm.reset()
        server.wait_online(0)
        server.stop()
        self.assertEqual(server.log(*LOUD), [])

    def test_in_the_middle_of_replies(self):
        server = self.serve(frame_max=LARGE)
        with Witness(server.address):
            for _ in range(10):
                client = self.connect(server, receive_buffer=4096)
                client.login()
                client.send_until_full(echo_of_size(LARGE), limit=20 * LARGE, patience=0.05)
                client.reset()
            wait_until(lambda: server.reports()[-1:] and server.reports()[-1].number == 1,
                       "only the witness to be online")


class GracefulEnd(NetTest):
    """SIGTERM and SIGINT."""

    def check_replies_in_flight(self, number):
        """Requests sent before the signal, even if not yet read, are answered after it."""
        server = self.serve(stop_timeout="10s")
        clients = [self.connect(server) for _ in range(50)]
        request = login() + b"".join(echo_of_size(200, each) for each in range(50))
        reply = login_reply() + request[10:]
        for client in clients:
            client.ping()
        with server.asleep():
            for client in clients:
                client.send(request)
            server.send_signal(number)
        for client in clients:
            self.assert_stream_ends(client, reply)
            client.close()
        self.assertEqual(server.wait_exit(), 0)
        server.check_sanitizer()
        self.assertEqual(server.reports()[-1].number, 0)
        totals = server.totals()
        self.assertEqual((totals["opened"], totals["closed"]), (50, 50))
        self.assertEqual(totals["messages_received"], 50 * (1 + 1 + 50))

    def test_replies_in_flight_arrive_after_sigterm(self):
        self.check_replies_in_flight(signal.SIGTERM)

    def test_replies_in_flight_arrive_after_sigint(self):
        self.check_replies_in_flight(signal.SIGINT)

    def test_large_replies_are_flushed_to_a_slow_reader(self):
        server = self.serve(frame_max=LARGE, stop_timeout="10s", linger_timeout="10s")
        client = self.connect(server, receive_buffer=4096)
        packet = echo_of_size(60000)
        client.send(packet * 3)
        wait_until(lambda: unsent_bytes_of(client.socket) == 0, "the requests to be delivered")
        server.send_signal()
        wait_until(lambda: refuses(server.address), "the listening socket to close")
        self.assertTrue(client.receive_to_end() == packet * 3)
        client.close()
        self.assertEqual(server.wait_exit(), 0)

    def test_idle_connections_do_not_delay_it(self):
        server = self.serve(stop_timeout="10m", linger_timeout="10m")
        clients = [self.connect(server) for _ in range(20)]
        for client in clients[::2]:
            client.login()
        begin = time.monotonic()
        server.send_signal()
        for client in clients:
            self.assert_stream_ends(client)
            client.close()
        self.assertEqual(server.wait_exit(), 0)
        self.assertLess(time.monotonic() - begin, MARGIN)

    def test_without_any_connection(self):
        server = self.serve(stop_timeout="10m")
        server.wait_online(0)
        begin = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - begin, MARGIN)
        self.assertEqual(server.totals()["accepted"], 0)

    def test_listening_socket_closes_at_once(self):
        server = self.serve(frame_max=LARGE, stop_timeout="60s", linger_timeout="60s",
                            listen=["127.0.0.1:0", "127.0.0.2:0"])
        self.stuck_peer(server)
        server.send_signal()
        for address in server.addresses:
            wait_until(lambda: refuses(address), f"{address} to be closed", MARGIN)
        self.assertTrue(server.running(), "it did not wait for its peer until the deadline")

    def test_peer_that_never_reads_cannot_hold_it(self):
        server = self.serve(frame_max=LARGE, stop_timeout="1s", write_timeout="60s")
        for _ in range(3):
            self.stuck_peer(server, patience=0.1)
        begin = time.monotonic()
        server.send_signal()
        self.assertEqual(server.wait_exit(1 + MARGIN), 0)
        self.assertLess(time.monotonic() - begin, 1 + MARGIN)
        server.check_sanitizer()
        totals = server.totals()
        self.assertEqual((totals["opened"], totals["closed"]), (3, 3))

    def test_peers_that_never_close_cannot_hold_it(self):
        """They are told the end of the stream and do not care."""
        server = self.serve(stop_timeout="1s", linger_timeout="60s")
        clients = [self.connect(server) for _ in range(20)]
        for client in clients:
            client.login()
        server.send_signal()
        self.assertEqual(server.wait_exit(1 + MARGIN), 0)
        for client in clients:
            self.assert_stream_ends(client)

    def check_second_signal(self, first, second):
        """The second signal does not wait for anything."""
        server = self.serve(frame_max=LARGE, stop_timeout="60s", linger_timeout="60s",
                            write_timeout="60s")
        self.stuck_peer(server)
        server.send_signal(first)
        wait_until(lambda: refuses(server.address), "the listening socket to close")
        stays_true(server.running, "waiting for its peer until the deadline", 0.3)
        server.cut_short = True
        server.send_signal(second)
        status = server.wait_exit(MARGIN)  # and not the timeout
        server.check_sanitizer()
        self.assertNotIn(-status, (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS), server.tail())

    def test_second_sigterm_ends_at_once(self):
        self.check_second_signal(signal.SIGTERM, signal.SIGTERM)

    def test_sigint_after_sigterm_ends_at_once(self):
        self.check_second_signal(signal.SIGTERM, signal.SIGINT)

    def test_with_many_connections(self):
        server = self.serve(connections=2000, stop_timeout="1h", linger_timeout="1h")
        swarm = self.swarm(server)
        swarm.open(2000)
        swarm.open(500, log_in=False)
        server.wait_online(2000)
        server.send_signal()
        swarm.wait_all_ended()
        self.assertEqual(server.wait_exit(), 0)
        server.check_sanitizer()
        self.assertEqual(server.reports()[-1].number, 0)
        totals = server.totals()
        self.assertEqual(totals["accepted"], 2500)
        self.assertEqual((totals["opened"], totals["closed"]), (2500, 2500))
        self.assertEqual(totals["messages_received"], 2000)

    def test_during_a_storm_of_newcomers(self):
        """Whoever comes at that moment is served, ended or refused, and nothing hangs."""
        server = self.serve(stop_timeout="1h", linger_timeout="1h")
        swarm = self.swarm(server)
        swarm.open(300)
        server.send_signal()
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            try:
                with self.connect(server) as late:
                    late.send(login())
                    self.assertIn(late.receive_to_end(), (b"", login_reply()))
            except ConnectionRefusedError:
                break
            except ConnectionError:
                continue
        swarm.wait_all_ended()
        self.assertEqual(server.wait_exit(), 0)
        server.check_sanitizer()
        totals = server.totals()
        self.assertEqual(totals["opened"], totals["closed"])


class SlotReuse(NetTest):
    """A slot has many owners, one after the other."""

    SLOTS = 8

    def enter_with(self, server, secret):
        """Comes until there is room; logs in, and pings with a secret of its own."""
        packet = login() + echo(secret)
        expected = login_reply() + echo(secret)

        def attempt():
            client = self.connect(server, receive_buffer=4096)
            try:
                client.send(packet)
                got = client.socket.recv(len(expected))
                if got:
                    got += client.receive(len(expected) - len(got))
            except ConnectionError:
                got = b""
            if not got:
                client.close()
                return None
            self.assertEqual(got, expected, "somebody else's bytes")
            return client
        return wait_until(attempt, "a free place")

    def leave(self, client, dice, secret):
        """Leaves something behind: unread input, unsent output, or both, and goes."""
        unfinished = echo(secret * 50)
        habit = dice.randrange(6)
        if habit == 0:
            client.send(unfinished[:dice.randrange(1, len(unfinished))])
            client.close()
        elif habit == 1:
            client.send(unfinished[:dice.randrange(1, len(unfinished))])
            client.reset()
        elif habit == 2:  # unsent output: asks for much, reads nothing
            client.send_until_full(echo((secret * 3000)[:60000]), limit=6 << 20, patience=0.02)
            client.reset()
        elif habit == 3:
            client.send(unfinished + frame(0x7777) + secret * 10)
            client.close()
        elif habit == 4:
            client.half_close()
            client.receive_to_end()
            client.close()
        else:
            client.close()

    def test_nothing_of_the_former_owner(self):
        server = self.serve(workers=1, connections=self.SLOTS, frame_max=LARGE)
        dice = random.Random(2)
        present = []
        for owner in range(400):
            secret = f"<secret of owner {owner}>".encode()
            present.append((self.enter_with(server, secret), secret))
            if len(present) == self.SLOTS:
                dice.shuffle(present)
                for client, own in present[self.SLOTS // 2:]:
                    self.leave(client, dice, own)
                present = present[:self.SLOTS // 2]
            for client, own in present:
                client.ping(own)
        server.wait_online(len(present))
        for client, _ in present:
            client.half_close()
            self.assert_stream_ends(client)
        server.wait_online(0)

    def test_rest_of_a_frame_does_not_finish_the_former_owners(self):
        server = self.serve(workers=1, connections=1)
        packet = echo(b"the first half | the second half")
        for _ in range(5):
            first = self.enter_with(server, b"first")
            first.send(packet[:20])
            server.wait_all_read()
            first.close()
            second = self.enter_with(server, b"second")
            second.send(packet[20:])
            self.assert_stream_ends(second)
            second.close()

    def test_login_does_not_pass_to_the_next_owner(self):
        server = self.serve(workers=1, connections=1)
        for _ in range(3):
            with self.enter_with(server, b"a member"):
                pass
            server.wait_online(0)

            def stranger():
                client = self.connect(server)
                try:
                    client.ping(b"a stranger")
                    return client
                except (AssertionError, ConnectionError):
                    client.close()
                    return None
            client = wait_until(stranger, "a free place")
            self.assertEqual(server.online(), 0)
            client.close()
        server.wait_online(0)


if __name__ == "__main__":
    unittest.main()
