# SPDX-License-Identifier: BSL-1.0
"""Processes that a measurement starts. Whatever happens, none of them outlives it."""
import atexit
import ctypes
import os
import pathlib
import signal
import subprocess
import time

import networks

END_SECONDS = 20  # so long a program may take to end after SIGTERM
PR_SET_PDEATHSIG = 1
begun = []


def start(arguments, core=None, nice=0, namespace=None, **keywords):
    """Starts a program in a session of its own, so that Ctrl-C reaches it through us only.
    `core` is the one core that it may run on; None: any. `nice` is how much it stands back for
    the other programs there. `namespace` is a descriptor of the network that it is in; None:
    ours."""
    libc = ctypes.CDLL(None)

    def prepare():
        if namespace is not None:
            networks.enter(namespace)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})
        if nice:
            stand_back(nice)

    process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, start_new_session=True,
                               preexec_fn=prepare, **keywords)
    begun.append(process)
    return process


def stand_back(nice, pid=0):
    """Has a process, which leads its session, stand back for the others; 0: this one. Between
    sessions some kernels share a core by groups, each with a nice value of its own."""
    os.setpriority(os.PRIO_PROCESS, pid, nice)
    try:
        pathlib.Path(f"/proc/{pid or 'self'}/autogroup").write_text(str(nice))
    except OSError:
        pass  # this one does not


def descendants(pid):
    """The processes below `pid`, the nearest first."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            direct = [int(word) for word in task.read_text().split()]
        except OSError:
            continue
        for child in direct:
            found += [child, *descendants(child)]
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def end(process, target=None):
    """Ends a program by SIGTERM, or by SIGKILL when it does not listen. `target` is the process
    to tell when it stands below `process`. Returns the exit status."""
    if process.poll() is None:
        send(target or process.pid, signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            kill(process)
    if process in begun:
        begun.remove(process)
    return process.returncode


def kill(process):
    if process.poll() is None:
        for pid in [*descendants(process.pid), process.pid]:
            send(pid, signal.SIGKILL)
        process.wait()


def end_all():
    """Ends all that still run."""
    while begun:
        kill(begun.pop())


atexit.register(end_all)


def wait_for(condition, seconds, poll_seconds=0.002):
    """Polls until `condition` gives something true, and returns it; None when time is up."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > deadline:
            return value or None
        time.sleep(poll_seconds)
