"""Marking the words that an attack changed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
from typing import Literal

__all__ = ["Passage", "excerpt", "mark_changes"]

# Around a change, so that a long text can be read; and what a hostile text may cost a page at most.
CONTEXT = 14
LONGEST_TEXT = 300
LONGEST_WORD = 60

_Run = tuple[bool, list[str], list[str]]
"""Whether the words are the same, those before, those after."""


@dataclass(frozen=True)
class Passage:
    """Words in a row that are shown alike, before the attack and after it.

    Attributes:
        kind: ``same``; ``changed``, where ``before`` is empty for words put in and ``after`` for words taken out; or
            ``left out``, whose texts say how many words are.
    """

    kind: Literal["same", "changed", "left out"]
    before: str
    after: str


def mark_changes(before: str, after: str) -> list[Passage]:
    """Both texts with the words that differ marked, and long stretches of equal words left out.

    Words are what plain white space separates, so that another kind of space counts as a change.
    """
    runs = list(_runs(_words(before), _words(after)))
    shown = 0
    passages: list[Passage] = []
    for position, (same, old, new) in enumerate(runs):
        if shown >= LONGEST_TEXT:
            rest = runs[position:]
            passages.append(_left_out(sum(len(before) for _, before, _ in rest), sum(len(after) for *_, after in rest)))
            break
        if same:
            passages += _shortened(old, first=position == 0, last=position == len(runs) - 1)
            shown += min(len(old), 2 * CONTEXT)
        else:
            passages.append(Passage("changed", _join(old[:LONGEST_TEXT]), _join(new[:LONGEST_TEXT])))
            if old[LONGEST_TEXT:] or new[LONGEST_TEXT:]:
                passages.append(_left_out(len(old[LONGEST_TEXT:]), len(new[LONGEST_TEXT:])))
            shown += max(len(old), len(new))
    return passages


def excerpt(text: str) -> list[Passage]:
    """The first words of a text in which nothing was changed."""
    words = _words(text)
    head, rest = words[: 4 * CONTEXT], words[4 * CONTEXT :]
    if not words:
        return []
    return [_same(head), *([_left_out(len(rest), len(rest))] if rest else [])]


def _words(text: str) -> list[str]:
    return re.findall(r"[^ \n\t]+", text)


def _runs(old: list[str], new: list[str]) -> Iterator[_Run]:
    """Equal and changed words in turn."""
    differ = [one != other for one, other in zip(old, new, strict=False)]
    if len(old) == len(new) and 2 * sum(differ) <= len(old):
        # Words were replaced one by one: no search is needed, which at 300 words takes milliseconds.
        for changed, pairs in groupby(zip(old, new, differ, strict=True), key=itemgetter(2)):
            before, after, _ = map(list, zip(*pairs, strict=True))
            yield not changed, before, after
        return
    # Without autojunk the frequent words match too, at a time that grows with the square of the length.
    matcher = SequenceMatcher(None, old, new, autojunk=max(len(old), len(new)) > 1000)
    for tag, start, end, new_start, new_end in matcher.get_opcodes():
        yield tag == "equal", old[start:end], new[new_start:new_end]


def _shortened(words: list[str], first: bool, last: bool) -> Iterator[Passage]:
    head, tail = 0 if first else CONTEXT, 0 if last else CONTEXT
    missing = len(words) - head - tail
    if missing <= CONTEXT:
        yield _same(words)
        return
    if head:
        yield _same(words[:head])
    yield _left_out(missing, missing)
    if tail:
        yield _same(words[-tail:])


def _same(words: list[str]) -> Passage:
    return Passage("same", _join(words), _join(words))


def _left_out(before: int, after: int) -> Passage:
    return Passage("left out", f"⋯ {before} words ⋯", f"⋯ {after} words ⋯")


def _join(words: Sequence[str]) -> str:
    return " ".join(word if len(word) <= LONGEST_WORD else f"{word[:LONGEST_WORD]}…" for word in words)
