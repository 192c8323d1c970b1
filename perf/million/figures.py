# SPDX-License-Identifier: BSL-1.0
"""What a run amounts to: its figures, and what in it is not as it should be."""
import accounts

JUDGED_FROM = 100_000  # with fewer connections what a server takes once counts too much
# A connection's end that connects keeps its port in these; the server's end has none of them.
CLIENT_CACHES = ("tcp_bind_bucket", "tcp_bind2_bucket")


def user_bytes(plan, outcome):
    """User memory of a connection: from none to all, and as the slope between two steps."""
    steps = plan.steps()
    before, last = outcome.observations["before"], outcome.observations[steps[-1].label]
    whole = (last.private_bytes - before.private_bytes) / plan.connections
    if len(steps) < 2:
        return whole, whole
    first = outcome.observations[steps[0].label]
    added = steps[-1].total - steps[0].total
    return whole, (last.private_bytes - first.private_bytes) / added


def server_objects(name, objects, connections):
    """How many of a cache's new objects are the server's. What both ends have is there twice for
    each connection, and half of it the server's."""
    if name in CLIENT_CACHES:
        return 0
    return min(objects / 2, connections) if objects > 0 else objects / 2


def kernel_caches(plan, outcome):
    """Each slab cache that grew by a byte per connection or more: objects and bytes each."""
    last = outcome.observations[plan.steps()[-1].label]
    if last.caches is None:
        return None
    growth = accounts.slab_growth(outcome.observations["before"].caches, last.caches)
    rows = []
    for name, (objects, size) in growth.items():
        if abs(objects * size) < plan.connections:
            continue
        server = server_objects(name, objects, plan.connections) * size
        rows.append({"cache": name, "object_bytes": size,
                     "objects_per_connection": objects / plan.connections,
                     "bytes_per_connection": objects * size / plan.connections,
                     "server_bytes_per_connection": server / plan.connections})
    rows.sort(key=lambda row: -row["bytes_per_connection"])
    return rows


def kernel_bytes(plan, outcome):
    """Slab of all caches, both ends of a connection; None where it cannot be told."""
    last = outcome.observations[plan.steps()[-1].label]
    if last.caches is None:
        return None
    growth = accounts.slab_growth(outcome.observations["before"].caches, last.caches)
    return accounts.slab_bytes(growth) / plan.connections


def grown(plan, outcome, name):
    """What a number of the kernel has grown by; None where it cannot be told."""
    before = getattr(outcome.observations["before"], name)
    last = getattr(outcome.observations[plan.steps()[-1].label], name)
    return None if before is None or last is None else last - before


def machine_bytes(plan, outcome):
    """All memory of the machine that is not free any more, page cache aside."""
    growth = grown(plan, outcome, "memory_in_use")
    return None if growth is None else growth / plan.connections


def heard(plan, outcome):
    """Echoes or messages, by all clients."""
    return sum(plan.subject.heard(load) for load in outcome.loads.values())


def figures(plan, outcome):
    """All numbers, as they go into the JSON file."""
    last = outcome.observations[plan.steps()[-1].label]
    whole, slope = user_bytes(plan, outcome)
    caches = kernel_caches(plan, outcome)
    seconds = outcome.opening_seconds()
    return {
        "subject": plan.subject.name,
        "connections": plan.connections,
        "online": last.online,
        "established": None if last.established is None else last.established / 2,
        "handshakes": grown(plan, outcome, "handshakes"),
        "handshakes_turned_away": grown(plan, outcome, "turned_away"),
        "opening_seconds": seconds,
        "opened_per_second": plan.connections / seconds if seconds else None,
        "wall_seconds": outcome.seconds,
        f"{plan.subject.counted}_verified": heard(plan, outcome),
        "user_bytes_per_connection": whole,
        "user_bytes_per_connection_slope": slope,
        "server_private_bytes": last.private_bytes,
        "server_private_bytes_after_messages":
            outcome.observations["messages"].private_bytes if "messages" in outcome.observations
            else None,
        "kernel_bytes_per_connection": kernel_bytes(plan, outcome),
        "kernel_bytes_per_connection_server_end":
            caches and sum(row["server_bytes_per_connection"] for row in caches),
        "kernel_caches": caches,
        "clients_bytes_per_connection": last.clients_bytes / plan.connections,
        "machine_bytes_per_connection": machine_bytes(plan, outcome),
    }


def step_differences(step, before, now):
    """What differs from `step.total` at the end of a step."""
    counted = {"online by the server": now.online}
    if now.established is not None:
        counted["established by the kernel"] = now.established / 2
    if now.sockets is not None:
        counted["sockets of the kernel, in pairs"] = (now.sockets - before.sockets) / 2
    return [f"step '{step.label}': {what}: {count if count is None else f'{count:,.10g}'} "
            f"instead of {step.total:,}"
            for what, count in counted.items() if count != step.total]


def load_differences(step, load):
    """What the clients of a step complain about."""
    found = []
    if load["results"]["opened"] != step.added:
        found.append(f"step '{step.label}': {load['results']['opened']:,} opened by the clients "
                     f"instead of {step.added:,}")
    if load["errors"]["total"] != 0:
        found.append(f"step '{step.label}': {load['errors']['total']:,} errors of the clients, "
                     f"the first: {load['errors']['first']}")
    return found


def differences(plan, outcome):
    """Sentences about all that is not as it should be; none if the run has succeeded."""
    found = []
    for step in plan.steps():
        before, now = outcome.observations["before"], outcome.observations[step.label]
        found += step_differences(step, before, now)
        found += load_differences(step, outcome.loads[step.label])
    if outcome.accepted_in_all not in (None, plan.connections):
        found.append(f"accepted by the server's log: {outcome.accepted_in_all:,} instead of "
                     f"{plan.connections:,}")
    if outcome.online_at_end not in (None, 0):
        found.append(f"online at the end: {outcome.online_at_end:,} instead of 0")
    wanted = plan.subject.wanted(plan)
    if heard(plan, outcome) < wanted:
        found.append(f"{plan.subject.counted} verified: {heard(plan, outcome):,}, fewer than "
                     f"{wanted:,}")
    if plan.subject.counted == "messages":
        ends = sum(plan.subject.heard_ends(load) for load in outcome.loads.values())
        if ends != plan.subject.ended(plan):
            found.append(f"ends of channels seen: {ends:,} instead of {plan.subject.ended(plan):,}")
    slope = user_bytes(plan, outcome)[1]
    if plan.connections >= JUDGED_FROM and slope > plan.subject.target_bytes:
        found.append(f"user memory: {slope:.1f} bytes a connection, more than "
                     f"{plan.subject.target_bytes}")
    return found
