"""The metrics that the tasks' users expect, as GLUE defines them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    average_precision_score,
    matthews_corrcoef,
    precision_recall_curve,
    precision_recall_fscore_support,
)

__all__ = [
    "METRICS",
    "best_threshold",
    "calibration_error",
    "classification_metrics",
    "minority_metrics",
    "regression_metrics",
]

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
        # scikit-learn warns of a single class, and gives 0.
        "matthews": float(matthews_corrcoef(labels, predictions)) if len(present) > 1 else 0.0,
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


def minority_metrics(
    labels: Labels, probabilities: NDArray[np.floating[Any]], minority: int, threshold: float | None = None
) -> dict[str, float | None]:
    """What a classifier makes of one class, and of all.

    The likeliest class is predicted, which for two classes is a threshold of 0.5. ``minority_precision``,
    ``minority_recall`` and ``minority_f1`` (0 where there is nothing to divide by), ``macro_f1``,
    ``balanced_accuracy`` (the mean of the recalls of the classes that the labels have) and ``accuracy`` are of these
    predictions; the same names with ``_tuned`` are of those at ``threshold``, where one is given.
    ``minority_average_precision`` (scikit-learn's; ``None`` where no example is of the minority), which stands for the
    area under the precision-recall curve, and ``calibration_error`` need no threshold.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
        minority: the class.
        threshold: for two classes: the minority is predicted from this probability on.
    """
    labels = np.asarray(labels)
    is_minority = labels == minority
    found = probabilities[:, minority]
    values: dict[str, float | None] = {
        **_decided(labels, probabilities.argmax(axis=1), minority, probabilities.shape[1]),
        "minority_average_precision": float(average_precision_score(is_minority, found)) if is_minority.any() else None,
        "calibration_error": calibration_error(labels, probabilities),
    }
    if threshold is not None:
        tuned = np.where(found >= threshold, minority, 1 - minority)
        values |= {f"{name}_tuned": value for name, value in _decided(labels, tuned, minority, 2).items()}
    return values


def best_threshold(is_minority: NDArray[np.bool_], probabilities: NDArray[np.floating[Any]]) -> float:
    """The probability from which on to predict the minority for the largest F1 of it; of several the lowest.

    Args:
        is_minority: of each example, n; one at least is.
        probabilities: of the minority class, n.
    """
    precision, recall, thresholds = precision_recall_curve(is_minority, probabilities)
    # The curve's last point predicts the minority nowhere, and has no threshold.
    total = np.maximum(precision + recall, np.finfo(float).tiny)
    return float(thresholds[np.argmax((2 * precision * recall / total)[:-1])])


def calibration_error(labels: Labels, probabilities: NDArray[np.floating[Any]], bins: int = 15) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy, over bins of equal width.

    Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, whose 15 bins
    are the default. The confidence is the probability of the likeliest class, and a bin counts by its examples.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
        bins: how many there are from 0 to 1; an edge belongs to the bin below it.
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    of_bin = np.ceil(confidence * bins).astype(np.int64)
    return float(np.abs(np.bincount(of_bin, weights=confidence - is_right)).sum() / len(confidence))


def _decided(labels: Labels, predictions: Labels, minority: int, classes: int) -> dict[str, float]:
    precision, recall, f1 = _by_class(labels, predictions, classes)
    return {
        "minority_precision": float(precision[minority]),
        "minority_recall": float(recall[minority]),
        "minority_f1": float(f1[minority]),
        "macro_f1": float(f1[np.union1d(labels, predictions)].mean()),
        "balanced_accuracy": float(recall[np.unique(labels)].mean()),
        "accuracy": float(np.mean(np.equal(labels, predictions))),
    }


def _by_class(labels: Labels, predictions: Labels, classes: int) -> NDArray[np.float64]:
    """Precision, recall and F1 of each class, 3 x classes; 0 where there is nothing to divide by."""
    measures = precision_recall_fscore_support(labels, predictions, labels=range(classes), zero_division=0)
    return np.asarray(measures[:3])
