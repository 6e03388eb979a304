"""The metrics that the tasks' users expect, as GLUE defines them, of many samples of the same examples at once.

A bootstrap draws hundreds of samples, for each of which scikit-learn would check, sort and count anew: seconds, where
these take hundredths. They equal its metrics with ``sample_weight``, and scipy's correlations.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from robustbench_mt.correlations import pearson, spearman

__all__ = [
    "METRICS",
    "Counts",
    "Values",
    "best_threshold",
    "calibration_error",
    "classification_metrics",
    "minority_metrics",
    "of_all_examples",
    "regression_metrics",
]

Labels = Sequence[int] | NDArray[np.int64]
Scores = Sequence[float] | NDArray[np.floating[Any]]

Counts = NDArray[np.int64] | None
"""How often each example stands in each sample, samples x n; by default there is one sample, of each example once."""

Values = dict[str, NDArray[np.float64]]
"""A metric's value for each sample, NaN where it has none."""

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


def of_all_examples(values: Values) -> dict[str, float | None]:
    """The values of a single sample; ``None`` where there is none."""
    return {name: None if np.isnan(value.item()) else value.item() for name, value in values.items()}


def classification_metrics(labels: Labels, predictions: Labels, classes: int, counts: Counts = None) -> Values:
    """Accuracy, macro F1, Matthews correlation and, for two classes, F1 of the second.

    Args:
        labels: true class indices, n.
        predictions: predicted class indices, n.
        classes: how many there are; those that neither labels nor predictions of a sample have count in no mean.
        counts: of the examples in each sample.
    """
    table = _ByClass(labels, predictions, classes, counts)
    values = {"accuracy": table.accuracy, "macro_f1": table.macro_f1, "matthews": table.matthews}
    return {**values, "f1": table.f1[:, 1]} if classes == 2 else values


