"""What attack records say: how much accuracy is left, and at what price for the attacker."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from robustbench_mt.records import AttackRecord
from robustbench_mt.reporting.naming import MethodNames, RecipeNames, VictimNames, budget_name, method_order
from robustbench_mt.reporting.runs import AttackFile
from robustbench_mt.statistics import Estimate, bootstrap_mean, mean_over_seeds, wilson

__all__ = [
    "BUDGETS",
    "RECIPES_THAT_KEEP_THE_LABEL",
    "AttackGroup",
    "AttackRow",
    "ReductionRow",
    "attack_row",
    "group_attacks",
    "is_correct",
    "is_counted",
    "reduction_row",
    "stands",
]

RECIPES_THAT_KEEP_THE_LABEL = frozenset({"input-reduction"})
"""Recipes whose success is a prediction kept, not flipped: they say nothing of the accuracy under attack."""

BUDGETS = tuple(range(101))
"""Shares of words that an attacker may change, in per cent."""


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
    def records(self) -> list[AttackRecord]:
        """The examples that say something of the attack, see :func:`is_counted`."""
        return [record for file in self.files for record in file.records if is_counted(record)]

    @property
    def left_out(self) -> int:
        return sum(len(file.records) for file in self.files) - len(self.records)


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
    """A recipe against a method's checkpoints (one or pooled); examples count as independent.

    Attributes:
        n: examples attacked or misclassified before; those ``left_out`` stand beside it.
        clean_accuracy: share classified correctly before the attack.
        accuracy_under_attack: share classified correctly after it.
        over_seeds: mean of the checkpoints' accuracies under attack, with an interval over them.
        success_rate: share of the attacked whose label flipped.
        queries: mean texts scored, over the attacked.
        budget: of one example, in words; ``ended_by``: how many attacks ran into which part of it.
        share_changed: mean share of words changed, over the successes.
        curve: the accuracy left by successes that changed at most :data:`BUDGETS` per cent of the words.
    """

    clean_accuracy: Estimate
    accuracy_under_attack: Estimate
    over_seeds: Estimate
    success_rate: Estimate
    share_changed: Estimate
    curve: list[Estimate]


@dataclass(frozen=True)
class ReductionRow(_Row):
    """A recipe that removes words while the prediction stays.

    Attributes:
        reduced: share of the attacked that could be reduced.
        share_removed: mean share of words removed, over those.
    """

    reduced: Estimate
    share_removed: Estimate


def is_correct(record: AttackRecord) -> bool:
    """Whether the example was classified correctly before the attack."""
    if record.scores is None:
        return record.status in ("success", "failed")
    return record.scores.index(max(record.scores)) == record.label


def is_counted(record: AttackRecord) -> bool:
    """Whether the example counts in n.

    One whose attack ended in an error, or that was classified correctly and could not be tried (too long, no word that
    may change), withstood nothing: counting it would flatter the classifier.
    """
    return record.status != "error" and not (record.status == "skipped" and is_correct(record))


def stands(record: AttackRecord) -> bool:
    """Whether the example is classified correctly after the attack."""
    return is_correct(record) and record.status != "success"


def group_attacks(files: Sequence[AttackFile]) -> list[AttackGroup]:
    """Group attack files by task, recipe and method, in that order."""
    recipes = RecipeNames(file.run for file in files)
    methods = MethodNames((file.run.task, file.training) for file in files if file.training)
    victims = VictimNames(file.run for file in files if not file.training)
    groups: dict[tuple[str, str, str], list[AttackFile]] = {}
    for file in files:
        method = methods(file.run.task, file.training) if file.training else victims(file.run)
        groups.setdefault((file.run.task, recipes(file.run), method), []).append(file)
    ordered = sorted(groups, key=lambda key: (key[0], key[1], method_order(key[2])))
    return [AttackGroup(*key, budget=budget_name(groups[key][0].run), files=groups[key]) for key in ordered]


def attack_row(group: AttackGroup) -> AttackRow:
    """The numbers of a group."""
    records = group.records
    successes = [record for record in records if record.status == "success"]
    attacked = [record for record in records if record.status in ("success", "failed")]
    each = [[stands(record) for record in file.records if is_counted(record)] for file in group.files]
    return AttackRow(
        **_shared(group, attacked),
        clean_accuracy=wilson(sum(map(is_correct, records)), len(records)),
        accuracy_under_attack=wilson(sum(map(stands, records)), len(records)),
        over_seeds=mean_over_seeds([sum(outcomes) / len(outcomes) for outcomes in each if outcomes]).within(0, 1),
        success_rate=wilson(len(successes), len(attacked)),
        share_changed=_share_changed(successes),
        curve=_curve(records),
    )


def reduction_row(group: AttackGroup) -> ReductionRow:
    """The numbers of a group whose recipe keeps the label."""
    attacked = [record for record in group.records if record.status in ("success", "failed")]
    reduced = [record for record in attacked if record.status == "success"]
    return ReductionRow(
        **_shared(group, attacked),
        reduced=wilson(len(reduced), len(attacked)),
        share_removed=_share_changed(reduced),
    )


def _shared(group: AttackGroup, attacked: Sequence[AttackRecord]) -> dict[str, Any]:
    return {
        "task": group.task,
        "recipe": group.recipe,
        "method": group.method,
        "checkpoints": list(dict.fromkeys(file.run.checkpoint for file in group.files)),
        "seeds": group.seeds,
        "n": len(group.records),
        "left_out": group.left_out,
        "queries": bootstrap_mean([record.queries for record in attacked]),
        "budget": group.budget,
        "ended_by": dict(sorted(Counter(record.ended_by for record in attacked if record.ended_by).items())),
    }


def _curve(records: Sequence[AttackRecord]) -> list[Estimate]:
    fallen = [0] * len(BUDGETS)
    for record in records:
        if is_correct(record) and not stands(record):
            fallen[_budget(record)] += 1
    correct = sum(map(is_correct, records))
    return [wilson(correct - down, len(records)) for down in accumulate(fallen)]


def _budget(record: AttackRecord) -> int:
    """The least whole percentage that lets this success happen; one that also inserted words may need more than all."""
    return min(100, -(-100 * record.words_changed // record.words)) if record.words else 0


def _share_changed(records: Sequence[AttackRecord]) -> Estimate:
    return bootstrap_mean([record.words_changed / record.words for record in records if record.words])
