"""Numbers counted over several checkpoints on the same examples, which are not that many times as many examples."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from robustbench_mt.skewness import skewness_of_mean
from robustbench_mt.spread import spread_of_mean
from robustbench_mt.statistics import CONFIDENCE, Estimate, mean_over_examples, mean_over_seeds, wilson

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

        Of one checkpoint, with Wilson's interval over examples. Of several, with a score interval over seeds and
        examples: the shares from which this one is no further than their spread lets it be. The spread is that of
        :func:`robustbench_mt.spread.spread_of_mean`; at another share p it is as large as p (1 - p) makes it, which is
        Wilson's interval (Wilson 1927) for as many independent examples as would give the variance, as is done in
        surveys whose answers hang together (Franco et al. 2019, "Comparative study of confidence intervals for
        proportions in complex sample surveys"). What seeds bring grows with p (1 - p) squared where that is larger, as
        when their logits spread alike at any share: of low shares, few seeds more often miss those that would raise the
        share. Where all outcomes are alike, nothing tells that seeds differ, and it is Wilson's interval of as many as
        there are different examples.

        In simulation (``benchmarks/interval_coverage.py``; shares of 3 to 50%, 50 to 900 examples, two to five seeds)
        its nominal 95% cover 93 to 97% where seeds differ, and 96 to 99% where they do not, or where fewer than ten
        examples are ``True``. To count all outcomes as independent covers 50 to 80%.

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
        if not 0 < right < total:
            return replace(wilson(self.n if right else 0, self.n), interval="Wilson over seeds and examples")
        spread = spread_of_mean(self._table(found), total / len(found))
        independent = _NORMAL * math.sqrt(share * (1 - share) / total)
        margin = max(spread.margin(CONFIDENCE), independent)
        low, high = _score_interval(share, margin, spread.of_seeds)
        return Estimate(share, low, high, self.n, "Wilson over seeds and examples")

    def mean(self, values: Sequence[NDArray[Any]]) -> Estimate:
        """The mean of all values, none of which is below 0.

        Of one checkpoint, with the interval of :func:`robustbench_mt.statistics.mean_over_examples`; of several, with
        Student's t interval over seeds and examples (see :func:`robustbench_mt.spread.spread_of_mean`), without the
        skewness that examples bring (see :mod:`robustbench_mt.skewness`).

        In simulation (``benchmarks/interval_coverage.py``; queries of 20 to 400 examples, lognormal with an sd of 0.7
        to 1.1) its nominal 95% cover 94 to 99%.
        """
        if len(values) < 2:
            return mean_over_examples(np.concatenate(values) if values else []).within(0.0, math.inf)
        if self._shared < 2:
            return self._over_seeds(values, math.inf)
        mean = float(np.concatenate(values).mean())
        table = self._table(values)
        spread = spread_of_mean(table, sum(self._sizes) / len(values))
        below, above = spread.reach(CONFIDENCE, skewness_of_mean(table.mean(axis=0)))
        if not below + above:
            return Estimate(mean, None, None, self.n, "t over seeds and examples")
        return Estimate(mean, mean - below, mean + above, self.n, "t over seeds and examples").within(0.0, math.inf)

    def _table(self, values: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
        """Seeds x the examples that all have."""
        return np.stack([of[places] for of, places in zip(values, self._places, strict=True)]).astype(float)

    def _over_seeds(self, values: Sequence[NDArray[Any]], most: float) -> Estimate:
        """Of checkpoints that share no examples."""
        return mean_over_seeds([float(of.mean()) for of in values if len(of)]).within(0.0, most)


def _score_interval(share: float, margin: float, of_seeds: float) -> tuple[float, float]:
    """The shares that differ from this one by at most the margin, which is a different one at each of them.

    Args:
        margin: at ``share``, which is neither 0 nor 1.
        of_seeds: the share of the squared margin that seeds bring.
    """

    def beyond(p: float) -> float:
        ratio = p * (1 - p) / (share * (1 - share))
        growth = of_seeds * max(ratio, ratio**2) + (1 - of_seeds) * ratio
        return float((p - share) ** 2 - margin**2 * growth)

    return float(optimize.brentq(beyond, 0.0, share)), float(optimize.brentq(beyond, share, 1.0))
