# SPDX-License-Identifier: BSL-1.0
"""What tests in a browser share: a headless Chromium, and pages that complain of nothing.

Goal: look at a page of ours as its reader does, and see all that a browser would tell a developer.
Method: Playwright drives the system's Chromium. A page that logs an error, breaks its content
security policy, throws, or asks for anything but loopback, fails its test, unless the test says
that it expects so. After a failure a screenshot is in MILLIPEDE_SHOTS.

Environment: MILLIPEDE_CHROMIUM  the browser [/usr/bin/chromium]
             MILLIPEDE_SHOTS     folder of the screenshots [build/browser]
"""

import os
import re
import time
import unittest
from pathlib import Path

from playwright.sync_api import Error, expect, sync_playwright

REPOSITORY = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("MILLIPEDE_CHROMIUM", "/usr/bin/chromium")
SHOTS = Path(os.environ.get("MILLIPEDE_SHOTS") or REPOSITORY / "build" / "browser")
DEADLINE = 60.0  # seconds; waited for in full only when something is broken
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
         "--disable-component-update", "--disable-dev-shm-usage", "--no-first-run",
         "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}

expect.set_options(timeout=DEADLINE * 1000)


class BrowserTest(unittest.TestCase):
    """One Chromium for all tests of a class, a fresh context (storage, cookies) for each page."""

    @classmethod
    def setUpClass(cls):
        playwright = sync_playwright().start()
        cls.addClassCleanup(playwright.stop)
        cls.chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=FLAGS, timeout=DEADLINE * 1000)
        cls.addClassCleanup(cls.chromium.close)

    def run(self, result=None):
        self.result = result  # where failures are noted, before cleanups run
        return super().run(result)

    def setUp(self):
        self.pages = []
        type(self).complaints = []  # what browsers said in this test
        self.expected = []  # regular expressions of complaints that belong to the test
        self.addCleanup(self._close)

    def open(self, address, *, clock=False, script=None, lasts=False, **context):
        """A new page at that address. With a clock it can be told that time has passed
        (let_pass); a script runs before any of its own; one that lasts is there until the
        class is done; further words go to Playwright's new_context."""
        context.setdefault("viewport", DESKTOP)
        browsing = self.chromium.new_context(**context)
        (self.addClassCleanup if lasts else self.addCleanup)(browsing.close)
        browsing.set_default_timeout(DEADLINE * 1000)
        page = browsing.new_page()
        page.on("console", lambda message: message.type in ("error", "warning") and
                self.complain(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complain(f"exception: {error}"))
        if clock:
            page.clock.install()
        if script:
            page.add_init_script(script)
        self.pages.append(page)
        page.goto(address)
        return page

    @classmethod
    def complain(cls, text):
        """Notes what a browser said."""
        cls.complaints.append(text)

    def let_pass(self, page, seconds):
        """Has the page's clock (open(..., clock=True)) go forward, and stand still from then on:
        its timers ring no more, however slow the machine is. page.clock.resume() ends that."""
        try:
            page.clock.pause_at(page.evaluate("Date.now()") / 1000 + seconds)
        except Error as failure:
            if "to the past" not in failure.message:
                raise
            # It went on by more than that meanwhile; now it stands still.
            page.clock.pause_at(page.evaluate("Date.now()") / 1000 + seconds)

    def let_pass_until(self, page, seconds, locator, text):
        """The same, again and again until that text is there: something that was still on its way
        may have come afterwards, and have set back what the page waits for."""
        end = time.monotonic() + DEADLINE
        while True:
            self.let_pass(page, seconds)
            if text in (said := locator.inner_text()):
                return
            self.assertLess(time.monotonic(), end, f"'{text}' did not come; there is '{said}'")

    def let_draw(self, page):
        """Waits until the page has drawn all that it was told so far."""
        page.evaluate("""() => new Promise((done) =>
          requestAnimationFrame(() => requestAnimationFrame(done)))""")

    def resize(self, page, viewport):
        """Gives the page that size, and waits until it is laid out so."""
        page.set_viewport_size(viewport)
        page.wait_for_function(
            "({width, height}) => innerWidth === width && innerHeight === height", arg=viewport)
        self.let_draw(page)

    def shot(self, page, name, whole=True):
        """A screenshot, for people to look at; where it is."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=path, full_page=whole)
        return path

    def _close(self):
        failed = self._failed()
        for number, page in enumerate(self.pages):
            if failed and not page.is_closed():
                print(f"screenshot: {self.shot(page, f'failed-{self.id()}-{number}')}")
        if not failed:
            self.assertEqual([text for text in self.complaints
                              if not any(re.search(known, text) for known in self.expected)], [])

    def _failed(self):
        return any(test is self for test, _ in (*self.result.failures, *self.result.errors))
