"""The records of curves: one line a point, trained on a changed training set, evaluated on the untouched test set."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from robustbench_mt.records import Record

__all__ = ["CurveRecord", "ImbalanceRecord", "LabelNoiseRecord"]


@dataclass(frozen=True)
class CurveRecord(Record):
    """What the points of every curve say.

    Attributes:
        task, base, method, seed: what was trained.
        label_names: the task's, in the order of the classifier's outputs.
        train_counts: training examples of each class at this point, in the order of the label names; a method that
            resamples draws from these.
        n: test examples; ``test_counts`` of each class.
        metrics: on the test set, by name.
        intervals: the metrics' 95% bootstrap intervals over test examples, low and high.
        settings, data: as in :class:`robustbench_mt.records.TrainingRecord`.
        seconds: wall time of the training.
        versions: of python, torch, transformers and this package.
    """

    task: str
    base: str
    method: str
    seed: int
    label_names: list[str]
    train_counts: list[int]
    n: int
    test_counts: list[int]
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    settings: dict[str, Any]
    data: dict[str, Any]
    seconds: float
    versions: dict[str, str]

    @property
    @abstractmethod
    def level(self) -> float:
        """How far along the curve the point is."""


@dataclass(frozen=True)
class ImbalanceRecord(CurveRecord):
    """One point of an imbalance curve.

    Its metrics are those of :func:`robustbench_mt.metrics.minority_metrics`.

    Attributes:
        ratio: majority : minority, at least 1.
        minority: the name of the minority class.
        threshold: for two classes: the probability of the minority from which on it is predicted in the metrics called
            ``_tuned``, the best for its F1 on the training's validation examples; ``None`` where none was tuned.
        remarks: what a reader of the numbers should know.
    """

    kind: ClassVar[str] = "imbalance"

    ratio: float
    minority: str
    threshold: float | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def level(self) -> float:
        return self.ratio


@dataclass(frozen=True)
class LabelNoiseRecord(CurveRecord):
    """One point of a label noise curve: some training labels are flipped, those of validation and test are clean.

    Its metrics are those of classification, ``accuracy`` among them.

    Attributes:
        share: of the training labels to flip, 0 to 1.
        flipped: how many were.
    """

    kind: ClassVar[str] = "label noise"

    share: float
    flipped: int

    @property
    def level(self) -> float:
        return self.share
