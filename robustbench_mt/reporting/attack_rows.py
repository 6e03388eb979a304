"""What attack records say: how much accuracy is left, and at what price for the attacker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.crossed import Crossed
from robustbench_mt.reporting.attacked import ENDINGS, Columns, counted, stands, tried, with_status
from robustbench_mt.reporting.naming import MethodNames, RecipeNames, VictimNames, budget_name, method_order
from robustbench_mt.reporting.runs import AttackFile
from robustbench_mt.statistics import Estimate, mean_over_seeds

__all__ = [
    "BUDGETS",
    "RECIPES_THAT_KEEP_THE_LABEL",
    "AttackGroup",
    "AttackRow",
    "ReductionRow",
    "attack_row",
    "ended_by",
    "group_attacks",
    "reduction_row",
]

RECIPES_THAT_KEEP_THE_LABEL = frozenset({"input-reduction"})
"""Recipes whose success is a prediction kept, not flipped: they say nothing of the accuracy under attack."""

BUDGETS = tuple(range(101))
"""Shares of words that an attacker may change, in per cent."""

_POINTS = 120
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class AttackGroup:
    """Attack files that answer one question: this recipe against this method, one file a checkpoint.

    Attributes:
        recipe, method: as :mod:`robustbench_mt.reporting.naming` calls them.
        budget: what an attack on one example may cost, in words.
    """

    task: str
    recipe: str
    method: str
    budget: str
    files: list[AttackFile]

    @property
    def keeps_label(self) -> bool:
        return self.files[0].run.recipe in RECIPES_THAT_KEEP_THE_LABEL

    @property
    def seeds(self) -> list[int]:
        """Training seeds, none for checkpoints from elsewhere."""
        return sorted({file.training.seed for file in self.files if file.training})

    @property
    def by_checkpoint(self) -> list[Columns]:
        """The examples that say something of the attack, see :func:`~robustbench_mt.reporting.attacked.counted`."""
        every = [file.attacked.columns for file in self.files]
        return [columns[counted(columns)] for columns in every]

    @property
    def columns(self) -> Columns:
        """Those of all checkpoints."""
        return np.concatenate(self.by_checkpoint)

    @property
    def left_out(self) -> int:
        return sum(int((~counted(file.attacked.columns)).sum()) for file in self.files)


@dataclass(frozen=True)
class _Row:
    task: str
    recipe: str
    method: str
    checkpoints: list[str]
    seeds: list[int]
    n: int
    left_out: int
    queries: Estimate
    budget: str
    ended_by: dict[str, int]

    @property
    def ended_by_budget(self) -> int:
        """Attacks that a budget ended: these examples withstood what the budget let the attacker try, no more."""
        return sum(self.ended_by.values())


@dataclass(frozen=True)
class AttackRow(_Row):
    """A recipe against a method's checkpoints, one or several; intervals are those of :class:`Crossed`.

    Attributes:
        n: different examples attacked or misclassified before; what was ``left_out`` of all checkpoints' stands beside.
        clean_accuracy: share classified correctly before the attack.
        accuracy_under_attack: share classified correctly after it.
        over_seeds: mean of the checkpoints' accuracies under attack, with an interval over them.
        success_rate: share of the attacked whose label flipped.
        queries: mean texts scored, over the attacked.
        budget: of one example, in words; ``ended_by``: how many attacks ran into which part of it.
        share_changed: mean share of words changed, over the successes.
        curve: the accuracy left by successes that changed at most :data:`BUDGETS` per cent of the words.
        by_queries: numbers of texts scored, from the least to the most that an attack took, each with the share of the
            attacked whose label had flipped by then.
    """

    clean_accuracy: Estimate
    accuracy_under_attack: Estimate
    over_seeds: Estimate
    success_rate: Estimate
    share_changed: Estimate
    curve: list[Estimate]
    by_queries: list[tuple[int, Estimate]]


@dataclass(frozen=True)
class ReductionRow(_Row):
    """A recipe that removes words while the prediction stays.

    Attributes:
        reduced: share of the attacked that could be reduced.
        share_removed: mean share of words removed, over those.
    """

    reduced: Estimate
    share_removed: Estimate


def group_attacks(files: Sequence[AttackFile]) -> list[AttackGroup]:
    """Group attack files by task, recipe and method, in that order."""
    recipes = RecipeNames(file.run for file in files)
    methods = MethodNames((file.run.task, file.training) for file in files if file.training)
    elsewhere = [file.run for file in files if not file.training]
    victims = VictimNames((run.checkpoint, run.victim) for run in elsewhere)
    groups: dict[tuple[str, str, str], list[AttackFile]] = {}
    for file in files:
        run, training = file.run, file.training
        method = methods(run.task, training) if training else victims(run.checkpoint, run.victim)
        groups.setdefault((run.task, recipes(run), method), []).append(file)
    ordered = sorted(groups, key=lambda key: (key[0], key[1], method_order(key[2])))
    return [AttackGroup(*key, budget=budget_name(groups[key][0].run), files=groups[key]) for key in ordered]


def attack_row(group: AttackGroup) -> AttackRow:
    """The numbers of a group."""
    every = group.by_checkpoint
    attacked = [of[tried(of)] for of in every]
    successes = [of[with_status(of, "success")] for of in attacked]
    outcomes, attempts = _crossed(every), _crossed(attacked)
    return AttackRow(
        **_shared(group, every, attacked),
        clean_accuracy=outcomes.share([of["correct"] for of in every]),
        accuracy_under_attack=outcomes.share([stands(of) for of in every]),
        over_seeds=mean_over_seeds([float(stands(of).mean()) for of in every if len(of)]).within(0, 1),
        success_rate=attempts.share([with_status(of, "success") for of in attacked]),
        share_changed=_share_changed(successes),
        curve=_curve(outcomes, every),
        by_queries=_by_queries(attempts, attacked),
    )


def reduction_row(group: AttackGroup) -> ReductionRow:
    """The numbers of a group whose recipe keeps the label."""
    every = group.by_checkpoint
    attacked = [of[tried(of)] for of in every]
    return ReductionRow(
        **_shared(group, every, attacked),
        reduced=_crossed(attacked).share([with_status(of, "success") for of in attacked]),
        share_removed=_share_changed([of[with_status(of, "success")] for of in attacked]).within(0.0, 1.0),
    )


def ended_by(columns: Columns) -> dict[str, int]:
    """How many attacks ran into which budget, for those that some did, by the budget's name."""
    counts = np.bincount(columns["ended_by"], minlength=len(ENDINGS) + 1)[1:]
    return {ending: int(count) for ending, count in zip(ENDINGS, counts, strict=True) if count}


