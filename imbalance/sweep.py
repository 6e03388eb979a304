"""Training along a curve: the training set changes from point to point, the test set stays as it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from imbalance.sampling import class_counts
from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.inside import inside
from robustbench_mt.ledger import Ledger, claim
from robustbench_mt.methods.choice import MethodChoice
from robustbench_mt.metrics import Metrics, recorded
from robustbench_mt.paths import AnyPath
from robustbench_mt.progress import note, progress
from robustbench_mt.scoring import Scorer
from robustbench_mt.seeds import checked_seed
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

__all__ = [
    "Curve",
    "Point",
    "Probabilities",
    "check_points",
    "curve_points",
    "refuse_other_settings",
    "sweep",
]

R = TypeVar("R", bound=CurveRecord)

Probabilities = Callable[[Examples], NDArray[np.float64]]
"""A trained classifier: examples to the probabilities of their classes, n x classes."""


@dataclass(frozen=True)
class Point:
    """A cell of a sweep: one training and its evaluation.

    Attributes:
        level: how far along the curve: a ratio, or a share.
        control: train on the level's control instead, on curves that have controls.
    """

    method: MethodChoice
    level: float
    seed: int
    control: bool = False

    @property
    def key(self) -> tuple[str, bool, float, int]:
        return self.method.spec, self.control, float(self.level), self.seed


def curve_points(
    methods: Sequence[MethodChoice], levels: Sequence[float], seeds: Sequence[int], *, control: bool = False
) -> list[Point]:
    """All combinations, each once, and with ``control`` each as a control too; seed after seed.

    Example:
        >>> points = curve_points([parse_method("vanilla"), parse_method("match")], [1, 10], seeds=[0])
        >>> [(point.method.name, point.level) for point in points]
        [('vanilla', 1), ('match', 1), ('vanilla', 10), ('match', 10)]
    """
    points = [
        Point(method, level, checked_seed(seed), is_control)
        for seed in seeds
        for level in levels
        for method in methods
        for is_control in ((False, True) if control else (False,))
    ]
    return list({point.key: point for point in points}.values())


class Curve(ABC, Generic[R]):
    """What is done to the training set of a task along a curve, and what is measured.

    Validation examples stay as they are, those that choose the weights with ``keep=best`` too.

    Args:
        task: a classification task.
        settings: of every training.

    Attributes:
        name: of the curve, in words.
        record_type: what is written there, a line a point.

    Raises:
        UserError: a regression task.
    """

    name: ClassVar[str]
    record_type: type[R]

    def __init__(self, task: Task, settings: TrainingSettings) -> None:
        task.require_classes(f"{self.name}s")
        self.task = task
        self.settings = settings

    @property
    def file(self) -> str:
        """Where a run's directory has the records."""
        return self.record_type.file

    @abstractmethod
    def training_set(self, point: Point) -> Examples:
        """What a point is trained on.

        Raises:
            UserError: the data cannot give it.
        """

    @abstractmethod
    def measures(self, point: Point, train: Examples, probabilities: Probabilities) -> tuple[Metrics, dict[str, Any]]:
        """What is measured on the test set, and what the record says of how.

        Args:
            point: what was trained.
            train: on what.
            probabilities: of the trained classifier, for what is tuned on validation examples.

        Returns:
            From true classes (n) and their probabilities (n x classes) to estimates by name; and fields of the record.
        """

    @abstractmethod
    def fields(self, point: Point, train: Examples) -> dict[str, Any]:
        """What the record of a point says of its place on the curve."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells the curve from the task's others of its kind, as its records have it."""
        return ()

    @property
    def own_settings(self) -> Mapping[str, Any]:
        """What all points share beside the training settings."""
        return {}


def check_points(curve: Curve[R], points: Sequence[Point]) -> None:
    """Raise :class:`UserError` for a point that the data cannot give."""
    for point in points:
        curve.training_set(point)


def refuse_other_settings(curve: Curve[R], path: Path) -> None:
    """Raise :class:`UserError` where the file of records has points of the task with other data or settings."""
    if _settings_path(curve, path).exists():
        _claim(curve, path)


