"""Ways of making a training set imbalanced: how many examples each class has at each level."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from robustbench_mt.curve_records import PROTOCOL_SUMMARIES
from robustbench_mt.errors import (
    BadSettingError,
    ConflictingOptionsError,
    NeedsClassesError,
    TooFewExamplesError,
    UnknownNameError,
)
from robustbench_mt.registry import choose

__all__ = ["PROTOCOLS", "Protocol", "balanced", "chosen_levels"]


@dataclass(frozen=True)
class Protocol:
    """What a level changes, and what it leaves as it is.

    Attributes:
        name: what records and users call it.
        level: what a level is: the ``ratio`` of the largest class to the minority, 1 or more, or the ``share`` of the
            minority that is kept, above 0 and at most 1.
        sizes: makes what :meth:`counts` returns of its four arguments, in their order. A more imbalanced level never
            has more minority examples than a less imbalanced one, so that prefixes of one order are nested.
    """

    name: str
    level: Literal["ratio", "share"]
    sizes: Callable[[Sequence[int], float, int, int | None], list[int]]

    @property
    def summary(self) -> str:
        """What the level changes, and what that does to the size of the set: the sentence of captions."""
        return PROTOCOL_SUMMARIES[self.name]

    def counts(self, available: Sequence[int], level: float, minority: int, size: int | None = None) -> list[int]:
        """How many examples of each class a set has.

        Args:
            available: examples of each class that there are.
            level: see :attr:`level`.
            minority: the class.
            size: examples of each class at ratio or share 1; by default as many as the data allow.

        Returns:
            Examples of each class, 1 or more.

        Raises:
            UserError: fewer than two classes, no such class, a level out of its range, or one that leaves no example.
        """
        if len(available) < 2:
            raise NeedsClassesError("A set of one class cannot be imbalanced: give data with two or more.")
        if not 0 <= minority < len(available):
            raise UnknownNameError(
                f"There is no class {minority}: the labels have the classes 0 to {len(available) - 1}."
            )
        if self.level == "ratio" and not level >= 1:
            raise BadSettingError(f"The ratio {level:g} is under 1: it is majority : minority, so give 1 or more.")
        if self.level == "share" and not 0 < level <= 1:
            raise BadSettingError(f"The share {level:g} is out of range: keep more than 0 and at most 1 of a class.")
        counts = self.sizes(available, level, minority, size)
        if min(counts) < 1:
            raise TooFewExamplesError(
                f"The {self.level} {level:g} asks for less than 1 minority example beside {max(counts)} of another "
                f"class: give a {'smaller ratio' if self.level == 'ratio' else 'larger share'} or more data."
            )
        return counts


def balanced(counts: Sequence[int]) -> list[int]:
    """As many examples in all, the same of each class; what cannot be divided goes to the first classes."""
    return _evenly(sum(counts), len(counts))


def chosen_levels(protocol: str, ratios: Sequence[float], shares: Sequence[float]) -> tuple[float, ...]:
    """The levels, given under the name that the protocol has for them.

    Raises:
        UserError: there is no such protocol, its levels are missing, or those of another are given.
    """
    kind = choose("protocol", protocol, PROTOCOLS).level
    levels, others = (ratios, shares) if kind == "ratio" else (shares, ratios)
    other = "share" if kind == "ratio" else "ratio"
    if others:
        fitting = ", ".join(name for name, entry in PROTOCOLS.items() if entry.level == other)
        raise ConflictingOptionsError(
            f"The protocol {protocol} has no {other}s: give --{kind}, or --protocol ({fitting})."
        )
    if not levels:
        raise ConflictingOptionsError(
            f"The protocol {protocol} goes along {kind}s: give --{kind}, in an experiment imbalance.{kind}s."
        )
    return tuple(levels)


def _shrink(available: Sequence[int], ratio: float, minority: int, size: int | None) -> list[int]:
    majority = min(available) if size is None else size
    return [round(majority / ratio) if index == minority else majority for index in range(len(available))]


def _constant_size(available: Sequence[int], ratio: float, minority: int, size: int | None) -> list[int]:
    classes = len(available)
    if size is None:
        # At large ratios all examples but a few are of the other classes, and at every ratio there must be enough.
        others = min(count for index, count in enumerate(available) if index != minority)
        size = min(others * (classes - 1) // classes, available[minority])
    total = size * classes
    kept = round(total / (1 + (classes - 1) * ratio))
    counts = _evenly(total - kept, classes - 1)
    counts.insert(minority, kept)
    return counts


def _kept_share(available: Sequence[int], share: float, minority: int, size: int | None) -> list[int]:
    counts = list(available) if size is None else [size] * len(available)
    counts[minority] = round(counts[minority] * share)
    return counts


def _long_tail(available: Sequence[int], ratio: float, minority: int, size: int | None) -> list[int]:
    head, last = min(available) if size is None else size, len(available) - 1
    counts = [round(head * ratio ** (-place / last)) for place in range(len(available))]
    counts.insert(minority, counts.pop())
    return counts


def _evenly(total: int, parts: int) -> list[int]:
    return [total // parts + (part < total % parts) for part in range(parts)]


_ALL = (
    Protocol("shrink", "ratio", _shrink),
    Protocol("constant-size", "ratio", _constant_size),
    Protocol("kept-share", "share", _kept_share),
    # Class c of C has size * ratio^(-c / (C - 1)) examples: Cui et al., "Class-Balanced Loss Based on Effective Number
    # of Samples", CVPR 2019, arXiv 1901.05555.
    Protocol("long-tail", "ratio", _long_tail),
)

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}
