# SPDX-License-Identifier: BSL-1.0
"""What the guest sends over its second serial line. Lines that begin with '@' are its words;
between `begin NAME` and `end NAME` stand the lines of a file, as they are."""
from failure import Failure
from outcome import Observation

MARK = "@ "


class Console:
    """Reads line by line, and fills an outcome. `progress` is called as (seconds of the guest's
    clock, sockets, online number or None), and `say` with what is going on."""

    def __init__(self, outcome, progress, say):
        self.outcome = outcome
        self.progress = progress
        self.say = say
        self.texts = {}
        self.open_part = None
        self.failure = None
        self.done = False
        self.off = False

    def take(self, line):
        line = line.rstrip("\r\n")
        if self.open_part is not None and line != f"{MARK}end {self.open_part}":
            self.texts[self.open_part].append(line)
        elif line.startswith(MARK):
            word, _, rest = line[len(MARK):].partition(" ")
            handler = getattr(self, "on_" + word, None)
            if handler is None:
                raise Failure(f"the guest says what is not understood: {line}")
            handler(rest)

    def text(self, name):
        return "\n".join(self.texts.get(name, []))

    def on_begin(self, name):
        self.open_part = name
        self.texts[name] = []

    def on_end(self, name):
        self.open_part = None
        if name.startswith("load-"):
            try:
                self.outcome.add_load(name[len("load-"):], self.text(name))
            except ValueError as error:
                raise Failure(str(error)) from None

    def on_observe(self, _):
        self.texts = {}

    def on_observed(self, label):
        texts = {name: "\n".join(lines) for name, lines in self.texts.items()}
        try:
            self.outcome.observations[label] = Observation.of_texts(texts)
        except (KeyError, ValueError) as error:
            raise Failure(f"the guest's account at '{label}' is not understood: {error}") from None

    def on_progress(self, rest):
        numbers = rest.split()
        online = int(numbers[2]) if len(numbers) > 2 else None
        self.progress(float(numbers[0]), int(numbers[1]), online)

    def on_kernel(self, release):
        self.outcome.place += f", Linux {release}"
        self.say(f"the guest runs Linux {release}")

    def on_step(self, rest):
        label, total = rest.split()
        self.say(f"step '{label}': up to {int(total):,} connections")

    def on_ending(self, _):
        self.say("all measured; the clients give their account")

    def on_failure(self, reason):
        self.failure = reason

    def on_done(self, _):
        self.done = True

    def on_off(self, _):
        self.off = True
