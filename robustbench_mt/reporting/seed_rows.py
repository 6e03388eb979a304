"""What evaluation and imbalance records say: one number a training, pooled over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_mt.records import EvaluationRecord, ImbalanceRecord
from robustbench_mt.reporting.naming import MethodNames, method_order
from robustbench_mt.reporting.runs import Evaluated
from robustbench_mt.statistics import Estimate, mean_over_seeds, wilson

__all__ = ["EvaluationRow", "ImbalanceRow", "evaluation_rows", "imbalance_rows", "static_set"]

# A set of adversarial texts that were found against other classifiers is recorded as the split "static NAME".
_STATIC = "static "
CORRELATIONS = ("matthews", "pearson", "spearman")
IMBALANCE_METRICS = ("minority_f1", "minority_precision", "minority_recall", "macro_f1", "accuracy")


@dataclass(frozen=True)
class EvaluationRow:
    """A method's scores on a split, or on a static set (see :func:`static_set`).

    Attributes:
        checkpoints, seeds: what is pooled; no seeds for checkpoints from elsewhere.
        n: examples scored, over all checkpoints.
        accuracy: correct of ``n``, ``None`` for a regression task.
        metrics: the other metrics by name; means over checkpoints where there are several.
    """

    task: str
    split: str
    method: str
    checkpoints: list[str]
    seeds: list[int]
    n: int
    accuracy: Estimate | None
    metrics: dict[str, Estimate]


@dataclass(frozen=True)
class ImbalanceRow:
    """A method at one ratio.

    Attributes:
        ratio: majority : minority.
        n: test examples, the same for every seed.
        train_counts: training examples of each class, in words.
        metrics: by name; means over seeds where there are several, else intervals are over test examples.
        f1: the minority F1 of each of ``seeds``.
    """

    task: str
    method: str
    minority: str
    ratio: float
    seeds: list[int]
    n: int
    train_counts: str
    metrics: dict[str, Estimate]
    f1: list[float]


def static_set(split: str) -> str:
    """The name of the static adversarial set that an evaluation's split stands for; empty for a split of the task."""
    return split.removeprefix(_STATIC) if split.startswith(_STATIC) else ""


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
    accuracies = [(record.metrics.get("accuracy"), record.n) for record in records]
    correct = [round(accuracy * n) for accuracy, n in accuracies if accuracy is not None]
    names = dict.fromkeys(name for record in records for name in record.metrics if name != "accuracy")
    return EvaluationRow(
        task,
        split,
        method,
        checkpoints=list(dict.fromkeys(record.checkpoint for record in records)),
        seeds=sorted({evaluated.training.seed for evaluated in evaluations if evaluated.training}),
        n=sum(record.n for record in records),
        accuracy=wilson(sum(correct), sum(n for value, n in accuracies if value is not None)) if correct else None,
        metrics={name: _metric(records, name) for name in names},
    )


def _metric(records: Sequence[EvaluationRecord] | Sequence[ImbalanceRecord], name: str) -> Estimate:
    """Over seeds where there are several, else over the examples, as the record has it."""
    if len(records) > 1:
        values = (record.metrics.get(name) for record in records)
        mean = mean_over_seeds([value for value in values if value is not None])
        return mean.within(-1.0 if name in CORRELATIONS else 0.0, 1.0)
    low, high = records[0].intervals.get(name, (None, None))
    # A class that is never predicted has an F1 of 0 in every resample: that is no certainty.
    if low == high:
        low = high = None
    return Estimate(records[0].metrics[name], low, high, records[0].n, "95% bootstrap")


def imbalance_rows(records: Sequence[ImbalanceRecord]) -> list[ImbalanceRow]:
    """Group by task, minority class, method and ratio."""
    methods = MethodNames((record.task, record) for record in records)
    groups: dict[tuple[str, str, str, float], list[ImbalanceRecord]] = {}
    for record in records:
        key = (record.task, record.minority, methods(record.task, record), record.ratio)
        groups.setdefault(key, []).append(record)
    ordered = sorted(groups, key=lambda key: (*key[:2], method_order(key[2]), key[3]))
    return [_imbalance_row(*key, sorted(groups[key], key=lambda record: record.seed)) for key in ordered]


def _imbalance_row(
    task: str, minority: str, method: str, ratio: float, records: Sequence[ImbalanceRecord]
) -> ImbalanceRow:
    counts = dict.fromkeys(
        ", ".join(f"{count} {name}" for name, count in zip(record.label_names, record.train_counts, strict=True))
        for record in records
    )
    return ImbalanceRow(
        task,
        method,
        minority,
        ratio,
        seeds=[record.seed for record in records],
        n=records[0].n,
        train_counts=" or ".join(counts),
        metrics={
            name: _metric(records, name)
            for name in IMBALANCE_METRICS
            if all(name in record.metrics for record in records)
        },
        f1=[record.metrics["minority_f1"] for record in records],
    )
