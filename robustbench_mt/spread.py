"""How far a mean over seeds and examples may be from what other seeds and other examples would give."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["Spread", "spread_of_mean"]

# Of means that are equal.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Spread:
    """The estimated variance of a mean, and the degrees of freedom of that estimate."""

    variance: float
    freedom: float

    def t(self, confidence: float) -> float:
        """How many standard errors a two-sided interval reaches to either side."""
        return float(stats.t.ppf((1 + confidence) / 2, self.freedom))

    def p(self, mean: float) -> float:
        """The two-sided p that the true mean is 0."""
        return float(2 * stats.t.sf(abs(mean) / np.sqrt(self.variance), self.freedom))


def spread_of_mean(outcomes: NDArray[Any], examples: float | None = None) -> Spread:
    """The spread of the mean of a table, whose seeds and whose examples are both drawn from many.

    As for readers and cases in studies of diagnosis, all readers reading all cases (Hillis 2007, "A comparison of
    denominator degrees of freedom methods for multiple observer ROC analysis"). Seeds that happen to be more alike than
    chance lets them count as spread by chance.

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
    if by_seed <= by_chance + _ROUNDING:
        return Spread(float((by_chance + beyond_chance) / (seeds * (examples or n))), float((seeds - 1) * (n - 1)))
    spread = by_seed + beyond_chance
    freedom = (seeds - 1) * (spread / by_seed) ** 2
    # What seeds bring does not shrink with the number of examples.
    variance = (by_seed - by_chance) / (seeds * n) + (by_chance + beyond_chance) / (seeds * (examples or n))
    return Spread(float(variance), float(freedom))
