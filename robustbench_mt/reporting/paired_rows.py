"""Two checkpoints on the same examples: the difference in accuracy, and whether chance alone would bring it about."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from robustbench_mt.reporting.attack_rows import AttackGroup, is_correct, is_counted, stands
from robustbench_mt.reporting.naming import CheckpointNames, compared, is_baseline, method_order
from robustbench_mt.reporting.runs import AttackFile
from robustbench_mt.statistics import Estimate, mcnemar_exact, paired_difference, wilson

__all__ = ["BEFORE", "MOST_METHODS", "PairedRow", "paired_rows"]

BEFORE = "before the attack"
MOST_METHODS = 5
"""Without ``vanilla``, all pairs of this many methods are compared: ten pairs."""


@dataclass(frozen=True)
class PairedRow:
    """A checkpoint against another, on the examples that count for both.

    Attributes:
        condition: the recipe, the worst case over recipes, or :data:`BEFORE`.
        checkpoint, other: their names.
        n: examples that count for both.
        accuracy, other_accuracy: of these, under the condition.
        difference: ``accuracy`` less ``other_accuracy``, with its paired bootstrap interval.
        only_right, only_other_right: examples that one of the two has right and the other has not.
        p: McNemar's, exact and two-sided.
    """

    task: str
    condition: str
    checkpoint: str
    other: str
    n: int
    accuracy: Estimate
    other_accuracy: Estimate
    difference: Estimate
    only_right: int
    only_other_right: int
    p: float


@dataclass(frozen=True)
class _Checkpoint:
    """What tells one victim from another; ``seed`` is the training's."""

    method: str
    seed: int | None
    name: str
    victim: str


# Whether each example, by its index, is classified correctly; for each checkpoint; under each condition.
_Outcomes = dict[int, bool]
_Conditions = dict[str, dict[_Checkpoint, _Outcomes]]


def paired_rows(groups: Sequence[AttackGroup], worst_case: Sequence[AttackGroup]) -> list[PairedRow]:
    """Compare pairs of checkpoints, task by task.

    Each is compared with the ``vanilla`` checkpoint of its seed; without a ``vanilla``, all pairs of the first
    :data:`MOST_METHODS` methods are. A checkpoint of unknown seed is paired with every seed; and where no two share a
    seed, a task's only two checkpoints are a pair.

    Args:
        groups: all attacks; those that keep the label only tell what was right before.
        worst_case: as :mod:`robustbench_mt.reporting.worst_case_rows` makes them.
    """
    trained = [(group.task, file.training) for group in groups for file in group.files]
    names = CheckpointNames((task, training) for task, training in trained if training)
    rows: list[PairedRow] = []
    for task in dict.fromkeys(group.task for group in groups):
        of_task = [group for group in groups if group.task == task]
        attacked = [group for group in (*of_task, *worst_case) if group.task == task and not group.keeps_label]
        conditions = _before(of_task, names) | _after(attacked, names)
        pairs = list(_pairs(list(dict.fromkeys(known for outcomes in conditions.values() for known in outcomes))))
        for condition, outcomes in conditions.items():
            for one, other in pairs:
                if one in outcomes and other in outcomes:
                    rows += _row(task, condition, (one.name, outcomes[one]), (other.name, outcomes[other]))
    return rows


def _before(groups: Sequence[AttackGroup], names: CheckpointNames) -> _Conditions:
    """Every example that some recipe had scored, before it changed anything."""
    data: list[tuple[str, str]] = []
    conditions: _Conditions = {}
    for group in groups:
        for checkpoint, file in _files(group, names):
            attacked = (file.run.split, file.run.data)
            if attacked not in data:
                data.append(attacked)
            number = data.index(attacked) + 1
            outcomes = conditions.setdefault(BEFORE if number == 1 else f"{BEFORE} #{number}", {})
            scored = [r for r in file.records if r.scores is not None or r.status in ("success", "failed")]
            _add(outcomes.setdefault(checkpoint, {}), {record.index: is_correct(record) for record in scored})
    return conditions


def _after(groups: Sequence[AttackGroup], names: CheckpointNames) -> _Conditions:
    conditions: _Conditions = {}
    for group in groups:
        for checkpoint, file in _files(group, names):
            outcomes = conditions.setdefault(group.recipe, {}).setdefault(checkpoint, {})
            _add(outcomes, {record.index: stands(record) for record in file.records if is_counted(record)})
    return conditions


def _files(group: AttackGroup, names: CheckpointNames) -> Iterator[tuple[_Checkpoint, AttackFile]]:
    for file in group.files:
        training, run = file.training, file.run
        # A victim of unknown training is a method of its own, whose name tells it from others.
        name = names(group.task, run.checkpoint, training) if training else group.method
        yield _Checkpoint(group.method, training.seed if training else None, name, run.victim), file


def _add(outcomes: _Outcomes, more: Mapping[int, bool]) -> None:
    """An example counts as right where it is right each time."""
    for index, right in more.items():
        outcomes[index] = outcomes.get(index, True) and right


def _pairs(checkpoints: Sequence[_Checkpoint]) -> Iterator[tuple[_Checkpoint, _Checkpoint]]:
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


def _row(task: str, condition: str, one: tuple[str, _Outcomes], other: tuple[str, _Outcomes]) -> Iterator[PairedRow]:
    shared = sorted(one[1].keys() & other[1].keys())
    if not shared:
        return
    right, other_right = ([outcomes[index] for index in shared] for _, outcomes in (one, other))
    only_right = sum(a and not b for a, b in zip(right, other_right, strict=True))
    only_other_right = sum(b and not a for a, b in zip(right, other_right, strict=True))
    yield PairedRow(
        task,
        condition,
        one[0],
        other[0],
        n=len(shared),
        accuracy=wilson(sum(right), len(shared)),
        other_accuracy=wilson(sum(other_right), len(shared)),
        difference=paired_difference(right, other_right),
        only_right=only_right,
        only_other_right=only_other_right,
        p=mcnemar_exact(only_right, only_other_right),
    )
