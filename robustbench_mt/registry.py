"""Looking names up in a plain dict, so that a wrong name lists the right ones."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

from robustbench_mt.errors import UnknownNameError

__all__ = ["choose"]

T = TypeVar("T")


def choose(kind: str, name: str, table: Mapping[str, T], remedy: str = "") -> T:
    """Return ``table[name]``.

    Args:
        kind: what is looked up, for the message: ``"task"``, ``"method"``, ``"recipe"``.
        name: the name asked for.
        table: the registry.
        remedy: what else the user may do, as a sentence.

    Raises:
        UserError: there is no such name; the nearest names are suggested, else all are listed.
    """
    if name in table:
        return table[name]
    near = get_close_matches(name.lower(), table, n=3, cutoff=0.5)
    all_of_them = f"there are: {', '.join(sorted(table))}." if table else "there are none."
    hint = f"did you mean {' or '.join(near)}?" if near else all_of_them
    raise UnknownNameError(f"Unknown {kind} {name!r}: {hint} {remedy}")
