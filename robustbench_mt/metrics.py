"""The metrics that the tasks' users expect, as GLUE defines them, each with its 95% interval over examples."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from robustbench_mt.confusion import Confusion
from robustbench_mt.correlations import CORRELATIONS
from robustbench_mt.resampled import bootstrap_t
from robustbench_mt.statistics import Estimate

__all__ = [
    "METRICS",
    "Metrics",
    "average_precision",
    "best_threshold",
    "calibration_error",
    "classification_metrics",
    "minority_metrics",
    "recorded",
    "regression_metrics",
]

Labels = Sequence[int] | NDArray[np.int64]
Scores = Sequence[float] | NDArray[np.floating[Any]]

Metrics = Callable[[NDArray[Any], NDArray[Any]], dict[str, Estimate]]
"""From labels (n) and what a classifier makes of them (n, or n x classes) to estimates by name."""

# Of the calibration error.
_BINS = 15

METRICS: dict[str, str] = {
    "accuracy": "share of examples classified correctly",
    "f1": "F1 of the second class (GLUE's, for MRPC and QQP)",
    "macro_f1": "mean of the classes' F1",
    "matthews": "Matthews correlation (GLUE's, for CoLA)",
    "pearson": "Pearson correlation of scores",
    "spearman": "Spearman correlation of scores",
}


def recorded(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, Any]]:
    """The fields of a record: values, ``None`` where there is none, intervals where there are any, and their kinds."""
    told = {name: estimate for name, estimate in estimates.items() if estimate.low is not None}
    return {
        "metrics": {name: estimate.value for name, estimate in estimates.items()},
        "intervals": {name: (estimate.low, estimate.high) for name, estimate in told.items()},
        "interval_kinds": {name: estimate.interval for name, estimate in told.items()},
    }


def classification_metrics(labels: Labels, predictions: Labels, classes: int) -> dict[str, Estimate]:
    """Accuracy, macro F1, Matthews correlation and, for two classes, F1 of the second.

    Args:
        labels: true class indices, n.
        predictions: predicted class indices, n.
        classes: how many there are; those that neither labels nor predictions have count in no mean.
    """
    table = Confusion.of(labels, predictions, classes)
    estimates = {"accuracy": table.accuracy, "macro_f1": table.macro_f1, "matthews": table.matthews}
    return {**estimates, "f1": table.f1(1)} if classes == 2 else estimates


def regression_metrics(targets: Scores, predictions: Scores) -> dict[str, Estimate]:
    """Pearson and Spearman correlation; no value where predictions or targets are constant."""
    both = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    n = len(both[0])
    return {
        name: bootstrap_t(partial(correlation, *both), n, n - 2, least=-1.0)
        for name, correlation in CORRELATIONS.items()
    }


def minority_metrics(
    labels: Labels, probabilities: NDArray[np.floating[Any]], minority: int, threshold: float | None = None
) -> dict[str, Estimate]:
    """What a classifier makes of one class, and of all.

    The likeliest class is predicted, which for two classes is a threshold of 0.5. ``minority_precision``,
    ``minority_recall`` and ``minority_f1`` (0 where there is nothing to divide by), ``macro_f1``,
    ``balanced_accuracy`` (the mean of the recalls of the classes that the labels have) and ``accuracy`` are of these
    predictions; the same names with ``_tuned`` are of those at ``threshold``, where one is given.
    ``minority_average_precision`` (scikit-learn's; none where no example is of the minority), which stands for the
    area under the precision-recall curve, and ``calibration_error``, which has no interval, need no threshold.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
        minority: the class.
        threshold: for two classes: the minority is predicted from this probability on.
    """
    labels = np.asarray(labels)
    found, is_minority = probabilities[:, minority], labels == minority
    estimates = {
        **_decided(labels, probabilities.argmax(axis=1), minority, probabilities.shape[1]),
        "minority_average_precision": bootstrap_t(
            partial(average_precision, is_minority, found), len(labels), int(is_minority.sum()) - 1
        ),
        # A resample is worse calibrated than what it is drawn from: its interval would lie too high.
        "calibration_error": Estimate(
            calibration_error(labels, probabilities), None, None, len(labels), "bootstrap t over examples"
        ),
    }
    if threshold is not None:
        tuned = np.where(found >= threshold, minority, 1 - minority)
        estimates |= {f"{name}_tuned": estimate for name, estimate in _decided(labels, tuned, minority, 2).items()}
    return estimates


def _decided(labels: Labels, predictions: Labels, minority: int, classes: int) -> dict[str, Estimate]:
    table = Confusion.of(labels, predictions, classes)
    return {
        "minority_precision": table.precision(minority),
        "minority_recall": table.recall(minority),
        "minority_f1": table.f1(minority),
        "macro_f1": table.macro_f1,
        "balanced_accuracy": table.balanced_accuracy,
        "accuracy": table.accuracy,
    }


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


def calibration_error(labels: Labels, probabilities: NDArray[np.floating[Any]]) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy, over bins of equal width.

    Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, with their 15
    bins from 0 to 1. The confidence is the probability of the likeliest class, and a bin counts by its examples.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
    """
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    # An edge belongs to the bin below it.
    of_bin = np.ceil(confidence * _BINS).astype(np.int64)
    return float(np.abs(np.bincount(of_bin, confidence - is_right)).sum() / len(confidence))


def average_precision(
    is_minority: NDArray[np.bool_], probabilities: NDArray[np.floating[Any]], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """scikit-learn's, of many samples of the same examples at once; NaN where a sample has none of the minority.

    Args:
        is_minority: of each example, n.
        probabilities: of the minority, n.
        counts: how often each example stands in each sample, samples x n.
    """
    order = np.argsort(-probabilities, kind="stable")
    # A threshold stands after the last of equal probabilities.
    at = np.flatnonzero(np.append(np.diff(probabilities[order]) != 0, True))
    found = counts[:, order].cumsum(axis=1)[:, at]
    right = (counts * is_minority)[:, order].cumsum(axis=1)[:, at]
    steps = np.diff(right, axis=1, prepend=0)
    precision = np.divide(right, found, out=np.zeros(right.shape), where=found > 0)
    all_right = right[:, -1]
    values: NDArray[np.float64] = np.divide(
        (steps * precision).sum(axis=1), all_right, out=np.full(len(counts), np.nan), where=all_right > 0
    )
    return values
