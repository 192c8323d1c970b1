# SPDX-License-Identifier: BSL-1.0
"""A run in a guest of QEMU: a kernel of its own, whose limits nobody else's machine sets."""
import os
import pathlib
import queue
import shutil
import threading
import time

import accounts
import child
from console import Console
from failure import Failure, Misuse
from image import write_image
from kernel import kernel_image
from outcome import Outcome

QEMU = "qemu-system-x86_64"
MIB = 1 << 20
EMULATOR_BYTES = 768 * MIB  # what QEMU needs beside the guest's memory
# Caches keep their own names; time goes into sockets, not into mitigations and clearing pages.
KERNEL_ARGUMENTS = ("console=ttyS0 quiet panic=-1 slab_nomerge mitigations=off init_on_alloc=0 "
                    "nokaslr audit=0 random.trust_cpu=on nowatchdog "
                    "rcupdate.rcu_cpu_stall_suppress=1")
OUT_OF_MEMORY = "Out of memory: Killed process"  # the kernel's words
TAIL_LINES = 8  # of the guest's last words, when it failed


def check_memory(guest_bytes, available_bytes):
    """Refuses what this machine cannot hold."""
    needed = guest_bytes + EMULATOR_BYTES
    if needed > available_bytes:
        raise Misuse(f"the guest needs {needed / 1e9:.1f} GB, this machine has "
                     f"{available_bytes / 1e9:.1f} GB available: fewer --connections, or less "
                     "--memory if you know better")


def find_qemu():
    path = shutil.which(QEMU)
    if not path:
        raise Misuse(f"no {QEMU}: install qemu-system-x86, or use --native")
    return path


def buckets(connections):
    """Size of the kernel's table of connections, a power of two: both ends are in it."""
    return 1 << max((2 * connections - 1).bit_length(), 16)


def qemu_command(qemu, machine, plan, kernel, image, kernel_log):
    """The command line. `machine` has accel, processors and memory_bytes."""
    emulated = machine.accel == "tcg"
    accel = "tcg,thread=multi,tb-size=256" if emulated else machine.accel
    return [qemu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "pc", "-accel", accel, "-cpu", "max" if emulated else "host",
            "-smp", str(machine.processors), "-m", f"{machine.memory_bytes // MIB}M",
            "-kernel", str(kernel), "-initrd", str(image),
            "-append", f"{KERNEL_ARGUMENTS} thash_entries={buckets(plan.connections)}",
            "-chardev", f"file,id=kernel,path={kernel_log}", "-serial", "chardev:kernel",
            "-chardev", "stdio,id=words,signal=off", "-serial", "chardev:words"]


def lines_of(pipe):
    """A queue of the lines of a pipe, ended by None."""
    lines = queue.Queue()

    def collect():
        for line in pipe:
            lines.put(line.decode("utf-8", "replace"))
        lines.put(None)

    threading.Thread(target=collect, daemon=True).start()
    return lines


def last_words(*texts):
    lines = [line.rstrip() for text in texts for line in text.splitlines() if line.strip()]
    return "".join(f"\n    {line}" for line in lines[-TAIL_LINES:])


class Guest:
    """One boot of the guest, from begin to power off."""

    def __init__(self, plan, machine, folder, progress):
        self.plan = plan
        self.machine = machine
        self.folder = pathlib.Path(folder)
        self.progress = progress
        self.outcome = Outcome(f"guest of {machine.processors} processors, {machine.accel}, "
                               f"{machine.memory_bytes / MIB / 1024:.1f} GiB")
        self.console = Console(self.outcome, self.on_progress, progress.say)

    def on_progress(self, seconds, sockets, online):
        # Between two reports of the server the kernel's count of both ends is newer.
        self.progress.count(seconds, max(sockets // 2, online or 0))

    def run(self, kernel, binaries, deadline_seconds):
        qemu = find_qemu()
        image, kernel_log = self.folder / "image.gz", self.folder / "kernel.log"
        write_image(image, self.plan, binaries)
        command = qemu_command(qemu, self.machine, self.plan, kernel, image, kernel_log)
        begin = time.monotonic()
        self.progress.say("starting the guest")
        with open(self.folder / "qemu.log", "wb") as complaints:
            process = child.start(command, stdout=child.subprocess.PIPE, stderr=complaints)
        try:
            self.listen(lines_of(process.stdout), begin + deadline_seconds)
            self.check_end()
        finally:
            child.end(process)
        self.outcome.seconds = time.monotonic() - begin
        return self.outcome

    def listen(self, lines, deadline):
        """Until the guest powers itself off."""
        with open(self.folder / "words.log", "w", encoding="utf-8") as record:
            while not self.console.off:
                try:
                    line = lines.get(timeout=max(deadline - time.monotonic(), 0))
                except queue.Empty:
                    raise Failure("time is up (--timeout): the guest was ended" +
                                  self.traces()) from None
                if line is None:
                    return
                record.write(line)
                self.console.take(line)

    def traces(self):
        texts = [path.read_text(errors="replace") for path in
                 (self.folder / "qemu.log", self.folder / "kernel.log") if path.exists()]
        words = last_words(*texts)
        return f"; it and its kernel said last:{words}" if words else ", without a word"

    def check_end(self):
        if self.console.failure:
            kernel_words = (self.folder / "kernel.log").read_text(errors="replace")
            if OUT_OF_MEMORY in kernel_words:
                raise Failure(f"in the guest: {self.console.failure}, for want of memory: give it "
                              "more with --memory")
            raise Failure(f"in the guest: {self.console.failure}; the server said last:" +
                          last_words(self.console.text("log")))
        if not self.console.done:
            raise Failure("the guest ended too early" + self.traces())


def run_guest(plan, machine, arguments, folder, progress):
    """All of it: prerequisites first, so that nothing is begun in vain."""
    find_qemu()
    meminfo = pathlib.Path("/proc/meminfo").read_text()
    check_memory(machine.memory_bytes, accounts.memory_fields(meminfo)["MemAvailable"])
    if machine.accel == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        raise Misuse("--accel kvm: /dev/kvm cannot be opened here; leave it at tcg")
    kernel = arguments.kernel or kernel_image(arguments.cache, progress.say)
    return Guest(plan, machine, folder, progress).run(kernel, arguments.bin, arguments.timeout)
