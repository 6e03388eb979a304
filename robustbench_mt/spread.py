"""How far a mean over seeds and examples may be from what other seeds and other examples would give."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from robustbench_mt.skewness import reach

__all__ = ["Spread", "Variance", "spread_of_mean"]

# Of means that are equal.
_ROUNDING = 1e-12


class Variance(NamedTuple):
    """The estimated variance of a mean, and the degrees of freedom of that estimate."""

    value: float
    freedom: float


@dataclass(frozen=True)
class Spread:
    """How far a mean may be from the true one, by the wider of two estimates.

    Few seeds are often more alike than seeds are: then the first is too narrow, and the second is not.

    Attributes:
        found: the variance with what seeds were found to differ by.
        by_chance: the variance if seeds differed by no more than chance lets them.
        of_seeds: the share of ``found`` that seeds bring beyond chance.
    """

    found: Variance
    by_chance: Variance
    of_seeds: float

    def margin(self, confidence: float) -> float:
        """How far a two-sided interval reaches to either side, if the mean is not skewed."""
        quantile, error = self._wider(confidence)
        return quantile * error

    def reach(self, confidence: float, skewness: float) -> tuple[float, float]:
        """How far a two-sided interval reaches below and above the mean (see :mod:`robustbench_mt.skewness`).

        Args:
            confidence: of the interval.
            skewness: of the mean over examples, were there no other seeds.
        """
        quantile, error = self._wider(confidence)
        # The third root of its third moment is in the same measure as the deviation.
        return reach(error, quantile, skewness * (1 - self.of_seeds) ** 1.5)

    def p(self, mean: float) -> float:
        """The two-sided p that the true mean is 0."""
        return max(
            float(2 * stats.t.sf(abs(mean) / math.sqrt(variance), freedom))
            for variance, freedom in self._estimates()
            if variance
        )

    def _wider(self, confidence: float) -> tuple[float, float]:
        """The quantile of Student's t and the standard error of the estimate that gives the wider interval."""
        both = [
            (float(stats.t.ppf((1 + confidence) / 2, freedom)), math.sqrt(variance))
            for variance, freedom in self._estimates()
        ]
        return max(both, key=math.prod)

    def _estimates(self) -> tuple[Variance, Variance]:
        return self.found, self.by_chance


def spread_of_mean(outcomes: NDArray[Any], examples: float | None = None) -> Spread:
    """The spread of the mean of a table, whose seeds and whose examples are both drawn from many.

    As for readers and cases in studies of diagnosis, all readers reading all cases (Hillis 2007, "A comparison of
    denominator degrees of freedom methods for multiple observer ROC analysis"). Two things differ from there, because
    of two or three seeds his intervals cover too seldom (88% in simulation): the ratio in the degrees of freedom is
    not squared, as it is itself known from few seeds only, and :class:`Spread` doubts seeds that are alike.

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
    # What seeds bring does not shrink with the number of examples.
    brought = max(by_seed - by_chance, 0.0) / (seeds * n)
    found = brought + (min(by_seed, by_chance) + beyond_chance) / (seeds * (examples or n))
    freedom = (seeds - 1) * (by_seed + beyond_chance) / max(by_seed, _ROUNDING)
    return Spread(
        # Without anything found, the degrees of freedom are those of seeds.
        Variance(float(found), float(max(freedom, seeds - 1))),
        Variance(float((by_chance + beyond_chance) / (seeds * (examples or n))), float((seeds - 1) * (n - 1))),
        float(brought / found) if found else 0.0,
    )
