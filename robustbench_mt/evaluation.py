"""A checkpoint's scores on a split, without an attack."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.chance import no_better_than_chance
from robustbench_mt.metrics import Values, classification_metrics, of_all_examples, regression_metrics
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.tasks.task import Task

__all__ = ["Metrics", "doubts", "evaluate", "metric_intervals"]

Scores = Callable[[Sequence[tuple[str, ...]]], NDArray[np.float32]]
Metrics = Callable[..., Values]
"""A function of labels, predictions and the keyword ``counts``, like those of :mod:`robustbench_mt.metrics`."""

_RESAMPLES = 500
# Counts of examples that are held at once: some 100 MB with what is made of them.
_MOST_COUNTS = 2_000_000


def evaluate(score: Scores, checkpoint: str, task: Task, split: str = "test", *, victim: str = "") -> EvaluationRecord:
    """Score a split and compute the task's metrics with their intervals.

    Args:
        score: texts to scores, n x classes in the order of the task's labels (n x 1 for regression).
        checkpoint: what the record calls the classifier.
        task: what to score.
        split: which split of it.
        victim: the classifier's fingerprint.

    Example:
        >>> record = evaluate(victim.score, victim.name, task)
        >>> record.n, record.metrics["accuracy"]
        (100, 1.0)
    """
    examples = task.split(split)
    scores = score(examples.texts)
    classes = len(task.label_names)
    metrics: Metrics
    labels: NDArray[Any]
    predictions: NDArray[Any]
    if task.is_regression:
        metrics, labels, predictions = regression_metrics, np.asarray(examples.labels), np.ravel(scores)
        counts, predicted, warnings = [], [], []
    else:
        metrics = partial(classification_metrics, classes=classes)
        labels, predictions = np.asarray(examples.labels), scores.argmax(axis=1)
        counts, predicted = (np.bincount(each, minlength=classes).tolist() for each in (labels, predictions))
        warnings = doubts(labels, predictions, task.label_names)
    return EvaluationRecord(
        checkpoint=checkpoint,
        victim=victim,
        task=task.name,
        split=split,
        n=len(examples),
        metrics=of_all_examples(metrics(labels, predictions)),
        intervals=metric_intervals(metrics, labels, predictions),
        label_counts=counts,
        data=examples.fingerprint,
        warnings=warnings,
        predicted_counts=predicted,
    )


def doubts(labels: NDArray[np.int64], predictions: NDArray[np.int64], label_names: Sequence[str]) -> list[str]:
    """What makes a clean accuracy hard to believe, one sentence each.

    A constant prediction means that nothing was learned; else see :func:`robustbench_mt.chance.no_better_than_chance`.
    """
    if len(np.unique(predictions)) == 1:
        return [f"Every example is classified as {label_names[int(predictions[0])]}: nothing was learned."]
    right = labels == predictions
    told = no_better_than_chance(int(right.sum()), len(right), len(label_names))
    return [f"Accuracy is {right.mean():.3f}, {told}."] if told else []


def metric_intervals(
    metrics: Metrics, labels: NDArray[Any], predictions: NDArray[Any]
) -> dict[str, tuple[float, float]]:
    """95% percentile bootstrap intervals over examples (Efron 1979), from 500 resamples.

    In simulation (``benchmarks/interval_coverage.py``) their nominal 95% cover 93 to 96% of F1, macro F1 and Matthews
    correlation of two classes, 91 to 92% where about five examples of the rarer one are recognized, and 66 to 76% of
    the latter two where one is.

    Args:
        metrics: values by name, for each of the samples whose counts it is given.
        labels, predictions: n each; predictions may be rows, n x classes.

    Returns:
        Low and high by name; a metric that some resample leaves undefined has none.
    """
    n, generator = len(labels), np.random.default_rng(0)
    at_once = max(1, _MOST_COUNTS // n)
    drawn: dict[str, list[NDArray[np.float64]]] = {}
    for first in range(0, _RESAMPLES, at_once):
        samples = range(first, min(first + at_once, _RESAMPLES))
        counts = np.stack([np.bincount(generator.integers(n, size=n), minlength=n) for _ in samples])
        for name, values in metrics(labels, predictions, counts=counts).items():
            drawn.setdefault(name, []).append(values)
    bounds = {name: np.quantile(np.concatenate(values), [0.025, 0.975]) for name, values in drawn.items()}
    return {name: (float(low), float(high)) for name, (low, high) in bounds.items() if not np.isnan(low)}