def regression_metrics(targets: Scores, predictions: Scores, counts: Counts = None) -> Values:
    """Pearson and Spearman correlation; none where a sample's predictions or targets are constant."""
    samples = _samples(len(targets), counts)
    both = np.asarray(targets, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    return {"pearson": pearson(*both, samples), "spearman": spearman(*both, samples)}


def minority_metrics(
    labels: Labels,
    probabilities: NDArray[np.floating[Any]],
    minority: int,
    threshold: float | None = None,
    counts: Counts = None,
) -> Values:
    """What a classifier makes of one class, and of all.

    The likeliest class is predicted, which for two classes is a threshold of 0.5. ``minority_precision``,
    ``minority_recall`` and ``minority_f1`` (0 where there is nothing to divide by), ``macro_f1``,
    ``balanced_accuracy`` (the mean of the recalls of the classes that the labels have) and ``accuracy`` are of these
    predictions; the same names with ``_tuned`` are of those at ``threshold``, where one is given.
    ``minority_average_precision`` (scikit-learn's; none where no example is of the minority), which stands for the
    area under the precision-recall curve, and ``calibration_error`` need no threshold.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
        minority: the class.
        threshold: for two classes: the minority is predicted from this probability on.
        counts: of the examples in each sample.
    """
    labels = np.asarray(labels)
    found = probabilities[:, minority]
    values = {
        **_decided(labels, probabilities.argmax(axis=1), minority, probabilities.shape[1], counts),
        "minority_average_precision": _average_precision(labels == minority, found, _samples(len(labels), counts)),
        "calibration_error": calibration_error(labels, probabilities, counts=counts),
    }
    if threshold is not None:
        tuned = np.where(found >= threshold, minority, 1 - minority)
        values |= {f"{name}_tuned": value for name, value in _decided(labels, tuned, minority, 2, counts).items()}
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


def calibration_error(
    labels: Labels, probabilities: NDArray[np.floating[Any]], counts: Counts = None
) -> NDArray[np.float64]:
    """Expected calibration error: the mean distance of confidence and accuracy, over bins of equal width.

    Guo, Pleiss, Sun, Weinberger: "On Calibration of Modern Neural Networks", ICML 2017, arXiv 1706.04599, with their 15
    bins from 0 to 1. The confidence is the probability of the likeliest class, and a bin counts by its examples.

    Args:
        labels: true class indices, n.
        probabilities: n x classes.
        counts: of the examples in each sample.
    """
    samples = _samples(len(labels), counts)
    confidence = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    # An edge belongs to the bin below it.
    of_bin = np.ceil(confidence * _BINS).astype(np.int64)
    excess = _one_hot(of_bin, _BINS + 1) * (confidence - is_right)[:, None]
    error: NDArray[np.float64] = np.abs(samples @ excess).sum(axis=1) / samples.sum(axis=1)
    return error


class _ByClass:
    """How many examples of each sample are of a class, are taken for it, and both: each samples x classes."""

    def __init__(self, labels: Labels, predictions: Labels, classes: int, counts: Counts) -> None:
        samples = _samples(len(labels), counts)
        true, predicted = _one_hot(labels, classes), _one_hot(predictions, classes)
        self._n = samples.sum(axis=1)
        self._true, self._predicted, self._right = (samples @ each for each in (true, predicted, true * predicted))
        self.precision = _ratio(self._right, self._predicted)
        self.recall = _ratio(self._right, self._true)
        self.f1 = _ratio(2 * self._right, self._true + self._predicted)

    @property
    def accuracy(self) -> NDArray[np.float64]:
        return _ratio(self._right.sum(axis=1), self._n)

    @property
    def macro_f1(self) -> NDArray[np.float64]:
        return _mean(self.f1, self._true + self._predicted > 0)

    @property
    def balanced_accuracy(self) -> NDArray[np.float64]:
        return _mean(self.recall, self._true > 0)

    @property
    def matthews(self) -> NDArray[np.float64]:
        """Of many classes as Gorodkin (2004) has it; 0 where labels or predictions are of one class."""
        n, true, predicted = self._n, self._true, self._predicted
        together = self._right.sum(axis=1) * n - (true * predicted).sum(axis=1)
        alone = (n**2 - (true**2).sum(axis=1)) * (n**2 - (predicted**2).sum(axis=1))
        return _ratio(together, np.sqrt(alone))


def _decided(labels: Labels, predictions: Labels, minority: int, classes: int, counts: Counts) -> Values:
    table = _ByClass(labels, predictions, classes, counts)
    return {
        "minority_precision": table.precision[:, minority],
        "minority_recall": table.recall[:, minority],
        "minority_f1": table.f1[:, minority],
        "macro_f1": table.macro_f1,
        "balanced_accuracy": table.balanced_accuracy,
        "accuracy": table.accuracy,
    }


def _average_precision(
    is_minority: NDArray[np.bool_], probabilities: NDArray[np.floating[Any]], samples: NDArray[np.float64]
) -> NDArray[np.float64]:
    order = np.argsort(-probabilities, kind="stable")
    # A threshold stands after the last of equal probabilities.
    at = np.flatnonzero(np.append(np.diff(probabilities[order]) != 0, True))
    found = samples[:, order].cumsum(axis=1)[:, at]
    right = (samples * is_minority)[:, order].cumsum(axis=1)[:, at]
    steps = np.diff(right, axis=1, prepend=0)
    all_right = right[:, -1]
    return np.where(all_right > 0, _ratio((steps * _ratio(right, found)).sum(axis=1), all_right), np.nan)


def _samples(n: int, counts: Counts) -> NDArray[np.float64]:
    # Products of matrices of floats are BLAS's; those of integers are slow.
    return np.ones((1, n)) if counts is None else counts.astype(np.float64)


def _one_hot(indices: Labels, size: int) -> NDArray[np.float64]:
    """n x size."""
    hot: NDArray[np.float64] = np.equal(np.asarray(indices)[:, None], np.arange(size)).astype(np.float64)
    return hot


def _mean(values: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of each row's values there."""
    return _ratio((values * where).sum(axis=1), where.sum(axis=1))


def _ratio(parts: NDArray[np.float64], wholes: NDArray[Any]) -> NDArray[np.float64]:
    """0 where there is nothing to divide by."""
    ratios: NDArray[np.float64] = np.divide(parts, wholes, out=np.zeros(parts.shape), where=wholes > 0)
    return ratios
