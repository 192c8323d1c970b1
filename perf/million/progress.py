# SPDX-License-Identifier: BSL-1.0
"""How far the opening is: one line on a terminal that is rewritten, a line now and then else."""
import sys
import time

LINE_SECONDS = 15  # between lines where nothing can be rewritten
RATE_SECONDS = 20  # the rate is that of so long ago until now


def clock_text(seconds):
    """Minutes and seconds."""
    whole = int(seconds + 0.5)
    return f"{whole // 60}:{whole % 60:02}"


class Progress:
    """Rates and times are of the clock given with each count: in a guest, its own."""

    def __init__(self, connections, stream=sys.stderr):
        self.connections = connections
        self.stream = stream
        self.terminal = stream.isatty()
        self.history = []
        self.shown_at = None
        self.begin = time.monotonic()
        self.dirty = False

    def rate(self):
        """Connections per second; None as long as it cannot be told."""
        if len(self.history) < 2:
            return None
        (first, few), (last, many) = self.history[0], self.history[-1]
        return (many - few) / (last - first) if last > first else None

    def line(self, count):
        text = f"{count:>10,} of {self.connections:,} open"
        rate = self.rate()
        if rate:
            text += f"  {rate:,.0f}/s"
            if count < self.connections:
                text += f"  ETA {clock_text((self.connections - count) / rate)}"
        return text

    def count(self, seconds, count):
        """So many are open, at that time of the clock."""
        self.history.append((seconds, count))
        while self.history[0][0] < seconds - RATE_SECONDS and len(self.history) > 2:
            self.history.pop(0)
        now = time.monotonic()
        if self.terminal:
            self.stream.write(f"\r\x1b[K{self.line(count)}")
            self.dirty = True
        elif self.shown_at is None or now - self.shown_at >= LINE_SECONDS:
            self.stream.write(self.line(count) + "\n")
        else:
            return
        self.shown_at = now
        self.stream.flush()

    def say(self, text):
        """A line that stays."""
        if self.dirty:
            self.stream.write("\n")
            self.dirty = False
        self.history.clear()
        self.shown_at = None
        self.stream.write(f"million: {clock_text(time.monotonic() - self.begin)} {text}\n")
        self.stream.flush()
