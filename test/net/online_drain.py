# SPDX-License-Identifier: BSL-1.0
"""SIGTERM with --drain-spread, under load.

Goal: who is there when the signal comes is served until its turn, gets an answer to everything the
server took, and then an orderly end of stream; turns are spread over the window; nobody new comes
in; what cannot be sent is cut off at the deadline; a second signal does not wait.
Method: clients in threads that ping without a break until their stream ends. The times of their
ends are checked for being too early only: a slow machine is no fault.
"""

import signal
import threading
import time
import unittest

from harness import (LARGE, MARGIN, NetTest, echo, refuses, stays_true, wait_until)


class Chatter(threading.Thread):
    """A client that pings on and on, some requests ahead, until the server ends the stream."""

    AHEAD = 4

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client = client
        self.answers = 0
        self.ended_at = None
        self.failure = None

    def run(self):
        try:
            self._chat()
            self.ended_at = time.monotonic()
        except (OSError, AssertionError) as failure:
            self.failure = failure
        self.client.close()

    def _chat(self):
        asked = 0
        received = b""
        while True:
            packets = [echo(b"ping %08d" % number) for number in range(asked, asked + self.AHEAD)]
            asked += self.AHEAD
            expected = b"".join(packets)
            try:
                self.client.send(expected)
            except BrokenPipeError:
                pass  # ended already: the end of the stream is still to be read
            while len(received) < len(expected):
                part = self.client.socket.recv(1 << 16)
                if not part:
                    assert expected.startswith(received), "another answer than expected"
                    assert len(received) % len(packets[0]) == 0, "half an answer"
                    self.answers += len(received) // len(packets[0])
                    return
                received += part
            assert received == expected, "another answer than expected"
            self.answers += self.AHEAD
            received = b""


class Drain(NetTest):
    """SIGTERM and --drain-spread."""

    def chatters(self, server, count):
        """So many clients, all of them answered at least once."""
        chatters = [Chatter(self.connect(server)) for _ in range(count)]
        for chatter in chatters:
            chatter.start()
        wait_until(lambda: all(each.answers or each.failure for each in chatters),
                   "every client to be answered")
        return chatters

    def check_spread(self, number):
        """All is answered, and the ends are spread over the window."""
        count, spread = 40, 1.0
        server = self.serve(drain_spread="1s", stop_timeout="20s", linger_timeout="10s")
        chatters = self.chatters(server, count)
        begin = time.monotonic()
        server.send_signal(number)
        self.assertEqual(server.wait_exit(), 0)
        server.check_sanitizer()
        for chatter in chatters:
            chatter.join()
            self.assertIsNone(chatter.failure)
        ends = sorted(chatter.ended_at - begin for chatter in chatters)
        for index, end in enumerate(ends):  # each of two workers may be one ahead
            self.assertGreaterEqual(end, spread * (index - 2) / count)
        totals = server.totals()
        self.assertEqual(sum(chatter.answers for chatter in chatters),
                         totals["messages_received"])
        self.assertEqual((totals["stopped"], totals["cut"]), (count, 0))
        self.assertTrue(server.log("info", contains=f"{count} connections in peace, 0 cut off"),
                        server.tail())

    def test_sigterm_under_load(self):
        self.check_spread(signal.SIGTERM)

    def test_sigint_under_load(self):
        self.check_spread(signal.SIGINT)

    def test_a_peer_that_never_reads_is_cut_off_behind_the_window(self):
        server = self.serve(frame_max=LARGE, drain_spread="300ms", stop_timeout="500ms",
                            write_timeout="60s")
        self.stuck_peer(server, patience=0.1)
        begin = time.monotonic()
        server.send_signal()
        self.assertEqual(server.wait_exit(0.8 + MARGIN), 0)
        self.assertGreaterEqual(time.monotonic() - begin, 0.75)
        self.assertEqual(server.totals()["cut"], 1)
        self.assertTrue(server.log("info", contains="1 cut off"), server.tail())

    def test_when_nobody_is_left_it_does_not_wait(self):
        server = self.serve(drain_spread="60s")
        server.wait_online(0)
        begin = time.monotonic()
        server.stop()
        self.assertLess(time.monotonic() - begin, MARGIN)

    def test_a_second_signal_ends_it_at_once(self):
        server = self.serve(drain_spread="1h")
        chatters = self.chatters(server, 2)
        server.send_signal()
        wait_until(lambda: refuses(server.address), "the listening socket to close")
        stays_true(server.running, "serving those who are there", 0.2)
        answers = sum(chatter.answers for chatter in chatters)
        wait_until(lambda: sum(chatter.answers for chatter in chatters) > answers,
                   "more answers while it drains")
        server.cut_short = True
        server.send_signal()
        server.wait_exit(MARGIN)
        server.check_sanitizer()


if __name__ == "__main__":
    unittest.main()
