# SPDX-License-Identifier: BSL-1.0
"""What the network tests of TLS and of the PROXY protocol share: certificates made by the openssl
command, clients of Python's ssl module, and headers from the PROXY protocol's specification."""

import ssl
import socket
import struct
import subprocess
import tempfile
from pathlib import Path

from harness import DEADLINE, Client, NetTest

PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_text(address="192.0.2.7", port=4711):
    """A header of version 1."""
    return f"PROXY TCP4 {address} 198.51.100.1 {port} 443\r\n".encode()


def proxy_binary(address="192.0.2.8", port=4712, attributes=b""):
    """A header of version 2."""
    rest = (socket.inet_aton(address) + socket.inet_aton("198.51.100.1") +
            struct.pack("!HH", port, 443) + attributes)
    return PROXY_V2 + bytes([0x21, 0x11]) + struct.pack("!H", len(rest)) + rest


def proxy_local():
    """What a proxy says when it checks by itself whether we are there."""
    return PROXY_V2 + bytes([0x20, 0, 0, 0])


class TlsClient(Client):
    """A harness client in TLS. The end of the stream must be a proper one."""

    def __init__(self, address, context, header=b"", **options):
        super().__init__(address, **options)
        try:
            self.socket.sendall(header)
            self.socket = context.wrap_socket(self.socket, suppress_ragged_eofs=False)
        except OSError:
            self.socket.close()
            raise


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder, name="authority"):
        self.folder = Path(folder)
        self.name = name
        self._request(name)

    @property
    def file(self):
        """Its own certificate."""
        return str(self.folder / f"{self.name}.pem")

    def issue(self, name):
        """A certificate and its key; written over an older one of that name."""
        self._request(name, "-CA", self.file, "-CAkey", str(self.folder / f"{self.name}.key"))
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")

    def _request(self, name, *signer):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={name}", *signer,
             "-keyout", str(self.folder / f"{name}.key"),
             "-out", str(self.folder / f"{name}.pem")],
            check=True, capture_output=True, timeout=DEADLINE)


class SecureTest(NetTest):
    """With an authority, a server's certificate, and clients that trust it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="millipede-tls-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.authority = Authority(self.folder)
        self.certificate, self.key = self.authority.issue("server")

    def serve_tls(self, words="tls", **options):
        """A server whose only listener has TLS (and what else `words` say)."""
        return self.serve(listen=f"127.0.0.1:0,{words}", tls_certificate=self.certificate,
                          tls_key=self.key, **options)

    def context(self, certificate=None, version=None):
        """For clients, with a certificate of their own if given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.authority.file)
        if certificate:
            context.load_cert_chain(*certificate)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect_tls(self, server, context=None, header=b""):
        """A client that is closed at the end of the test."""
        client = TlsClient(server.address, context or self.context(), header)
        self.addCleanup(client.close)
        return client
