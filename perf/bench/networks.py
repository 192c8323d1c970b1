# SPDX-License-Identifier: BSL-1.0
"""What lies between a server and its clients: this machine's loopback, or a cable."""
import array
import atexit
import contextlib
import ctypes
import fcntl
import os
import pathlib
import shutil
import socket
import struct
import subprocess

from failure import Failure, Misuse

CLONE_NEWNET = 0x40000000
NAMESPACE = "/proc/thread-self/ns/net"
BACKLOG = pathlib.Path("/proc/sys/net/core/netdev_max_backlog")
CONNECTIONS_MAX = 28_000  # from one address: as many as it has ports
MODERATION_NS = 250_000  # less than a message takes to a hundredth of 15,000 subscribers
TURNS = 1_000_000  # of the timer without a packet until the next one is received at once
SIOCETHTOOL, ETHTOOL_SGRO, ETHTOOL_STSO = 0x8946, 0x2C, 0x1F
LIBC = ctypes.CDLL(None, use_errno=True)


class Loopback:
    """All on this machine: the kernel does a receiver's work within the sender's call."""
    address = "127.0.0.1"
    load_options = {}

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        pass


class TwoMachines:
    """Two network namespaces joined by a cable (veth). Use it in a with statement, within which
    this thread, and what it starts, is on the server's machine, and what `load_options` are given
    to is on the subscribers'. What comes to a machine is received on its own core, as it would be
    by a machine of its own, in a queue that holds `packets`.

    The namespaces have no names: the kernel takes them back, cable and all, when the last process
    in them has ended, in whatever way that happens."""
    address, subscribers_address = "10.99.0.1", "10.99.0.2"

    def __init__(self, server_core, load_core, packets):
        self.cores = server_core, load_core
        self.packets = packets
        self.stack = contextlib.ExitStack()

    @staticmethod
    def check(cores, connections):
        """Raises Misuse where there can be none."""
        if os.geteuid() != 0:
            raise Misuse("--two-machines makes network namespaces: run it as root")
        for program in ("ip", "tc", "unshare"):
            if not shutil.which(program):
                raise Misuse(f"--two-machines needs the program {program} (iproute2, util-linux)")
        if cores < 2:
            raise Misuse("--two-machines needs a core for each")
        if connections > CONNECTIONS_MAX:
            raise Misuse(f"--two-machines: {CONNECTIONS_MAX} subscribers at most, as one address "
                         "has no more ports")

    def __enter__(self):
        with self.stack:
            self.raise_backlog()
            self.enter_new_namespaces()
            self.lay_cable()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, kind, value, trace):
        self.stack.close()

    @property
    def load_options(self):
        """How a load is begun that is on the subscribers' machine."""
        return {"namespace": self.subscribers, "allow_remote": True, "arrivals": True}

    # Beyond it the kernel drops what a fast server sends, and TCP sends it again 200 ms later.
    def raise_backlog(self):
        before = BACKLOG.read_text()
        if int(before) < self.packets:
            restore = atexit.register(lambda: BACKLOG.write_text(before))
            self.stack.callback(lambda: (restore(), atexit.unregister(restore)))
            BACKLOG.write_text(str(self.packets))

    def enter_new_namespaces(self):
        self.home = self.keep_namespace()
        self.stack.callback(lambda: enter(self.home))
        self.unshare()
        self.subscribers = self.keep_namespace()
        self.unshare()
        self.server = self.keep_namespace()

    def keep_namespace(self):
        """A descriptor of the one where this thread is."""
        descriptor = os.open(NAMESPACE, os.O_RDONLY)
        self.stack.callback(lambda: os.close(descriptor))
        return descriptor

    @staticmethod
    def unshare():
        if LIBC.unshare(CLONE_NEWNET) != 0:
            raise Failure("no network namespace can be made: " + os.strerror(ctypes.get_errno()))

    def lay_cable(self):
        run(self.server, "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable",
            "netns", f"/proc/{os.getpid()}/fd/{self.subscribers}")
        for namespace, address, core in ((self.server, self.address, self.cores[0]),
                                         (self.subscribers, self.subscribers_address,
                                          self.cores[1])):
            run(namespace, "ip", "address", "add", f"{address}/24", "dev", "cable")
            # Who sends faster than the cable's ring is emptied waits, as at a card's.
            run(namespace, "tc", "qdisc", "replace", "dev", "cable", "root", "pfifo", "limit",
                str(self.packets))
            run(namespace, "ip", "link", "set", "cable", "up")
            run(namespace, "ip", "link", "set", "lo", "up")
            self.receive_in_turns(namespace, core)

    # Packets wait at the end of the cable until its timer tells of all of them at once, as a
    # network card moderates its interrupts. Without that each packet to an idle core interrupts
    # it, which in a virtual machine costs the sender more than all the rest of its call: then slow
    # servers, and only they, pay for their receiver's idleness. Nothing waits where segments are
    # to be cut by a card (TSO).
    @staticmethod
    def receive_in_turns(namespace, core):
        """Has `core` do the work of receiving, a batch at a time."""
        in_sysfs(namespace, "cd /sys/class/net/cable; "
                 f"echo {MODERATION_NS} > gro_flush_timeout; echo {TURNS} > napi_defer_hard_irqs; "
                 f"echo {core_mask(core)} > queues/rx-0/rps_cpus")
        home = os.open(NAMESPACE, os.O_RDONLY)
        enter(namespace)
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                for what, value in ((ETHTOOL_SGRO, 1), (ETHTOOL_STSO, 0)):
                    switch = array.array("I", [what, value])
                    request = struct.pack("16sP16x", b"cable", switch.buffer_info()[0])
                    fcntl.ioctl(any_socket, SIOCETHTOOL, request)
        except OSError as error:
            raise Failure(f"the cable cannot receive in turns: {error}") from None
        finally:
            enter(home)
            os.close(home)


def core_mask(core):
    """A set of this one core as sysfs takes it: words of 32 bits, the highest first."""
    digits = f"{1 << core:x}"
    digits = digits.zfill(-(-len(digits) // 8) * 8)
    return ",".join(digits[at:at + 8] for at in range(0, len(digits), 8))


def enter(namespace):
    if LIBC.setns(namespace, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "setns: " + os.strerror(number))


def run(namespace, *command):
    """What it printed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False,
                          preexec_fn=lambda: enter(namespace))
    if done.returncode != 0:
        raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def in_sysfs(namespace, command):
    """Runs a shell's command where /sys shows that namespace's devices: a mount of its own."""
    return run(namespace, "unshare", "--mount", "sh", "-ec",
               f"mount -t sysfs sysfs /sys; {command}")
