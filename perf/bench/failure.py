# SPDX-License-Identifier: BSL-1.0
"""What goes wrong, as one line for the person at the terminal."""


class Failure(Exception):
    """One measurement could not be made; the others go on."""


class Misuse(Exception):
    """The command cannot be carried out as it was given: exit status 2."""
