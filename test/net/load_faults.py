# SPDX-License-Identifier: BSL-1.0
"""The load generator against servers that misbehave: whatever is wrong, it must say so.

Goal: a run in which one byte was wrong, late, missing or too many ends with status 1, one line of
reason, and the fault counted under its name. A measurement is worth no more than that.
Method: a small server here, in Python, that is right in everything except one thing at a time.
"""

import contextlib
import socket
import threading
import unittest

import harness
from harness import HEAD, LOGIN, run_to_end
from load_modes import run_load


class Connection(threading.Thread):
    """Serves one client of a FakeServer: frames, or with `raw` pieces of a fixed size."""

    def __init__(self, server, sock, number):
        super().__init__(daemon=True)
        self.server, self.sock, self.number = server, sock, number

    def run(self):
        with contextlib.suppress(OSError), self.sock:
            while request := self._request():
                self.server.answer(self, request)

    def _request(self):
        if self.server.raw_size:
            return self._exactly(self.server.raw_size)
        head = self._exactly(HEAD.size)
        return head and head + self._exactly(HEAD.unpack(head)[1] - HEAD.size)

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.sock.recv(size - len(data))
            if not part:
                return b""
            data += part
        return data


class FakeServer:
    """Echoes, and answers logins, but asks `fault(connection, right reply, number)` first: what it
    returns is sent instead; None sends nothing. Logins and echoes are numbered from 1 each."""

    def __init__(self, login_fault=None, echo_fault=None, greeting=b"", raw_size=0):
        self.raw_size = raw_size
        self._faults = {True: login_fault, False: echo_fault}
        self._numbers = {True: 0, False: 0}
        self._greeting = greeting
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection = Connection(self, sock, len(self._connections))
                self._connections.append(connection)
                sock.sendall(self._greeting)
                connection.start()

    def answer(self, connection, request):
        """Sends the reply, unless a fault is due."""
        is_login = not self.raw_size and HEAD.unpack(request[:HEAD.size])[2] == LOGIN
        reply = harness.login_reply() if is_login else request
        with self._lock:
            self._numbers[is_login] += 1
            fault = self._faults[is_login]
            if fault:
                reply = fault(connection, reply, self._numbers[is_login])
        if reply:
            connection.sock.sendall(reply)

    def close(self):
        """Ends it and all its connections."""
        # Only a shutdown wakes a thread out of accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)


def on(wanted, change):
    """A fault at the `wanted`-th reply; all others are right."""
    def fault(connection, reply, number):
        return change(connection, reply) if number == wanted else reply
    return fault


def flipped(at):
    """One bit wrong in byte `at`."""
    def change(_, reply):
        return reply[:at] + bytes([reply[at] ^ 0x10]) + reply[at + 1:]
    return change


def closing(connection, _):
    """The end of the stream in place of a reply."""
    connection.sock.shutdown(socket.SHUT_RDWR)


def resetting(connection, _):
    """A reset in place of a reply."""
    harness.reset(connection.sock)


def in_pieces(connection, reply, _):
    """Right, but every byte for itself."""
    for at in range(len(reply)):
        connection.sock.sendall(reply[at:at + 1])


class FaultTest(unittest.TestCase):
    """Runs the generator against a FakeServer."""

    def fake(self, **faults):
        """A server that misbehaves as told."""
        server = FakeServer(**faults)
        self.addCleanup(server.close)
        return server

    def assert_found(self, server, mode, kind, *options, count=1):
        """The fault is found, counted `count` times as `kind` and as nothing else."""
        load = run_load(mode, server.address, "--drain", "300ms", *options)
        self.assertEqual(load.status, 1, load.text())
        self.assertEqual(load.faults(), {kind: count}, load.text())
        self.assertFalse(load.results["passed"])
        self.assertEqual(len(load.err), 1, load.err)
        self.assertIn(kind, load.err[0])
        return load

    def assert_fine(self, server, mode, *options):
        """Nothing is complained about."""
        load = run_load(mode, server.address, *options)
        self.assertEqual((load.status, load.faults(), load.err), (0, {}, []), load.text())
        return load


ECHO = ["--connections", "2", "--requests", "40"]


