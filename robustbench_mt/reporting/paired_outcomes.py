"""Which examples each checkpoint has right, before attacks and after them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.attacked import counted, stands
from robustbench_mt.reporting.naming import CheckpointNames, numbered
from robustbench_mt.reporting.runs import AttackFile

__all__ = ["BEFORE", "Checkpoint", "Conditions", "Outcomes", "conditions_by_task"]

BEFORE = "before the attack"


@dataclass(frozen=True)
class Checkpoint:
    """What tells one victim from another.

    Attributes:
        method: as :mod:`robustbench_mt.reporting.naming` calls it.
        seed: the training's; ``None`` where that is unknown.
        victim: its fingerprint.
    """

    method: str
    seed: int | None
    name: str
    victim: str


@dataclass(frozen=True)
class Outcomes:
    """Whether examples are classified correctly.

    Attributes:
        index: the examples' positions in the split, each once, in order.
        right: the outcome of each.
    """

    index: NDArray[np.int64]
    right: NDArray[np.bool_]

    def of(self, index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The outcomes of some of the examples."""
        right: NDArray[np.bool_] = self.right[np.searchsorted(self.index, index)]
        return right


Conditions = dict[str, dict[Checkpoint, Outcomes]]
"""The outcomes of each checkpoint under each condition: :data:`BEFORE`, or the recipe or worst case."""


def conditions_by_task(groups: Sequence[AttackGroup], worst_case: Sequence[AttackGroup]) -> dict[str, Conditions]:
    """The outcomes under each condition, task by task.

    Args:
        groups: all attacks; those that keep the label only tell what was right before.
        worst_case: as :mod:`robustbench_mt.reporting.worst_case_rows` makes them.
    """
    trained = [(group.task, file.training) for group in groups for file in group.files]
    names = CheckpointNames((task, training) for task, training in trained if training)
    conditions: dict[str, Conditions] = {}
    for task in dict.fromkeys(group.task for group in groups):
        of_task = [group for group in groups if group.task == task]
        attacked = [group for group in (*of_task, *worst_case) if group.task == task and not group.keeps_label]
        conditions[task] = _before(of_task, names) | _after(attacked, names)
    return conditions


def _before(groups: Sequence[AttackGroup], names: CheckpointNames) -> Conditions:
    """Every example that some recipe had scored, before it changed anything."""
    data: list[tuple[str, str]] = []
    conditions: Conditions = {}
    for group in groups:
        for checkpoint, file in _files(group, names):
            attacked = (file.run.split, file.run.data)
            if attacked not in data:
                data.append(attacked)
            scored = file.attacked.columns[file.attacked.columns["scored"]]
            outcomes = conditions.setdefault(numbered(BEFORE, data.index(attacked)), {})
            _add(outcomes, checkpoint, Outcomes(scored["index"], scored["correct"]))
    return conditions


def _after(groups: Sequence[AttackGroup], names: CheckpointNames) -> Conditions:
    conditions: Conditions = {}
    for group in groups:
        for checkpoint, file in _files(group, names):
            columns = file.attacked.columns[counted(file.attacked.columns)]
            outcomes = conditions.setdefault(group.recipe, {})
            _add(outcomes, checkpoint, Outcomes(columns["index"], stands(columns)))
    return conditions


def _files(group: AttackGroup, names: CheckpointNames) -> Iterator[tuple[Checkpoint, AttackFile]]:
    for file in group.files:
        training, run = file.training, file.run
        # A victim of unknown training is a method of its own, whose name tells it from others.
        name = names(group.task, training) if training else group.method
        yield Checkpoint(group.method, training.seed if training else None, name, run.victim), file


def _add(outcomes: dict[Checkpoint, Outcomes], checkpoint: Checkpoint, more: Outcomes) -> None:
    """An example counts as right where it is right each time."""
    known = outcomes.get(checkpoint)
    if known is None:
        outcomes[checkpoint] = more
        return
    index, place = np.unique(np.concatenate([known.index, more.index]), return_inverse=True)
    wrong = np.bincount(place, weights=~np.concatenate([known.right, more.right]))
    outcomes[checkpoint] = Outcomes(index, wrong == 0)
