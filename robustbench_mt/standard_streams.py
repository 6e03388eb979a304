"""Standard streams as whoever starts a command may leave them: closed, or of an encoding that lacks characters."""

import os
import sys
from io import TextIOWrapper

__all__ = ["make_streams_safe"]


def make_streams_safe() -> None:
    """What goes to a closed stream goes nowhere, and a character that cannot be printed is spelt out.

    Else a file of records would be given the number of the closed stream, and with it whatever a library, or Ctrl-C,
    writes there; and a table would end in an error after hours, at a dash that Latin-1 does not have.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        # Libraries ask whether it is a terminal.
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