class WrongReplies(FaultTest):
    def test_the_fake_server_itself_is_right(self):
        load = self.assert_fine(self.fake(), "echo", *ECHO, "--login")
        self.assertEqual(load.results["replies"], 40)

    def test_replies_in_pieces_are_right(self):
        for size in ("8", "23", "64", "300"):
            load = self.assert_fine(self.fake(echo_fault=in_pieces), "echo", *ECHO, "--size", size)
            self.assertEqual(load.results["replies"], 40)

    def test_one_flipped_bit(self):
        # In the head, the mark, the connection's key, the noise; in a reply of one piece and not.
        for at in (0, 7, 8, 16, 24, 63):
            with self.subTest(byte=at):
                load = self.assert_found(self.fake(echo_fault=on(5, flipped(at))), "echo",
                                         "wrong_reply", *ECHO)
                self.assertIn(f"differs at byte {at}:", load.err[0])

    def test_one_flipped_bit_in_a_large_frame(self):
        load = self.assert_found(self.fake(echo_fault=on(5, flipped(60001))), "echo",
                                 "wrong_reply", *ECHO, "--size", "65535")
        self.assertIn("differs at byte 60001:", load.err[0])

    def test_replies_of_two_connections_exchanged(self):
        held = []

        def exchange(connection, reply, _):
            held.append((connection, reply))
            if len(held) % 2:
                return None
            (first, its_reply), (second, other_reply) = held[-2:]
            if first is second:
                second.sock.sendall(its_reply + other_reply)
            else:
                first.sock.sendall(other_reply)
                second.sock.sendall(its_reply)
            return None
        self.assert_found(self.fake(echo_fault=exchange), "echo", "wrong_reply",
                          "--connections", "2", "--requests", "2", count=2)

    def test_replies_of_one_connection_in_another_order(self):
        held = []

        def reverse(connection, reply, _):
            held.append(reply)
            if len(held) == 2:
                connection.sock.sendall(held[1] + held[0])
        load = self.assert_found(self.fake(echo_fault=reverse), "echo", "wrong_reply",
                                 "--connections", "1", "--requests", "2", "--depth", "2")
        self.assertIn("reply 0 ", load.err[0])

    def test_right_replies_before_a_wrong_one_in_the_same_read_count(self):
        held = []

        def last_is_wrong(connection, reply, _):
            held.append(reply)
            if len(held) == 4:
                connection.sock.sendall(b"".join(held[:3]) + flipped(30)(None, held[3]))
        load = run_load("echo", self.fake(echo_fault=last_is_wrong).address, "--drain", "20s",
                        "--connections", "1", "--requests", "4", "--depth", "4")
        self.assertEqual((load.status, load.faults()), (1, {"wrong_reply": 1}), load.text())
        self.assertEqual(load.results["replies"], 3)
        # With its connection the rest is lost as well: nothing is left to wait for.
        self.assertLess(load.results["wall_seconds"], 15)

    def test_a_byte_too_many(self):
        self.assert_found(self.fake(echo_fault=on(40, lambda _, reply: reply + b"!")), "echo",
                          "unasked_bytes", "--connections", "1", "--requests", "40")

    def test_a_wrong_sample_of_held_connections(self):
        self.assert_found(self.fake(echo_fault=on(3, flipped(20))), "hold", "wrong_reply",
                          "--connections", "5", "--sample", "5", "--duration", "300ms")

    def test_a_wrong_echo_while_churning(self):
        self.assert_found(self.fake(echo_fault=on(3, flipped(20))), "churn", "wrong_reply",
                          "--connections", "20", "--churn", "5", "--send", "20", "--duration", "1s")


class MissingReplies(FaultTest):
    def test_an_early_close(self):
        self.assert_found(self.fake(echo_fault=on(5, closing)), "echo", "closed_by_server", *ECHO)

    def test_a_reset(self):
        self.assert_found(self.fake(echo_fault=on(5, resetting)), "echo", "reset_by_server", *ECHO)

    def test_silence(self):
        server = self.fake(echo_fault=lambda *_: None)
        self.assert_found(server, "echo", "request_unanswered", "--connections", "3", "--depth",
                          "2", "--duration", "200ms", count=6)

    def test_silence_ends_a_run_of_so_many_requests_at_the_deadline(self):
        server = self.fake(echo_fault=lambda _, reply, number: reply if number <= 10 else None)
        load = run_load("echo", server.address, *ECHO, "--deadline", "1s")
        self.assertEqual(load.status, 1)
        self.assertTrue(load.results["deadline_exceeded"])
        self.assertEqual(load.results["replies"], 10)
        self.assertEqual(load.faults(), {"request_unanswered": 2, "request_unsent": 28})

    def test_half_a_reply(self):
        server = self.fake(echo_fault=lambda _, reply, __: reply[:32])
        self.assert_found(server, "echo", "request_unanswered", "--connections", "2",
                          "--duration", "200ms", count=2)

    def test_half_a_reply_and_an_early_close(self):
        def half_then_close(connection, reply):
            connection.sock.sendall(reply[:32])
            closing(connection, reply)
        self.assert_found(self.fake(echo_fault=on(5, half_then_close)), "echo", "closed_by_server",
                          *ECHO)

    def test_a_silent_sample(self):
        self.assert_found(self.fake(echo_fault=on(3, lambda *_: None)), "hold",
                          "request_unanswered", "--connections", "5", "--sample", "5",
                          "--duration", "300ms")

    def test_held_connections_that_are_closed_early(self):
        held = []

        def close_first(connection, reply, number):
            held.append(connection)
            if number == 3:
                closing(held[0], None)
            return reply
        self.assert_found(self.fake(login_fault=close_first), "hold", "closed_by_server",
                          "--connections", "3", "--duration", "500ms")


