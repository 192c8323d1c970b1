# SPDX-License-Identifier: BSL-1.0
"""Tables for a terminal."""
import dataclasses
import textwrap
import typing

COLUMNS_MAX = 110


@dataclasses.dataclass
class Table:
    """The first column stands left, the others right."""
    title: str
    head: typing.List[str]
    rows: typing.List[typing.List[str]]
    notes: typing.List[str] = dataclasses.field(default_factory=list)

    def text(self):
        rows = [self.head, *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(self.head))]
        lines = [self.title]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            lines.append(("  " + "  ".join(cells)).rstrip())
        lines.insert(2, "  " + "  ".join("-" * width for width in widths))
        for note in self.notes:
            lines += textwrap.wrap(note, COLUMNS_MAX - 2, initial_indent="  ",
                                   subsequent_indent="    ")
        return "\n".join(lines) + "\n"


def number(value):
    """With as many places as it is worth: 12,345, 123, 12.3, 1.23; nothing measured is a dash."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    places = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:.{places}f}"


def spread(values):
    return f"{number(min(values))}..{number(max(values))}" if values else "-"


def ratio(value):
    return "-" if value is None else f"{value:.2f}"


def size(value_bytes):
    """Bytes as KiB or MiB."""
    if value_bytes is None:
        return "-"
    if value_bytes >= 10 << 20:
        return f"{value_bytes / (1 << 20):,.1f} MiB"
    return f"{value_bytes / 1024:,.0f} KiB"


def verdict(holds):
    return {True: "pass", False: "MISS", None: "-"}[holds]
