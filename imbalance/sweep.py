"""The imbalance curve: train along the ratios, evaluate on the untouched test set."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from imbalance.sampling import class_counts, make_imbalanced
from robustbench_mt.errors import UserError
from robustbench_mt.evaluation import metric_intervals
from robustbench_mt.ledger import Ledger, claim
from robustbench_mt.methods.choice import MethodChoice
from robustbench_mt.metrics import minority_metrics
from robustbench_mt.progress import note, progress
from robustbench_mt.records import ImbalanceRecord
from robustbench_mt.registry import choose
from robustbench_mt.scoring import Scorer
from robustbench_mt.seeds import checked_seed
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["Point", "curve_points", "minority_class", "sweep", "train_point", "training_subset"]


@dataclass(frozen=True)
class Point:
    """A cell of the sweep: one training and its evaluation."""

    method: MethodChoice
    ratio: float
    seed: int

    @property
    def key(self) -> tuple[str, float, int]:
        return self.method.spec, float(self.ratio), self.seed


def curve_points(methods: Sequence[MethodChoice], ratios: Sequence[float], seeds: Sequence[int]) -> list[Point]:
    """All combinations, each once; the curves of a seed are done before the next seed begins."""
    points = [Point(method, ratio, checked_seed(seed)) for seed in seeds for ratio in ratios for method in methods]
    return list({point.key: point for point in points}.values())


def sweep(
    task: Task,
    points: Sequence[Point],
    settings: TrainingSettings,
    path: Path,
    *,
    minority: str | None = None,
    allow_network: bool = False,
) -> list[ImbalanceRecord]:
    """Train and evaluate each point that has no record yet, and append its record.

    Args:
        task: a classification task; its test split stays as it is.
        points: what to train; all combinations come from :func:`curve_points`.
        settings: of every training. ``train_examples`` is the size of the set at 1:1; the classes but the minority keep
            their size at every ratio. By default it is as large as the smallest class allows.
        path: the ``imbalance.jsonl`` to append to.
        minority: the class to shrink; the last label by default.
        allow_network: download the base when it is a hub id.

    Returns:
        The records of all points asked for, in their order.

    Raises:
        UserError: a regression task, an unknown class, a ratio the data cannot give (before anything is trained), or a
            file written with other settings.
    """
    shrunk = minority_class(task, minority)
    subsets = {point.key: training_subset(task, point, settings, shrunk) for point in points}
    with Ledger(path, ImbalanceRecord) as ledger:
        claim(
            path.with_suffix(f".{task.name}.settings.json"),
            _shared_settings(task, settings, task.label_names[shrunk]),
            f"The curve of {task.name} in {path}",
        )
        done = _by_key(ledger.records, task)
        missing = [point for point in points if point.key not in done]
        if len(missing) < len(points):
            note(f"{len(points) - len(missing)} of {len(points)} points of the imbalance curve are recorded already.")
        with progress("imbalance curve", len(missing)) as set_done:
            for number, point in enumerate(missing):
                ledger.append(
                    train_point(task, point, settings, subsets[point.key], shrunk, allow_network=allow_network)
                )
                set_done(number + 1)
        done = _by_key(ledger.records, task)
    return [done[point.key] for point in points]


def train_point(
    task: Task,
    point: Point,
    settings: TrainingSettings,
    subset: Sequence[int],
    minority: int,
    *,
    allow_network: bool = False,
) -> ImbalanceRecord:
    """Fine-tune on ``subset`` of the training split and evaluate on the whole test split."""
    train = task.split("train").select(subset)
    # The subset is the sample already.
    tuned = fine_tune(
        task,
        point.method,
        replace(settings, train_examples=None),
        point.seed,
        train=train,
        allow_network=allow_network,
    )
    test = task.split("test")
    scorer = Scorer(tuned.model, tuned.tokenizer)
    predictions = np.argmax(scorer(test.texts), axis=1)
    labels = np.asarray(test.labels, dtype=np.int64)
    metrics = partial(minority_metrics, minority=minority, classes=len(task.label_names))
    return ImbalanceRecord(
        task=task.name,
        base=settings.base,
        method=point.method.spec,
        ratio=float(point.ratio),
        seed=point.seed,
        label_names=list(task.label_names),
        minority=task.label_names[minority],
        train_counts=class_counts([int(label) for label in train.labels]),
        n=len(test),
        test_counts=class_counts(labels.tolist()),
        metrics=metrics(labels, predictions),
        intervals=metric_intervals(metrics, labels, predictions),
        settings=tuned.record.settings,
        data=tuned.record.data,
        seconds=tuned.record.seconds,
        versions=tuned.record.versions,
    )


def minority_class(task: Task, name: str | None = None) -> int:
    """The index of the class to shrink: the last label by default.

    Raises:
        UserError: a regression task, or no class of that name.
    """
    task.require_classes("imbalance curves")
    indices = {label: index for index, label in enumerate(task.label_names)}
    return len(indices) - 1 if name is None else choose(f"class of {task.name}", name, indices)


def training_subset(task: Task, point: Point, settings: TrainingSettings, minority: int) -> list[int]:
    """Which training examples a point is trained on.

    Raises:
        UserError: a ratio that the data cannot give.
    """
    labels = [int(label) for label in task.split("train").labels]
    classes = len(task.label_names)
    if settings.train_examples is not None and settings.train_examples < classes:
        raise UserError(f"train_examples is {settings.train_examples}: give at least one a class, {classes}.")
    size = None if settings.train_examples is None else settings.train_examples // classes
    return make_imbalanced(labels, point.ratio, minority=minority, majority_size=size, seed=point.seed)


def _by_key(records: Sequence[ImbalanceRecord], task: Task) -> dict[tuple[str, float, int], ImbalanceRecord]:
    return {(record.method, record.ratio, record.seed): record for record in records if record.task == task.name}


def _shared_settings(task: Task, settings: TrainingSettings, minority: str) -> dict[str, Any]:
    return {
        "task": task.name,
        "minority": minority,
        "train": task.split("train").fingerprint,
        "test": task.split("test").fingerprint,
        **asdict(settings),
    }
