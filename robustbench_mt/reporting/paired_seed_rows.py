"""Two methods on the same examples and the same seeds: what both the seeds and the examples leave open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from robustbench_mt.comparisons import t_over_seeds_and_examples
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.families import Tested, corrected
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.paired_outcomes import Outcomes, conditions_by_task
from robustbench_mt.statistics import Estimate, hierarchical_bootstrap_difference, paired_over_seeds

__all__ = ["PairedSeedRow", "paired_seed_rows"]


@dataclass(frozen=True)
class PairedSeedRow(Tested):
    """A method against another, over the seeds that both have and the examples that count for all their checkpoints.

    Attributes:
        condition: the recipe, the worst case over recipes, or :data:`robustbench_mt.reporting.paired_outcomes.BEFORE`.
        by_seed, other_by_seed: accuracy of each seed, over these examples; ``accuracy``, ``other_accuracy`` are means.
        difference: ``accuracy`` less ``other_accuracy``, with its hierarchical bootstrap interval.
        over_seeds: the same, with the t interval over seeds.
        p: that there is no difference, over seeds and examples; ``None`` where it cannot be told.
        p_holm: ``p``, corrected by Holm for the ``family``: all rows of the task that have one.
    """

    task: str
    condition: str
    method: str
    other: str
    seeds: list[int]
    by_seed: list[float]
    other_by_seed: list[float]
    difference: Estimate
    over_seeds: Estimate
    p: float | None

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.by_seed))

    @property
    def other_accuracy(self) -> float:
        return float(np.mean(self.other_by_seed))


def paired_seed_rows(groups: Sequence[AttackGroup], worst_case: Sequence[AttackGroup]) -> list[PairedSeedRow]:
    """Compare methods that share two seeds or more, each with ``vanilla`` or else the first by name, task by task.

    Args:
        groups, worst_case: see :func:`robustbench_mt.reporting.paired_outcomes.conditions_by_task`.
    """
    rows: list[PairedSeedRow] = []
    for task, conditions in conditions_by_task(groups, worst_case).items():
        found = []
        for condition, outcomes in conditions.items():
            by_method: dict[str, dict[int, Outcomes]] = {}
            for checkpoint, of_checkpoint in outcomes.items():
                if checkpoint.seed is not None:
                    by_method.setdefault(checkpoint.method, {})[checkpoint.seed] = of_checkpoint
            for method, other in compared(by_method) if by_method else ():
                found.append(_row(task, condition, (method, by_method[method]), (other, by_method[other])))
        rows += corrected([row for row in found if row], lambda row: row.p)
    return rows


def _row(
    task: str, condition: str, one: tuple[str, Mapping[int, Outcomes]], other: tuple[str, Mapping[int, Outcomes]]
) -> PairedSeedRow | None:
    seeds = sorted(one[1].keys() & other[1].keys())
    if len(seeds) < 2:
        return None
    examples = reduce(np.intersect1d, [of[seed].index for seed in seeds for of in (one[1], other[1])])
    if not len(examples):
        return None
    right, other_right = (np.stack([of[seed].of(examples) for seed in seeds]) for of in (one[1], other[1]))
    by_seed, other_by_seed = (of.mean(axis=1).tolist() for of in (right, other_right))
    return PairedSeedRow(
        task,
        condition,
        one[0],
        other[0],
        seeds,
        by_seed,
        other_by_seed,
        difference=hierarchical_bootstrap_difference(right, other_right),
        over_seeds=paired_over_seeds(by_seed, other_by_seed),
        p=t_over_seeds_and_examples(right, other_right),
    )
