# SPDX-License-Identifier: BSL-1.0
"""comet.js against a server that does whatever a test wants.

Goal: what it asks for, what it tells the page, when it comes again and how: each rule of its own
part of docs/comet.md.
Method: the browser's own WebSocket, EventSource and fetch are replaced by a stub on which the test
is the server; time passes by Playwright's clock.
"""

import unittest

from comet_page import NOTING, STUB, CometPageTest, CometServer


def message(channel, seq, content, kind="data", **more):
    """As the server sends it."""
    return {"type": kind, "cname": channel, "seq": seq, "content": content, **more}


def opening(channel, seq, epoch="e1"):
    """The first message of a subscription."""
    return message(channel, seq, "", "open", epoch=epoch)


def gap(channel, seq, reason, epoch="e1"):
    """In its place, when something is missing."""
    return message(channel, seq, reason, "gap", epoch=epoch)


class Client(CometPageTest):
    """What one client does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = CometServer(web="on")
        cls.addClassCleanup(cls.server.kill)
        cls.address = "http://{}:{}/".format(*cls.server.front)

    def start(self, **options):
        """A page with a client, and what it opened first."""
        page = self.visit("page", self.address, clock=True)
        self.let_pass(page, 1)
        page.evaluate(STUB)
        page.evaluate(NOTING)
        self.begin(page, **options)
        if options.get("channel") or options.get("channels"):
            self.wait(page, "stub.opened.length > 0")
        return page

    def say(self, page, *messages):
        """The server sends these on what was opened last."""
        page.evaluate("(messages) => stub.last.message(...messages)", list(messages))

    def run_for(self, page, seconds):
        """Time passes, and every timer rings as often as it should."""
        page.clock.run_for(seconds * 1000)

    # -- What it asks for

    def test_a_web_socket_asks_for_all_channels_at_once(self):
        page = self.start(channels=["a", {"channel": "b", "seq": 7, "epoch": "e9", "token": "t",
                                          "presence": True}], user="joe")
        self.assertEqual(page.evaluate("stub.last.kind"), "websocket")
        self.assertRegex(page.evaluate("stub.last.url.href"), r"^ws://[\d.:]+/ws\?user=joe$")
        page.evaluate("stub.last.open()")
        self.wait(page, "stub.last.sent.length")
        self.assertEqual(page.evaluate("stub.last.sent"), [{"subscribe": [
            {"cname": "a", "seq": 0, "epoch": ""},
            {"cname": "b", "seq": 7, "epoch": "e9", "token": "t", "presence": True}]}])
        self.assertEqual(page.evaluate("comet.state"), "open")
        self.assertEqual(page.evaluate("comet.transport"), "websocket")

    def test_one_channel_is_asked_for_as_icomet_has_it(self):
        for transport, path in (("sse", "/sse"), ("poll", "/poll")):
            page = self.start(channel="a b+\u00e9", seq=3, token="t", user="joe", presence=True,
                              transport=transport)
            self.assertEqual(page.evaluate("stub.last.url.pathname"), path)
            wanted = {"cname": "a b+\u00e9", "seq": "3", "epoch": "", "token": "t", "user": "joe"}
            if transport == "sse":
                wanted["presence"] = "1"
            self.assertEqual(page.evaluate("stub.query"), wanted)

    def test_several_channels_in_one_request(self):
        page = self.start(channels=["a", "b"], transport="sse")
        self.assertEqual(page.evaluate("JSON.parse(stub.query.channels)"),
                         [{"cname": "a", "seq": 0, "epoch": ""},
                          {"cname": "b", "seq": 0, "epoch": ""}])

    def test_bad_options_are_refused_at_once(self):
        page = self.start()
        for code in ("new comet.constructor('/', {transport: 'pigeon'})",
                     "new comet.constructor('/', {transport: []})",
                     "comet.subscribe(7)", "new comet.constructor('http://[', {})"):
            name = page.evaluate(f"(() => {{ try {{ {code} }} catch (e) {{ return e.name; }} }})()")
            self.assertEqual(name, "TypeError", code)
        page.evaluate("comet.close()")
        self.assertEqual(page.evaluate(
            "(() => { try { comet.subscribe('a') } catch (e) { return e.message; } })()"),
            "this client has been closed")

    # -- What comes

    def test_in_order_once_and_holes_are_told(self):
        page = self.start(channel="c", transport="sse")
        page.evaluate("stub.last.open()")
        self.say(page, opening("c", 5), message("c", 5, "five"), message("c", 6, "six"),
                 message("c", 5, "five"), message("other", 1, "no"), message("c", 9, "nine"),
                 message("c", 10, "ten", "broadcast"), message("c", 11, "", "next_seq"),
                 message("c", 7, "", "noop"))
        self.assertEqual(page.evaluate("comet.of('message')"), [
            {"channel": "c", "seq": 5, "content": "five", "broadcast": False},
            {"channel": "c", "seq": 6, "content": "six", "broadcast": False},
            {"channel": "c", "seq": 9, "content": "nine", "broadcast": False},
            {"channel": "c", "seq": 10, "content": "ten", "broadcast": True}])
        self.assertEqual(page.evaluate("comet.of('gap')"),
                         [{"channel": "c", "reason": "lost", "from": 7, "seq": 9}])
        self.assertEqual(page.evaluate("comet.of('open')"),
                         [{"channel": "c", "seq": 5, "resumed": False}])
        self.assertEqual(page.evaluate("comet.position('c')"), {"seq": 11, "epoch": "e1"})

    def test_numbers_wrap(self):
        page = self.start(channel="c", transport="sse")
        last = 2**31 - 1
        self.say(page, opening("c", last), message("c", last, "a"))
        self.assertEqual(page.evaluate("comet.position('c').seq"), -2**31)
        self.say(page, message("c", -2**31, "b"), message("c", last, "a"))
        self.assertEqual(page.evaluate("comet.contents()"), ["a", "b"])
        self.assertEqual(page.evaluate("comet.of('gap')"), [])

    def test_it_resumes_with_number_and_epoch(self):
        page = self.start(channel="c", transport="sse")
        self.say(page, opening("c", 5, "e1"), message("c", 5, "five"))
        page.evaluate("stub.last.fail()")
        self.assertEqual(page.evaluate("comet.state"), "waiting")
        self.run_for(page, 2)
        self.wait(page, "stub.opened.length === 2")
        self.assertTrue(page.evaluate("stub.opened[0].is_closed"))
        self.assertEqual(page.evaluate("stub.query"), {"cname": "c", "seq": "6", "epoch": "e1"})
        self.say(page, opening("c", 6, "e1"), message("c", 6, "six"))
        self.assertEqual(page.evaluate("comet.of('open')[1].resumed"), True)
        page.evaluate("stub.last.fail()")
        self.run_for(page, 5)
        self.wait(page, "stub.opened.length === 3")
        self.say(page, gap("c", 1, "restarted", "e2"), message("c", 1, "new"))
        self.assertEqual(page.evaluate("comet.of('gap')"),
                         [{"channel": "c", "reason": "restarted", "from": 7, "seq": 1}])
        self.assertEqual(page.evaluate("comet.position('c')"), {"seq": 2, "epoch": "e2"})
        self.assertEqual(page.evaluate("comet.contents()"), ["five", "six", "new"])

    def test_icomet_has_no_epochs(self):
        page = self.start(channel="c", transport="sse")
        self.say(page, message("c", 5, "", "next_seq"), message("c", 5, "five"))
        page.evaluate("stub.last.fail()")
        self.run_for(page, 2)
        self.wait(page, "stub.opened.length === 2")
        self.say(page, message("c", 6, "six"))
        self.assertEqual(page.evaluate("comet.of('gap')"), [])
        page.evaluate("stub.last.fail()")
        self.run_for(page, 5)
        self.wait(page, "stub.opened.length === 3")
        self.say(page, message("c", 2, "", "next_seq"))
        self.assertEqual(page.evaluate("comet.of('gap')"),
                         [{"channel": "c", "reason": "restarted", "from": 7, "seq": 2}])

    def test_a_poll_goes_on_at_once(self):
        page = self.start(channel="c", seq=1, transport="poll")
        self.say(page, opening("c", 1))
        self.wait(page, "stub.opened.length === 2")
        self.assertEqual(page.evaluate("stub.query"), {"cname": "c", "seq": "1", "epoch": "e1"})
        self.say(page, message("c", 1, "one"), message("c", 2, "two"))
        self.wait(page, "stub.opened.length === 3")
        self.assertEqual(page.evaluate("stub.query.seq"), "3")
        self.assertEqual(page.evaluate("comet.contents()"), ["one", "two"])
        self.assertEqual(page.evaluate("comet.of('state').map(({state}) => state)"),
                         ["connecting", "open"])

    def test_what_is_no_message_ends_the_connection(self):
        for number, text in enumerate(("<html>", "[]", "null", '{"type":"data"}', '[{"cname":1}]')):
            page = self.start(channel="c", transport="websocket")
            page.evaluate("stub.last.open()")
            page.evaluate("(text) => stub.last.text(text)", text)
            self.assertTrue(page.evaluate("stub.opened[0].is_closed"), (number, text))
            self.assertIn("no message", page.evaluate("comet.of('state').at(-1).why"))

    # -- Presence

    def test_users(self):
        page = self.start(channel="c", presence=True)
        page.evaluate("stub.last.open()")
        self.say(page, opening("c", 1), message("c", 1, "ann", "present"),
                 message("c", 1, "joe", "present"), message("c", 1, "eve", "join"),
                 message("c", 1, "ann", "leave"))
        self.assertEqual(page.evaluate("comet.users('c')"), ["joe", "eve"])
        self.assertEqual(page.evaluate("comet.seen.slice(-4)"), [
            ["present", {"channel": "c", "user": "ann"}],
            ["present", {"channel": "c", "user": "joe"}],
            ["join", {"channel": "c", "user": "eve"}], ["leave", {"channel": "c", "user": "ann"}]])
        self.say(page, opening("c", 1))  # as after a new connection: they are told anew
        self.assertEqual(page.evaluate("comet.users('c')"), [])

    # -- Channels at run time

    def test_on_a_web_socket_they_come_and_go(self):
        page = self.start(channels=["a", "b"])
        page.evaluate("comet.subscribe('early')")
        page.evaluate("stub.last.open()")
        self.wait(page, "stub.last.sent.length")
        self.assertEqual(page.evaluate("stub.last.sent[0].subscribe.map(({cname}) => cname)"),
                         ["a", "b", "early"])
        page.evaluate("comet.subscribe('d', {seq: 1})")
        page.evaluate("comet.subscribe('d')")
        page.evaluate("comet.unsubscribe('a')")
        page.evaluate("comet.unsubscribe('never')")
        self.wait(page, "stub.last.sent.length === 3")
        self.assertEqual(page.evaluate("stub.last.sent.slice(1)"), [
            {"subscribe": [{"cname": "d", "seq": 1, "epoch": ""}]}, {"unsubscribe": ["a"]}])
        self.say(page, message("a", 1, "late"))
        self.assertEqual(page.evaluate("comet.contents()"), [])
        self.assertEqual(page.evaluate("comet.channels"), ["b", "early", "d"])
        self.assertEqual(page.evaluate("stub.opened.length"), 1)
        page.evaluate("for (const each of comet.channels) comet.unsubscribe(each)")
        self.wait(page, "comet.state === 'idle'")
        self.assertTrue(page.evaluate("stub.last.is_closed"))

    def test_else_the_connection_is_made_anew_once(self):
        for transport in ("sse", "poll"):
            page = self.start(channel="a", transport=transport)
            page.evaluate("comet.subscribe('b'); comet.subscribe('c'); comet.unsubscribe('a')")
            self.wait(page, "stub.opened.length > 1")
            self.assertEqual(page.evaluate("stub.opened.length"), 2)
            self.assertTrue(page.evaluate("stub.opened[0].is_closed"))
            self.assertEqual(
                page.evaluate("JSON.parse(stub.query.channels).map(({cname}) => cname)"),
                ["b", "c"])

    def test_a_channel_that_is_closed_is_over(self):
        page = self.start(channels=["a", "b"])
        page.evaluate("stub.last.open()")
        self.say(page, opening("a", 1), message("a", 1, "", "close"))
        self.assertEqual(page.evaluate("comet.of('close')"), [{"channel": "a"}])
        self.assertEqual(page.evaluate("comet.channels"), ["b"])
        self.say(page, message("b", 1, "", "close"))
        self.wait(page, "comet.state === 'idle'")

    # -- Refusals

    def test_a_wrong_token_is_the_end_of_a_subscription(self):
        page = self.start(channels=[{"channel": "a", "token": "wrong"}, "b"])
        page.evaluate("stub.last.open()")
        self.say(page, message("a", 0, "Token error", "401"))
        self.assertEqual(page.evaluate("comet.of('refused')"),
                         [{"channel": "a", "status": 401, "retry_in": None}])
        self.assertEqual(page.evaluate("comet.channels"), ["b"])
        self.assertFalse(page.evaluate("stub.last.is_closed"))

    def test_a_function_gives_new_tokens(self):
        page = self.start()
        page.evaluate("""() => {
          globalThis.asked = 0;
          comet.subscribe("a", {token: async (name) => `${name}${++asked}`});
        }""")
        self.wait(page, "stub.opened.length")
        page.evaluate("stub.last.open()")
        for number in (1, 2, 3):
            self.wait(page, f"stub.last.sent.length === {number}")
            self.assertEqual(page.evaluate("stub.last.sent.at(-1).subscribe[0].token"),
                             f"a{number}")
            self.say(page, message("a", 0, "Token error", "401"))
            if number == 1:  # it may be alone on its connection, which ends then
                self.run_for(page, 1)
                self.wait(page, "stub.opened.length === 2")
                page.evaluate("stub.last.open()")
                self.wait(page, "stub.last.sent.length")
                self.assertEqual(page.evaluate("stub.last.sent[0].subscribe[0].token"), "a2")
                break
        self.say(page, message("a", 0, "Token error", "401"))
        self.run_for(page, 2)
        self.wait(page, "stub.opened.length === 3")
        page.evaluate("stub.last.open()")
        self.wait(page, "stub.last.sent.length")
        self.say(page, message("a", 0, "Token error", "401"))
        self.assertEqual(page.evaluate("comet.of('refused').at(-1).retry_in"), None)
        self.wait(page, "comet.state === 'idle'")

    def test_a_token_that_cannot_be_had_is_tried_again(self):
        for transport in ("websocket", "sse"):
            page = self.start(transport=transport)
            page.evaluate("""() => {
              globalThis.fails = true;
              comet.subscribe("a", {token() { if (fails) throw new Error("no way"); return "t"; }});
            }""")
            if transport == "websocket":
                self.wait(page, "stub.opened.length")
                page.evaluate("stub.last.open()")
            self.wait(page, "comet.state === 'waiting'")
            self.assertIn("no way", page.evaluate("comet.of('state').at(-1).why"))
            page.evaluate("fails = false")
            before = page.evaluate("stub.opened.length")
            self.run_for(page, 2)
            self.wait(page, f"stub.opened.length > {before}")

    def test_a_full_channel_is_asked_for_later(self):
        for transport in ("websocket", "sse", "poll"):
            page = self.start(channels=["a", "b"], transport=transport)
            if transport != "poll":
                page.evaluate("stub.last.open()")
            self.say(page, opening("b", 1), message("a", 0, "Too many subscribers", "429"))
            self.wait(page, "comet.of('refused').length")
            waits = page.evaluate("comet.of('refused')")
            self.assertEqual([waits[0]["channel"], waits[0]["status"]], ["a", 429])
            self.assertGreaterEqual(waits[0]["retry_in"], 5000)
            self.assertLessEqual(waits[0]["retry_in"], 10000)
            if transport == "poll":  # meanwhile it asks for the other alone
                self.wait(page, "stub.opened.length === 2")
                self.assertEqual(page.evaluate("stub.query.cname"), "b")
            self.run_for(page, 11)
            if transport == "websocket":
                self.wait(page, "stub.last.sent.length === 2")
                self.assertEqual(page.evaluate("stub.last.sent[1].subscribe[0].cname"), "a")
            else:
                self.wait(page, "'channels' in stub.query && stub.opened.length > 1")

    def test_a_full_channel_alone(self):
        page = self.start(channel="a", transport="sse")
        self.say(page, message("a", 0, "Too many channels", "429"))
        self.wait(page, "comet.state === 'waiting'")
        self.assertTrue(page.evaluate("stub.last.is_closed"))
        self.run_for(page, 11)
        self.wait(page, "stub.opened.length === 2")

    # -- When it comes again

    def test_delays_grow_and_are_random(self):
        page = self.start(channel="a", transport="sse")
        page.evaluate("globalThis.random = 1; Math.random = () => random")
        self.say(page, opening("a", 1))
        for number, delay in enumerate((1000, 2000, 4000, 8000, 16000, 30000, 30000), 1):
            page.evaluate("stub.last.fail()")
            self.assertEqual(page.evaluate("comet.of('state').at(-1).retry_in"), delay)
            self.run_for(page, delay / 1000 + 0.1)
            self.wait(page, f"stub.opened.length === {number + 1}")
        page.evaluate("random = 0.25; stub.last.fail()")
        self.assertEqual(page.evaluate("comet.of('state').at(-1).retry_in"), 7500)
        self.run_for(page, 8)
        self.wait(page, "stub.opened.length === 9")
        # Who was connected for long begins anew.
        self.say(page, opening("a", 1))
        self.run_for(page, 11)
        page.evaluate("stub.last.fail()")
        self.assertEqual(page.evaluate("comet.of('state').at(-1).retry_in"), 250)

    def test_what_does_not_work_is_replaced(self):
        page = self.start(channel="a")
        self.assertEqual(page.evaluate("stub.addresses"), ["websocket /ws"])
        for number, path in ((2, "sse /sse"), (3, "fetch /poll"), (4, "websocket /ws")):
            page.evaluate("stub.last.fail()")
            self.wait(page, "comet.state === 'waiting'")
            bound = 250 if number < 4 else 1000
            self.assertLessEqual(page.evaluate("comet.of('state').at(-1).retry_in"), bound)
            self.run_for(page, 1.1)
            self.wait(page, f"stub.opened.length === {number}")
            self.assertEqual(page.evaluate("stub.addresses.at(-1)"), path)

    def test_what_has_worked_is_held_on_to(self):
        page = self.start(channel="a")
        page.evaluate("stub.last.open()")
        self.say(page, opening("a", 1))
        for number, kind in enumerate(("websocket", "websocket", "websocket", "sse"), 2):
            page.evaluate("stub.last.fail()")
            self.run_for(page, page.evaluate("comet.of('state').at(-1).retry_in") / 1000 + 0.1)
            self.wait(page, f"stub.opened.length === {number}")
            self.assertEqual(page.evaluate("stub.last.kind"), kind, number)
            if number == 2:  # a connection that is made, and lost at once, is no success
                page.evaluate("stub.last.open()")
        page.evaluate("stub.last.open()")
        self.say(page, opening("a", 1))
        self.run_for(page, 11)
        page.evaluate("stub.last.fail()")  # and next time the best is tried again
        self.run_for(page, 2)
        self.wait(page, "stub.opened.length === 6")
        self.assertEqual(page.evaluate("stub.last.kind"), "websocket")

    def test_a_browser_without_them(self):
        page = self.start()
        page.evaluate("delete globalThis.WebSocket; delete globalThis.EventSource")
        self.begin(page, channel="a")
        self.wait(page, "stub.opened.length")
        self.assertEqual(page.evaluate("stub.last.kind"), "fetch")

    def test_silence(self):
        page = self.start(channel="a", transport="sse")
        page.evaluate("Math.random = () => 0")
        self.run_for(page, 12)  # nobody answers at all
        self.wait(page, "stub.opened.length === 2")
        page.evaluate("stub.last.open()")
        self.run_for(page, 12)  # an answer begins and goes no further: a proxy holds it back
        self.wait(page, "stub.opened.length === 3")
        page.evaluate("stub.last.open()")
        self.say(page, opening("a", 1))
        for number in range(3):
            self.run_for(page, 40)
            self.say(page, message("a", number, "", "noop"))
        self.assertEqual(page.evaluate("stub.opened.length"), 3)
        self.run_for(page, 50)
        self.wait(page, "stub.opened.length === 4")
        self.assertIn("nothing came", page.evaluate("JSON.stringify(comet.of('state'))"))

    def test_a_poll_behind_another_may_begin_its_answer_late(self):
        page = self.start(channel="a", seq=1, transport="poll")
        self.say(page, opening("a", 1))
        self.wait(page, "stub.opened.length === 2")
        self.run_for(page, 40)  # as the server sends such a head together with its message
        self.assertEqual(page.evaluate("[stub.opened.length, comet.state]"), [2, "open"])
        self.say(page, message("a", 1, "", "noop"))
        self.wait(page, "stub.opened.length === 3")
        self.run_for(page, 50)
        self.assertIn("nothing came", page.evaluate("JSON.stringify(comet.of('state'))"))
        self.wait(page, "stub.opened[2].is_closed")

    def test_a_poll_after_a_change_may_begin_its_answer_late(self):
        page = self.start(channels=["a", "b"], seq=1, transport="poll")
        self.say(page, opening("a", 1), opening("b", 1))
        self.wait(page, "stub.opened.length === 2")
        page.evaluate("comet.unsubscribe('b')")
        self.wait(page, "stub.opened.length === 3")
        self.run_for(page, 40)  # it may be on a connection that has answered one
        self.assertEqual(page.evaluate("[stub.opened.length, comet.state]"), [3, "open"])

    def test_a_silent_web_socket_is_asked(self):
        page = self.start(channel="a")
        page.evaluate("Math.random = () => 0; stub.last.open()")
        self.wait(page, "stub.last.sent.length")
        self.say(page, opening("a", 4))
        for number in (2, 3):
            self.run_for(page, 25)
            self.wait(page, f"stub.last.sent.length === {number}")
            self.assertEqual(page.evaluate("stub.last.sent.at(-1)"),
                             {"subscribe": [{"cname": "a", "seq": 4, "epoch": "e1"}]})
            self.say(page, message("a", 0, "", "409"))
        self.assertEqual(page.evaluate("[stub.opened.length, comet.channels]"), [1, ["a"]])
        self.run_for(page, 50)
        self.wait(page, "stub.opened.length === 2")

    def test_the_network_is_back(self):
        page = self.start(channel="a", transport="sse")
        page.evaluate("Math.random = () => 1")
        self.say(page, opening("a", 1))
        for _ in range(3):
            page.evaluate("stub.last.fail()")
            self.run_for(page, 5)
        before = page.evaluate("stub.opened.length")
        page.evaluate("stub.last.fail(); dispatchEvent(new Event('online'))")
        self.wait(page, f"stub.opened.length === {before + 1}")
        # What looks open may have been so on another network.
        page.evaluate("stub.last.open(); dispatchEvent(new Event('online'))")
        self.wait(page, f"stub.opened.length === {before + 2}")
        page.evaluate("stub.last.fail(); document.dispatchEvent(new Event('visibilitychange'))")
        self.wait(page, f"stub.opened.length === {before + 3}")
        # Who looks at a page that is connected disturbs nothing.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        self.run_for(page, 1)
        self.assertEqual(page.evaluate("stub.opened.length"), before + 3)

    def test_a_machine_that_slept(self):
        page = self.start(channel="a", transport="sse")
        self.say(page, opening("a", 1))
        page.clock.fast_forward("01:00:00")
        self.wait(page, "stub.opened.length === 2")

    def test_closed_is_closed(self):
        page = self.start(channel="a", transport="sse")
        page.evaluate("stub.last.fail(); comet.close(); comet.close()")
        self.run_for(page, 60)
        page.evaluate("dispatchEvent(new Event('online'))")
        self.assertEqual(page.evaluate("[stub.opened.length, comet.state]"), [1, "closed"])
        page.evaluate("stub.opened[0].onmessage({data: '{}'})")
        self.assertEqual(page.evaluate("comet.of('state').at(-1).state"), "closed")

    # -- Publishing

    def publish(self, page, *arguments):
        """Calls publish(); what became of it will be in `published`, each with its number."""
        page.evaluate("""(what) => {
          globalThis.published ??= [];
          comet.publish(...what).then(() => published.push("ok"),
                                      ({status, name}) => published.push(status ?? name));
        }""", list(arguments))

    def test_by_web_socket(self):
        page = self.start(channel="a")
        page.evaluate("stub.last.open()")
        self.say(page, opening("a", 1))
        self.wait(page, "stub.last.sent.length === 1")
        self.publish(page, "a", "one", {"ttl": 60})
        self.publish(page, "b", "two", {"token": "t"})
        self.assertEqual(page.evaluate("stub.last.sent.slice(1)"), [
            {"publish": {"cname": "a", "content": "one", "ttl": 60}},
            {"publish": {"cname": "b", "content": "two", "token": "t"}}])
        self.say(page, message("b", 0, "", "403"), message("a", 0, "", "ok"))
        self.wait(page, "published.length === 2")
        self.assertEqual(page.evaluate("published"), [403, "ok"])
        self.assertEqual(page.evaluate("[comet.channels, comet.of('refused')]"), [["a"], []])
        self.publish(page, "a", "three")
        page.evaluate("stub.last.fail()")
        self.wait(page, "published.length === 3")
        self.assertEqual(page.evaluate("published[2]"), 0)
        self.publish(page, "a", 4)
        self.wait(page, "published.length === 4")
        self.assertEqual(page.evaluate("published[3]"), "TypeError")

    def test_by_post(self):
        page = self.start(channels=[{"channel": "a", "token": "t"}], transport="sse")
        page.evaluate("stub.last.open()")
        for status, seen in ((200, "ok"), (403, 403), (None, 0)):
            self.publish(page, "a", "x & y")
            self.wait(page, "stub.last.kind === 'fetch'")
            self.assertEqual(page.evaluate("[stub.last.url.pathname, stub.last.method]"),
                             ["/push", "POST"])
            self.assertEqual(page.evaluate("stub.last.body"),
                             {"cname": "a", "content": "x & y", "token": "t"})
            page.evaluate("stub.last.fail()" if status is None else f"stub.last.reply({status})")
            self.wait(page, f"published.at(-1) === {seen!r}")

    def test_while_a_subscription_is_under_way_by_post(self):
        page = self.start(channel="a")
        page.evaluate("stub.last.open()")
        self.publish(page, "a", "x")
        self.assertEqual(page.evaluate("stub.last.kind"), "fetch")


if __name__ == "__main__":
    unittest.main()
