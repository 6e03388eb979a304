"""Adversarial texts found against one checkpoint and scored on others: which of them carry over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robustbench_mt.records import TransferRecord
from robustbench_mt.reporting.attack_rows import RECIPES_THAT_KEEP_THE_LABEL
from robustbench_mt.reporting.naming import CheckpointNames, MethodNames, method_order
from robustbench_mt.reporting.runs import Transferred
from robustbench_mt.statistics import Estimate, wilson

__all__ = ["TransferMatrix", "TransferRow", "transfer_matrices"]


@dataclass(frozen=True)
class TransferRow:
    """One entry of the matrix.

    Attributes:
        source, target: checkpoints: the one attacked, and the one that scored the texts.
        found: adversarial texts found against the source.
        fooled: share that the target misclassifies, of those of ``found`` whose originals it classifies correctly.
    """

    task: str
    recipe: str
    source: str
    target: str
    found: int
    fooled: Estimate


@dataclass(frozen=True)
class TransferMatrix:
    """The entries of one recipe on one task.

    Attributes:
        sources, targets: in one order: the method that others are compared with first, then by seed.
        rows: by source, then target; a pair that was not scored has none.
    """

    task: str
    recipe: str
    sources: list[str]
    targets: list[str]
    rows: list[TransferRow]


def transfer_matrices(transfers: Sequence[Transferred]) -> list[TransferMatrix]:
    """Group by task and recipe, and by the data where a recipe's name stands for several."""
    names = _Names(transfers)
    groups: dict[tuple[str, str], list[Transferred]] = {}
    for transferred in transfers:
        record = transferred.record
        if record.recipe not in RECIPES_THAT_KEEP_THE_LABEL:
            groups.setdefault((record.task, names.recipe(record)), []).append(transferred)
    return [_matrix(*key, groups[key], names) for key in sorted(groups)]


class _Names:
    """What checkpoints and recipes are called, and the order of checkpoints."""

    def __init__(self, transfers: Sequence[Transferred]) -> None:
        trained = [(t.record.task, training) for t in transfers for training in (t.source, t.target) if training]
        self._checkpoints, self._methods = CheckpointNames(trained), MethodNames(trained)
        self._data: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for transferred in transfers:
            record = transferred.record
            known = self._data.setdefault((record.task, record.recipe), [])
            if (record.split, record.data) not in known:
                known.append((record.split, record.data))

    def recipe(self, record: TransferRecord) -> str:
        number = self._data[record.task, record.recipe].index((record.split, record.data)) + 1
        return record.recipe if number == 1 else f"{record.recipe} #{number}"

    def ends(self, transferred: Transferred) -> tuple[str, str]:
        record = transferred.record
        return (
            self._checkpoints(record.task, record.source, transferred.source),
            self._checkpoints(record.task, record.target, transferred.target),
        )

    def in_order(self, transfers: Iterable[Transferred]) -> list[str]:
        """Sources and targets, each once."""
        places = {}
        for transferred in transfers:
            trainings = (transferred.source, transferred.target)
            for name, training in zip(self.ends(transferred), trainings, strict=True):
                method = self._methods(transferred.record.task, training) if training else name
                places[name] = (method_order(method), training.seed if training else 0, name)
        return sorted(places, key=places.__getitem__)


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
            TransferRow(task, recipe, source, target, record.found, wilson(record.fooled, record.n))
            for source in sources
            for target in targets
            if (record := entries.get((source, target))) is not None
        ],
    )