class WrongLogins(FaultTest):
    def test_a_wrong_reply(self):
        for mode, count in (("hold", "--connections"), ("rate", "--concurrency")):
            server = self.fake(login_fault=on(1, flipped(6)))
            pace = ["--duration", "200ms"] if mode == "hold" else ["--requests", "20"]
            load = self.assert_found(server, mode, "wrong_login_reply", count, "3", *pace)
            self.assertIn("got f79ab68e08001161", load.err[0])

    def test_a_byte_too_many(self):
        self.assert_found(self.fake(login_fault=on(2, lambda _, reply: reply + b"!")), "rate",
                          "unasked_bytes", "--concurrency", "2", "--requests", "20")

    def test_silence(self):
        load = run_load("hold", self.fake(login_fault=lambda *_: None).address, "--connections",
                        "3", "--deadline", "500ms")
        self.assertEqual((load.status, load.faults()), (1, {"login_unanswered": 3}), load.text())
        self.assertIn("the deadline passed", load.err[0])

    def test_half_a_reply_and_a_close(self):
        def half_then_close(connection, reply):
            connection.sock.sendall(reply[:5])
            closing(connection, reply)
        self.assert_found(self.fake(login_fault=on(2, half_then_close)), "rate",
                          "closed_by_server", "--concurrency", "2", "--requests", "20")

    def test_a_server_that_speaks_first(self):
        load = run_load("hold", self.fake(greeting=b"?").address, "--no-login", "--connections",
                        "2", "--duration", "300ms")
        self.assertEqual((load.status, load.faults()), (1, {"unasked_bytes": 2}), load.text())

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = "127.0.0.1:%d" % listener.getsockname()[1]
        load = run_load("hold", address, "--connections", "3")
        self.assertEqual((load.status, load.faults()), (1, {"connect_refused": 3}), load.text())


class RawServers(FaultTest):
    def test_any_bytes_come_back(self):
        for size in ("1", "16", "1000"):
            load = self.assert_fine(self.fake(raw_size=int(size)), "echo", *ECHO, "--codec", "raw",
                                    "--size", size)
            self.assertEqual(load.results["replies"], 40)

    def test_one_flipped_bit(self):
        for at in (0, 8, 16, 63):
            server = self.fake(raw_size=64, echo_fault=on(5, flipped(at)))
            load = self.assert_found(server, "echo", "wrong_reply", *ECHO, "--codec", "raw")
            self.assertIn(f"differs at byte {at}:", load.err[0])

    def test_rate_sends_ten_bytes_and_awaits_them(self):
        raw = ["--codec", "raw", "--concurrency", "3", "--requests", "30"]
        load = self.assert_fine(self.fake(raw_size=10), "rate", *raw)
        self.assertEqual(load.results["opened"], 30)
        self.assert_found(self.fake(raw_size=10, echo_fault=on(7, flipped(9))), "rate",
                          "wrong_login_reply", *raw)
        self.assert_found(self.fake(raw_size=10, echo_fault=on(7, lambda _, reply: reply + b"!")),
                          "rate", "unasked_bytes", *raw)


class Samples(FaultTest):
    def test_they_are_other_connections_each_time_and_distinct_in_a_round(self):
        asked = []

        def note(connection, reply, _):
            asked.append(connection.number)
            return reply
        self.assert_fine(self.fake(echo_fault=note), "hold", "--connections", "50", "--sample",
                         "8", "--duration", "1500ms")
        self.assertGreaterEqual(len(asked), 16)
        rounds = [set(asked[at:at + 8]) for at in range(0, len(asked), 8)]
        self.assertEqual([len(each) for each in rounds], [8] * len(rounds))
        self.assertNotEqual(rounds[0], rounds[1])


class TextReport(FaultTest):
    def test_names_and_counts_the_fault(self):
        server = self.fake(echo_fault=on(5, flipped(30)))
        status, out, err = run_to_end("millipede-load", "echo", server.address, *ECHO)
        self.assertEqual(status, 1)
        self.assertTrue(any("errors   1: wrong_reply 1" in line for line in out), out)
        self.assertEqual(len(err), 1)
        self.assertIn("millipede-load: failed: 1 error: wrong_reply", err[0])


if __name__ == "__main__":
    unittest.main()
