# SPDX-License-Identifier: BSL-1.0
"""The comet server behind a real nginx, by the configuration that deploy/nginx has.

Goal: everything works as without it, each message goes through at once, and the server learns when
a subscriber has gone.
Method: nginx with that very file, whose addresses alone are replaced; raw sockets. Where there is
no nginx all of it is skipped, and that is said.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

from harness import free_port, wait_until
from http_client import CometTest, HttpClient, data

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "millipede-comet.conf"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
AROUND = """daemon off;
worker_processes 1;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 128; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/comet.conf;
}}
"""


class Nginx:
    """A running nginx in front of one comet server."""

    def __init__(self, server):
        self._folder = tempfile.TemporaryDirectory(prefix="millipede-nginx-")
        os.chmod(self._folder.name, 0o755)
        for _ in range(5):  # another may take the port before nginx does
            self.address = ("127.0.0.1", free_port())
            self._write(server)
            self.process = subprocess.Popen(
                [NGINX, "-e", "stderr", "-c", f"{self._folder.name}/nginx.conf"],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if wait_until(lambda: self.process.poll() is not None or self._answers(), "nginx") \
                    and self.process.poll() is None:
                return
            said = self.process.communicate()[1]
            if "Address already in use" not in said:
                break
        raise AssertionError(f"nginx does not start:\n{said}")

    def _write(self, server):
        text = CONFIGURATION.read_text(encoding="utf-8")
        for what, address in (("127.0.0.1:8100", server.front), ("127.0.0.1:8000", server.admin),
                              ("listen 80", self.address)):
            assert text.count(what) == 1, f"'{what}' in {CONFIGURATION}"
            place = "{}:{}".format(*address)
            text = text.replace(what, f"listen {place}" if what == "listen 80" else place)
        folder = Path(self._folder.name)
        (folder / "comet.conf").write_text(text, encoding="utf-8")
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder), encoding="utf-8")

    def _answers(self):
        try:
            HttpClient(self.address).close()
            return True
        except OSError:
            return False

    def close(self):
        """Ends it."""
        self.process.terminate()
        self.process.communicate()
        self._folder.cleanup()


@unittest.skipUnless(NGINX, "NOT RUN: there is no nginx")
class BehindNginx(CometTest):
    """Both ports by one nginx."""

    def serve_behind(self, **options):
        """A comet server, and an nginx in front of it."""
        server = self.serve_comet(**options)
        nginx = Nginx(server)
        self.addCleanup(nginx.close)
        return server, nginx

    def open(self, nginx, target, **options):
        """Asks for something; the head of the reply is there."""
        client = self.http(nginx.address)
        client.ask(target, fields=["Host: push.example.org"], **options)
        return client, client.head()

    def get(self, nginx, target, **options):
        """Asks for something on a connection of its own."""
        return self.http(nginx.address).get(target, fields=["Host: push.example.org"], **options)

    def publish(self, nginx, channel, content):
        """By the admin port's place."""
        query = urllib.parse.urlencode({"cname": channel, "content": content})
        self.assertEqual(self.get(nginx, f"/comet-admin/push?{query}").body, b'{"type":"ok"}\n')

    def test_a_poll_waits_and_the_connection_goes_on(self):
        server, nginx = self.serve_behind()
        client, head = self.open(nginx, "/comet/sub?cname=c&seq=1")
        self.assertEqual(head.status, 200)
        self.wait_subscribers(server, "c", 1)
        self.publish(nginx, "c", "hello")
        self.assertEqual(client.message(), data("c", 1, "hello"))
        self.assertEqual(client.chunk(), b"")
        reply = client.get("/comet/poll?cname=c&seq=1", fields=["Host: push.example.org"])
        self.assertEqual(json.loads(reply.body), [data("c", 1, "hello")])

    def test_each_message_goes_through_at_once(self):
        _, nginx = self.serve_behind()
        for path, begin, end in (("stream", b"", b"\n"), ("sse", b"data: ", b"\n\n")):
            client, head = self.open(nginx, f"/comet/{path}?cname={path}&seq=1")
            self.assertEqual(head.status, 200)
            for number in range(1, 4):  # small ones, that a buffer would keep
                self.publish(nginx, path, str(number))
                client.until(begin + b'{"type":"data"')
                self.assertIn(f'"content":"{number}"'.encode(), client.until(end))

    def test_it_goes_on_where_it_was_by_a_browsers_field(self):
        server, nginx = self.serve_behind()
        client, _ = self.open(nginx, "/comet/sse?cname=c&epoch=")
        first = client.until(b'"type":"open"')
        self.push(server, "c", "one")
        self.push(server, "c", "two")
        identity = re.findall(rb"id: (\S+)", first + client.until(b'"two"'))[-2].decode()
        self.assertRegex(identity, r"^1@[0-9a-f]{8}$")
        again = self.http(nginx.address)
        again.ask("/comet/sse?cname=c&epoch=",
                  fields=["Host: push.example.org", f"Last-Event-ID: {identity}"])
        self.assertNotIn(b'"one"', again.until(b'"two"'))

    def test_web_socket(self):
        server, nginx = self.serve_behind()
        client = self.http(nginx.address)
        client.ask("/comet/ws?cname=c&seq=1", fields=[
            "Host: push.example.org", "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}"])
        self.assertEqual(client.head().status, 101)
        self.assertEqual(self.frame(client)["type"], "open")
        self.push(server, "c", "hello")
        self.assertEqual(self.frame(client), data("c", 1, "hello"))
        client.close()
        self.wait_subscribers(server, "c", 0)

    @staticmethod
    def frame(client):
        """The JSON in one short text frame."""
        kind, size = client.exactly(2)
        assert kind == 0x81 and size < 126, (kind, size)
        return json.loads(client.exactly(size))

    def test_browsers_may_publish(self):
        _, nginx = self.serve_behind(front_publish=True)
        reply = self.get(nginx, "/comet/push", method="POST", body=b"cname=c&content=from+a+page")
        self.assertEqual(json.loads(reply.body), {"type": "ok"})
        reply = self.get(nginx, "/comet/sub?cname=c&seq=1")
        self.assertEqual(json.loads(reply.body), [data("c", 1, "from a page")])

    def test_the_pages_are_below_its_prefix(self):
        _, nginx = self.serve_behind(web="on")
        page = self.get(nginx, "/comet/chat")
        self.assertEqual(page.status, 200)
        for name in re.findall(rb'(?:src|href)="([^"?]+)"', page.body):
            target = urllib.parse.urljoin("/comet/chat", name.decode())
            self.assertTrue(target.startswith("/comet/"), target)
            self.assertEqual(self.get(nginx, target).status, 200, target)
        script = self.get(nginx, "/comet/comet.js")
        again = self.http(nginx.address)
        again.ask("/comet/comet.js", fields=["Host: push.example.org",
                                             f"If-None-Match: {script.fields['etag']}"])
        self.assertEqual(again.head().status, 304)

    def test_the_server_learns_that_a_subscriber_has_gone(self):
        server, nginx = self.serve_behind(polling_timeout="1h")
        gone = [self.open(nginx, f"/comet/{path}?cname=c&seq=1")[0]
                for path in ("sub", "stream", "sse")]
        self.wait_subscribers(server, "c", len(gone))
        gone[0].close()
        gone[1].reset()
        self.wait_subscribers(server, "c", 1)
        gone[2].close()
        self.wait_subscribers(server, "c", 0)

    def test_a_subscriber_learns_that_the_server_has_gone(self):
        server, nginx = self.serve_behind()
        client, _ = self.open(nginx, "/comet/stream?cname=c&seq=1")
        server.stop()
        client.rest()
        self.assertEqual(self.get(nginx, "/comet/sub?cname=c&seq=1").status, 502)

    def test_a_long_request_goes_through(self):
        server, nginx = self.serve_behind()
        names = [f"{number}-" + "n" * 500 for number in range(40)]
        query = urllib.parse.urlencode({"channels": json.dumps(names)})
        self.assertGreater(len(query), 16_384)
        self.open(nginx, f"/comet/stream?{query}")
        self.wait_subscribers(server, names[-1], 1)

    def test_strangers_may_not_publish(self):
        _, nginx = self.serve_behind()
        stranger = HttpClient(nginx.address, source="127.0.0.2")
        self.addCleanup(stranger.close)
        reply = stranger.get("/comet-admin/push?cname=c&content=x", fields=["Host: x"])
        self.assertEqual(reply.status, 403)
        self.assertEqual(self.get(nginx, "/comet-admin/info").status, 200)


if __name__ == "__main__":
    if not NGINX:
        print("NOT RUN: there is no nginx to run behind", file=sys.stderr)
    unittest.main()
