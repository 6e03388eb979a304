"""How far a mean over seeds and examples may be from what other seeds and other examples would give."""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from robustbench_mt.skewness import reach

__all__ = ["Spread", "Variance", "spread_of_mean"]


class Variance(NamedTuple):
    """The estimated variance of a mean, or a part of it, and the degrees of freedom of that estimate."""

    value: float
    freedom: float


Parts = tuple[Variance, ...]
"""What a variance is the sum of."""


@dataclass(frozen=True)
class Spread:
    """How far a mean may be from the true one, by the wider of two estimates.

    Few seeds are often more alike than seeds are: then the first is too narrow, and the second is not.

    Attributes:
        found: the variance with what seeds were found to differ by: of seeds, and of examples.
        by_chance: the variance if seeds differed by no more than chance lets them.
        of_seeds: the share of ``found`` that seeds bring beyond chance.
    """

    found: Parts
    by_chance: Parts
    of_seeds: float

    def margin(self, confidence: float) -> float:
        """How far a two-sided interval reaches to either side, if the mean is not skewed."""
        quantile, error = self._wider(confidence)
        return quantile * error

    def reach(self, confidence: float, skewnesses: Iterable[float]) -> tuple[float, float]:
        """How far a two-sided interval reaches below and above the mean (see :mod:`robustbench_mt.skewness`).

        Args:
            confidence: of the interval.
            skewnesses: what that of the mean over examples may be, were there no other seeds.
        """
        quantile, error = self._wider(confidence)
        # The third root of its third moment is in the same measure as the deviation.
        return reach(error, quantile, [skewness * (1 - self.of_seeds) ** 1.5 for skewness in skewnesses])

    def p(self, mean: float) -> float:
        """The two-sided p that the true mean is 0."""
        return max(_p(abs(mean) / _error(parts), parts) for parts in (self.found, self.by_chance) if _error(parts))

    def _wider(self, confidence: float) -> tuple[float, float]:
        """The quantile and the standard error of the estimate that gives the wider interval."""
        both = [(_quantile(parts, (1 - confidence) / 2), _error(parts)) for parts in (self.found, self.by_chance)]
        return max(both, key=math.prod)


def _error(parts: Parts) -> float:
    return math.sqrt(sum(part.value for part in parts))


def _quantile(parts: Parts, tail: float) -> float:
    """Cochran's: the mean of Student's, each weighted by its part of the variance.

    Args:
        parts: their degrees of freedom, and values, which may all be 0.
        tail: how often the statistic is above the quantile.
    """
    values = [part.value for part in parts]
    quantiles = stats.t.isf(tail, [part.freedom for part in parts])
    return float(np.average(quantiles, weights=values if any(values) else None))


def _p(statistic: float, parts: Parts) -> float:
    """The two-sided p of a statistic: the level whose quantile it is."""
    # As the quantile lies between Student's, so does p.
    ends = 2 * stats.t.sf(statistic, [part.freedom for part in parts if part.value])
    # Of a p of 0 there is no quantile.
    least, most = max(float(ends.min()), sys.float_info.min), float(ends.max())
    if least >= most or math.isclose(least, most):
        return most
    return float(optimize.brentq(lambda p: _quantile(parts, p / 2) - statistic, least, most))


def spread_of_mean(outcomes: NDArray[Any], examples: float | None = None) -> Spread:
    """The spread of the mean of a table, whose seeds and whose examples are both drawn from many.

    The variance is that of studies of diagnosis, where all readers read all cases (Hillis 2007, "A comparison of
    denominator degrees of freedom methods for multiple observer ROC analysis"). Its t quantile is the mean of that of
    seeds and that of examples, weighted by what each brings to the variance (Cochran 1964, "Approximate significance
    levels of the Behrens-Fisher test"), because of two or three seeds Hillis' degrees of freedom cover too seldom (88%
    in simulation); for the same reason :class:`Spread` doubts seeds that are alike.

    Args:
        outcomes: seeds x examples, two of each at least: a number each.
        examples: how many examples a seed has, where the table holds a part of them.
    """
    seeds, n = outcomes.shape
    of_seeds, of_examples, mean = outcomes.mean(axis=1), outcomes.mean(axis=0), outcomes.mean()
    by_seed, by_example = n * of_seeds.var(ddof=1), seeds * of_examples.var(ddof=1)
    of_all = (np.square(outcomes, dtype=float).sum()) - outcomes.size * mean**2
    by_chance = max((of_all - (seeds - 1) * by_seed - (n - 1) * by_example) / ((seeds - 1) * (n - 1)), 0.0)
    beyond_chance = max(by_example - by_chance, 0.0)
    counted = seeds * (examples or n)
    # What seeds bring does not shrink with the number of examples.
    brought = max(by_seed - by_chance, 0.0) / (seeds * n)
    found = (
        Variance(float(brought + min(by_seed, by_chance) / counted), seeds - 1),
        Variance(float(beyond_chance / counted), n - 1),
    )
    total = sum(part.value for part in found)
    return Spread(
        found,
        (Variance(float((by_chance + beyond_chance) / counted), (seeds - 1) * (n - 1)),),
        float(brought / total) if total else 0.0,
    )
