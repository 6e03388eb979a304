"""What the confusion table of a classifier says of it: the metrics that decisions alone determine, with intervals.

A bootstrap of these metrics leaves out the truth far too often where few examples are rightly or wrongly recognized:
most resamples lack them. Intervals for proportions do not, and most of these metrics are proportions or means of some.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.interval_kinds import Interval
from robustbench_mt.statistics import CONFIDENCE, Estimate, wilson
from robustbench_mt.stratified import stratified_wilson
from robustbench_mt.table_posterior import Margins, drawn_margins

__all__ = ["Confusion"]

Labels = Sequence[int] | NDArray[Any]

_DRAWS = 2000
# Cells that are drawn at once, of all tables, 8 bytes each.
_MOST_CELLS = 4_000_000
# Examples in a cell that has none.
_UNSEEN = 1e-6


class Confusion:
    """How many examples of each class are taken for each.

    Means over classes leave out those that neither labels nor predictions have (recall: those that labels do not have).
    A ratio of nothing is 0, as scikit-learn has it, and has no interval.

    Precision, recall and accuracy have Wilson's interval, precision and recall over the examples that they are shares
    of. So has F1, which is ``2p / (1 + p)`` where ``p`` is the share of rightly recognized examples among those of the
    class or taken for it. In simulation (``benchmarks/interval_coverage.py``) nominal 95% cover 93 to 97% from three
    examples on that they are shares of.

    Args:
        table: classes x classes, true x predicted.

    Example:
        >>> made = Confusion.of([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], classes=2)
        >>> made.table.tolist(), made.recall(1).value
        ([[2, 1], [0, 2]], 1.0)
        >>> made.f1(1).show("number", 2)
        '0.80 [0.34, 0.97], n=5'
    """

    def __init__(self, table: NDArray[np.int64]) -> None:
        self.table = table
        self._right = table.diagonal()
        self._true, self._predicted = table.sum(axis=1), table.sum(axis=0)
        self._n = int(table.sum())

    @classmethod
    def of(cls, labels: Labels, predictions: Labels, classes: int) -> "Confusion":
        """Of true and predicted class indices, n each."""
        cells = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predictions, dtype=np.int64)
        return cls(np.bincount(cells, minlength=classes**2).reshape(classes, classes))

    @property
    def accuracy(self) -> Estimate:
        """The share of examples that are classified correctly."""
        return self._share(self._right.sum(), self._n)

    def precision(self, of: int) -> Estimate:
        """Of the examples taken for a class, the share that is of it."""
        return self._share(self._right[of], self._predicted[of])

    def recall(self, of: int) -> Estimate:
        """Of a class's examples, the share that is taken for it."""
        return self._share(self._right[of], self._true[of])

    def f1(self, of: int) -> Estimate:
        """The harmonic mean of a class's precision and recall."""
        share = self._share(self._right[of], self._true[of] + self._predicted[of] - self._right[of])
        value, low, high = (None if each is None else _f1(each) for each in (share.value, share.low, share.high))
        return replace(share, value=value, low=low, high=high)

    @property
    def balanced_accuracy(self) -> Estimate:
        """The mean of the classes' recalls, with :func:`stratified_wilson`'s interval."""
        there = self._true > 0
        return self._mean(self._right[there] / self._true[there], self._right[there], self._true[there])

    @property
    def macro_f1(self) -> Estimate:
        """The mean of the classes' F1, with :func:`stratified_wilson`'s interval.

        Classes' F1 move together as Takahashi, Yamamoto, Kuchiba and Koyama (2022) have it, "Confidence interval for
        micro-averaged F1 and macro-averaged F1 scores".
        """
        of_both = self._true + self._predicted
        there = np.flatnonzero(of_both)
        right, of_both = self._right[there], of_both[there]
        table = self.table[np.ix_(there, there)]
        return self._mean(2 * right / of_both, right, of_both - right, _correlations_of_f1(table), _f1)

    @property
    def matthews(self) -> Estimate:
        """Matthews correlation, of many classes Gorodkin's (2004); 0 where labels or predictions are all alike.

        The interval is of the middle 95% of a posterior of the table, with Jeffreys' prior (Goutte and Gaussier 2005,
        "A probabilistic interpretation of precision, recall and F-score, with implication for evaluation"), of 2,000
        draws. Nominal 95% cover 93 to 98% for up to four classes. None where there is only one class.
        """
        there = np.flatnonzero(self._true + self._predicted)
        kind: Interval = "posterior over examples"
        if not self._n:
            return Estimate(None, None, None, 0, kind)
        value = float(_matthews(Margins.of(self.table[None].astype(np.float64)))[0])
        if np.count_nonzero(self._true) < 2:
            return Estimate(value, None, None, self._n, kind)
        table = self.table[np.ix_(there, there)]
        generator, drawn = np.random.default_rng(0), []
        at_once = max(1, _MOST_CELLS // int(np.count_nonzero(table)))
        for first in range(0, _DRAWS, at_once):
            drawn.append(_matthews(drawn_margins(table, min(at_once, _DRAWS - first), generator)))
        low, high = np.quantile(np.concatenate(drawn), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        return Estimate(value, min(float(low), value), max(float(high), value), self._n, kind)

    def _share(self, some: Any, of: Any) -> Estimate:
        if not of:
            return Estimate(0.0 if self._n else None, None, None, self._n, "Wilson over examples")
        return replace(wilson(int(some), int(of)), n=self._n)

    def _mean(
        self,
        values: NDArray[np.float64],
        right: NDArray[np.int64],
        of: NDArray[np.int64],
        correlations: NDArray[np.float64] | None = None,
        scale: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
    ) -> Estimate:
        kind: Interval = "stratified Wilson over examples"
        if not len(values):
            return Estimate(None, None, None, 0, kind)
        low, high = stratified_wilson(right, of, correlations, scale)
        mean = float(values.mean())
        # Rounded, the ends may pass by a mean of 0 or 1.
        return Estimate(mean, min(low, mean), max(high, mean), self._n, kind)


def _f1(share: Any) -> Any:
    """Of the share that is rightly recognized among the examples of the class or taken for it; a number or an array."""
    return 2 * share / (1 + share)


def _correlations_of_f1(table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of the estimates, classes x classes: an example of one class that is taken for another lowers the F1 of both."""
    # Where no mistake was seen, one class's may as well be any other's.
    cells = table + _UNSEEN
    of_both, right = cells.sum(axis=0) + cells.sum(axis=1), cells.diagonal()
    f1 = 2 * right / of_both
    together = np.outer(f1, f1) * (cells + cells.T) / np.outer(of_both, of_both)
    deviations = np.sqrt(f1 * (1 - f1) * (2 - f1) / of_both)
    scale = np.outer(deviations, deviations)
    # A class that stands alone has no deviation.
    correlations: NDArray[np.float64] = np.divide(together, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(correlations, 1.0)
    return correlations


def _matthews(of: Margins) -> NDArray[np.float64]:
    """One a table, whatever the tables' sums."""
    n = of.true.sum(axis=1)
    together = of.right * n - (of.true * of.predicted).sum(axis=1)
    alone = (n**2 - (of.true**2).sum(axis=1)) * (n**2 - (of.predicted**2).sum(axis=1))
    values: NDArray[np.float64] = np.divide(together, np.sqrt(alone), out=np.zeros(len(n)), where=alone > 0)
    return values
