"""Attacked examples packed into the page, for its script to show: all of them, or as many as fit."""

import base64
import gzip
import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from robustbench_mt.reporting.examples import Field, ShownExample
from robustbench_mt.reporting.marking import Passage
from robustbench_mt.visible import pieces

__all__ = ["pack_examples"]


def pack_examples(
    examples: Sequence[ShownExample],
    total: int,
    names: Mapping[str, Sequence[str]],
    checkpoints: Mapping[Hashable, int],
    most: int,
) -> str:
    """Base64 of gzipped JSON, of at most ``most`` characters; it holds the first examples, as many as fit.

    All text is spelt out and cut into pieces here, so that the script has nothing to do but show it.

    Args:
        examples: in the order in which they are to be dropped, the last first.
        total: how many there are.
        names: the tasks', recipes', methods' and statuses' names, by ``task``, ``recipe``, ``method`` and ``status``;
            an example names its own by position.
        checkpoints: the leaderboard's position of each, by its key.
        most: characters of the result.
    """
    shown = {kind: [_text(name) for name in of_kind] for kind, of_kind in names.items()}
    # The attacks on one text stand together: readers compare them, and the text takes room once.
    places = [(each.task, each.index, each.recipe, checkpoints[each.key]) for each in examples]
    packable = [_example(each, names, checkpoints) for each in examples]
    chosen = len(packable)
    while True:
        ordered = [packable[position] for position in sorted(range(chosen), key=places.__getitem__)]
        content = {"total": total, "names": shown, "examples": ordered}
        plain = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        packed = base64.b64encode(gzip.compress(plain, 9, mtime=0)).decode("ascii")
        if len(packed) <= most or not chosen:
            return packed
        chosen = int(chosen * 0.97 * most / len(packed))


def _example(
    example: ShownExample, names: Mapping[str, Sequence[str]], checkpoints: Mapping[Hashable, int]
) -> dict[str, Any]:
    return {
        **{kind: names[kind].index(getattr(example, kind)) for kind in names},
        "checkpoint": checkpoints[example.key],
        "about": [_text(line) for line in example.about],
        "fields": [_field(field) for field in example.fields],
        "untouched": _text(example.untouched),
    }


def _field(field: Field) -> dict[str, Any]:
    return {"name": _text(field.name), "passages": [_passage(passage) for passage in field.passages]}


def _passage(passage: Passage) -> Any:
    """What is the same in both texts stands once."""
    if passage.kind == "same":
        return {"same": _text(passage.before)}
    return {passage.kind: [_text(passage.before), _text(passage.after)]}


def _text(text: str) -> Any:
    """A string, or where a character is not what it seems an array of strings and ``[kind, text, code, name]``."""
    parts = pieces(text)
    if all(part.kind == "plain" for part in parts):
        return text
    return [part.text if part.kind == "plain" else [part.kind, part.text, part.code, part.name] for part in parts]
