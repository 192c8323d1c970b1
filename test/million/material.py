# SPDX-License-Identifier: BSL-1.0
"""Texts as kernels, servers and clients write them, shortened; and where the modules stand."""
import json
import pathlib
import sys

PERF = pathlib.Path(__file__).resolve().parents[2] / "perf"
sys.path[:0] = [str(PERF / "million"), str(PERF / "common")]

ROLLUP = """55c1a000-7ffd2000 ---p 00000000 00:00 0                          [rollup]
Rss:                9000 kB
Pss_Anon:           1024 kB
Shared_Clean:       3000 kB
Private_Clean:       500 kB
Private_Dirty:      5000 kB
Anonymous:          1024 kB
Swap:                 16 kB
SwapPss:              16 kB
"""

SLABINFO_HEAD = """slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
"""

SOCKSTAT = """sockets: used 30
TCP: inuse {inuse} orphan 3 tw 17 alloc 99 mem 12
UDP: inuse 5 mem 1
"""

SNMP = """Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm MaxConn ActiveOpens PassiveOpens CurrEstab
Tcp: 1 -1 900 {passive} {established}
Udp: InDatagrams
Udp: 7
"""

NETSTAT = """TcpExt: SyncookiesSent ListenOverflows ListenDrops
TcpExt: 0 0 {drops}
IpExt: InNoRoutes
IpExt: 0
"""

MEMINFO = """MemTotal:       1000000 kB
MemFree:         {free} kB
MemAvailable:    900000 kB
Buffers:           1000 kB
Cached:            9000 kB
HugePages_Total:       0
"""


def slabinfo(**caches):
    """A slabinfo in which each cache has (objects, bytes of one)."""
    return SLABINFO_HEAD + "".join(
        f"{name:<18} {objects:>6} {objects + 9:>6} {size:>6}   14    8 : tunables    0    0    0\n"
        for name, (objects, size) in caches.items())


def observed_texts(connections, online=None, anonymous_kb=1024):
    """All files of an observation of so many connections."""
    return {
        "server": ROLLUP.replace("Anonymous:          1024", f"Anonymous: {anonymous_kb}"),
        "clients": ROLLUP,
        "log": f"2026-01-01 00:00:00.000000 [info] online number: "
               f"{connections if online is None else online}\n",
        "sockstat": SOCKSTAT.format(inuse=2 * connections + 1),
        "snmp": SNMP.format(passive=connections, established=2 * connections),
        "netstat": NETSTAT.format(drops=0),
        "meminfo": MEMINFO.format(free=900000 - 8 * connections),
        "slabinfo": slabinfo(TCP=(2 * connections + 5, 2304), dentry=(3000, 192),
                             tcp_bind2_bucket=(connections, 64)),
    }


def load_account(opened, replies, errors=0, first=""):
    """The JSON object of a load generator."""
    return json.dumps({
        "results": {"opened": opened, "replies": replies, "opening_seconds": 2.0},
        "errors": {"total": errors, "first": first}})


def console_lines(label, total, **keywords):
    """What the guest sends for an observation."""
    lines = [f"@ observe {label}"]
    for name, text in observed_texts(total, **keywords).items():
        lines += [f"@ begin {name}", *text.splitlines(), f"@ end {name}"]
    return [*lines, f"@ observed {label}"]
