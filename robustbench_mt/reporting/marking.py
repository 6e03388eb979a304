"""Marking the words that an attack changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

__all__ = ["Stretch", "excerpt", "mark_changes"]

# Around a change, so that a long text can be read; and what a hostile text may cost a page at most.
CONTEXT = 14
LONGEST_TEXT = 300
LONGEST_WORD = 60


@dataclass(frozen=True)
class Stretch:
    """Words in a row that are shown alike.

    Attributes:
        kind: ``same``, ``changed``, or ``left out``, whose text says how many words are.
    """

    kind: Literal["same", "changed", "left out"]
    text: str


def mark_changes(before: str, after: str) -> tuple[list[Stretch], list[Stretch]]:
    """Both texts with the words that differ marked, and long stretches of equal words left out.

    Words are what plain white space separates, so that another kind of space counts as a change.
    """
    old, new = _words(before), _words(after)
    # Without autojunk the frequent words match too, at a time that grows with the square of the length.
    codes = SequenceMatcher(None, old, new, autojunk=max(len(old), len(new)) > 1000).get_opcodes()
    return (
        _stretches([(tag == "equal", old[start:end]) for tag, start, end, _, _ in codes]),
        _stretches([(tag == "equal", new[start:end]) for tag, _, _, start, end in codes]),
    )


def excerpt(text: str) -> list[Stretch]:
    """The first words of a text in which nothing was changed."""
    words = _words(text)
    head, rest = words[: 4 * CONTEXT], words[4 * CONTEXT :]
    return [Stretch("same", _join(head)), *([_left_out(len(rest))] if rest else [])] if words else []


def _words(text: str) -> list[str]:
    return re.findall(r"[^ \n\t]+", text)


def _stretches(runs: Sequence[tuple[bool, list[str]]]) -> list[Stretch]:
    shown = 0
    stretches: list[Stretch] = []
    for position, (same, words) in enumerate(runs):
        if not words:
            continue
        if shown >= LONGEST_TEXT:
            stretches.append(_left_out(sum(len(rest) for _, rest in runs[position:])))
            break
        if same:
            stretches += _shortened(words, first=position == 0, last=position == len(runs) - 1)
        else:
            stretches.append(Stretch("changed", _join(words[:LONGEST_TEXT])))
            if words[LONGEST_TEXT:]:
                stretches.append(_left_out(len(words) - LONGEST_TEXT))
        shown += min(len(words), 2 * CONTEXT) if same else len(words)
    return stretches


def _shortened(words: list[str], first: bool, last: bool) -> Iterator[Stretch]:
    head, tail = 0 if first else CONTEXT, 0 if last else CONTEXT
    missing = len(words) - head - tail
    if missing <= CONTEXT:
        yield Stretch("same", _join(words))
        return
    if head:
        yield Stretch("same", _join(words[:head]))
    yield _left_out(missing)
    if tail:
        yield Stretch("same", _join(words[-tail:]))


def _left_out(words: int) -> Stretch:
    return Stretch("left out", f"⋯ {words} words ⋯")


def _join(words: Sequence[str]) -> str:
    return " ".join(word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}…" for word in words)
