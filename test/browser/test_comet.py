# SPDX-License-Identifier: BSL-1.0
"""The comet server's client and pages in a browser, on real servers.

Goal: nobody loses or doubles a message while history reaches, by whatever transport, and whoever
did lose some is told so; two people can talk; what they write is text and nothing else.
Method: a wire between page and server that the test cuts, or leads to another server.
"""

import json
import unittest
import urllib.parse

from browser import DESKTOP, PHONE, expect
from comet_page import NOTING, CometPageTest, wait_until
from test_page import CONTRAST

TRANSPORTS = ("websocket", "sse", "poll")


class Delivery(CometPageTest):
    """comet.js through a wire."""

    def client(self, wire, transport, **options):
        """A page with a client behind the wire, that comes back soon."""
        self.expected += ["ERR_", "WebSocket connection to"]  # what browsers say of cut ones
        page = self.visit(transport, wire.address)
        page.evaluate(NOTING)
        self.begin(page, transport=transport, delay_first=20, delay_max=200, **options)
        self.wait(page, "comet.state === 'open'")
        return page

    def test_every_message_once_and_in_order(self):
        server = self.serve(channel_buffer_size=200)
        wires = {transport: self.wire(server) for transport in TRANSPORTS}
        pages = {transport: self.client(wire, transport, channel="c", seq=1)
                 for transport, wire in wires.items()}
        sent = []
        for turn in range(6):
            for part in range(3):
                sent.append(f"{turn}.{part}")
                self.push(server, "c", sent[-1])
                if part == turn % 3:
                    for wire in wires.values():
                        wire.cut()
            for transport, page in pages.items():  # until then it may not know of the cut
                wait_until(lambda wire=wires[transport]: wire.accepted, f"{transport} again")
                self.wait(page, "comet.state === 'open'", transport)
        self.push(server, "c", "last")
        for transport, page in pages.items():
            self.wait(page, "comet.contents().at(-1) === 'last'", transport)
            self.assertEqual(page.evaluate("comet.contents()"), [*sent, "last"], transport)
            self.assertEqual(page.evaluate("comet.of('gap')"), [], transport)
            self.assertEqual(page.evaluate("comet.transport"), transport)

    def test_several_channels_that_come_and_go(self):
        server = self.serve(channel_buffer_size=200)
        for transport in TRANSPORTS:
            wire = self.wire(server)
            a, b = f"{transport}-a", f"{transport}-b"
            page = self.client(wire, transport, channels=[a], seq=1)
            self.push(server, a, "1")
            self.wait(page, "comet.contents().length === 1")
            page.evaluate("(name) => comet.subscribe(name)", b)
            self.push(server, b, "before")
            self.push(server, a, "2")
            wire.cut()
            self.push(server, a, "3")
            self.push(server, b, "x")
            self.wait(page, "comet.contents().length >= 5")
            seen = page.evaluate("comet.of('message').map(m => [m.channel, m.content])")
            self.assertEqual([text for name, text in seen if name == a], ["1", "2", "3"])
            self.assertEqual([text for name, text in seen if name == b],
                             ["before", "x"], transport)
            page.evaluate("(name) => comet.unsubscribe(name)", a)
            self.push(server, b, "y")
            self.wait(page, "comet.contents().at(-1) === 'y'")
            self.assertEqual(page.evaluate("comet.of('gap')"), [], transport)

    def test_a_server_that_was_started_anew(self):
        first = self.serve()
        wires = {transport: self.wire(first) for transport in TRANSPORTS}
        pages = {transport: self.client(wire, transport, channel="c", seq=1)
                 for transport, wire in wires.items()}
        self.push(first, "c", "a", "b", "c")
        for page in pages.values():
            self.wait(page, "comet.contents().length === 3")
        second = self.serve()
        self.push(second, "c", "new 1", "new 2", "new 3", "new 4", "new 5")
        first.kill()
        for wire in wires.values():
            wire.upstream = second.front
            wire.cut()
        for transport, page in pages.items():
            self.wait(page, "comet.contents().at(-1) === 'new 5'", transport)
            self.assertEqual(page.evaluate("comet.of('gap')"), [
                {"channel": "c", "reason": "restarted", "from": 4, "seq": 1}], transport)
            self.assertEqual(page.evaluate("comet.contents().slice(3)"),
                             [f"new {number}" for number in range(1, 6)], transport)

    def test_history_that_reaches_no_further(self):
        server = self.serve(channel_buffer_size=4)
        wires = {transport: self.wire(server) for transport in TRANSPORTS}
        pages = {transport: self.client(wire, transport, channel="c", seq=1)
                 for transport, wire in wires.items()}
        self.push(server, "c", "1")
        for page in pages.values():
            self.wait(page, "comet.contents().length === 1")
        for wire in wires.values():
            wire.upstream = ("127.0.0.1", 1)  # nobody is there
            wire.cut()
        self.push(server, "c", *(str(number) for number in range(2, 31)))
        for wire in wires.values():
            wire.upstream = server.front
        for transport, page in pages.items():
            self.wait(page, "comet.contents().at(-1) === '30'", transport)
            lost = page.evaluate("comet.of('gap')")
            self.assertEqual(len(lost), 1, lost)
            self.assertEqual([lost[0]["reason"], lost[0]["from"]], ["expired", 2])
            self.assertEqual(page.evaluate("comet.contents()"),
                             [str(number) for number in (1, *range(lost[0]["seq"], 31))])

    def test_a_browser_that_has_but_polls(self):
        server = self.serve()
        page = self.open(self.wire(server).address,
                         script="delete globalThis.WebSocket; delete globalThis.EventSource;")
        page.evaluate(NOTING)
        self.begin(page, channel="c", seq=1)
        self.push(server, "c", "x", "y")
        self.wait(page, "comet.contents().length === 2")
        self.assertEqual(page.evaluate("comet.transport"), "poll")

    def test_a_token_is_needed(self):
        server = self.serve(auth="token")
        token = json.loads(self.ask_admin(server, "sign", cname="c"))["token"]
        for transport in TRANSPORTS:
            page = self.client(self.wire(server), transport,
                               channels=[{"channel": "c", "token": token, "seq": 1},
                                         {"channel": "other", "token": "wrong"}])
            self.wait(page, "comet.of('refused').length === 1")
            self.assertEqual(page.evaluate("comet.of('refused')"), [
                {"channel": "other", "status": 401, "retry_in": None}])
            self.push(server, "c", transport)
            self.wait(page, f"comet.contents().at(-1) === '{transport}'")

    def test_a_channel_that_is_closed(self):
        server = self.serve()
        for transport in TRANSPORTS:
            page = self.client(self.wire(server), transport, channel=transport, seq=1)
            self.push(server, transport, "x")
            self.wait(page, "comet.contents().length === 1")
            self.ask_admin(server, "close", cname=transport)
            # A poll may have been between two questions: then it finds another channel.
            self.wait(page, "comet.of('close').length + comet.of('gap').length === 1")


