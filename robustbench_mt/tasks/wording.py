"""Keeping messages to one readable line, whatever stands in a user's file."""

from collections.abc import Iterable

__all__ = ["listed", "quoted"]

_MOST = 12
_LONGEST = 40


def listed(names: Iterable[str]) -> str:
    """Names with commas between them, the first twelve of them, each of at most 40 characters."""
    shown = [_cut(name) for name in names]
    return ", ".join(shown if len(shown) <= _MOST else [*shown[:_MOST], "..."])


def quoted(value: object) -> str:
    """A value as Python writes it, at most 40 characters of it."""
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
