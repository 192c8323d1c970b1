# SPDX-License-Identifier: BSL-1.0
"""Two machines in one: network namespaces with a cable between them, for peers that vanish.

They have no names: the kernel takes them back, cable and all, when the test's process ends, in
whatever way that happens.
"""

import contextlib
import ctypes
import os
import shutil
import subprocess
import unittest

CLONE_NEWNET = 0x40000000
THREAD_NAMESPACE = "/proc/thread-self/ns/net"
LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _enter(descriptor):
    _checked(LIBC.setns(descriptor, CLONE_NEWNET), "setns")


class TwoMachines:
    """`near` and `far`, connected. What is made inside of `with near():` lives there: sockets, and
    programs with all they do. Raises SkipTest where that is not permitted or not possible."""

    NEAR, FAR = "10.99.0.1", "10.99.0.2"

    def __init__(self):
        if not shutil.which("ip"):
            raise unittest.SkipTest("no program ip: install iproute2")
        self._home = os.open(THREAD_NAMESPACE, os.O_RDONLY)
        try:
            self._near = self._new_namespace()
        except OSError as refusal:
            os.close(self._home)
            raise unittest.SkipTest(f"no network namespaces, which take root: {refusal}") from None
        try:
            self._far = self._new_namespace()  # and this thread stays there, for a moment
            self._lay_cable()
        except subprocess.CalledProcessError as refusal:
            raise unittest.SkipTest(f"no cable between network namespaces: "
                                    f"{refusal.stderr.strip()}") from None
        finally:
            _enter(self._home)

    @staticmethod
    def _new_namespace():
        _checked(LIBC.unshare(CLONE_NEWNET), "unshare")
        return os.open(THREAD_NAMESPACE, os.O_RDONLY)

    def _lay_cable(self):
        self._ip(self._near, f"link add cable type veth peer name cable netns {os.getpid()}")
        for namespace, address in ((self._near, self.NEAR), (self._far, self.FAR)):
            self._ip(namespace, f"address add {address}/24 dev cable")
            self._ip(namespace, "link set cable up")
            self._ip(namespace, "link set lo up")

    @staticmethod
    def _ip(namespace, words):
        subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True,
                       preexec_fn=lambda: _enter(namespace))

    @contextlib.contextmanager
    def _inside(self, namespace):
        _enter(namespace)
        try:
            yield
        finally:
            _enter(self._home)

    def near(self):
        """A context on this side."""
        return self._inside(self._near)

    def far(self):
        """A context on the other side."""
        return self._inside(self._far)

    def pull_the_plug(self):
        """On the far side: what its machine sends from now on, and what is sent to it, is lost."""
        self._ip(self._far, "link set cable down")

    def close(self):
        """Lets go of both."""
        for descriptor in (self._near, self._far, self._home):
            os.close(descriptor)
