# SPDX-License-Identifier: BSL-1.0
"""Says on standard error what is being measured and how long the rest will take."""
import sys
import time

LINE_SECONDS = 10  # where lines cannot be rewritten, one that often


def duration_text(seconds):
    """90 as '1 min 30 s'."""
    whole = int(round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """Of one command with a number of steps whose lengths were guessed."""

    def __init__(self, name, seconds, steps, stream=None, clock=time.monotonic):
        self.name, self.seconds, self.steps = name, seconds, steps
        self.stream = stream or sys.stderr
        self.clock = clock
        self.begun = clock()
        self.shown = None
        self.step = 0
        self.seconds_done = 0.0

    def left_seconds(self):
        """By how the steps done compare to what was guessed of them."""
        left = max(self.seconds - self.seconds_done, 0.0)
        if self.seconds_done == 0:
            return left
        return left * (self.clock() - self.begun) / self.seconds_done

    def begin(self, label):
        self.step += 1
        text = (f"{self.name} {self.step}/{self.steps}: {label}, about "
                f"{duration_text(self.left_seconds())} left")
        if self.stream.isatty():
            self.stream.write("\r\033[K" + text)
        elif self.shown is None or self.clock() - self.shown >= LINE_SECONDS:
            self.stream.write(text + "\n")
            self.shown = self.clock()
        self.stream.flush()

    def done(self, seconds):
        self.seconds_done += seconds

    def clear(self):
        if self.stream.isatty():
            self.stream.write("\r\033[K")
            self.stream.flush()

    def end(self):
        self.clear()
