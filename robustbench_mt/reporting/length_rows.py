"""Accuracy under attack by the length of the text: whether long texts are easier to attack."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.crossed import Crossed
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.attacked import stands
from robustbench_mt.statistics import Estimate

__all__ = ["LEAST_EXAMPLES", "LengthRow", "length_rows"]

LEAST_EXAMPLES = 10
"""So many examples each method has in each group of lengths, or there are fewer groups."""

_MOST_GROUPS = 4


@dataclass(frozen=True)
class LengthRow:
    """A recipe against a method's checkpoints, one or several; intervals are those of :class:`Crossed`.

    Attributes:
        by_length: from short texts to long ones, the least and the most words in a group of examples, and the share of
            the method's examples there that is classified correctly after the attack. All methods of a task and recipe
            have the same groups.
    """

    task: str
    recipe: str
    method: str
    by_length: list[tuple[tuple[int, int], Estimate]]

    @property
    def n(self) -> int:
        return sum(share.n for _, share in self.by_length)


def length_rows(groups: Sequence[AttackGroup]) -> list[LengthRow]:
    """The numbers of attacks whose examples can be put into two groups of lengths or more.

    A method with too few examples for that has no row, and has no say in where the groups end.

    Args:
        groups: sorted by task and recipe, of recipes that do not keep the label.
    """
    rows: list[LengthRow] = []
    for (task, recipe), of_recipe in groupby(groups, key=lambda group: (group.task, group.recipe)):
        measured = {group.method: _measured(group) for group in of_recipe}
        lengths = {method: _lengths(of) for method, of in measured.items()}
        lengths = {method: words for method, words in lengths.items() if len(words) >= 2 * LEAST_EXAMPLES}
        last = _last_words([*lengths.values()])
        if not len(last):
            continue
        every = np.sort(np.concatenate([*lengths.values()]))
        starts = np.searchsorted(every, last, side="right")
        bounds = list(zip(every[[0, *starts]].tolist(), every[[*(starts - 1), -1]].tolist(), strict=True))
        for method in lengths:
            shares = [_share(measured[method], group, last) for group in range(len(bounds))]
            rows.append(LengthRow(task, recipe, method, list(zip(bounds, shares, strict=True))))
    return rows


@dataclass(frozen=True)
class _Measured:
    """A checkpoint's examples: where they are in the split, their words, whether they are right after the attack."""

    index: NDArray[np.int64]
    words: NDArray[np.int64]
    stands: NDArray[np.bool_]


def _measured(group: AttackGroup) -> list[_Measured]:
    # Not every source of records counts words: 0 would call such texts short.
    every = [of[of["words"] > 0] for of in group.by_checkpoint]
    # Copies: views would keep all columns of all methods.
    return [_Measured(of["index"].copy(), of["words"].copy(), stands(of)) for of in every]


def _lengths(of_checkpoints: Sequence[_Measured]) -> NDArray[np.int64]:
    """The words of each different example."""
    index, words = (np.concatenate([getattr(of, name) for of in of_checkpoints]) for name in ("index", "words"))
    lengths: NDArray[np.int64] = words[np.unique(index, return_index=True)[1]]
    return lengths


def _share(of_checkpoints: Sequence[_Measured], group: int, last: NDArray[np.int64]) -> Estimate:
    inside = [np.searchsorted(last, of.words) == group for of in of_checkpoints]
    crossed = Crossed([of.index[here] for of, here in zip(of_checkpoints, inside, strict=True)])
    return crossed.share([of.stands[here] for of, here in zip(of_checkpoints, inside, strict=True)])


def _last_words(lengths: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """The most words in each group but the last, for as many groups as may be; empty where that is one.

    Args:
        lengths: of each method.
    """
    if not lengths:
        return np.empty(0, np.int64)
    every = np.concatenate(lengths)
    for count in range(_MOST_GROUPS, 1, -1):
        # Texts of one length stay together, so that some groups may be larger, or fewer.
        last: NDArray[np.int64] = np.unique(np.quantile(every, np.arange(1, count) / count, method="inverted_cdf"))
        last = last[last < every.max()]
        if len(last) and min(_sizes(words, last).min() for words in lengths) >= LEAST_EXAMPLES:
            return last
    return every[:0]


def _sizes(words: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes: NDArray[np.int64] = np.bincount(np.searchsorted(last, words), minlength=len(last) + 1)
    return sizes
