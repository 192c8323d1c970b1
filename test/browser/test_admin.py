# SPDX-License-Identifier: BSL-1.0
"""The live page on a real millipede-online.

Goal: what the stub in the other tests says is what a server says; the page shows true numbers.
Method: real clients connect, log in and talk, and the page is looked at meanwhile.
"""

import re
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

from browser import BrowserTest, expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))
from harness import Client, Server, echo, login, login_reply, run_to_end, wait_until  # noqa: E402

CLIENTS = 40


@unittest.skipUnless("--admin" in " ".join(run_to_end("millipede-online", "--help")[1]),
                     "millipede-online was built without the admin endpoint")
class RealServer(BrowserTest):
    """millipede-online, with an admin endpoint."""

    def serve(self, **options):
        """A server, and the address of its page."""
        server = Server(admin="127.0.0.1:0", **options)
        self.addCleanup(server.kill)
        found = wait_until(lambda: [match[1] for line in server.out.all()
                                    if (match := re.match(r"admin on (http://\S+)$", line))],
                           "'admin on'")
        return server, found[0] + "/"

    def log_in(self, server):
        """Clients of the server's, each with an echo behind it."""
        clients = []
        for number in range(CLIENTS):
            client = Client(server.address)
            self.addCleanup(client.close)
            client.send(login(number + 1) + echo(b"x" * 100))
            client.receive(len(login_reply()) + len(echo(b"x" * 100)))
            clients.append(client)
        return clients

    def test_true_numbers(self):
        server, address = self.serve(workers=3)
        self.log_in(server)
        page = self.open(address)
        values = page.locator('#charts [aria-label="Connections"] .value')
        expect(values).to_have_text([str(CLIENTS), str(CLIENTS)])
        expect(page.locator("#program")).to_have_text("millipede-online")
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#readiness")).to_have_text("ready")
        expect(page.locator("#workers tbody tr")).to_have_count(3)
        expect(page.locator("#listeners")).to_contain_text(str(server.port))
        for title in ("Memory", "Loop lag, 99th percentile", "Busy", "Messages"):
            shown = page.locator(f'#charts [aria-label="{title}"] .value:visible')
            expect(shown.first).not_to_have_text("–")
        page.locator("#zeros").check()
        expect(page.locator("[data-counter=closed_by_peer]")).to_be_visible()
        self.shot(page, "real")

    def test_rates_and_ends(self):
        server, address = self.serve()
        page = self.open(address)
        expect(page.locator("#link")).to_have_text("live")
        for client in self.log_in(server):
            client.close()
        row = page.locator("[data-counter=closed_by_peer]")
        expect(row).to_have_text(re.compile(rf"closed by peer\s*{CLIENTS}\s*{CLIENTS}"))

    def test_token(self):
        self.expected.append("401")
        token = "a-token-of-this-test"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "token")
            path.write_text(token + "\n", encoding="ascii")
            path.chmod(0o600)
            _, address = self.serve(admin_token_file=str(path))
        page = self.open(address)
        page.get_by_label("Token").fill(token[:-1])
        page.keyboard.press("Enter")
        expect(page.locator("#unlock")).to_contain_text("does not accept this token")
        page.get_by_label("Token").fill(token)
        page.keyboard.press("Enter")
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#figures")).to_be_visible()

    def test_silence_and_drain(self):
        self.expected.append("ERR_")
        server, address = self.serve()
        self.log_in(server)
        page = self.open(address, clock=True)
        link = page.locator("#link")
        self.let_pass(page, 1)  # from now on only figures can change what it says
        expect(link).to_have_text("live")
        with server.asleep():
            self.let_pass_until(page, 10, link, "stale")
        expect(link).to_have_text("live")
        page.clock.resume()
        urllib.request.urlopen(urllib.request.Request(
            f"{address}drain?deadline=6s&spread=1s", method="POST"), timeout=60).close()
        expect(page.locator("#readiness")).to_have_text("draining")
        expect(page.locator("#notice")).to_contain_text("The server was draining")
        expect(link).to_contain_text("disconnected")


if __name__ == "__main__":
    unittest.main()