class Pages(CometPageTest):
    """Chat and presence."""

    def serve_pages(self, **options):
        """A server that people can use, and its address."""
        server = self.serve(front_publish=True, presence="all", presence_linger="0s",
                            channel_buffer_size=50, **options)
        return server, "http://{}:{}/".format(*server.front)

    def enter(self, address, name, channel="lobby", transport="auto"):
        """A chat page of somebody who has come in."""
        query = urllib.parse.urlencode({"name": name, "channel": channel, "transport": transport})
        page = self.visit(name, f"{address}chat?{query}")
        expect(page.locator("#link")).to_contain_text("live")
        return page

    def write(self, page, text):
        """Writes something."""
        page.get_by_label("Message", exact=True).fill(text)
        page.keyboard.press("Enter")

    def test_two_people_talk(self):
        _, address = self.serve_pages()
        for transport, name in (("websocket", "WebSocket"), ("sse", "event stream"),
                                ("poll", "long-poll")):
            ann, joe = (self.enter(address, who, transport, transport=transport)
                        for who in ("Ann", "Joe"))
            expect(ann.locator("#link")).to_have_text(f"live by {name}")
            self.write(ann, "Hello, <b>Joe</b> & all")
            expect(joe.locator("#log .text")).to_have_text(["Hello, <b>Joe</b> & all"])
            self.write(joe, "Hi")
            for page in (ann, joe):
                expect(page.locator("#log .text")).to_have_text(["Hello, <b>Joe</b> & all", "Hi"])
            expect(ann.locator("#log .own")).to_have_count(1)
            expect(ann.locator("#log .message").nth(1)).to_contain_text("Joe")

    def test_by_the_form(self):
        _, address = self.serve_pages()
        page = self.visit("Ann", address)
        page.get_by_role("link", name="Chat").click()
        page.get_by_label("Your name").fill("Ann")
        page.get_by_label("Channel").fill("a room")
        page.get_by_role("button", name="Enter").click()
        self.write(page, "first")
        expect(page.locator("#log .text")).to_have_text(["first"])
        expect(page).to_have_title("a room \u00b7 Chat")
        expect(page.get_by_role("heading")).to_have_text("a room")
        expect(page.locator("#here")).to_have_text("Here: Ann")

    def test_a_name_is_more_than_blanks(self):
        _, address = self.serve_pages()
        page = self.visit("Ann", f"{address}chat?name=%20&channel=lobby")
        page.get_by_role("button", name="Enter").click()
        expect(page.locator("#name:invalid")).to_be_visible()
        expect(page.locator("#room")).to_be_hidden()

    def test_who_comes_later_sees_when_it_was_written(self):
        server, address = self.serve_pages()
        self.push(server, "lobby", json.dumps({"from": "Joe", "text": "then", "at": 86400000}),
                  json.dumps({"from": "Joe", "text": "never", "at": 1e300}), "plain")
        page = self.enter(address, "Ann")
        self.write(page, "now")
        expect(page.locator("#log .text")).to_have_text(["then", "never", "plain", "now"])
        expect(page.locator("#log time").nth(0)).to_have_attribute(
            "datetime", "1970-01-02T00:00:00.000Z")
        expect(page.locator("#log time").nth(0)).to_contain_text("1970")
        self.assertEqual(page.locator("#log .own").count(), 1)

    def test_the_first_page_tells_how_to_load_the_client(self):
        _, address = self.serve_pages()
        page = self.visit("Ann", address)
        said = page.locator("code").filter(has_text="import").text_content()
        name = said.split('"')[1]
        self.assertEqual(page.evaluate("async (name) => typeof (await import(name)).Comet", name),
                         "function")

    def test_whatever_is_published_is_text(self):
        server, address = self.serve_pages()
        page = self.enter(address, "Ann")
        bad = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        self.push(server, "lobby", bad, json.dumps({"from": bad, "text": bad}),
                  json.dumps({"from": 7}), "[1]", "null")
        expect(page.locator("#log .text")).to_have_text([bad, bad, '{"from": 7}', "[1]", "null"])
        expect(page.locator("#log .message").nth(1)).to_contain_text(bad)
        self.assertEqual(page.locator("#log img, #log script").count(), 0)

    def test_what_could_not_be_sent_is_kept(self):
        self.expected.append("the server responded with a status of 40|Failed to load resource")
        server = self.serve(presence="all")
        page = self.enter("http://{}:{}/".format(*server.front), "Ann")
        self.write(page, "precious")
        expect(page.get_by_role("alert")).to_contain_text("takes no messages from browsers")
        expect(page.get_by_label("Message", exact=True)).to_have_value("precious")

    def test_a_server_that_was_started_anew_is_told_of(self):
        self.expected += ["ERR_", "WebSocket connection to"]
        first, _ = self.serve_pages()
        wire = self.wire(first)
        page = self.enter(wire.address, "Ann")
        self.push(first, "lobby", "one", "two")
        expect(page.locator("#log .text")).to_have_text(["one", "two"])
        second, _ = self.serve_pages()
        wire.upstream = second.front
        wire.cut()
        expect(page.locator("#log .notice")).to_have_text(
            "The server has begun anew: its history is gone.")
        self.push(second, "lobby", "three")
        expect(page.locator("#log .text")).to_have_text(["one", "two", "three"])

    def test_presence_is_live(self):
        _, address = self.serve_pages()
        page = self.visit("watcher", f"{address}presence?channel=lobby")
        expect(page.locator("#count")).to_have_text("0 on lobby")
        ann = self.enter(address, "Ann")
        joe = self.enter(address, "<i>Joe</i>", transport="sse")
        expect(page.locator("#users li")).to_have_text(["<i>Joe</i>", "Ann"])
        expect(ann.locator("#here")).to_have_text("Here: <i>Joe</i>, Ann")
        joe.goto("about:blank")
        expect(page.locator("#users li")).to_have_text(["Ann"])
        expect(page.locator("#events")).to_contain_text("<i>Joe</i> left")
        page.get_by_label("Channel").fill("elsewhere")
        page.get_by_role("button", name="Watch").click()
        expect(page.locator("#count")).to_have_text("0 on elsewhere")

    def test_anyone_can_read_them(self):
        server, address = self.serve_pages()
        page = self.enter(address, "Ann")
        self.write(page, "x" * 200)
        self.push(server, "lobby", "from elsewhere, with several words " * 5)
        expect(page.locator("#log .message")).to_have_count(2)
        self.look(page, "room")
        for path in ("chat", "presence?channel=lobby", ""):
            page.goto(address + path)
            self.look(page, path.partition("?")[0] or "index")

    def look(self, page, name):
        """It must be legible and fit the screen, light or dark."""
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
                self.resize(page, viewport)
                self.shot(page, f"comet-{name}-{scheme}-{size}", whole=False)
                self.assertEqual(page.evaluate(CONTRAST), [], name)
                self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"),
                                     viewport["width"], name)
        self.resize(page, DESKTOP)
        unnamed = page.evaluate("""() => [...document.querySelectorAll("input, select, button")]
          .filter((each) => !each.labels?.length && !each.textContent.trim())
          .map((each) => each.outerHTML)""")
        self.assertEqual(unnamed, [])


if __name__ == "__main__":
    unittest.main()
