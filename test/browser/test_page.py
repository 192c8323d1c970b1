# SPDX-License-Identifier: BSL-1.0
"""The live page, against an admin endpoint that does whatever a test wants.

Goal: every figure is shown with its unit; whatever happens to the connection is said, and got over;
nothing that a server sends makes the page lie, stop, or run foreign code; anyone can read it.
Method: a stub sends each event when the test says so; time passes by Playwright's clock, not by
waiting.
"""

import re
import sys
import unittest
from pathlib import Path

from browser import PHONE, BrowserTest, expect
from stub_admin import PAGE, StubAdmin, figures, worker

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "net"))
from harness import wait_until  # noqa: E402

CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) => {
      part /= 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(color)) return color;
    }
    return "white";
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const color = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [one, other] = [light(color), light(ground(element))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) poor.push(`${walker.currentNode.data}: ${contrast.toFixed(2)}`);
  }
  return poor;
}"""


class PageTest(BrowserTest):
    """A page on a stub of its own."""

    def show(self, *events, token=None, **context):
        """The page, after these events."""
        stub = StubAdmin(token)
        self.addCleanup(stub.__exit__)
        stub.__enter__()
        page = self.open(stub.address, **context)
        if token is None:
            stub.wait_for_reader()
        for event in events:
            stub.send(event)
        if events:
            expect(page.locator("#figures")).to_be_visible()
        return page, stub

    def chart(self, page, title):
        """The card of that name."""
        return page.locator(f'#charts [aria-label="{title}"]')

    def expect_values(self, page, title, *values):
        """What the legend of a chart says."""
        expect(self.chart(page, title).locator(".value:visible")).to_have_text(list(values))


class Figures(PageTest):
    """What a server sends is on the screen."""

    def test_each_with_its_unit(self):
        page, stub = self.show(
            figures(uptime=93784.0),
            figures(uptime=93785.0, totals={
                "messages_received": 61234, "messages_sent": 5, "bytes_received": 3 << 20,
                "bytes_sent": 1000, "accepted": 150, "closed": 3, "closed_by_peer": 3,
                "newcomers_over_rate": 40, "full": 2, "messages_dropped": 7,
                "bytes_dropped": 4096}))
        expect(page.locator("#about")).to_have_text("0.1.0 · up 1 d 2 h")
        expect(page).to_have_title("12,000 online · millipede-online")
        self.expect_values(page, "Connections", "12,000", "12,345")
        expect(self.chart(page, "Connections")).to_contain_text("of 100,000")
        self.expect_values(page, "Messages", "61,234 /s", "5 /s")
        self.expect_values(page, "Traffic", "3 MiB/s", "1,000 B/s")
        self.expect_values(page, "Coming and going", "150 /s", "3 /s")
        self.expect_values(page, "Refused, dropped, shed", "42 /s", "7 /s", "0 /s")
        self.expect_values(page, "Loop lag, 99th percentile", "250 µs", "250 µs")
        self.expect_values(page, "Busy", "25 %", "25 %")
        self.expect_values(page, "Memory", "75 MiB", "3 MiB")
        expect(self.chart(page, "Memory")).to_contain_text("412 B a connection")
        expect(self.chart(page, "Memory")).to_contain_text("of 256 MiB")
        row = page.locator("#workers tbody tr").nth(3)
        expect(row).to_have_text(re.compile(r"3\s*1,003\s*25 %\s*250 µs\s*20 µs\s*4 ms\s*0 B"))
        expect(page.locator("[data-counter=newcomers_over_rate]")).to_have_text(
            re.compile(r"newcomers over rate\s*40\s*40"))
        expect(page.locator("[data-counter=bytes_dropped]")).to_contain_text("4 KiB")
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#readiness")).to_have_text("ready")
        expect(page.locator("#listeners")).to_have_text("listening on 0.0.0.0:8082, [::]:8082")
        wanted = {path.name for path in PAGE.iterdir()}
        wait_until(lambda: wanted <= stub.paths, "all files to be asked for")
        self.assertEqual(stub.paths, wanted)

    def test_a_program_that_counts_nobody_as_online(self):
        latest = figures()
        del latest["online"]
        page, stub = self.show(latest)
        self.expect_values(page, "Connections", "12,345")
        expect(self.chart(page, "Memory")).to_contain_text("412 B a connection")
        stub.send(figures(uptime=101, connections=999))
        expect(self.chart(page, "Memory")).not_to_contain_text("a connection")
        stub.send(latest | {"uptime_seconds": 102})
        expect(page).to_have_title("12,345 connections · millipede-online")

    def test_counters_that_it_does_not_know_and_those_that_are_zero(self):
        page, _ = self.show(figures(totals={"frogs_kissed": 12}))
        expect(page.locator("[data-counter=frogs_kissed]")).to_contain_text("frogs kissed")
        expect(page.locator("[data-counter=stalls]")).to_be_hidden()
        page.locator("#zeros").check()
        expect(page.locator("[data-counter=stalls]")).to_be_visible()

    def test_a_server_that_was_started_again(self):
        page, stub = self.show(figures(uptime=500, totals={"accepted": 900}),
                               figures(uptime=501, totals={"accepted": 950}))
        self.expect_values(page, "Coming and going", "50 /s", "0 /s")
        stub.send(figures(uptime=0.5, totals={"accepted": 3}))
        expect(page.locator("#notice")).to_contain_text("started again")
        self.expect_values(page, "Coming and going")  # no rate yet, and none below zero
        stub.send(figures(uptime=1.5, totals={"accepted": 4}))
        self.expect_values(page, "Coming and going", "1 /s", "0 /s")

    def test_alarms_come_stay_and_go(self):
        page, stub = self.show(figures())
        nearly = {"name": "nearly_full", "severity": "warning", "text": "95 % are taken"}
        dead = {"name": "dead_worker", "severity": "critical", "text": "worker 1 has no thread"}
        stub.send(figures(uptime=101, alarms=[nearly, dead]))
        alarms = page.get_by_label("Alarms")
        expect(alarms.locator("p")).to_have_count(2)
        expect(page).to_have_title("⚠ 12,000 online · millipede-online")
        self.assertEqual(alarms.get_attribute("aria-live"), "assertive")
        top = {name: alarms.locator(f".{name}").bounding_box()["y"]
               for name in ("critical", "warning")}
        self.assertLess(top["critical"], top["warning"])
        page.evaluate("document.querySelector('.alarm.warning').id = 'the_same'")
        stub.send(figures(uptime=102, alarms=[nearly | {"text": "96 % are taken"}]))
        expect(alarms.locator("p")).to_have_count(1)
        expect(page.locator("#the_same")).to_have_text(re.compile(r"warning\s*96 % are taken"))
        stub.send(figures(uptime=103))
        expect(alarms.locator("p")).to_have_count(0)
        expect(page).to_have_title("12,000 online · millipede-online")

    def test_readiness(self):
        page, stub = self.show(figures(ready=False, not_ready=["worker 2 is stalled", "full"]))
        pill = page.locator("#readiness")
        expect(pill).to_have_text("not ready: worker 2 is stalled, full")
        stub.send(figures(uptime=101, state="draining", ready=False, not_ready=["draining"]))
        expect(pill).to_have_text("draining")
        self.expected.append("ERR_")
        stub.cut()
        expect(page.locator("#notice")).to_contain_text("The server was draining")

    def test_any_number_of_workers(self):
        page, stub = self.show(figures(workers=0))
        expect(page.locator("#workers-summary")).to_have_text("no workers")
        expect(page.locator("#workers tbody tr")).to_have_count(0)
        many = figures(uptime=101)
        many["workers"] = [worker(index, busy_share=(index * 37 % 256) / 255,
                                  stalled=index == 200) for index in range(256)]
        stub.send(many)
        rows = page.locator("#workers tbody tr")
        expect(rows).to_have_count(256)
        expect(page.locator("#workers-summary")).to_have_text("256 workers, 1 stalled")
        page.get_by_role("button", name="Busy").click()
        expect(rows.first).to_contain_text("100 %")
        expect(rows.last).to_contain_text("0 %")
        page.get_by_role("button", name="Busy").click()
        expect(rows.last).to_contain_text("100 %")
        expect(page.locator("th[aria-sort=ascending]")).to_have_text("Busy")
        expect(page.locator("tr", has_text="stalled").locator("td").first).to_contain_text("200")
        self.expect_values(page, "Busy", "100 %", "50 %")
        stub.send(figures(uptime=102, workers=1))
        expect(rows).to_have_count(1)

    def test_paused(self):
        page, stub = self.show(figures())
        page.get_by_role("button", name="Pause").click()
        stub.send(figures(uptime=101, online=7, alarms=[
            {"name": "full", "severity": "critical", "text": "no slot is free"}]))
        expect(page.get_by_label("Alarms")).to_contain_text("no slot is free")
        self.let_draw(page)
        self.expect_values(page, "Connections", "12,000", "12,345")
        page.get_by_role("button", name="Pause").click()
        self.expect_values(page, "Connections", "7", "12,345")


class Nonsense(PageTest):
    """What no server should send."""

    ODD = [None, "12", -5, 1e300, [], {}, True, 0.1]

    def test_odd_values_everywhere(self):
        page, stub = self.show(figures(uptime=1))
        for number, odd in enumerate(self.ODD, 2):
            latest = figures(uptime=number)
            for name in ("version", "program", "connections", "connections_max", "online",
                         "not_ready", "workers", "memory", "listeners", "alarms", "totals", "time"):
                stub.send({**latest, name: odd})
            stub.send({**latest, "totals": dict.fromkeys(latest["totals"], odd)})
            stub.send({**latest, "workers": [dict.fromkeys(worker(0), odd), odd]})
            stub.send({**latest, "alarms": [{"name": odd, "severity": odd, "text": odd}, odd]})
            stub.send({**latest, "memory": dict.fromkeys(latest["memory"], odd)})
            stub.send(dict.fromkeys(latest, odd))
        stub.send({})
        stub.send(figures(uptime=3, program="the end"))
        expect(page.locator("#program")).to_have_text("the end")
        self.assertNotRegex(page.inner_text("body"), r"NaN|undefined|Infinity|null|\[object")

    def test_figures_that_are_none(self):
        page, stub = self.show(figures())
        for text in (b"data: {not json}\n\n", b"data: [1, 2]\n\n", b"data: null\n\n",
                     b"data: 7\n\n", b"event: other\n\n", b": a comment\n\n",
                     b"\xff\xfe\n\n", b"data\n\n"):
            stub.send_raw(text)
        stub.send(figures(uptime=101, online=1))
        self.expect_values(page, "Connections", "1", "12,345")

    def test_text_is_text(self):
        evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
        latest = figures(program=evil, version=evil, listeners=[evil], not_ready=[evil],
                         ready=False, totals={evil: 3},
                         alarms=[{"name": evil, "severity": evil, "text": evil}])
        page, _ = self.show(latest)
        expect(page.locator("#program")).to_have_text(evil)
        expect(page.get_by_label("Alarms")).to_contain_text(evil)
        self.assertEqual(page.locator("img").count(), 1)
        self.assertEqual(page.locator("script").count(), 1)

    def test_events_cut_anywhere(self):
        page, _ = self.show()
        told = page.evaluate("""async () => {
          const {event_parser} = await import("/page/stream.js");
          const text = "data: one\\n\\n: no\\r\\nid: 3\\r\\ndata:two\\r\\ndata: lines\\r\\n\\r\\n" +
            "data: three\\r\\rdata:\\n\\ndata: not complete\\n";
          const all = new Set();
          for (let first = 0; first <= text.length; ++first) {
            for (let second = first; second <= text.length; ++second) {
              const parser = new event_parser();
              const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)];
              all.add(JSON.stringify(pieces.flatMap((piece) => parser.push(piece))));
            }
          }
          return [...all];
        }""")
        self.assertEqual(told, ['["one","two\\nlines","three",""]'])

    def test_an_event_without_end_is_given_up(self):
        page, stub = self.show(figures(), clock=True)
        self.let_pass(page, 1)  # however long it reads, it does not take that for silence
        for _ in range(10):
            stub.send_raw(b"data: " + b"x" * (1 << 20))
        expect(page.locator("#notice")).to_contain_text("an event without end")
        stub.send(figures())  # and again each second, until there is nobody
        wait_until(lambda: not stub.writing, "the page to close its connection")

    def test_history_has_bounds(self):
        page, _ = self.show()
        told = page.evaluate("""async () => {
          const {figure_history, span_max} = await import("/page/history.js");
          const history = new figure_history();
          for (let at = 0; at < 2000; at += 0.01) {
            history.add({uptime_seconds: at, totals: {accepted: at * 10}});
          }
          const {samples} = history;
          return {count: samples.length, span: samples.at(-1).at - samples[0].at, span_max,
            rate: samples.at(-1).values.accepted, recent: history.recent_span};
        }""")
        self.assertLessEqual(told["span"], told["span_max"])
        self.assertGreater(told["span"], told["span_max"] - 1)
        self.assertLessEqual(told["count"], told["span_max"] / 0.2 + 1)
        self.assertLessEqual(told["recent"], 61)
        self.assertAlmostEqual(told["rate"], 10)


class Connection(PageTest):
    """Servers that fall silent, go, come back, refuse."""

    def test_silence_is_told_and_then_ended(self):
        page, stub = self.show(figures(), clock=True)
        link = page.locator("#link")
        self.let_pass(page, 1)  # from now on only figures can change what it says
        expect(link).to_have_text("live")
        stub.repeats = False
        self.let_pass_until(page, 10, link, "stale: nothing for")
        expect(page.locator("#figures")).to_have_class("old")
        stub.send(figures(uptime=107))
        expect(link).to_have_text("live")
        expect(page.locator("#figures")).not_to_have_class("old")
        self.let_pass(page, 30)
        expect(page.locator("#notice")).to_contain_text("no figures come")
        stub.cut()
        self.reconnects(page, stub)

    def reconnects(self, page, stub):
        """Lets time pass until the page has asked again, and has got an answer."""
        expect(page.locator("#link")).to_contain_text("next try in")
        self.let_pass(page, 31)
        stub.wait_for_reader()
        stub.send(figures(uptime=200))
        expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#notice")).to_be_hidden()

    def test_a_server_that_ends_the_stream(self):
        page, stub = self.show(figures(), clock=True)
        self.let_pass(page, 1)
        stub.cut()
        expect(page.locator("#link")).to_contain_text("disconnected, next try in")
        expect(page.locator("#notice")).to_contain_text("The figures are those of")
        expect(page.locator("#figures")).to_have_class("old")
        self.reconnects(page, stub)

    def test_a_server_that_has_gone_is_not_hammered(self):
        self.expected.append("503")
        page, stub = self.show(figures(), clock=True)
        self.let_pass(page, 1)
        stub.refuse_with = 503
        stub.cut()
        waits = []
        for asked in range(1, 8):
            expect(page.locator("#link")).to_contain_text("next try in")
            self.assertEqual(stub.asked, asked)
            waits.append(int(re.search(r"in (\d+) s", page.inner_text("#link"))[1]))
            page.get_by_role("button", name="Try now").click()
            stub.wait_for_request(asked + 1)
        expect(page.locator("#notice")).to_contain_text("too many are looking")
        self.assertLessEqual(waits[0], 1)
        self.assertGreaterEqual(waits[-1], 15)
        self.assertLessEqual(max(waits), 30)
        stub.refuse_with = None
        self.reconnects(page, stub)

    def test_nobody_listens(self):
        self.expected.append("ERR_")
        page, stub = self.show(figures())
        stub.__exit__()
        page.get_by_role("button", name="Try now").click()
        expect(page.locator("#link")).to_contain_text("disconnected")
        expect(page.locator("#notice")).to_contain_text("no answer")

    def test_a_token(self):
        self.expected.append("401")
        token = "correct-horse-battery-staple"
        page, stub = self.show(token=token)
        expect(page.locator("#link")).to_have_text("locked")
        field = page.get_by_label("Token")
        expect(field).to_be_focused()
        for wrong in ("wrong", "schlüssel", "two words"):
            field.fill(wrong)
            page.keyboard.press("Enter")
            expect(page.locator("#unlock")).to_contain_text("does not accept this token")
            expect(field).to_have_value("")
        field.fill(f" {token} ")
        page.get_by_role("button", name="Show").click()
        stub.wait_for_reader()
        stub.send(figures())
        expect(page.locator("#figures")).to_be_visible()
        expect(page.locator("#unlock")).to_be_hidden()
        self.assertNotIn(token, page.url)
        self.assertEqual(page.evaluate("[localStorage.length, document.cookie]"), [0, ""])
        page.reload()  # the tab remembers it, until it is not right any more
        stub.cut()
        stub.wait_for_reader()
        stub.token = "another"
        stub.cut()
        expect(page.get_by_label("Token")).to_be_visible()
        self.assertEqual(page.evaluate("sessionStorage.length"), 0)


class Readers(PageTest):
    """Everybody can read it."""

    def latest(self, uptime):
        """Figures that show all there is."""
        return figures(uptime=uptime, ready=False, not_ready=["worker 0 is stalled"],
                       totals={"messages_received": int(uptime) * 500, "full": 3},
                       alarms=[{"name": "full", "severity": "critical", "text": "full"},
                               {"name": "nearly_full", "severity": "warning", "text": "nearly"}],
                       ) | {"workers": [worker(0, stalled=True), worker(1, busy_share=1)]}

    def test_contrast_in_the_light_and_in_the_dark(self):
        grounds = set()
        for scheme in ("light", "dark"):
            page, _ = self.show(self.latest(1), self.latest(2), color_scheme=scheme)
            expect(page.locator("#alarms p")).to_have_count(2)
            self.expect_values(page, "Messages", "500 /s", "0 /s")
            self.chart(page, "Messages").locator(".plot").hover()
            self.let_draw(page)
            self.assertEqual(page.evaluate(CONTRAST), [])
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            self.shot(page, scheme)
        self.assertEqual(len(grounds), 2)

    def test_narrow_screens(self):
        for width in (320, PHONE["width"], 800):
            page, _ = self.show(self.latest(1), self.latest(2),
                                viewport={"width": width, "height": 800})
            expect(page.locator("#alarms p")).to_have_count(2)
            self.expect_values(page, "Messages", "500 /s", "0 /s")
            self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
            if width >= PHONE["width"]:  # below that the table of workers is scrolled by itself
                box = page.locator("#workers-scroll")
                self.assertEqual(box.evaluate("(box) => box.scrollWidth - box.clientWidth"), 0)
            if width <= PHONE["width"]:  # all below one another
                self.assertEqual(page.evaluate("new Set([...document.querySelectorAll('.card')]"
                                               ".map((card) => card.clientWidth)).size"), 1)
            self.shot(page, f"width-{width}")

    def test_nothing_overlaps(self):
        page, _ = self.show(figures(totals={"full": 123456789, "messages_dropped": 123456789,
                                            "timeouts": 123456789, "stalls": 123456789}))
        page.locator("#zeros").check()
        expect(page.locator("[data-counter=heartbeats]")).to_be_visible()
        for width in (1400, 1280, 1100, 900):
            self.resize(page, {"width": width, "height": 900})
            self.assertEqual(page.evaluate("""() =>
              [...document.querySelectorAll("#counters > div, .card, .legend li")]
                .filter((box) => box.scrollWidth > box.clientWidth + 1)
                .map((box) => box.textContent)"""), [], width)

    def test_values_by_mouse_and_by_keyboard(self):
        page, _ = self.show(*(figures(uptime=100 + number, online=1000 * number)
                              for number in range(4)))
        self.expect_values(page, "Connections", "3,000", "12,345")
        plot = self.chart(page, "Connections").locator(".plot")
        tip = plot.locator(".tip")
        expect(tip).to_be_hidden()
        plot.hover(position={"x": 1, "y": 20})
        expect(tip).to_contain_text("online: 0")
        expect(tip).to_contain_text("ago")
        page.mouse.move(1, 1)
        expect(tip).to_be_hidden()
        plot.focus()
        for key, value in (("ArrowLeft", "3,000"), ("ArrowLeft", "2,000"), ("Home", "0"),
                           ("ArrowRight", "1,000"), ("End", "3,000")):
            page.keyboard.press(key)
            expect(tip).to_contain_text(f"online: {value}")
            self.assertEqual(tip.get_attribute("aria-live"), "polite")
        page.keyboard.press("Escape")
        expect(tip).to_be_hidden()
        expect(plot).to_have_attribute(
            "aria-label", "Connections: online 3,000, connections 12,345")

    def test_all_can_be_reached_by_tab(self):
        page, _ = self.show(figures())
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("""() => {
              const {id, className, textContent} = document.activeElement;
              return id || className || textContent;
            }"""))
        self.assertLessEqual({"pause", "plot", "workers-scroll", "zeros", "Busy", "/metrics"},
                             reached)

    def test_reduced_motion(self):
        moves = "getComputedStyle(document.querySelector('.gauge i')).transitionDuration"
        page, _ = self.show(figures(), reduced_motion="no-preference")
        self.assertNotEqual(page.evaluate(moves), "0s")
        page, _ = self.show(figures(), reduced_motion="reduce")
        self.assertEqual(page.evaluate(moves), "0s")

    def test_lines_end_where_nothing_is_known(self):
        page, _ = self.show(*(figures(uptime=at) for at in (1, 2, 3, 30, 31)))
        plot = self.chart(page, "Memory").locator(".plot")
        expect(plot.locator("path.line.one")).to_have_count(2)
        numbers = re.findall(r"[\d.]+", plot.locator("path.line.one").first.get_attribute("d"))
        self.assertEqual(len(numbers), 6)  # three points


class Numbers(PageTest):
    """Digits, units, scales."""

    def test_formats(self):
        page, _ = self.show()
        told = page.evaluate("""async () => {
          const {bytes, count, duration, per_second, seconds, share} =
            await import("/page/format.js");
          return [
            [count(0), count(1234567.4), count(null), count(NaN), count("5")],
            [bytes(0), bytes(1023), bytes(1024), bytes(1536), bytes(2 ** 20 - 1), bytes(5e15)],
            [seconds(0), seconds(1e-6), seconds(0.00025), seconds(0.0123), seconds(0.9999),
             seconds(1), seconds(61)],
            [share(0), share(0.005), share(0.5), share(1)],
            [per_second(0), per_second(0.25), per_second(12345.6)],
            [duration(0), duration(59.9), duration(60), duration(3661), duration(-1),
             duration(90000)],
          ];
        }""")
        self.assertEqual(told, [
            ["0", "1,234,567", "–", "–", "–"],
            ["0 B", "1,023 B", "1 KiB", "1.5 KiB", "1 MiB", "4.44 PiB"],
            ["0 s", "1 µs", "250 µs", "12.3 ms", "1 s", "1 s", "61 s"],
            ["0 %", "0.5 %", "50 %", "100 %"],
            ["0 /s", "0.3 /s", "12,346 /s"],
            ["0 s", "59 s", "1 min", "1 h 1 min", "0 s", "1 d 1 h"]])

    def test_scales(self):
        page, _ = self.show()
        told = page.evaluate("""async () => {
          const {scale_step} = await import("/page/chart.js");
          return [scale_step(0), scale_step(3), scale_step(100), scale_step(0.001),
            scale_step(2, {whole: true}), scale_step(75 * 2 ** 20, {binary: true}) / 2 ** 20,
            Number.isFinite(scale_step(1e300)), Number.isFinite(scale_step(1e-300))];
        }""")
        self.assertEqual(told, [0.5, 1, 50, 0.0005, 1, 25, True, True])

    def test_small(self):
        files = list(PAGE.iterdir())
        self.assertLess(sum(path.stat().st_size for path in files), 48 << 10)
        for path in files:
            self.assertIn("SPDX-License-Identifier: BSL-1.0",
                          "\n".join(path.read_text(encoding="utf-8").splitlines()[:3]))


if __name__ == "__main__":
    unittest.main()
