# SPDX-License-Identifier: BSL-1.0
"""What the kernel says about itself in /proc, read from the text of its files."""
import collections
import re

Cache = collections.namedtuple("Cache", "objects object_bytes")

SLABINFO_HEAD = "slabinfo - version: 2."


def private_bytes(rollup):
    """Anonymous pages, by the text of one or more smaps_rollup: what a process has written to, also
    where it is swapped out. Pages of files are left out: in a guest, whose only file system is
    memory, they count as private or shared by who else runs the same program."""
    found = re.findall(r"^(?:Anonymous|Swap):\s+(\d+) kB", rollup, re.M)
    if not found:
        raise ValueError("a smaps_rollup without Anonymous")
    return sum(int(size) * 1024 for size in found)


def slab_caches(slabinfo):
    """Each cache of /proc/slabinfo: objects in use and the bytes of one."""
    lines = slabinfo.splitlines()
    if not lines or not lines[0].startswith(SLABINFO_HEAD):
        raise ValueError("not a slabinfo of version 2")
    caches = {}
    for line in lines[1:]:
        if line.startswith("#") or not line.strip():
            continue
        name, active, _, size = line.split()[:4]
        caches[name] = Cache(int(active), int(size))
    return caches


def slab_growth(before, after):
    """What each cache has grown by, in objects; caches that stayed as they were are left out."""
    growth = {}
    for name, cache in after.items():
        objects = cache.objects - before.get(name, Cache(0, 0)).objects
        if objects != 0:
            growth[name] = Cache(objects, cache.object_bytes)
    return growth


def slab_bytes(growth):
    return sum(cache.objects * cache.object_bytes for cache in growth.values())


def tcp_sockets(sockstat):
    """Sockets of TCP over IPv4 that have a port: both ends, and listeners."""
    found = re.search(r"^TCP: inuse (\d+)", sockstat, re.M)
    if not found:
        raise ValueError("a sockstat without a line of TCP")
    return int(found[1])


def tcp_counters(snmp, protocol="Tcp"):
    """Names and values of one protocol, of /proc/net/snmp or /proc/net/netstat: a line of names
    and a line of values."""
    rows = [line.split()[1:] for line in snmp.splitlines() if line.startswith(protocol + ":")]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        raise ValueError(f"no two lines of {protocol}")
    return {name: int(value) for name, value in zip(*rows)}


def established_at(table, port):
    """Established connections of one local port in the text of /proc/net/tcp."""
    ending, established = f":{port:04X}", "01"
    count = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        count += len(fields) > 3 and fields[1].endswith(ending) and fields[3] == established
    return count


def memory_fields(meminfo):
    """The fields of /proc/meminfo in bytes."""
    return {name: int(size) * 1024
            for name, size in re.findall(r"^(\S+):\s+(\d+) kB", meminfo, re.M)}


def memory_in_use(meminfo):
    """All memory that is not free, page cache aside."""
    fields = memory_fields(meminfo)
    cached = fields["Cached"] + fields["Buffers"]
    return fields["MemTotal"] - fields["MemFree"] - cached


def last_online(log):
    """The newest number that millipede-online has reported; None if there was none yet."""
    found = re.findall(r"online number: (-?\d+)", log)
    return int(found[-1]) if found else None


def total(log, name):
    """One number of the totals that millipede-online logs at its end; None without them."""
    found = re.search(rf"totals:.*\b{name}=(\d+)", log)
    return int(found[1]) if found else None
