# SPDX-License-Identifier: BSL-1.0
"""TLS, as clients that are not ours see it.

Goal: Python's ssl module and openssl's own s_client get in, in TLS 1.2 and 1.3, and nobody else;
certificates are replaced without dropping anyone; whoever is slow or rude in a handshake harms
nobody; files that cannot be used are named in one line.
Method: the real program over loopback; certificates made by the openssl command.
"""

import signal
import ssl
import subprocess
import time
import unittest

from harness import (DEADLINE, HEAD, LOUD, MARGIN, Witness, echo, echo_of_size, login, login_reply,
                     run_to_end, wait_until)
from secure import Authority, SecureTest, proxy_text


class Conversation(SecureTest):
    """What plain clients do, in TLS."""

    def test_both_versions(self):
        server = self.serve_tls()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.connect_tls(server, self.context(version=version))
            client.login()
            for size in (8, 100, 16384, 16385, 65535):
                packet = echo_of_size(size)
                client.send(packet)
                self.assertEqual(client.receive(size), packet)
        server.wait_online(2)
        server.stop()
        self.assertEqual(server.totals()["tls_handshakes"], 2)
        self.assertEqual(server.log(*LOUD), [])

    def test_s_client(self):
        server = self.serve_tls(idle_timeout="1s")
        packet = echo(b"from openssl s_client")
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % server.address, "-quiet",
             "-verify_return_error", "-CAfile", self.authority.file],
            input=login() + packet, capture_output=True, timeout=DEADLINE, check=False)
        self.assertEqual(done.stdout, login_reply() + packet, done.stderr)
        self.assertNotIn(b"unexpected eof", done.stderr)

    def test_old_versions_and_plain_clients_are_refused(self):
        server = self.serve_tls()
        done = subprocess.run(
            ["openssl", "s_client", "-connect", "%s:%d" % server.address, "-tls1_1",
             "-cipher", "ALL:@SECLEVEL=0"],
            input=b"", capture_output=True, timeout=DEADLINE, check=False)
        self.assertNotEqual(done.returncode, 0)
        plain = self.connect(server)
        plain.send(login())
        self.assertTrue(b"online" not in plain.receive_to_end())
        plain.close()
        wait_until(lambda: len(server.log("warning", contains="TLS handshake")) == 2,
                   "both to be logged")
        reasons = [record.text for record in server.log("warning")]
        self.assertIn("unsupported protocol", reasons[0])
        self.connect_tls(server).login()
        server.stop()
        self.assertEqual(server.totals()["tls_failures"], 2)
        self.assertEqual(server.totals()["opened"], 1)

    def test_a_login_cut_into_records_of_one_byte(self):
        server = self.serve_tls()
        client = self.connect_tls(server)
        for byte in login():
            client.send(bytes([byte]))
        self.assertEqual(client.receive(HEAD.size), login_reply())

    def test_plain_and_secure_side_by_side(self):
        server = self.serve(listen=["127.0.0.1:0", "127.0.0.1:0,tls"],
                            tls_certificate=self.certificate, tls_key=self.key)
        plain, secure = server.addresses
        self.connect(plain).login()
        server.address = secure
        self.connect_tls(server).login()
        server.wait_online(2)

    def test_config_file(self):
        config = self.folder / "online.conf"
        config.write_text(f"tls-key = {self.key}\nlisten = 127.0.0.1:0,tls\n"
                          f"tls-certificate = {self.certificate}\n")
        server = self.serve(config=config, listen=None)
        self.connect_tls(server).login()


class Ends(SecureTest):
    """How connections and servers end."""

    def test_sigterm_answers_and_says_goodbye(self):
        server = self.serve_tls()
        clients = [self.connect_tls(server) for _ in range(20)]
        request = login() + b"".join(echo_of_size(200, each) for each in range(20))
        for client in clients:
            client.ping()
        with server.asleep():
            for client in clients:
                client.send(request)
            server.send_signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(client.receive_to_end(), login_reply() + request[10:])
            client.close()
        self.assertEqual(server.wait_exit(), 0)
        self.assertEqual(server.totals()["cut"], 0)

    def test_idle_timeout_says_goodbye(self):
        server = self.serve_tls(idle_timeout="500ms")
        client = self.connect_tls(server)
        self.assertEqual(client.receive_to_end(), b"")

    def test_leavers_are_counted_down(self):
        server = self.serve_tls()
        clients = [self.connect_tls(server) for _ in range(20)]
        for client in clients:
            client.login()
        server.wait_online(20)
        for number, client in enumerate(clients[:12]):
            if number % 3 == 0:
                client.socket.unwrap().close()  # properly
            elif number % 3 == 1:
                client.close()
            else:
                client.reset()
        server.wait_online(8)


