"""What a figure is given: rows that belong together."""

from collections.abc import Sequence
from typing import Any

__all__ = ["check_alike"]


def check_alike(rows: Sequence[Any], *names: str) -> None:
    """Refuse rows that one figure would join, though they are of several tasks, say.

    Args:
        rows: of a summary.
        names: the attributes in which they must not differ.

    Raises:
        ValueError: they differ, or there are none; the message says what to select.
    """
    if not rows:
        raise ValueError("there are no rows to draw: see which tasks the summary has, and select one of them")
    for name in names:
        values = list(dict.fromkeys(getattr(row, name) for row in rows))
        if len(values) > 1:
            raise ValueError(
                f"one figure shows one {name}, but the rows are of {', '.join(map(repr, values))}: select one, as in "
                f"[row for row in rows if row.{name} == {values[0]!r}]"
            )
