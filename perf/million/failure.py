# SPDX-License-Identifier: BSL-1.0
"""What goes wrong, as one line for the person at the terminal."""


class Failure(Exception):
    """The run was begun and did not come to its end: exit status 1."""


class Misuse(Exception):
    """The run cannot begin: a bad option, or something that it needs is missing: status 2."""
