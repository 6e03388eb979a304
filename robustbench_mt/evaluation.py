"""A checkpoint's scores on a split, without an attack."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.chance import no_better_than_chance
from robustbench_mt.metrics import classification_metrics, recorded, regression_metrics
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.tasks.task import Task

__all__ = ["doubts", "evaluate"]

Scores = Callable[[Sequence[tuple[str, ...]]], NDArray[np.float32]]


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
    if task.is_regression:
        estimates = regression_metrics(np.asarray(examples.labels), np.ravel(scores))
        counts, predicted, warnings = [], [], []
    else:
        labels, predictions = np.asarray(examples.labels), scores.argmax(axis=1)
        estimates = classification_metrics(labels, predictions, classes)
        counts, predicted = (np.bincount(each, minlength=classes).tolist() for each in (labels, predictions))
        warnings = doubts(labels, predictions, task.label_names)
    return EvaluationRecord(
        checkpoint=checkpoint,
        victim=victim,
        task=task.name,
        split=split,
        n=len(examples),
        label_counts=counts,
        data=examples.fingerprint,
        warnings=warnings,
        predicted_counts=predicted,
        **recorded(estimates),
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
