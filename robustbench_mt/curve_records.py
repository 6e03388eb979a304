"""The records of curves: one line a point, trained on a changed training set, evaluated on the untouched test set."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from robustbench_mt.records import Record

__all__ = ["CurveRecord", "ImbalanceRecord", "LabelNoiseRecord"]


@dataclass(frozen=True)
class CurveRecord(Record):
    """What the points of every curve say.

    Attributes:
        task, base, method, seed: what was trained.
        label_names: the task's, in the order of the classifier's outputs.
        train_counts: training examples of each class as they were trained on, in the order of the label names.
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

    Its metrics are ``minority_precision``, ``minority_recall``, ``minority_f1``, ``macro_f1`` and ``accuracy``.

    Attributes:
        ratio: majority : minority, at least 1.
        minority: the name of the minority class.
    """

    kind: ClassVar[str] = "imbalance"

    ratio: float
    minority: str

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
