# SPDX-License-Identifier: BSL-1.0
"""What a run does, derived from the number of connections: two steps, and what they need."""
import dataclasses

import subjects

MIB = 1 << 20
CONNECTIONS_MAX = 20_000_000
FIRST_SHARE = 10  # the first step opens a tenth; the slope is taken from there to the end
ROUNDS_MAX = 15  # the sample of echoes is spread over rounds, one a second,
ROUND_ECHOES = 100  # of so many at least
QUIET_SECONDS = 3  # what passes before anything is weighed
# The kernel looks among every other port first, and is slow once these are taken: of 28,000 ports
# (in a guest 64,000) fewer than half.
CONNECTIONS_PER_SOURCE = 10_000
# Both ends of a connection in one kernel take 7.8 KB, both programs together some 200 bytes.
GUEST_BYTES_PER_CONNECTION = 8_800  # and what the server itself is to take at most
GUEST_BYTES_BESIDE = 1_280 * MIB
DESCRIPTORS_BESIDE = 100  # what a program opens beside its connections


@dataclasses.dataclass(frozen=True)
class Step:
    """One more load generator opens connections until `total` are open."""
    label: str
    added: int
    total: int
    samples: int  # echoes each second, on random ones of its own connections


@dataclasses.dataclass(frozen=True)
class Plan:
    """All numbers of a run."""
    connections: int
    sample: int = 10_000
    workers: int = 2
    subject: subjects.Online = subjects.SUBJECTS["online"]

    def steps(self):
        """A tenth of the connections, and then the rest."""
        first = max(self.connections // FIRST_SHARE, 1)
        parts = [("first", first), ("all", self.connections - first)]
        total, found = 0, []
        for label, added in parts:
            if added == 0:
                continue
            total += added
            samples = -(-self.sample * added // (self.connections * self.rounds()))
            found.append(Step(label, added, total, min(samples, added)))
        return found

    def rounds(self):
        """Rounds of echoes."""
        return min(max(self.sample // ROUND_ECHOES, 1), ROUNDS_MAX)

    def hold_seconds(self):
        """How long each step holds before it is measured: half as long again as the echoes take."""
        if self.subject.counted != "echoes":
            return QUIET_SECONDS
        return QUIET_SECONDS + self.rounds() * 3 // 2

    def per_worker(self):
        """Slots: sockets go to the least loaded worker, those on their way are not counted."""
        return -(-self.connections // self.workers) + self.connections // 100 + 64

    def sources(self):
        """Source addresses, the same for both steps, so that both use them evenly."""
        return -(-self.connections // CONNECTIONS_PER_SOURCE)

    def descriptors(self):
        """For the program that has the most open: the server."""
        return self.workers * self.per_worker() + DESCRIPTORS_BESIDE

    def guest_bytes(self):
        """Memory of a guest that holds both ends."""
        needed = GUEST_BYTES_BESIDE + self.connections * (
            GUEST_BYTES_PER_CONNECTION + max(self.subject.target_bytes - 100, 0))
        return -(-needed // MIB) * MIB

    def timeout_seconds(self):
        """Far beyond what an emulated guest on a busy machine needs."""
        return 900 + self.connections // 200
