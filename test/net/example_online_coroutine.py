# SPDX-License-Identifier: BSL-1.0
"""examples/online_coroutine: the online-count server with a coroutine per connection.

Goal: it speaks as millipede-online does, counts right whatever way clients leave, holds a flood
back while its answers are not read, and drains.
Method: the real program, real clients; the count is read from its log.
"""

import re
import unittest

from harness import NetTest, echo, frame, login, login_reply, wait_until


class OnlineCoroutine(NetTest):
    """The example, as a user starts it."""

    def serve(self, **_):
        return super().serve(name="example-online-coroutine", workers=None, connections=None,
                             report_every=None, transport=None)

    def wait_online(self, server, number):
        """The example reports once a second."""
        def says():
            lines = [line for line in server.err.all() if "online number: " in line]
            return lines and re.search(r"online number: (\d+)", lines[-1])[1] == str(number)
        wait_until(says, f"an online number of {number}")

    def test_counts_whoever_is_logged_in(self):
        server = self.serve()
        clients = [self.connect(server) for _ in range(50)]
        for client in clients[:40]:
            client.send(login() + login())  # twice counts once
            self.assertEqual(client.receive(16), login_reply() * 2)
        self.wait_online(server, 40)
        for client in clients[:10]:
            client.reset()
        for client in clients[10:20]:
            client.close()
        self.wait_online(server, 20)
        server.stop()
        for client in clients[20:40]:
            self.assert_stream_ends(client)
        self.wait_online(server, 0)

    def test_refuses_what_is_out_of_turn(self):
        server = self.serve()
        for packet, answer in ((echo(b"too early"), b""), (frame(0x6101, b"x"), b""),
                               (login() + frame(0x6103), login_reply()),
                               (login() + echo(b"fine") + b"no frame",
                                login_reply() + echo(b"fine"))):
            client = self.connect(server)
            client.send(packet + echo(b"behind it"))
            self.assert_stream_ends(client, answer)
        self.wait_online(server, 0)

    def test_answers_a_flood_in_order(self):
        server = self.serve()
        client = self.connect(server)
        client.send(login())
        self.assertEqual(client.receive(8), login_reply())
        pings = b"".join(echo(b"%06d" % number * 100) for number in range(10000))
        self.assertEqual(client.exchange(pings, half_close=True), pings)
        self.wait_online(server, 0)


if __name__ == "__main__":
    unittest.main()
