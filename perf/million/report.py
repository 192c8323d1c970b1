# SPDX-License-Identifier: BSL-1.0
"""A run's result, for people."""
import figures
from subjects import SUBJECTS

NAME_COLUMNS = 22
CACHE_SHARE = 0.002  # smaller ones go to the JSON file only


def line(name, text):
    return f"  {name:<{NAME_COLUMNS}}{text}"


def opening_lines(numbers):
    open_text = f"{numbers['online']:,} by the server" if numbers["online"] is not None else "?"
    if numbers["established"] is not None:
        open_text += f", {numbers['established']:,.10g} by the kernel"
    rate = numbers["opened_per_second"]
    return [line("open at once", open_text),
            line("opened in", f"{numbers['opening_seconds']:,.1f} s" +
                 (f", {rate:,.0f}/s" if rate else "")),
            *(line(f"{what} verified", f"{numbers[what + '_verified']:,}")
              for what in ("echoes", "messages") if what + "_verified" in numbers)]


def target_text(connections, slope, most):
    if connections < figures.JUDGED_FROM:
        return f"(too few connections to judge; the target is {most} at most)"
    return f"(target: {most} at most: {'met' if slope <= most else 'MISSED'})"


def user_lines(numbers):
    slope = numbers["user_bytes_per_connection_slope"]
    return [line("server, user memory",
                 f"{numbers['user_bytes_per_connection']:.1f} bytes a connection, session included;"
                 f" {numbers['server_private_bytes'] / 1e6:.1f} MB in all"),
            line("    between the steps", f"{slope:.1f} bytes " +
                 target_text(numbers["connections"], slope,
                                                   SUBJECTS[numbers["subject"]].target_bytes)),
            line("clients, user memory",
                 f"{numbers['clients_bytes_per_connection']:.1f} bytes a connection")]


def kernel_lines(numbers):
    if numbers["kernel_bytes_per_connection"] is None:
        return [line("kernel memory", "not told apart from that of others here; a guest tells it")]
    found = [line("kernel memory, slab",
                  f"{numbers['kernel_bytes_per_connection']:,.0f} bytes a connection for both ends,"
                  f" {numbers['kernel_bytes_per_connection_server_end']:,.0f} for the server's")]
    for row in numbers["kernel_caches"]:
        if row["bytes_per_connection"] >= CACHE_SHARE * numbers["kernel_bytes_per_connection"]:
            found.append(line(f"    {row['cache']}",
                              f"{row['bytes_per_connection']:>8,.1f} = "
                              f"{row['objects_per_connection']:.3f} x {row['object_bytes']:,}"))
    found.append(line("all memory in use",
                      f"{numbers['machine_bytes_per_connection']:,.0f} bytes a connection: both "
                      "ends, both programs, page cache aside"))
    return found


def as_text(outcome, numbers, faults):
    lines = [f"{numbers['connections']:,} connections to one process ({outcome.place})"]
    lines += opening_lines(numbers) + user_lines(numbers) + kernel_lines(numbers)
    lines += [f"  NOT as it should be: {fault}" for fault in faults]
    if not faults:
        lines.append("  all counts agree")
    return "\n".join(lines)


def as_json(outcome, numbers, faults):
    return {"place": outcome.place, "passed": not faults, "differences": faults, **numbers}
