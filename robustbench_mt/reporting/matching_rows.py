"""What the matching matrix did over training: where a row's mass lies, and how the matrix looks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.records import MatchingTrace, TrainingRecord
from robustbench_mt.reporting.naming import MethodNames, method_order
from robustbench_mt.statistics import Estimate, mean_over_seeds

__all__ = ["KINDS_OF_MASS", "MatchingRow", "Snapshot", "matching_rows"]

KINDS_OF_MASS = ("self", "same label", "other labels")
POINTS = 40


@dataclass(frozen=True)
class Snapshot:
    """A matching matrix with its rows and columns sorted by label.

    Attributes:
        when: ``start``, ``middle`` or ``end`` of training.
        step: the training step.
        labels: N, ascending; class indices, or scores for a regression task.
        matrix: N x N, rows sum to 1.
    """

    when: str
    step: int
    labels: list[float]
    matrix: NDArray[np.float64]


@dataclass(frozen=True)
class MatchingRow:
    """A method that matches.

    Attributes:
        seeds: whose mass is averaged.
        temperatures: one a seed.
        steps: where the mass is told; each point is the mean of ``window`` steps.
        mass: by :data:`KINDS_OF_MASS`, a mean over seeds for each of ``steps``; ``by_seed`` is what each of ``seeds``
            has there.
        snapshots: of the first seed's training, because two seeds' batches hold different examples.
        hubs: of each seed's recorded matrices, from early in training to late, the share of the other rows' mass that
            goes to the one instance which takes most of it; 1 / N of an even matrix. Empty without recorded matrices.
        instances: N, of the largest recorded matrix.
    """

    task: str
    method: str
    label_names: list[str]
    seeds: list[int]
    temperatures: list[float]
    steps: list[float]
    window: int
    mass: dict[str, list[Estimate]]
    by_seed: dict[str, list[list[float]]]
    snapshots: list[Snapshot]
    hubs: list[list[float]]
    instances: int

    def hub(self, of_matrices: Callable[[Sequence[float]], float]) -> Estimate | None:
        """The mean over seeds of the first recorded matrix's hub, the last's, or the largest."""
        return mean_over_seeds([of_matrices(hubs) for hubs in self.hubs]).within(0.0, 1.0) if self.hubs else None


def matching_rows(trainings: Sequence[TrainingRecord]) -> list[MatchingRow]:
    """Group the trainings that matched by task and method."""
    methods = MethodNames((training.task, training) for training in trainings)
    groups: dict[tuple[str, str], list[tuple[TrainingRecord, MatchingTrace]]] = {}
    for training in sorted(trainings, key=lambda training: training.seed):
        if training.matching is not None and training.matching.mass:
            key = (training.task, methods(training.task, training))
            groups.setdefault(key, []).append((training, training.matching))
    return [_row(*key, groups[key]) for key in sorted(groups, key=lambda key: (key[0], method_order(key[1])))]


def _row(task: str, method: str, group: Sequence[tuple[TrainingRecord, MatchingTrace]]) -> MatchingRow:
    first, trace = group[0]
    traces = [np.asarray(matching.mass, dtype=float) for _, matching in group]
    # Trainings of one method have the same number of steps unless one lacks a short last batch.
    length = min(len(rows) for rows in traces)
    window = -(-length // POINTS)
    starts = range(0, length, window)
    binned = np.array([[rows[start : start + window].mean(axis=0) for start in starts] for rows in traces])
    return MatchingRow(
        task,
        method,
        first.label_names,
        seeds=[training.seed for training, _ in group],
        temperatures=[training.temperature for training, _ in group if training.temperature is not None],
        steps=binned[0, :, 0].tolist(),
        window=window,
        mass={
            kind: [mean_over_seeds(point.tolist()).within(0.0, 1.0) for point in binned[:, :, column].T]
            for column, kind in enumerate(KINDS_OF_MASS, 1)
        },
        by_seed={kind: binned[:, :, column].T.tolist() for column, kind in enumerate(KINDS_OF_MASS, 1)},
        snapshots=_snapshots(trace),
        hubs=[_hubs(trace) for _, trace in group if trace.snapshots],
        instances=max((len(snapshot.matrix) for _, trace in group for snapshot in trace.snapshots), default=0),
    )


def _hubs(trace: MatchingTrace) -> list[float]:
    hubs = []
    for snapshot in sorted(trace.snapshots, key=lambda snapshot: snapshot.step):
        matrix = np.asarray(snapshot.matrix, dtype=float)
        others = matrix * ~np.eye(len(matrix), dtype=bool)
        hubs.append(float(others.sum(axis=0).max()) / max(1, len(matrix) - 1))
    return hubs


def _snapshots(trace: MatchingTrace) -> list[Snapshot]:
    taken = sorted(trace.snapshots, key=lambda snapshot: snapshot.step)
    # Where there are fewer than three, the ends matter most.
    chosen = {len(taken) // 2: "middle", len(taken) - 1: "end", 0: "start"} if taken else {}
    snapshots = []
    for position in sorted(chosen):
        labels = np.asarray(taken[position].labels)
        order = np.argsort(labels, kind="stable")
        matrix = np.asarray(taken[position].matrix, dtype=float)[np.ix_(order, order)]
        snapshots.append(Snapshot(chosen[position], taken[position].step, labels[order].tolist(), matrix))
    return snapshots
