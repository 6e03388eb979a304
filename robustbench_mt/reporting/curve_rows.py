"""What the points of imbalance and label noise curves say, pooled over seeds."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from robustbench_mt.curve_records import DEFAULT_PROTOCOL, CurveRecord, ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.reporting.naming import MethodNames, method_order, ratio_name, share_name
from robustbench_mt.reporting.seed_rows import pooled_metric
from robustbench_mt.statistics import Estimate

__all__ = [
    "TUNED",
    "CurveRow",
    "ImbalanceRow",
    "LabelNoiseRow",
    "imbalance_rows",
    "label_noise_rows",
    "protocol_suffix",
]

TUNED = "_tuned"

_DECIDED = ("minority_f1", "minority_precision", "minority_recall", "macro_f1", "balanced_accuracy", "accuracy")
_IMBALANCE_METRICS = (
    *_DECIDED,
    "minority_average_precision",
    "calibration_error",
    *(f"{name}{TUNED}" for name in _DECIDED),
)
_OF_ONE_LEVEL = ("minority", "protocol", "protocol_summary", "ratio", "share", "control")
_LABEL_NOISE_METRICS = ("accuracy", "macro_f1", "matthews", "f1")

R = TypeVar("R", bound=CurveRecord)


@dataclass(frozen=True)
class CurveRow(ABC):
    """A method at one point of a curve.

    Attributes:
        measure: the metric that the curve shows.
        level: how far along the curve the point is.
        n: test examples, the same for every seed; ``test_counts`` of each class.
        train_counts: training examples of each class, in words.
        metrics: by name; means over seeds where there are several, else intervals are over test examples.
        by_seed: the measure of each of ``seeds``.
    """

    measure: ClassVar[str]

    task: str
    method: str
    level: float
    seeds: list[int]
    n: int
    test_counts: dict[str, int]
    train_counts: str
    metrics: dict[str, Estimate]
    by_seed: list[float]

    @property
    def measured(self) -> Estimate:
        return self.metrics[self.measure]

    @property
    @abstractmethod
    def curve(self) -> str:
        """Which of the task's curves the point is on, in words."""

    @property
    @abstractmethod
    def level_name(self) -> str:
        """The level as readers see it."""


@dataclass(frozen=True)
class ImbalanceRow(CurveRow):
    """A method at one ratio of majority to ``minority``, or one share of it that is kept.

    Attributes:
        protocol_summary: what the protocol changes, and what it leaves as it is, in a sentence.
        ratio: the level's, where that is a share the one that came out; ``share`` where that is the level.
        control: whether it was trained on the level's balanced control.
        recalls: of the minority, one a seed; empty where a seed has none.
        thresholds: at which the metrics that end in :data:`TUNED` are, one a seed; empty where a seed has none.
        remarks: the records'.
    """

    measure: ClassVar[str] = "minority_f1"

    minority: str
    protocol: str
    protocol_summary: str
    ratio: float
    share: float | None
    control: bool
    recalls: list[float]
    thresholds: list[float]
    remarks: list[str]

    @property
    def curve(self) -> str:
        control = ", balanced control" if self.control else ""
        return f"minority {self.minority}{protocol_suffix(self.protocol)}{control}"

    @property
    def level_name(self) -> str:
        return ratio_name(self.ratio) if self.share is None else share_name(self.share)

    @property
    def f1_of_always(self) -> float:
        """The F1 of predicting the minority for all test examples."""
        positives = self.test_counts[self.minority]
        return 2 * positives / (self.n + positives) if positives else 0.0

    @property
    def trained_on(self) -> str:
        """The training set in a sentence: ``10:1``, ``30% (kept-share, balanced control)``."""
        told = [] if self.protocol == DEFAULT_PROTOCOL else [self.protocol]
        told += ["balanced control"] * self.control
        return f"{self.level_name} ({', '.join(told)})" if told else self.level_name


@dataclass(frozen=True)
class LabelNoiseRow(CurveRow):
    """A method at one share of training labels flipped.

    Attributes:
        flipped: how many training labels are, in words.
        classes: how many the task has.
    """

    measure: ClassVar[str] = "accuracy"

    flipped: str
    classes: int

    @property
    def curve(self) -> str:
        return "labels flipped"

    @property
    def level_name(self) -> str:
        return share_name(self.level)


def protocol_suffix(protocol: str) -> str:
    """What is said of a protocol that is not the usual one: `` (constant-size)``; else nothing."""
    return "" if protocol == DEFAULT_PROTOCOL else f" ({protocol})"


def imbalance_rows(records: Sequence[ImbalanceRecord]) -> list[ImbalanceRow]:
    """Group by task, minority class, protocol, method, control or not, and level."""
    return [
        ImbalanceRow(
            **_pooled(method, points, _IMBALANCE_METRICS, ImbalanceRow.measure),
            **{name: getattr(points[0], name) for name in _OF_ONE_LEVEL},
            recalls=_one_a_seed([point.metrics.get("minority_recall") for point in points]),
            thresholds=_one_a_seed([point.threshold for point in points]),
            remarks=list(dict.fromkeys(remark for point in points for remark in point.remarks)),
        )
        for method, points in _grouped(records)
    ]


def label_noise_rows(records: Sequence[LabelNoiseRecord]) -> list[LabelNoiseRow]:
    """Group by task, method and share."""
    return [
        LabelNoiseRow(
            **_pooled(method, points, _LABEL_NOISE_METRICS, LabelNoiseRow.measure),
            flipped=_range([point.flipped for point in points]),
            classes=len(points[0].label_names),
        )
        for method, points in _grouped(records)
    ]


def _grouped(records: Sequence[R]) -> list[tuple[str, list[R]]]:
    """The method's name and the points, by seed, of each row."""
    methods = MethodNames((record.task, record) for record in records)
    groups: dict[tuple[str, tuple[str, ...], str, bool, float], list[R]] = {}
    for record in records:
        _, is_control, level, _ = record.key
        key = (record.task, record.identity, methods(record.task, record), is_control, level)
        groups.setdefault(key, []).append(record)
    ordered = sorted(groups, key=lambda key: (*key[:2], method_order(key[2]), *key[3:]))
    return [(key[2], sorted(groups[key], key=lambda record: record.seed)) for key in ordered]


def _pooled(method: str, points: Sequence[CurveRecord], names: Sequence[str], measure: str) -> dict[str, Any]:
    """The fields of :class:`CurveRow`."""
    return {
        "task": points[0].task,
        "method": method,
        "level": points[0].level,
        "seeds": [point.seed for point in points],
        "n": points[0].n,
        "test_counts": dict(zip(points[0].label_names, points[0].test_counts, strict=True)),
        "train_counts": _train_counts(points),
        "metrics": {
            name: pooled_metric(points, name) for name in names if all(name in point.metrics for point in points)
        },
        "by_seed": [point.metrics[measure] for point in points],
    }


def _one_a_seed(values: Sequence[float | None]) -> list[float]:
    """Nothing where a seed has no value."""
    known = [value for value in values if value is not None]
    return known if len(known) == len(values) else []


def _train_counts(points: Sequence[CurveRecord]) -> str:
    by_class = zip(*(point.train_counts for point in points), strict=True)
    return ", ".join(f"{_range(counts)} {name}" for name, counts in zip(points[0].label_names, by_class, strict=True))


def _range(counts: Sequence[int]) -> str:
    return " to ".join(str(count) for count in dict.fromkeys((min(counts), max(counts))))