def _shared(group: AttackGroup, every: Sequence[Columns], attacked: Sequence[Columns]) -> dict[str, Any]:
    return {
        "task": group.task,
        "recipe": group.recipe,
        "method": group.method,
        "checkpoints": list(dict.fromkeys(file.run.checkpoint for file in group.files)),
        "seeds": group.seeds,
        "n": _crossed(every).n,
        "left_out": group.left_out,
        "queries": _crossed(attacked).mean([of["queries"] for of in attacked]),
        "budget": group.budget,
        "ended_by": ended_by(np.concatenate(attacked)),
    }


def _crossed(every: Sequence[Columns]) -> Crossed:
    return Crossed([of["index"] for of in every])


def _curve(outcomes: Crossed, every: Sequence[Columns]) -> list[Estimate]:
    """An example stands at a budget that is too small for the change that fooled the classifier."""
    falls_at = [np.where(of["correct"], np.where(stands(of), _NEVER, _budgets(of)), -1) for of in every]
    return [outcomes.share([of > budget for of in falls_at]) for budget in BUDGETS]


def _by_queries(attempts: Crossed, attacked: Sequence[Columns]) -> list[tuple[int, Estimate]]:
    """At numbers whose ratios are alike, as the axis of the figure is logarithmic."""
    queries = np.concatenate([of["queries"] for of in attacked])
    if not len(queries):
        return []
    least, most = np.maximum([queries.min(), queries.max()], 1)
    numbers = np.unique(np.geomspace(least, most, _POINTS).round().astype(np.int64))
    flipped = [np.where(with_status(of, "success"), of["queries"], _NEVER) for of in attacked]
    return [(number, attempts.share([of <= number for of in flipped])) for number in numbers.tolist()]


def _budgets(columns: Columns) -> NDArray[np.int64]:
    """The least whole percentages that let successes happen; ones that also inserted words may need more than all."""
    words = columns["words"]
    least = -(-100 * columns["words_changed"] // np.maximum(words, 1))
    return np.where(words > 0, least, 0).clip(0, 100)


def _share_changed(successes: Sequence[Columns]) -> Estimate:
    measured = [of[of["words"] > 0] for of in successes]
    return _crossed(measured).mean([of["words_changed"] / of["words"] for of in measured]).within(0.0, 1.0)
