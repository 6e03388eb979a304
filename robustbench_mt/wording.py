"""Keeping messages to one readable line, whatever stands in a user's file."""

from collections.abc import Iterable

__all__ = ["NO_TEST_SET", "first_line", "listed", "quoted", "shortened"]

NO_TEST_SET = "There is no labelled test set: test is the development set."
"""What a task remarks of its data, and a report looks for there."""

_MOST = 12
_LONGEST = 40


def first_line(error: BaseException) -> str:
    """What a library says of an error, in one line of at most 300 characters; its type where it says nothing."""
    return shortened((str(error).strip() or type(error).__name__).splitlines()[0], 300)


def listed(names: Iterable[str]) -> str:
    """Names with commas between them, the first twelve of them, each of at most 40 characters."""
    shown = [shortened(name) for name in names]
    return ", ".join(shown if len(shown) <= _MOST else [*shown[:_MOST], "..."])


def quoted(value: object) -> str:
    """A value as Python writes it, at most 40 characters of it."""
    return shortened(repr(value))


def shortened(value: object, longest: int = _LONGEST) -> str:
    """A value as text, at most so many characters of it."""
    text = str(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."
