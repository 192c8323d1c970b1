# SPDX-License-Identifier: BSL-1.0
"""millipede-client from outside: what it prints, and that its exit status says whether it worked.

Goal: every command against a real server, and against servers that refuse, stall or lie.
Method: the real binary; a server of the wrong kind is a plain Python socket that plays a script.
"""

import contextlib
import socket
import threading
import unittest

import harness


def run_client(*arguments):
    """Exit status, standard output and standard error as text."""
    status, out, err = harness.run_to_end("millipede-client", *arguments)
    return status, "\n".join(out), "\n".join(err)


@contextlib.contextmanager
def scripted_server(reply, then_close=True):
    """Accepts one client, reads once, sends `reply`; yields HOST:PORT."""
    listener = socket.create_server(("127.0.0.1", 0))
    release = threading.Event()

    def play():
        with contextlib.suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(reply)
                if not then_close:
                    release.wait(harness.DEADLINE)

    player = threading.Thread(target=play, daemon=True)
    player.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        release.set()
        listener.close()
        player.join(harness.DEADLINE)


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


class AgainstOurServer(harness.NetTest):
    def setUp(self):
        self.server = self.serve()
        host, port = self.server.address[:2]
        self.address = f"{host}:{port}"

    def test_login_says_so(self):
        status, out, _ = run_client("login", self.address, "--uid", "7")
        self.assertEqual((status, out.strip()), (0, "logged in as 7"))

    def test_held_login_is_online_meanwhile(self):
        holder = threading.Thread(
            target=lambda: self.assertEqual(
                run_client("login", self.address, "--hold", "2s")[0], 0))
        holder.start()
        self.server.wait_online(1)
        holder.join()
        self.server.wait_online(0)

    def test_hold_fails_when_the_server_ends(self):
        results = []
        holder = threading.Thread(
            target=lambda: results.append(run_client("login", self.address, "--hold", "60s")))
        holder.start()
        self.server.wait_online(1)
        self.server.stop()
        holder.join(harness.DEADLINE)
        status, _, err = results[0]
        self.assertEqual(status, 1)
        self.assertIn("ended", err)

    def test_send_prints_the_reply(self):
        status, out, _ = run_client("send", self.address, "--data", "hello")
        self.assertEqual(status, 0)
        self.assertEqual(out.strip(), "command 0x6102, 5 bytes of data: 68 65 6c 6c 6f")

    def test_hexadecimal_data_and_host_names(self):
        port = self.address.rsplit(":", 1)[1]
        status, out, _ = run_client("send", f"localhost:{port}", "--hex", "00FF10")
        self.assertEqual(status, 0)
        self.assertIn("3 bytes of data: 00 ff 10", out)

    def test_refused_command_fails(self):
        status, _, err = run_client("send", self.address, "--command", "0x0007")
        self.assertEqual(status, 1)
        self.assertIn("the server ended the connection", err)

    def test_wrong_magic_fails(self):
        status, _, _ = run_client("login", self.address, "--magic", "0x12345678")
        self.assertEqual(status, 1)

    def test_watch_ends_well_with_the_server(self):
        results = []
        watcher = threading.Thread(target=lambda: results.append(run_client("watch", self.address)))
        watcher.start()
        self.server.wait_online(1)
        self.server.stop()
        watcher.join(harness.DEADLINE)
        self.assertEqual(results[0][0], 0)


class AgainstOtherServers(unittest.TestCase):
    def test_nobody_listens(self):
        address = free_address()
        status, _, err = run_client("login", address)
        self.assertEqual(status, 1)
        self.assertIn(address, err)
        self.assertIn("refused", err)

    def test_a_reply_that_is_no_frame(self):
        with scripted_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
            status, _, err = run_client("login", address)
        self.assertEqual(status, 1)
        self.assertIn("bad magic", err)

    def test_a_reply_to_something_else(self):
        with scripted_server(harness.frame(0x6102)) as address:
            status, _, err = run_client("login", address)
        self.assertEqual(status, 1)
        self.assertIn("reply is something else", err)

    def test_no_reply_within_the_timeout(self):
        with scripted_server(b"", then_close=False) as address:
            status, _, err = run_client("login", address, "--timeout", "200ms")
        self.assertEqual(status, 1)
        self.assertIn("nothing within 200 ms", err)

    def test_watch_prints_what_is_pushed(self):
        pushes = harness.frame(0x0010, b"ab") + harness.frame(0x0011)
        with scripted_server(harness.login_reply() + pushes) as address:
            status, out, _ = run_client("watch", address)
        self.assertEqual(status, 0)
        self.assertIn("command 0x0010, 2 bytes of data: 61 62", out)
        self.assertIn("command 0x0011, 0 bytes of data:", out)


class WrongUsage(unittest.TestCase):
    def assert_refused(self, arguments, mention):
        status, _, err = run_client(*arguments)
        self.assertEqual(status, 2, err)
        self.assertEqual(len(err.strip().splitlines()), 1)
        self.assertIn(mention, err)

    def test_each_mistake_is_named(self):
        for arguments, mention in (
                ([], "expected"),
                (["login"], "expected"),
                (["jump", "127.0.0.1:1"], "jump"),
                (["login", "127.0.0.1"], "HOST:PORT"),
                (["login", "127.0.0.1:"], "HOST:PORT"),
                (["login", "127.0.0.1:1", "--uid", "65536"], "--uid"),
                (["login", "127.0.0.1:1", "--uid", "x"], "--uid"),
                (["login", "127.0.0.1:1", "--hold", "10"], "--hold"),
                (["send", "127.0.0.1:1", "--hex", "0"], "--hex"),
                (["send", "127.0.0.1:1", "--hex", "zz"], "--hex"),
                (["send", "127.0.0.1:1", "--hex", "00", "--data", "x"], "--data"),
                (["send", "127.0.0.1:1", "--bogus"], "bogus")):
            with self.subTest(arguments=arguments):
                self.assert_refused(arguments, mention)

    def test_help_and_version(self):
        status, out, _ = run_client("--help")
        self.assertEqual(status, 0)
        for word in ("login", "send", "watch", "--uid", "--hold", "--hex"):
            self.assertIn(word, out)
        status, out, _ = run_client("--version")
        self.assertEqual((status, out.strip()), (0, "millipede-client 0.1.0"))


if __name__ == "__main__":
    unittest.main()