class Clients(SecureTest):
    """--tls-client-ca."""

    def test_only_members_get_in(self):
        server = self.serve_tls(tls_client_ca=self.authority.file)
        self.connect_tls(server, self.context(self.authority.issue("member"))).login()
        stranger = Authority(self.folder, "stranger").issue("somebody")
        for certificate in (None, stranger):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.assertRaisesRegex(ssl.SSLError, "alert"):
                    client = self.connect_tls(server, self.context(certificate, version))
                    client.receive(1)
        server.wait_online(1)
        server.stop()
        self.assertEqual(server.totals()["tls_failures"], 4)


class Reload(SecureTest):
    """SIGHUP."""

    def served_certificate(self, server):
        """What a newcomer is shown."""
        return self.connect_tls(server).socket.getpeercert(binary_form=True)

    def test_newcomers_get_the_new_certificate_and_nobody_is_dropped(self):
        server = self.serve_tls()
        members = [self.connect_tls(server) for _ in range(50)]
        for member in members:
            member.login()
        first = self.served_certificate(server)
        self.authority.issue("server")
        self.assertEqual(self.served_certificate(server), first)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log("info", contains="certificates reloaded"), "the reload")
        second = self.served_certificate(server)
        self.assertNotEqual(second, first)

        (self.folder / "server.pem").write_text("not a certificate\n")
        server.process.send_signal(signal.SIGHUP)
        errors = wait_until(lambda: server.log("error"), "an error in the log")
        self.assertIn("server.pem", errors[0].text)
        self.assertIn("stays in use", errors[0].text)
        self.assertEqual(self.served_certificate(server), second)
        for member in members:
            member.ping()
        self.assertEqual(server.online(), 50)


class RudeHandshakes(SecureTest):
    """Whoever never finishes a handshake, or fills it with garbage."""

    def test_slow_ones_are_closed_in_time(self):
        server = self.serve_tls(tls_handshake_timeout="2s")
        with Witness(server.address, client=self.connect_tls(server)):
            begin = time.monotonic()
            silent = [self.connect(server) for _ in range(20)]
            for number, client in enumerate(silent):
                client.send(b"\x16\x03\x01\x02\x00\x01"[:number % 7])
            for client in silent:
                self.assertTrue(client.is_cut())
            self.assertGreater(time.monotonic() - begin, 1.9)
            self.assertLess(time.monotonic() - begin, 2 + MARGIN)
        server.stop()
        self.assertEqual(server.totals()["tls_failures"], 20)

    def test_garbage_and_early_leavers_harm_nobody(self):
        server = self.serve_tls()
        with Witness(server.address, client=self.connect_tls(server)):
            for number in range(300):
                client = self.connect(server)
                if number % 3 == 0:
                    client.send(bytes((number * 31 + i * 7) & 0xFF for i in range(200)))
                elif number % 3 == 1:
                    client.send(b"\x16\x03\x01\x02\x00")
                if number % 2:
                    client.reset()
                else:
                    client.close()
        server.wait_online(0)
        server.stop()
        totals = server.totals()
        self.assertEqual(totals["accepted"], 301)
        self.assertEqual(totals["tls_failures"] + totals["abandoned"], 300)
        self.assertLessEqual(len(server.log("warning")), 100)  # and not one line for each


class Proxied(SecureTest):
    """Behind a proxy that passes TLS on."""

    def test_header_before_the_handshake(self):
        server = self.serve_tls("tls,proxy")
        client = self.connect_tls(server, header=proxy_text())
        client.login()
        client.send(b"nonsense")
        wait_until(lambda: server.log("warning", contains="refused 192.0.2.7:4711"),
                   "the client's own address in the log")
        with self.assertRaises(OSError):
            self.connect_tls(server)


class BadFiles(SecureTest):
    """What cannot be used is refused before anything is listened on."""

    def assert_refused(self, *arguments, mentions):
        """Status 2, and one line that mentions all this."""
        status, out, err = run_to_end("millipede-online", *arguments)
        self.assertEqual((status, out, len(err)), (2, [], 1), err)
        for mention in mentions:
            self.assertIn(mention, err[0])

    def test_refusals(self):
        listen = ("--listen", "127.0.0.1:0,tls")
        both = ("--tls-certificate", self.certificate, "--tls-key", self.key)
        other = self.authority.issue("other")[1]
        nowhere = str(self.folder / "nowhere.pem")
        self.assert_refused(*listen, mentions=["--tls-certificate", "127.0.0.1:0"])
        self.assert_refused(*listen, *both[:2], mentions=["--tls-key"])
        self.assert_refused(*listen, "--tls-certificate", nowhere, *both[2:],
                            mentions=["--tls-certificate", nowhere, "No such file"])
        self.assert_refused(*listen, "--tls-certificate", self.key, *both[2:],
                            mentions=["--tls-certificate", self.key])
        self.assert_refused(*listen, *both[:2], "--tls-key", other,
                            mentions=["--tls-key", other, "mismatch"])
        self.assert_refused(*listen, *both, "--tls-client-ca", nowhere,
                            mentions=["--tls-client-ca", nowhere])
        self.assert_refused("--listen", "127.0.0.1:0", *both, mentions=["--listen", ",tls"])


if __name__ == "__main__":
    unittest.main()
