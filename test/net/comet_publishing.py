# SPDX-License-Identifier: BSL-1.0
"""Publishing by JSON, from the front port, and by pages of other origins.

Goal: what is published by JSON arrives as what is published by parameters does, each refusal has
its status and publishes nothing; nobody publishes at the front port unless the server was told so.
Method: requests as publishers and browsers send them, and a subscriber who sees what arrives.
"""

import json
import unittest
import urllib.parse

from harness import wait_until
from http_client import CometTest, data

JSON = "Content-Type: application/json"
ORIGIN = "access-control-allow-origin"


class Publishing(CometTest):
    """Publishers and a subscriber."""

    def post(self, address, target, value, fields=(JSON,)):
        """Posts JSON, or bytes as they are, on a connection of its own."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        client = self.http(address)
        reply = client.get(target, method="POST", fields=fields, body=body)
        client.close()
        return reply

    def channels(self, server):
        """How many there are."""
        return json.loads(self.admin(server, "info"))["channels"]


class Json(Publishing):
    """On the admin port."""

    def test_one(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        contents = ("plain", 'é "quoted" \\ \n\t\x01 </script>', "", {"a": [1, None]}, 7, True,
                    None)
        for number, content in enumerate(contents, 1):
            path = "/push" if number % 2 else "/pub"  # alike
            reply = self.post(server.admin, path, {"cname": "c", "content": content})
            self.assertEqual((reply.status, reply.body), (200, b'{"type":"ok"}\n'))
            self.assertEqual(reply.fields["content-type"], "application/json; charset=utf-8")
            self.assertEqual(reply.fields["server"], "icomet 0.2.5")
            got = stream.message()
            if not isinstance(content, str):
                self.assertEqual(json.loads(got["content"]), content)
                content = got["content"]
            self.assertEqual(got, data("c", number, content))

    def test_types_of_bodies(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        body = b'{"cname":"c","content":"x"}'
        for fields in (("content-type: APPLICATION/JSON; charset=utf-8",),
                       (JSON, "Transfer-Encoding: chunked")):
            sent = body
            if len(fields) == 2:
                sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part)
                                for part in (body[:5], body[5:], b""))
            self.assertEqual(self.post(server.admin, "/push", sent, fields).status, 200)
            self.assertEqual(stream.message()["content"], "x")
        for fields in ((), ("Content-Type: text/plain",)):  # icomet's parameters, which are void
            reply = self.post(server.admin, "/push?cname=c&content=query", body, fields)
            self.assertEqual(reply.body, b'{"type":"ok"}\n')
            self.assertEqual(stream.message()["content"], "query")

    def test_several(self):
        server = self.serve_comet(max_channels=3)
        streams = {name: self.subscribe(server, name, path="stream")[0] for name in "ab"}
        wanted = [{"cname": name, "content": f"{name}{number}"}
                  for number in range(1, 51) for name in "ab"]
        reply = self.post(server.admin, "/push", wanted)
        self.assertEqual(json.loads(reply.body), [{"type": "ok"}] * 100)
        for name, stream in streams.items():
            for number in range(1, 51):
                self.assertEqual(stream.message(), data(name, number, f"{name}{number}"))
        reply = self.post(server.admin, "/push",
                          [{"cname": name, "content": ""} for name in "acde"])
        self.assertEqual(reply.status, 200)
        kinds = [each["type"] for each in json.loads(reply.body)]
        # One channel more there may be: that of the worker that was the first to make it.
        self.assertEqual((kinds[0], sorted(kinds[1:])), ("ok", ["429", "429", "ok"]))
        reply = self.post(server.admin, "/push", {"cname": "f", "content": ""})
        self.assertEqual((reply.status, reply.body), (429, b'{"type":"429"}\n'))
        self.assertEqual(self.post(server.admin, "/push", []).body, b"[]\n")
        thousand = [{"cname": "a", "content": 1}] * 1000
        self.assertEqual(len(json.loads(self.post(server.admin, "/push", thousand).body)), 1000)
        server.stop()
        counts = server.counts()
        self.assertEqual((counts["published"], counts["channels_full"]), (100 + 2 + 1000, 3))

    def test_a_publisher_goes_on_behind_several(self):
        server = self.serve_comet()
        client = self.http(server.admin)
        for number in range(1, 6):  # pipelined
            body = json.dumps([{"cname": "c", "content": f"{number}"}] * number).encode()
            client.ask("/push", method="POST", fields=(JSON,), body=body)
        for number in range(1, 6):
            self.assertEqual(json.loads(client.reply().body), [{"type": "ok"}] * number)
        client.get("/close?cname=c")

    def test_all_or_nothing(self):
        server = self.serve_comet()
        good = {"cname": "c", "content": "x"}
        refused = ((b"{", "not JSON"), (b'{"cname":"c","content":"x"}}', "not JSON"),
                   (b"\xff", "not JSON"), (7, "no object"), ([good, 7], "at 1: it is no object"),
                   ({"cname": "c"}, "no content"), ({"content": "c"}, "no cname"),
                   ({**good, "cname": None}, "cname is no string"),
                   ({**good, "cname": "c" * 4097}, "too long"), ({**good, "ttl": "7"}, "ttl"),
                   ({**good, "seq": 7}, "the members are"), ([good] * 1001, "more than 1000"))
        for value, why in refused:
            reply = self.post(server.admin, "/push", value)
            self.assertEqual(reply.status, 400, value)
            fault = json.loads(reply.body)
            self.assertEqual(fault["type"], "400")
            self.assertIn(why, fault["content"])
        self.assertEqual(self.channels(server), 0)
        server.stop()
        counts = server.counts()
        self.assertEqual((counts["bad_parameters"], counts["published"]), (len(refused), 0))

    def test_time_to_live(self):
        server = self.serve_comet()
        self.post(server.admin, "/push", {"cname": "c", "content": "short", "ttl": 1})
        self.post(server.admin, "/push", {"cname": "c", "content": "long", "ttl": 1000})
        client = self.http(server.front)

        def kept():
            found = json.loads(client.get("/sub?cname=c&seq=1&noop=0").body)
            found = found if isinstance(found, list) else [found]
            return [each["content"] for each in found]
        wait_until(lambda: kept() == ["long"], "the end of a message's life")

    def test_to_all(self):
        server = self.serve_comet()
        stream, _ = self.subscribe(server, "c", path="stream")
        reply = self.post(server.admin, "/broadcast", {"content": 'to "all"'})
        self.assertEqual((reply.status, reply.body), (200, b'{"type":"ok"}\n'))
        self.assertEqual(stream.message()["content"], 'to "all"')
        self.assertEqual(stream.message()["type"], "next_seq")
        reply = self.post(server.admin, "/broadcast", [{"content": 1}, {"content": 2}])
        self.assertEqual(json.loads(reply.body), [{"type": "ok"}] * 2)
        found = [stream.message()["content"] for _ in range(4)]
        self.assertEqual([found[0], found[2]], ["1", "2"])
        self.assertEqual(self.post(server.admin, "/broadcast", {"cname": "c"}).status, 400)
        self.assertEqual(self.post(server.admin, "/broadcast", b"content=c", ()).status, 405)


class FrontPort(Publishing):
    """For publishers who are subscribers."""

    def test_only_when_wanted(self):
        server = self.serve_comet()
        for path in ("/push", "/pub"):
            self.assertEqual(self.post(server.front, path, {"cname": "c", "content": "x"}).status,
                             404)
        self.assertEqual(self.channels(server), 0)

    def test_publishing(self):
        server = self.serve_comet(front_publish=True)
        stream, _ = self.subscribe(server, "c", path="stream")
        for path, body, fields in (("/push", b'{"cname":"c","content":"\\u00e9\\n"}', (JSON,)),
                                   ("/push", "cname=c&content=é%0A".encode(), ()),
                                   ("/pub", b"cname=c&content=\\u00e9\\n", ()),
                                   ("/pub?cname=c&content=%c3%a9%5cn", b"",
                                    ("Content-Length: 0",))):
            reply = self.post(server.front, path, body, fields)
            self.assertEqual((reply.status, reply.body), (200, b'{"type":"ok"}\n'))
            self.assertEqual(reply.fields[ORIGIN], "*")
            self.assertNotIn("server", reply.fields)
            self.assertEqual(stream.message()["content"], "é\n")
        for method in ("GET", "PUT", "DELETE", "HEAD"):  # a link must not publish
            client = self.http(server.front)
            self.assertEqual(client.get("/push?cname=c&content=x", method=method).status, 405)
        self.assertEqual(self.post(server.front, "/broadcast", {"content": "x"}).status, 404)
        self.assertEqual(self.post(server.front, "/push", b"{").status, 400)

    def test_nobody_there_writes_another_message(self):
        server = self.serve_comet(front_publish=True)
        stream, _ = self.subscribe(server, "c", path="stream")
        for content in ('","type":"close","cname":"d', '"});alert(1);({"":"', "\\", "\\u12", "\\x"):
            body = urllib.parse.urlencode({"cname": "c", "content": content})
            self.assertEqual(self.post(server.front, "/pub", body.encode(), ()).status, 400)
            self.assertEqual(self.post(server.front, "/push", body.encode(), ()).status, 200)
            self.assertEqual(stream.message()["content"], content)
        # icomet's publishers may: they are trusted.
        body = b'cname=c&content=x","by":"icomet'
        self.assertEqual(self.post(server.admin, "/pub", body, ()).status, 200)
        self.assertEqual(stream.message()["by"], "icomet")

    def test_tokens(self):
        server = self.serve_comet(front_publish=True, auth="token")
        wrong = {"cname": "c", "content": "x", "token": "0" * 32}
        reply = self.post(server.front, "/push", wrong)
        self.assertEqual((reply.status, reply.body), (401, b'{"type":"401"}\n'))
        self.assertIn("www-authenticate", reply.fields)
        self.assertEqual(self.channels(server), 0, "a wrong token makes no channel")
        token = json.loads(self.admin(server, "sign", cname="c"))["token"]
        stream, _ = self.subscribe(server, "c", path="stream", token=token)
        good = {**wrong, "token": token}
        reply = self.post(server.front, "/push",
                          [wrong, good, {"cname": "c", "content": "x"}, {**good, "cname": "d"}])
        self.assertEqual([each["type"] for each in json.loads(reply.body)],
                         ["401", "ok", "401", "401"])
        self.assertEqual(stream.message(), data("c", 1, "x"))
        body = f"cname=c&content=y&token={token}".encode()
        self.assertEqual(self.post(server.front, "/push", body, ()).status, 200)
        self.assertEqual(stream.message(), data("c", 2, "y"))
        self.assertEqual(self.post(server.front, "/push", body[:-1], ()).status, 401)
        # The admin port asks for none, whatever is shown.
        self.assertEqual(self.post(server.admin, "/push", wrong).status, 200)
        self.assertEqual(stream.message(), data("c", 3, "x"))
        server.stop()
        self.assertEqual(server.counts()["bad_tokens"], 5)


class CrossOrigin(Publishing):
    """What browsers look at."""

    def test_all_replies_of_the_front_port(self):
        for origin in ("*", "https://example.com:8443"):
            server = self.serve_comet(cors_origin=origin, max_subscribers_per_channel=1)
            for target, status in (("/ping", 200), ("/sub?cname=c&seq=0", 200), ("/nowhere", 404),
                                   ("/sub?cname=c&cb=%28", 400)):
                reply = self.http(server.front).get(target)
                self.assertEqual((reply.status, reply.fields[ORIGIN]), (status, origin))
            for path in ("sub", "stream", "sse", "iframe"):
                _, head = self.subscribe(server, path, path=path)
                self.assertEqual(head.fields[ORIGIN], origin)
            self.assertEqual(self.http(server.front).get("/sub?cname=sse").fields[ORIGIN], origin)
            client = self.http(server.front)
            client.send(b"BREW /pot HTTP/1.1\r\n\r\n")
            self.assertEqual(client.head().fields[ORIGIN], origin)
            self.assertNotIn(ORIGIN, self.http(server.admin).get("/info").fields)
            server.stop()

    def test_who_asks_beforehand(self):
        server = self.serve_comet()
        client = self.http(server.front)
        for target in ("/push", "/sub?cname=c", "/nowhere"):
            client.ask(target, method="OPTIONS", fields=(
                "Origin: https://example.com", "Access-Control-Request-Method: POST",
                "Access-Control-Request-Headers: content-type"))
            reply = client.head()  # the connection goes on behind it: there is no body
            self.assertEqual((reply.status, reply.reason), (204, "No Content"))
            self.assertEqual(reply.fields[ORIGIN], "*")
            self.assertEqual(reply.fields["access-control-allow-methods"], "GET, POST, OPTIONS")
            self.assertEqual(reply.fields["access-control-allow-headers"],
                             "content-type, last-event-id")
            self.assertEqual(reply.fields["access-control-max-age"], "86400")
            self.assertNotIn("content-length", reply.fields)
        self.assertEqual(client.get("/ping").status, 200)
        self.assertEqual(self.channels(server), 0)

    def test_none(self):
        server = self.serve_comet(cors_origin="none")
        self.assertNotIn(ORIGIN, self.http(server.front).get("/ping").fields)
        _, head = self.subscribe(server, "c", path="sse")
        self.assertNotIn(ORIGIN, head.fields)
        for address in (server.front, server.admin):
            reply = self.http(address).get("/ping", method="OPTIONS")
            self.assertEqual((reply.status, reply.fields["connection"]), (501, "close"))
        server.stop()
        self.assertEqual(server.counts()["refused_requests"], 2)


if __name__ == "__main__":
    unittest.main()
