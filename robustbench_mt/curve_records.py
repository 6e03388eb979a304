"""The records of curves: one line a point, trained on a changed training set, evaluated on the untouched test set."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from robustbench_mt.interval_kinds import MetricInterval
from robustbench_mt.records import Record
from robustbench_mt.registry import choose

__all__ = ["DEFAULT_PROTOCOL", "PROTOCOL_SUMMARIES", "CurveRecord", "ImbalanceRecord", "LabelNoiseRecord"]

DEFAULT_PROTOCOL = "shrink"
"""How imbalance is made where nothing else is said; earlier versions knew no other way, and their records name none."""

PROTOCOL_SUMMARIES = {
    "shrink": "The minority shrinks and every other class keeps its size, so that there are fewer training examples at "
    "larger ratios.",
    "constant-size": "The minority shrinks and the other classes grow by as much, so that there are as many training "
    "examples at every ratio.",
    "kept-share": "A share of the minority is kept and every other class keeps its size, so that there are fewer "
    "training examples at smaller shares.",
    "long-tail": "Class sizes fall exponentially in the order of the labels, the minority last, and the first class "
    "keeps its size, so that there are fewer training examples at larger ratios of the first class to the last.",
}
"""What a level of each protocol changes, and what that does to the size of the set: a sentence for captions."""


@dataclass(frozen=True)
class CurveRecord(Record):
    """What the points of every curve say.

    Attributes:
        always: metrics that no point is without.
        task, base, method, seed: what was trained.
        label_names: the task's, in the order of the classifier's outputs.
        train_counts: training examples of each class at this point, in the order of the label names; a method that
            resamples draws from these.
        n: test examples; ``test_counts`` of each class.
        metrics: on the test set, by name.
        intervals, interval_kinds: the metrics' 95% intervals over test examples, as in
            :class:`robustbench_mt.records.EvaluationRecord`.
        settings, data: as in :class:`robustbench_mt.records.TrainingRecord`; the setting ``train_examples`` is what was
            asked of the whole curve. Earlier versions wrote ``None`` there.
        seconds: wall time of the training.
        versions: of python, torch, transformers and this package.
    """

    always: ClassVar[tuple[str, ...]]

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
    interval_kinds: dict[str, MetricInterval] = field(default_factory=dict, kw_only=True)

    @property
    def contradiction(self) -> str:
        classes = {len(self.label_names), len(self.train_counts), len(self.test_counts)}
        if len(classes) > 1:
            return "its counts are not of its classes"
        lacking = [name for name in self.always if name not in self.metrics]
        return f"its metrics lack {', '.join(lacking)}" if lacking else ""

    @property
    @abstractmethod
    def level(self) -> float:
        """How far along the curve the point is."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What tells the curve from the task's others of its kind."""
        return ()

    @property
    def key(self) -> tuple[str, bool, float, int]:
        """What tells the point from the curve's others: method, whether it is a control, level and seed."""
        return self.method, False, self.level, self.seed


@dataclass(frozen=True)
class ImbalanceRecord(CurveRecord):
    """One point of an imbalance curve.

    Its metrics are those of :func:`robustbench_mt.metrics.minority_metrics`. Points of a method and seed that have the
    same training set share one training.

    Attributes:
        ratio: majority : minority, at least 1, as asked for; where ``share`` is given, of the largest other class to
            the minority as it came out.
        minority: the name of the minority class.
        protocol: a name in :data:`imbalance.protocols.PROTOCOLS`.
        share: of the minority that is kept, for the protocol ``kept-share``.
        control: whether it was trained on the balanced set of as many examples as the set that ratio or share name.
        threshold: for two classes: the probability of the minority from which on it is predicted in the metrics called
            ``_tuned``, the best for its F1 on the training's validation examples; ``None`` where none was tuned.
        remarks: what a reader of the numbers should know.
    """

    kind: ClassVar[str] = "imbalance"
    file: ClassVar[str] = "imbalance.jsonl"
    always: ClassVar[tuple[str, ...]] = ("minority_f1",)

    ratio: float
    minority: str
    threshold: float | None = None
    remarks: list[str] = field(default_factory=list)
    protocol: str = DEFAULT_PROTOCOL
    share: float | None = None
    control: bool = False

    @property
    def contradiction(self) -> str:
        return super().contradiction or (
            "" if self.minority in self.label_names else "its minority is none of its classes"
        )

    @property
    def level(self) -> float:
        return self.ratio if self.share is None else self.share

    @property
    def protocol_summary(self) -> str:
        """What the protocol changes, and what it leaves as it is, in a sentence.

        Raises:
            UserError: this version does not know the protocol.
        """
        return choose("protocol", self.protocol, PROTOCOL_SUMMARIES)

    @property
    def identity(self) -> tuple[str, ...]:
        return self.minority, self.protocol

    @property
    def key(self) -> tuple[str, bool, float, int]:
        return self.method, self.control, self.level, self.seed


@dataclass(frozen=True)
class LabelNoiseRecord(CurveRecord):
    """One point of a label noise curve: some training labels are flipped, those of validation and test are clean.

    Its metrics are those of classification, ``accuracy`` among them.

    Attributes:
        share: of the training labels to flip, 0 to 1.
        flipped: how many were.
    """

    kind: ClassVar[str] = "label noise"
    file: ClassVar[str] = "label_noise.jsonl"
    always: ClassVar[tuple[str, ...]] = ("accuracy",)

    share: float
    flipped: int

    @property
    def level(self) -> float:
        return self.share
