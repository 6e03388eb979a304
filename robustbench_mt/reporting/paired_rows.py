"""Two checkpoints on the same examples: the difference in accuracy, and whether chance alone would bring it about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from robustbench_mt.paired_proportions import mcnemar_exact, paired_difference
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.families import Tested, corrected
from robustbench_mt.reporting.naming import compared, is_baseline, method_order
from robustbench_mt.reporting.paired_outcomes import Checkpoint, Outcomes, conditions_by_task
from robustbench_mt.statistics import Estimate, wilson

__all__ = ["MOST_METHODS", "PairedRow", "paired_rows"]

MOST_METHODS = 5
"""Without ``vanilla``, all pairs of this many methods are compared: ten pairs."""


@dataclass(frozen=True)
class PairedRow(Tested):
    """A checkpoint against another, on the examples that count for both.

    Attributes:
        condition: the recipe, the worst case over recipes, or :data:`robustbench_mt.reporting.paired_outcomes.BEFORE`.
        checkpoint, other: their names.
        accuracy, other_accuracy: of the examples that count for both, under the condition.
        difference: ``accuracy`` less ``other_accuracy``, with its score interval for paired proportions.
        only_right, only_other_right: examples that one of the two has right and the other has not.
        p: McNemar's, exact and two-sided.
        p_holm: ``p``, corrected by Holm for the ``family``: all rows of the task.
    """

    task: str
    condition: str
    checkpoint: str
    other: str
    accuracy: Estimate
    other_accuracy: Estimate
    difference: Estimate
    only_right: int
    only_other_right: int
    p: float


def paired_rows(groups: Sequence[AttackGroup], worst_case: Sequence[AttackGroup]) -> list[PairedRow]:
    """Compare pairs of checkpoints, task by task.

    Each is compared with the ``vanilla`` checkpoint of its seed; without a ``vanilla``, all pairs of the first
    :data:`MOST_METHODS` methods are. A checkpoint of unknown seed is paired with every seed; and where no two share a
    seed, a task's only two checkpoints are a pair.

    Args:
        groups, worst_case: see :func:`robustbench_mt.reporting.paired_outcomes.conditions_by_task`.
    """
    rows: list[PairedRow] = []
    for task, conditions in conditions_by_task(groups, worst_case).items():
        pairs = list(_pairs(list(dict.fromkeys(known for outcomes in conditions.values() for known in outcomes))))
        found = [
            _row(task, condition, (one.name, outcomes[one]), (other.name, outcomes[other]))
            for condition, outcomes in conditions.items()
            for one, other in pairs
            if one in outcomes and other in outcomes
        ]
        rows += corrected([row for row in found if row], lambda row: row.p)
    return rows


def _pairs(checkpoints: Sequence[Checkpoint]) -> Iterator[tuple[Checkpoint, Checkpoint]]:
    methods = sorted({checkpoint.method for checkpoint in checkpoints}, key=method_order)
    if is_baseline(methods[0]):
        chosen = compared(methods)
    else:
        chosen = [(method, first) for first, method in combinations(methods[:MOST_METHODS], 2)]
    found = [
        (one, other)
        for method, first in chosen
        for one in checkpoints
        for other in checkpoints
        if (one.method, other.method) == (method, first) and (one.seed == other.seed or None in (one.seed, other.seed))
    ]
    if not found and len(checkpoints) == 2:
        other, one = sorted(checkpoints, key=lambda checkpoint: (method_order(checkpoint.method), checkpoint.name))
        found = [(one, other)]
    yield from found


def _row(task: str, condition: str, one: tuple[str, Outcomes], other: tuple[str, Outcomes]) -> PairedRow | None:
    shared = np.intersect1d(one[1].index, other[1].index, assume_unique=True)
    if not len(shared):
        return None
    right, other_right = (outcomes.of(shared) for _, outcomes in (one, other))
    only_right, only_other_right = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    return PairedRow(
        task,
        condition,
        one[0],
        other[0],
        accuracy=wilson(int(right.sum()), len(shared)),
        other_accuracy=wilson(int(other_right.sum()), len(shared)),
        difference=paired_difference(right, other_right),
        only_right=only_right,
        only_other_right=only_other_right,
        p=mcnemar_exact(only_right, only_other_right),
    )
