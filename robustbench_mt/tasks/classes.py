"""From the labels that stand in a file to class indices, or to scores."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from robustbench_mt.wording import listed

__all__ = ["LabelScheme", "label_text"]

# 18 digits at most, so that int() never meets a number it refuses to read.
_WHOLE = re.compile(r"([+-]?[0-9]{1,18})(\.0*)?")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def label_text(value: Any) -> str | None:
    """A label as text, with no space around it: ``""`` where it is missing, ``None`` where it cannot be a label."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    return None


@dataclass(frozen=True)
class LabelScheme:
    """How labels are read.

    Attributes:
        names: the classes, in the order of their indices; empty for regression.
        codes: the class index for each label as it stands in the data.
    """

    names: tuple[str, ...]
    codes: Mapping[str, int]

    @classmethod
    def regression(cls) -> "LabelScheme":
        """Labels are finite numbers."""
        return cls((), {})

    @classmethod
    def named(cls, names: Sequence[str]) -> "LabelScheme":
        """Labels are the names."""
        return cls(tuple(names), {name: index for index, name in enumerate(names)})

    @classmethod
    def numbered(cls, names: Sequence[str]) -> "LabelScheme":
        """Labels are the indices of the names, from 0."""
        return cls(tuple(names), {str(index): index for index in range(len(names))})

    @classmethod
    def given(cls, names: Sequence[str], labels: Sequence[str]) -> "LabelScheme":
        """Labels are the names; or their indices, where all ``labels`` are whole numbers and none is a name."""
        indices = all(_WHOLE.fullmatch(label) and label not in names for label in labels)
        return cls.numbered(names) if indices else cls.named(names)

    @classmethod
    def inferred(cls, labels: Sequence[str]) -> "LabelScheme":
        """What ``labels`` look like.

        Where one is a number that is not whole, all are scores. All else is classes, sorted; whole numbers as numbers.
        """
        distinct = sorted(set(labels))
        if all(_WHOLE.fullmatch(label) for label in distinct):
            return cls.named([str(number) for number in sorted({_whole(label) for label in distinct})])
        if any(_NUMBER.fullmatch(label) and not _WHOLE.fullmatch(label) for label in distinct):
            return cls.regression()
        return cls.named(distinct)

    def encode(self, label: str) -> int | float | None:
        """The class index or score of a label, ``None`` where the scheme does not know it."""
        if self.names:
            whole = label not in self.codes and _WHOLE.fullmatch(label)
            return self.codes.get(str(_whole(label)) if whole else label)
        score = float(label) if _NUMBER.fullmatch(label) else math.inf
        return score if math.isfinite(score) else None

    def describe(self) -> str:
        """What a label must be, to end a message with."""
        if not self.names:
            return "a finite number"
        known = [
            label if label == self.names[index] else f"{label} ({self.names[index]})"
            for label, index in self.codes.items()
        ]
        return f"one of {listed(known)}"


def _whole(label: str) -> int:
    match = _WHOLE.fullmatch(label)
    assert match is not None
    return int(match[1])
