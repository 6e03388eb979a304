"""Numbers counted over several checkpoints on the same examples, which are not that many times as many examples."""

import math
from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from robustbench_mt.spread import spread_of_mean
from robustbench_mt.statistics import CONFIDENCE, Estimate, bootstrap_mean, mean_over_seeds, wilson

__all__ = ["Crossed"]

_NORMAL = float(stats.norm.ppf((1 + CONFIDENCE) / 2))


class Crossed:
    """Checkpoints, a seed each, and the examples that each of them has.

    Args:
        examples: for each checkpoint the examples' positions in the split, each once, in ascending order.
    """

    def __init__(self, examples: Sequence[NDArray[np.int64]]) -> None:
        self._sizes = [len(of) for of in examples]
        shared = reduce(np.intersect1d, examples) if examples else np.empty(0, np.int64)
        self._places = [np.searchsorted(of, shared) for of in examples]
        self._shared = len(shared)
        self.n = len(np.unique(np.concatenate(examples))) if examples else 0
        """How many different examples there are."""

    def share(self, found: Sequence[NDArray[np.bool_]]) -> Estimate:
        """The share of all outcomes that are ``True``.

        Of one checkpoint, with Wilson's interval over examples. Of several, with Wilson's score interval (Wilson 1927)
        for as many independent examples as would give the variance over seeds and examples (see
        :func:`robustbench_mt.spread.spread_of_mean`), with Student's t in the normal's place, as is done in surveys
        whose answers hang together (Franco et al. 2019, "Comparative study of confidence intervals for proportions in
        complex sample surveys"). In simulation its nominal 95% cover 91 to 98% from three seeds on, and 83 to 97% with
        two, where to count all outcomes as independent covers 50 to 80%. Where all outcomes are alike, nothing tells
        that seeds differ, and there are as many as different examples.

        Args:
            found: for each checkpoint, in the order of its examples.
        """
        if len(found) < 2:
            return wilson(sum(int(of.sum()) for of in found), sum(self._sizes))
        total, right = sum(self._sizes), sum(int(of.sum()) for of in found)
        if not total:
            return Estimate(None, None, None, 0, "Wilson over seeds and examples")
        if self._shared < 2:
            return self._over_seeds(found, 1.0)
        share = right / total
        effective, t = float(self.n), _NORMAL
        if 0 < right < total:
            spread = spread_of_mean(self._table(found), total / len(found))
            if spread.variance:
                effective, t = min(share * (1 - share) / spread.variance, total), spread.t(CONFIDENCE)
        low, high = _score_interval(share, effective, t)
        return Estimate(share, low, high, self.n, "Wilson over seeds and examples")

    def mean(self, values: Sequence[NDArray[Any]]) -> Estimate:
        """The mean of all values, none of which is below 0.

        Of one checkpoint, with a percentile bootstrap interval over examples; of several, with Student's t interval
        over seeds and examples (see :func:`robustbench_mt.spread.spread_of_mean`).
        """
        if len(values) < 2:
            return bootstrap_mean(np.concatenate(values) if values else [])
        if self._shared < 2:
            return self._over_seeds(values, math.inf)
        mean = float(np.concatenate(values).mean())
        spread = spread_of_mean(self._table(values), sum(self._sizes) / len(values))
        if not spread.variance:
            return Estimate(mean, None, None, self.n, "t over seeds and examples")
        margin = spread.t(CONFIDENCE) * math.sqrt(spread.variance)
        return Estimate(mean, mean - margin, mean + margin, self.n, "t over seeds and examples").within(0.0, math.inf)

    def _table(self, values: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Seeds x the examples that all have."""
        return np.stack([of[places] for of, places in zip(values, self._places, strict=True)]).astype(float)

    def _over_seeds(self, values: Sequence[NDArray[Any]], most: float) -> Estimate:
        """Of checkpoints that share no examples."""
        return mean_over_seeds([float(of.mean()) for of in values if len(of)]).within(0.0, most)


def _score_interval(share: float, n: float, t: float) -> tuple[float, float]:
    middle, half = share + t**2 / (2 * n), t * math.sqrt(share * (1 - share) / n + t**2 / (4 * n**2))
    low, high = ((middle - half) / (1 + t**2 / n), (middle + half) / (1 + t**2 / n))
    return (low if share else 0.0), (high if share < 1 else 1.0)
