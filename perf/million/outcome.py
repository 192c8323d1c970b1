# SPDX-License-Identifier: BSL-1.0
"""What a run, in a guest or without, has found out: the material of the report."""
import dataclasses
import json
from typing import Dict, Optional

import accounts


@dataclasses.dataclass
class Observation:
    """The state of things at one moment; None where it cannot be told."""
    private_bytes: int  # of the server
    online: Optional[int]  # by the server's own count
    clients_bytes: int = 0  # private bytes of all load generators
    established: Optional[int] = None  # ends of TCP connections, both of each
    sockets: Optional[int] = None  # of TCP over IPv4, listeners included
    # Since the boot. When two processors work at the end of one handshake, the kernel counts both.
    handshakes: Optional[int] = None
    turned_away: Optional[int] = None
    memory_in_use: Optional[int] = None  # of the whole machine
    caches: Optional[Dict[str, accounts.Cache]] = None

    @staticmethod
    def of_texts(texts):
        """From the files that the guest sends, by name."""
        counters = accounts.tcp_counters(texts["snmp"])
        more = accounts.tcp_counters(texts["netstat"], "TcpExt")
        clients = texts.get("clients")
        return Observation(
            private_bytes=accounts.private_bytes(texts["server"]),
            online=accounts.last_online(texts["log"]),
            clients_bytes=accounts.private_bytes(clients) if clients else 0,
            established=counters["CurrEstab"],
            sockets=accounts.tcp_sockets(texts["sockstat"]),
            handshakes=counters["PassiveOpens"],
            turned_away=more["ListenOverflows"] + more["ListenDrops"],
            memory_in_use=accounts.memory_in_use(texts["meminfo"]),
            caches=accounts.slab_caches(texts["slabinfo"]))


@dataclasses.dataclass
class Outcome:
    """Observations and the clients' accounts, both by the label of their step."""
    place: str
    observations: Dict[str, Observation] = dataclasses.field(default_factory=dict)
    loads: Dict[str, dict] = dataclasses.field(default_factory=dict)
    accepted_in_all: Optional[int] = None  # by the server's totals, when it has ended
    online_at_end: Optional[int] = None
    seconds: float = 0.0  # by the clock of this machine, from the begin to the end

    def add_load(self, label, text):
        """Takes the JSON object that stands behind the marks in a load generator's output."""
        begin = text.find("{")
        if begin < 0:
            raise ValueError(f"the clients of step {label} gave no account")
        self.loads[label] = json.loads(text[begin:])

    def opening_seconds(self):
        """Time to open all, by the clock that the clients saw."""
        return sum(load["results"]["opening_seconds"] for load in self.loads.values())