def sweep(curve: Curve[R], points: Sequence[Point], path: AnyPath, *, allow_network: bool = False) -> list[R]:
    """Train and evaluate each point that has no record yet, and append its record.

    A training set that a method was trained on with the same seed, at another point or on another curve of the task, is
    not trained on again: the point has that training's numbers.

    Args:
        curve: what changes along the points.
        points: what to train; all combinations come from :func:`curve_points`.
        path: the file of records to append to.
        allow_network: download the base when it is a hub id.

    Returns:
        The records of all points asked for, in their order.

    Raises:
        UserError: a point that the data cannot give (before anything is trained), or a file written with other
            settings.

    Example:
        >>> curve = ImbalanceCurve(task, settings)
        >>> points = curve_points([parse_method("vanilla")], [10], seeds=[0])
        >>> [record.train_counts for record in sweep(curve, points, out / curve.file)]
        [[119, 12]]
    """
    check_points(curve, points)
    path = Path(path)
    with Ledger(path, curve.record_type) as ledger:
        _claim(curve, path)
        done = _by_key(ledger.records, curve)
        missing = [point for point in points if point.key not in done]
        if len(missing) < len(points):
            note(f"{len(points) - len(missing)} of {len(points)} points of the {curve.name} are recorded already.")
        with progress(curve.name, len(missing)) as set_done:
            for number, point in enumerate(missing):
                train = curve.training_set(point)
                twin = _twin(ledger.records, curve, point, train)
                if twin is None:
                    ledger.append(_trained(curve, point, train, allow_network))
                else:
                    ledger.append(replace(twin, **curve.fields(point, train)))
                set_done(number + 1)
        done = _by_key(ledger.records, curve)
    return [done[point.key] for point in points]


def _trained(curve: Curve[R], point: Point, train: Examples, allow_network: bool) -> R:
    """Fine-tune on the point's training set and evaluate on the whole test split."""
    task = curve.task
    # The training set is the sample already.
    settings = replace(curve.settings, train_examples=None)
    tuned = fine_tune(task, point.method, settings, point.seed, train=train, allow_network=allow_network)
    scorer = Scorer(tuned.model, tuned.tokenizer)

    def probabilities(examples: Examples) -> NDArray[np.float64]:
        return np.asarray(softmax(scorer(examples.texts).astype(np.float64), axis=1))

    metrics, told = curve.measures(point, train, probabilities)
    test = task.split("test")
    predicted = probabilities(test)
    labels = np.asarray(test.labels, dtype=np.int64)
    estimates = metrics(labels, predicted)
    classes = len(task.label_names)
    return curve.record_type(
        task=task.name,
        base=settings.base,
        method=point.method.spec,
        seed=point.seed,
        label_names=list(task.label_names),
        train_counts=class_counts(train.labels, classes),
        n=len(test),
        test_counts=class_counts(labels, classes),
        settings={**tuned.record.settings, "train_examples": curve.settings.train_examples},
        data=tuned.record.data,
        seconds=tuned.record.seconds,
        versions=tuned.record.versions,
        **recorded({name: estimate for name, estimate in estimates.items() if estimate.value is not None}),
        **curve.fields(point, train),
        **told,
    )


def _by_key(records: Sequence[R], curve: Curve[R]) -> dict[tuple[str, bool, float, int], R]:
    name, identity = curve.task.name, curve.identity
    return {record.key: record for record in records if (record.task, record.identity) == (name, identity)}


def _twin(records: Sequence[R], curve: Curve[R], point: Point, train: Examples) -> R | None:
    """A record of the same training; the settings are the same in the whole file."""
    asked = (curve.task.name, point.method.spec, point.seed, train.fingerprint)
    return next((r for r in records if (r.task, r.method, r.seed, r.data.get("train")) == asked), None)


def _settings_path(curve: Curve[R], path: Path) -> Path:
    """Where the settings lie that all points of a task in the file of records share."""
    return inside(path.parent, path.with_suffix(f".{curve.task.name}.settings.json").name)


def _claim(curve: Curve[R], path: Path) -> None:
    """Keep the curve's settings beside the file of records, or compare with what is kept there."""
    claim(_settings_path(curve, path), _shared_settings(curve), f"The curve of {curve.task.name} in {path}")


def _shared_settings(curve: Curve[R]) -> dict[str, Any]:
    return {
        "task": curve.task.name,
        **curve.own_settings,
        "train": curve.task.split("train").fingerprint,
        "test": curve.task.split("test").fingerprint,
        **asdict(curve.settings),
    }
