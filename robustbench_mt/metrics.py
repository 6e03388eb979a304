"""The metrics that the tasks' users expect, as GLUE defines them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import matthews_corrcoef, precision_recall_fscore_support

__all__ = ["METRICS", "classification_metrics", "minority_metrics", "regression_metrics"]

Labels = Sequence[int] | NDArray[np.int64]
Scores = Sequence[float] | NDArray[np.floating[Any]]

METRICS: dict[str, str] = {
    "accuracy": "share of examples classified correctly",
    "f1": "F1 of the second class (GLUE's, for MRPC and QQP)",
    "macro_f1": "mean of the classes' F1",
    "matthews": "Matthews correlation (GLUE's, for CoLA)",
    "pearson": "Pearson correlation of scores",
    "spearman": "Spearman correlation of scores",
}


def classification_metrics(labels: Labels, predictions: Labels, classes: int) -> dict[str, float | None]:
    """Accuracy, macro F1, Matthews correlation and, for two classes, F1 of the second.

    Args:
        labels: true class indices, n.
        predictions: predicted class indices, n.
        classes: how many there are; classes that the labels lack count in no mean.
    """
    f1 = _by_class(labels, predictions, classes)[2]
    # A class that stands in neither the labels nor the predictions has no F1.
    present = np.union1d(labels, predictions)
    values: dict[str, float | None] = {
        "accuracy": float(np.mean(np.equal(labels, predictions))),
        "macro_f1": float(f1[present].mean()),
        "matthews": float(matthews_corrcoef(labels, predictions)),
    }
    if classes == 2:
        values["f1"] = float(f1[1])
    return values


def regression_metrics(targets: Scores, predictions: Scores) -> dict[str, float | None]:
    """Pearson and Spearman correlation; ``None`` where predictions or targets are constant."""
    if np.ptp(predictions) == 0 or np.ptp(targets) == 0:
        return {"pearson": None, "spearman": None}
    correlations: dict[str, Callable[..., tuple[float, float]]] = {"pearson": pearsonr, "spearman": spearmanr}
    return {name: float(correlation(targets, predictions)[0]) for name, correlation in correlations.items()}


def minority_metrics(labels: Labels, predictions: Labels, minority: int, classes: int) -> dict[str, float]:
    """Precision, recall and F1 of one class (0 where it is never predicted), with macro F1 and accuracy."""
    precision, recall, f1 = _by_class(labels, predictions, classes)
    present = np.union1d(labels, predictions)
    return {
        "minority_precision": float(precision[minority]),
        "minority_recall": float(recall[minority]),
        "minority_f1": float(f1[minority]),
        "macro_f1": float(f1[present].mean()),
        "accuracy": float(np.mean(np.equal(labels, predictions))),
    }


def _by_class(labels: Labels, predictions: Labels, classes: int) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class, 3 x classes; 0 where there is nothing to divide by."""
    measures = precision_recall_fscore_support(labels, predictions, labels=range(classes), zero_division=0)
    return np.asarray(measures[:3])
