"""What evaluation records say: one number a training, pooled over seeds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from robustbench_mt.correlations import CORRELATIONS
from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.interval_kinds import Interval
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.reporting.naming import MethodNames, method_order
from robustbench_mt.reporting.runs import Evaluated
from robustbench_mt.statistics import Estimate, mean_over_seeds, wilson

__all__ = [
    "ALIKE",
    "BELOW_ZERO",
    "CUT",
    "EvaluationRow",
    "evaluation_rows",
    "metric_names",
    "pooled_metric",
    "static_set",
]

ALIKE = "No interval where all seeds give the same, or one seed's examples cannot tell it."
CUT = "Intervals over seeds are cut at 0 and 1 (of correlations at -1 and 1)."
"""What captions say of :func:`pooled_metric`'s intervals."""

BELOW_ZERO = ("matthews", *CORRELATIONS)
"""The metrics that may be below 0."""

# A set of adversarial texts that were found against other classifiers is recorded as the split "static NAME".
_STATIC = "static "


@dataclass(frozen=True)
class EvaluationRow:
    """A method's scores on a split, or on a static set (see :func:`static_set`).

    Attributes:
        checkpoints, seeds: what is pooled; no seeds for checkpoints from elsewhere.
        n: examples of the split.
        accuracy: ``None`` for a regression task; ``by_seed`` of each training's checkpoint.
        metrics: the other metrics by name. Where there are several checkpoints, all are means over these.
    """

    task: str
    split: str
    method: str
    checkpoints: list[str]
    seeds: list[int]
    n: int
    accuracy: Estimate | None
    by_seed: dict[int, float]
    metrics: dict[str, Estimate]


def static_set(split: str) -> str:
    """The name of the static adversarial set that an evaluation's split stands for; empty for a split of the task."""
    return split.removeprefix(_STATIC) if split.startswith(_STATIC) else ""


def metric_names(of_rows: Iterable[Iterable[str]]) -> list[str]:
    """The metrics that any of some rows has, in the order in which they first appear."""
    return list(dict.fromkeys(name for metrics in of_rows for name in metrics))


def evaluation_rows(evaluations: Sequence[Evaluated]) -> list[EvaluationRow]:
    """Group by task, split and method."""
    methods = MethodNames((e.record.task, e.training) for e in evaluations if e.training)
    groups: dict[tuple[str, str, str], list[Evaluated]] = {}
    for evaluated in evaluations:
        record, training = evaluated.record, evaluated.training
        method = methods(record.task, training) if training else record.checkpoint
        groups.setdefault((record.task, record.split, method), []).append(evaluated)
    return [
        _evaluation_row(*key, groups[key]) for key in sorted(groups, key=lambda key: (*key[:2], method_order(key[2])))
    ]


def _evaluation_row(task: str, split: str, method: str, evaluations: Sequence[Evaluated]) -> EvaluationRow:
    records = [evaluated.record for evaluated in evaluations]
    accuracies = [record.metrics.get("accuracy") for record in records]
    names = [name for name in metric_names(record.metrics for record in records) if name != "accuracy"]
    return EvaluationRow(
        task,
        split,
        method,
        checkpoints=list(dict.fromkeys(record.checkpoint for record in records)),
        seeds=sorted({evaluated.training.seed for evaluated in evaluations if evaluated.training}),
        n=max(record.n for record in records),
        accuracy=None if None in accuracies else _accuracy(records),
        by_seed={
            evaluated.training.seed: accuracy
            for evaluated, accuracy in zip(evaluations, accuracies, strict=True)
            if evaluated.training and accuracy is not None
        },
        metrics={name: pooled_metric(records, name) for name in names},
    )


def _accuracy(records: Sequence[EvaluationRecord]) -> Estimate:
    if len(records) > 1:
        return pooled_metric(records, "accuracy")
    (record,) = records
    return wilson(round((record.metrics["accuracy"] or 0) * record.n), record.n)


def pooled_metric(records: Sequence[EvaluationRecord] | Sequence[CurveRecord], name: str) -> Estimate:
    """Over seeds where there are several, else over the examples, as the record has it."""
    if len(records) > 1:
        values = (record.metrics.get(name) for record in records)
        mean = mean_over_seeds([value for value in values if value is not None])
        return mean.within(-1.0 if name in BELOW_ZERO else 0.0, 1.0)
    (record,) = records
    low, high = record.intervals.get(name, (None, None))
    kind: Interval = record.interval_kinds.get(name, "bootstrap over examples")
    # In the percentile bootstraps of earlier versions, a class that is never predicted has an F1 of 0 in every
    # resample: that is no certainty. And a resample is worse calibrated than what it is drawn from.
    if low == high or name == "calibration_error":
        low = high = None
    return Estimate(record.metrics[name], low, high, record.n, kind)
