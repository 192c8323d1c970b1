# SPDX-License-Identifier: BSL-1.0
"""The files that the comet server has for browsers.

Goal: each is there with its type, is sent again only when it is another one, and pages may load
nothing from elsewhere; without --web on there is none.
Method: raw sockets; the pages' own links are followed.
"""

import re
import unittest
from pathlib import Path

from http_client import CometTest

WEB = Path(__file__).resolve().parents[2] / "server" / "comet" / "web"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def place_of(path):
    """Where a browser finds it."""
    name = path.name if path.suffix != ".html" else path.stem
    return "/" if name == "index" else f"/{name}"


class Files(CometTest):
    """What stands in server/comet/web."""

    def test_all_are_there(self):
        client = self.http(self.serve_comet(web="on").front)
        for path in sorted(WEB.iterdir()):
            reply = client.get(place_of(path))
            self.assertEqual(reply.status, 200, path.name)
            self.assertEqual(reply.body, path.read_bytes())
            self.assertEqual(reply.fields["content-type"], TYPES[path.suffix])
            self.assertEqual(reply.fields["cache-control"], "no-cache")
            self.assertEqual(reply.fields["x-content-type-options"], "nosniff")
            policy = reply.fields["content-security-policy"]
            self.assertIn("default-src 'self'", policy)
            self.assertNotIn("unsafe", policy)

    def test_what_pages_name_is_there(self):
        client = self.http(self.serve_comet(web="on").front)
        named = set()
        for path in WEB.iterdir():
            text = path.read_text(encoding="utf-8")
            found = re.findall(r'(?:src|href)="([^"]+)"', text) if path.suffix == ".html" \
                else re.findall(r'^(?:import|  from) .*?"\./([^"]+)"', text, re.M)
            named |= {each.removeprefix("./") for each in found}
        self.assertGreater(len(named), 8)
        for each in sorted(named):
            self.assertEqual(client.get(f"/{each}").status, 200, each)

    def test_only_what_has_changed_is_sent(self):
        client = self.http(self.serve_comet(web="on").front)
        whole = client.get("/comet.js")
        tag = whole.fields["etag"]
        self.assertRegex(tag, r'^"[0-9a-f]{16}"$')
        client.ask("/comet.js", fields=[f"If-None-Match: {tag}"])
        head = client.head()
        self.assertEqual((head.status, head.reason), (304, "Not Modified"))
        self.assertEqual(head.fields["etag"], tag)
        self.assertEqual(head.fields["content-length"], str(len(whole.body)))
        reply = client.get("/comet.js", fields=['If-None-Match: "other"'])  # no body was in between
        self.assertEqual(reply.body, whole.body)

    def test_other_methods(self):
        server = self.serve_comet(web="on")
        client = self.http(server.front)
        reply = client.get("/chat", method="HEAD")
        self.assertEqual(reply.status, 200)
        self.assertEqual(int(reply.fields["content-length"]), len((WEB / "chat.html").read_bytes()))
        reply = client.get("/chat", method="PUT", body=b"x")
        self.assertEqual((reply.status, reply.fields["allow"]), (405, "GET, HEAD"))
        self.assertEqual(client.get("/chat").status, 200)
        server.stop()
        self.assertEqual(server.counts()["wrong_methods"], 1)

    def test_none_without_being_asked_for(self):
        for options in ({}, {"web": "off"}):
            server = self.serve_comet(**options)
            for path in ("/", "/comet.js", "/chat"):
                self.assertEqual(self.http(server.front).get(path).status, 404)

    def test_not_on_the_other_port(self):
        server = self.serve_comet(web="on")
        self.assertEqual(self.http(server.admin).get("/comet.js").status, 404)


if __name__ == "__main__":
    unittest.main()
