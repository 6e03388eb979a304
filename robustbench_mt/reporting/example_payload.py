"""Attacked examples packed into the page, for its script to show: all of them, or as many as fit.

They stand in blocks, each compressed alone, so that the script unpacks only those that it shows. Beside them stands an
index by which it filters without unpacking any.
"""

import base64
import gzip
import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from robustbench_mt.reporting.examples import DrawnExample, Field, ShownExample
from robustbench_mt.reporting.marking import Passage
from robustbench_mt.visible import pieces

__all__ = ["PackedExamples", "pack_examples"]

# More would take memory and never fit; texts that many examples share are packed well, but not as well as that.
MOST_EXAMPLES, MOST_CHARACTERS = 100_000, 40_000_000

_A_BLOCK = 200
# To see how well these pack.
_FIRST = 2000
_ATTEMPTS = 6
_FULL = 0.96


@dataclass(frozen=True)
class PackedExamples:
    """What the script is given, each part base64 of gzipped JSON.

    Attributes:
        index: the number of all examples, the names that the filters offer, and for each packed example which of them
            it has.
        blocks: the packed examples, in the index's order, so many each as the index says.
        count: packed examples.
    """

    index: str
    blocks: list[str]
    count: int

    @property
    def size(self) -> int:
        """Characters of all parts."""
        return len(self.index) + sum(map(len, self.blocks))


class _Chosen:
    """The first of the examples that are drawn, spelt out once.

    Args:
        drawn: in the order in which they are to be dropped, the last first.
        total: how many there are.
        names: see :func:`pack_examples`.
        checkpoints: see :func:`pack_examples`.
    """

    def __init__(
        self,
        drawn: Iterable[DrawnExample],
        total: int,
        names: Mapping[str, Sequence[str]],
        checkpoints: Mapping[Hashable, int],
    ) -> None:
        self._drawn = iter(drawn)
        self._total, self._names, self._checkpoints = total, names, checkpoints
        self._places: list[tuple[Any, ...]] = []
        self._filtered: list[list[int]] = []
        self._spelt: list[str] = []
        self._characters = 0

    def read(self, count: int) -> int:
        """Have the first ``count`` ready, or as many as there are and memory is given to; how many that is."""
        for drawn in islice(self._drawn, max(0, min(count, MOST_EXAMPLES) - len(self._spelt))):
            example = drawn.read()
            # The attacks on one text stand together: readers compare them, and the text takes room once.
            checkpoint = self._checkpoints[example.key]
            self._places.append((example.task, example.index, example.recipe, checkpoint))
            by_name = [self._names[kind].index(getattr(example, kind)) for kind in self._names]
            self._filtered.append([*by_name, checkpoint])
            self._spelt.append(_json(_example(example)))
            self._characters += len(self._spelt[-1])
            if self._characters > MOST_CHARACTERS:
                self._drawn = iter(())
                break
        return min(count, len(self._spelt))

    def packed(self, count: int) -> PackedExamples:
        """The first ``count``, which have been read."""
        order = sorted(range(count), key=self._places.__getitem__)
        filtered = zip(*(self._filtered[position] for position in order), strict=True)
        index = {
            "total": self._total,
            "block": _A_BLOCK,
            "names": {kind: [_text(name) for name in of_kind] for kind, of_kind in self._names.items()},
            "columns": dict(zip((*self._names, "checkpoint"), filtered, strict=False)),
        }
        blocks = [order[start : start + _A_BLOCK] for start in range(0, count, _A_BLOCK)]
        texts = (f"[{','.join(self._spelt[position] for position in block)}]" for block in blocks)
        return PackedExamples(_packed(_json(index)), [_packed(text) for text in texts], count)


def pack_examples(
    examples: Iterable[DrawnExample],
    total: int,
    names: Mapping[str, Sequence[str]],
    checkpoints: Mapping[Hashable, int],
    most: int,
) -> PackedExamples:
    """Pack the first examples, as many as fit into ``most`` characters.

    All text is spelt out and cut into pieces here, so that the script has nothing to do but show it.

    Args:
        examples: in the order in which they are to be dropped, the last first.
        total: how many there are.
        names: the tasks', recipes', methods' and statuses' names, by ``task``, ``recipe``, ``method`` and ``status``;
            an example names its own by position.
        checkpoints: the leaderboard's position of each, by its key.
        most: characters of the result.
    """
    chosen = _Chosen(examples, total, names, checkpoints)
    best = PackedExamples("", [], 0)
    count, too_many = chosen.read(_FIRST), MOST_EXAMPLES + 1
    for _ in range(_ATTEMPTS):
        if not best.count < count < too_many:
            break
        packed = chosen.packed(count)
        if packed.size <= most:
            best = packed
        else:
            too_many = count
        if _FULL * most < packed.size <= most:
            break
        count = chosen.read(min(int(count * 0.98 * most / packed.size), too_many - 1))
    return best


def _packed(text: str) -> str:
    # Harder, it takes a quarter more time for a hundredth more examples.
    return base64.b64encode(gzip.compress(text.encode("utf-8"), 7, mtime=0)).decode("ascii")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _example(example: ShownExample) -> dict[str, Any]:
    return {
        "about": [_text(line) for line in example.about],
        "fields": [_field(field) for field in example.fields],
        "untouched": _text(example.untouched),
    }


def _field(field: Field) -> dict[str, Any]:
    before = field.before
    return {"name": _text(field.name), "passages": [_passage(passage, before) for passage in field.passages]}


def _passage(passage: Passage, before: str) -> Any:
    """What is the same in both texts stands once."""
    if passage.kind == "same":
        return {"same": _text(passage.before, before)}
    return {passage.kind: [_text(passage.before, before), _text(passage.after, before)]}


def _text(text: str, around: str = "") -> Any:
    """A string, or where a character is not what it seems an array of strings and ``[kind, text, code, name]``."""
    parts = pieces(text, around)
    # Plain pieces never stand side by side.
    if not parts or (len(parts) == 1 and parts[0].kind == "plain"):
        return text
    return [part.text if part.kind == "plain" else [part.kind, part.text, part.code, part.name] for part in parts]
