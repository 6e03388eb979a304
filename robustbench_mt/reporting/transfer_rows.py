"""Adversarial texts found against one checkpoint and scored on others: which of them carry over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robustbench_mt.records import TrainingRecord, TransferRecord
from robustbench_mt.reporting.attack_rows import RECIPES_THAT_KEEP_THE_LABEL
from robustbench_mt.reporting.naming import CheckpointNames, MethodNames, RecipeNames, VictimNames, method_order
from robustbench_mt.reporting.runs import AttackFile, Transferred
from robustbench_mt.statistics import Estimate, wilson

__all__ = ["TransferMatrix", "TransferRow", "transfer_matrices"]


@dataclass(frozen=True)
class TransferRow:
    """One entry of the matrix.

    Attributes:
        source, target: checkpoints: the one attacked, and the one that scored the texts.
        record: what the numbers are from.
        fooled: share that the target misclassifies, of those of ``found`` whose originals it classifies correctly.
    """

    task: str
    recipe: str
    source: str
    target: str
    record: TransferRecord
    fooled: Estimate

    @property
    def found(self) -> int:
        """Adversarial texts found against the source."""
        return self.record.found


@dataclass(frozen=True)
class TransferMatrix:
    """The entries of one recipe, as the report calls it, on one task.

    Attributes:
        sources, targets: in one order: the method that others are compared with first, then by seed.
        rows: by source, then target; a pair that was not scored has none.
    """

    task: str
    recipe: str
    sources: list[str]
    targets: list[str]
    rows: list[TransferRow]


def transfer_matrices(transfers: Sequence[Transferred], attacks: Sequence[AttackFile]) -> list[TransferMatrix]:
    """Group by task and recipe.

    Args:
        transfers: the entries of all matrices.
        attacks: all, so that a recipe's name stands for what it does in the tables of attacks.
    """
    names = _Names(transfers, attacks)
    groups: dict[tuple[str, str], list[Transferred]] = {}
    for transferred in transfers:
        record = transferred.record
        if record.recipe not in RECIPES_THAT_KEEP_THE_LABEL:
            groups.setdefault((record.task, names.recipe(transferred)), []).append(transferred)
    return [_matrix(*key, groups[key], names) for key in sorted(groups)]


class _Names:
    """What checkpoints and recipes are called, and the order of checkpoints."""

    def __init__(self, transfers: Sequence[Transferred], attacks: Sequence[AttackFile]) -> None:
        trained = [(t.record.task, training) for t in transfers for training in (t.source, t.target) if training]
        self._checkpoints, self._methods = CheckpointNames(trained), MethodNames(trained)
        self._recipes = RecipeNames([*(file.run for file in attacks), *(t.attack or t.record for t in transfers)])
        ends = [end for transferred in transfers for end in _ends(transferred)]
        self._victims = VictimNames((name, victim) for name, victim, training in ends if not training)

    def recipe(self, transferred: Transferred) -> str:
        return self._recipes(transferred.attack or transferred.record)

    def ends(self, transferred: Transferred) -> tuple[str, str]:
        task = transferred.record.task
        source, target = (
            self._checkpoints(task, training) if training else self._victims(name, victim)
            for name, victim, training in _ends(transferred)
        )
        return source, target

    def in_order(self, transfers: Iterable[Transferred]) -> list[str]:
        """Sources and targets, each once."""
        places = {}
        for transferred in transfers:
            trainings = (transferred.source, transferred.target)
            for name, training in zip(self.ends(transferred), trainings, strict=True):
                method = self._methods(transferred.record.task, training) if training else name
                places[name] = (method_order(method), training.seed if training else 0, name)
        return sorted(places, key=places.__getitem__)


def _ends(transferred: Transferred) -> list[tuple[str, str, TrainingRecord | None]]:
    """Checkpoint, fingerprint and training of the source and of the target."""
    record = transferred.record
    return [
        (record.source, record.attacked, transferred.source),
        (record.target, record.victim, transferred.target),
    ]


def _matrix(task: str, recipe: str, transfers: Sequence[Transferred], names: _Names) -> TransferMatrix:
    entries = {names.ends(transferred): transferred.record for transferred in transfers}
    order = names.in_order(transfers)
    sources = [name for name in order if any(name == source for source, _ in entries)]
    targets = [name for name in order if any(name == target for _, target in entries)]
    return TransferMatrix(
        task,
        recipe,
        sources,
        targets,
        [
            TransferRow(task, recipe, source, target, record, wilson(record.fooled, record.n))
            for source in sources
            for target in targets
            if (record := entries.get((source, target))) is not None
        ],
    )
