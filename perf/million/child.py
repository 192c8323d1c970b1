# SPDX-License-Identifier: BSL-1.0
"""Programs that a run starts. None of them outlives it, whatever happens."""
import atexit
import ctypes
import signal
import subprocess

PR_SET_PDEATHSIG = 1
END_SECONDS = 30


def start(command, **keywords):
    """Starts a program that ends with us, in a session of its own: Ctrl-C is ours to handle."""
    libc = ctypes.CDLL(None)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), **keywords)
    atexit.register(end, process, signal.SIGKILL)
    return process


def end(process, number=signal.SIGTERM):
    """Ends a program, by force if it does not listen. Returns its status."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode
