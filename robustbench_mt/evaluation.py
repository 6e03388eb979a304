"""A checkpoint's scores on a split, without an attack."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.metrics import classification_metrics, regression_metrics
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.tasks.task import Task

__all__ = ["doubts", "evaluate"]

Scores = Callable[[Sequence[tuple[str, ...]]], NDArray[np.float32]]


def evaluate(score: Scores, checkpoint: str, task: Task, split: str = "test") -> EvaluationRecord:
    """Score a split and compute the task's metrics.

    Args:
        score: texts to scores, n x classes in the order of the task's labels (n x 1 for regression).
        checkpoint: what the record calls the classifier.
        task: what to score.
        split: which split of it.
    """
    examples = task.split(split)
    scores = score(examples.texts)
    if task.is_regression:
        return EvaluationRecord(
            checkpoint=checkpoint,
            task=task.name,
            split=split,
            n=len(examples),
            metrics=regression_metrics(examples.labels, np.ravel(scores)),
            label_counts=[],
            data=examples.fingerprint,
        )
    labels = np.asarray(examples.labels, dtype=np.int64)
    predictions = scores.argmax(axis=1)
    return EvaluationRecord(
        checkpoint=checkpoint,
        task=task.name,
        split=split,
        n=len(examples),
        metrics=classification_metrics(labels, predictions, len(task.label_names)),
        label_counts=[int(count) for count in np.bincount(labels, minlength=len(task.label_names))],
        data=examples.fingerprint,
        warnings=doubts(labels, predictions, task.label_names),
    )


def doubts(labels: NDArray[np.int64], predictions: NDArray[np.int64], label_names: Sequence[str]) -> list[str]:
    """What makes a clean accuracy hard to believe, one sentence each.

    At or under chance means that labels are probably mapped wrongly; a constant prediction that nothing was learned.
    """
    accuracy = float(np.mean(labels == predictions))
    chance = 1 / len(label_names)
    said = []
    if accuracy <= chance:
        said.append(
            f"Accuracy is {accuracy:.3f}, at or under chance ({chance:.3f}): the checkpoint's labels are probably in "
            "another order than the task's; map them with --map-labels."
        )
    if len(np.unique(predictions)) == 1:
        said.append(f"Every example is classified as {label_names[int(predictions[0])]}: nothing was learned.")
    return said
