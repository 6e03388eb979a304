"""Every number with its sample size and its uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from robustbench_mt.interval_kinds import Interval
from robustbench_mt.skewness import reach, skewness_of_mean
from robustbench_mt.spread import spread_of_mean

__all__ = [
    "CONFIDENCE",
    "Estimate",
    "Scale",
    "hierarchical_bootstrap_difference",
    "mean_over_examples",
    "mean_over_seeds",
    "paired_over_seeds",
    "seeds_differences",
    "wilson",
]

Scale = Literal["percent", "points", "number"]
"""How a number is shown: a share as per cent, a difference of shares as signed percentage points, or as it is."""

CONFIDENCE = 0.95
RESAMPLES = 2000
# Drawing all resamples at once would take 8 bytes x 2,000 x n.
_AT_ONCE = 50
# Of more examples than this, other resamples are drawn, which take less time and memory.
_MOST_TOGETHER = 2000
_ENDS = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]


@dataclass(frozen=True)
class Estimate:
    """A number, what may be said of its precision, and what it was counted over.

    Attributes:
        value: ``None`` where there was nothing to count.
        low, high: the ends of the interval; ``None`` where it cannot be told (one seed, one example).
        n: examples, or seeds for an interval over seeds.
        interval: of which kind it is, or would be.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    interval: Interval

    def differs_from(self, other: "Estimate") -> bool:
        """Whether both have an interval and the two do not overlap."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return False
        return self.high < other.low or other.high < self.low

    def within(self, least: float, most: float) -> "Estimate":
        """The estimate with its interval cut at the ends of what the number can be, which Student's t does not know."""
        if self.low is None or self.high is None:
            return self
        return replace(self, low=max(self.low, least), high=min(self.high, most))

    def parts(self, unit: Scale = "percent", digits: int = 1) -> tuple[str, str]:
        """Value and interval as text: ``61.0%`` and ``[51.2, 70.0]``; ``–`` and nothing where they cannot be told.

        Of ``points``, with their signs: ``+9.5`` and ``[+1.2, +17.0]``.
        """
        scale = 1 if unit == "number" else 100
        shape = f"+.{digits}f" if unit == "points" else f".{digits}f"
        value = "–" if self.value is None else f"{self.value * scale:{shape}}{'%' if unit == 'percent' else ''}"
        if self.low is None or self.high is None:
            return value, ""
        return value, f"[{self.low * scale:{shape}}, {self.high * scale:{shape}}]"

    @property
    def count(self) -> str:
        """What it was counted over: ``n=100``, or ``3 seeds``."""
        if self.interval != "t over seeds":
            return f"n={self.n}"
        return f"{self.n} seed{'' if self.n == 1 else 's'}"

    def show(self, unit: Scale = "percent", digits: int = 1) -> str:
        """All of it as text: ``61.0% [51.2, 70.0], n=100``."""
        return f"{' '.join(filter(None, self.parts(unit, digits)))}, {self.count}"


@cache
def wilson(successes: int, n: int) -> Estimate:
    """A proportion with its Wilson score interval (Wilson 1927); each example counts as independent.

    Example:
        >>> wilson(61, 100).show()
        '61.0% [51.2, 70.0], n=100'
    """
    if n == 0:
        return Estimate(None, None, None, 0, "Wilson over examples")
    share = successes / n
    # The interval does not depend on what is tested. Of the share itself the test is over at once, and takes 0.03 ms
    # instead of 0.4; statsmodels takes 0.05, and 0.3 s to import.
    low, high = stats.binomtest(successes, n, share).proportion_ci(CONFIDENCE, "wilson")
    return Estimate(share, float(low), float(high), n, "Wilson over examples")


def mean_over_examples(values: ArrayLike) -> Estimate:
    """A mean with Student's t interval, from which the values' skewness is removed.

    See :mod:`robustbench_mt.skewness`. In simulation (``benchmarks/interval_coverage.py``) its nominal 95% cover 94 to
    97% from 10 examples on, also of values with longer tails than queries have (lognormal, sd 1).

    No interval for one value, nor where all are the same: a width of 0 would claim what a few equal ones cannot show.

    Example:
        >>> mean_over_examples([12, 15, 11, 14, 90]).show("number")
        '28.4 [3.7, 132.7], n=5'
    """
    kind: Interval = "t over examples"
    sample = np.asarray(values, dtype=float)
    n = len(sample)
    if not n:
        return Estimate(None, None, None, 0, kind)
    mean = float(sample.mean())
    if np.ptp(sample) == 0:
        return Estimate(mean, None, None, n, kind)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    below, above = reach(float(stats.sem(sample)), quantile, skewness_of_mean(sample))
    return Estimate(mean, mean - below, mean + above, n, kind)


def hierarchical_bootstrap_difference(first: ArrayLike, second: ArrayLike, seed: int = 0) -> Estimate:
    """The difference in accuracy of two methods, of several seeds on the same examples.

    The interval is a percentile bootstrap of seeds and then of examples, 2,000 resamples drawn with ``seed``. A seed is
    drawn with both methods' outcomes and an example with those of all seeds, since all classify the same ones
    (Owen 2007, "The pigeonhole bootstrap"): drawing examples afresh for each seed would take one test set for many.
    No interval for one seed or one example, nor where all outcomes differ alike.

    Few seeds cannot show by resampling how far seeds spread (of three it would cover 74%), so the interval is stretched
    about the difference to the width of Student's t interval over seeds and examples (see
    :func:`robustbench_mt.spread.spread_of_mean`). In simulation (``benchmarks/interval_coverage.py``) its nominal 95%
    cover 94 to 98% where seeds differ much, also of two seeds, and up to 99% where they differ little or few outcomes
    differ. Two seeds that differ much leave it too wide to tell anything.

    Args:
        first, second: seeds x examples, whether each is classified correctly; both in one order.

    Returns:
        ``n`` is the number of examples.

    Raises:
        ValueError: the two are not tables of one shape.
    """
    kind: Interval = "hierarchical bootstrap over seeds and examples"
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.ndim != 2 or one.shape != other.shape:
        raise ValueError(f"seeds x examples of one shape are needed, not {one.shape} and {other.shape}")
    differences = one - other
    seeds, n = differences.shape
    if not differences.size:
        return Estimate(None, None, None, n, kind)
    mean = float(differences.mean())
    if seeds == 1 or n == 1 or np.ptp(differences) == 0:
        return Estimate(mean, None, None, n, kind)
    generator = np.random.default_rng(seed)
    counts = None
    if n > _MOST_TOGETHER:
        distinct, counts = _distinct_examples(differences)
    means = np.empty(RESAMPLES)
    for start in range(0, RESAMPLES, _AT_ONCE):
        drawn = generator.integers(seeds, size=(_AT_ONCE, seeds))
        times = (drawn[:, :, None] == np.arange(seeds)).sum(axis=1)
        if counts is None:
            examples = generator.integers(n, size=(_AT_ONCE, n))
            by_example = times @ differences / seeds
            drawn_means = np.take_along_axis(by_example, examples, axis=1).mean(axis=1)
        else:
            drawn_means = (_times_drawn(counts, generator) * (times @ distinct)).sum(axis=1) / (n * seeds)
        means[start : start + _AT_ONCE] = drawn_means
    low, high = np.quantile(means, _ENDS)
    stretch = 2 * spread_of_mean(differences).margin(CONFIDENCE) / (high - low)
    ends = float(mean - stretch * (mean - low)), float(mean + stretch * (high - mean))
    # So few outcomes differ that many resamples have none of them: a narrower interval would leave out what these show.
    if low == 0 or high == 0:
        ends = min(ends[0], 0.0), max(ends[1], 0.0)
    return Estimate(mean, *ends, n, kind).within(-1.0, 1.0)


def _distinct_examples(differences: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The different columns of seeds x examples, which hold -1, 0 and 1, and how often there is each."""
    codes: NDArray[np.intp] = np.zeros(differences.shape[1], np.intp)
    for of_seed in differences:
        # Numbered anew each time, because 3 to the number of seeds may be too large.
        codes = np.unique(3 * codes + of_seed, return_inverse=True)[1]
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    return differences[:, first], counts


def _times_drawn(counts: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """How often each distinct value is in some resamples, given how often it is among the examples."""
    n = int(counts.sum())
    return generator.multinomial(n, counts / n, size=_AT_ONCE)


def mean_over_seeds(values: Sequence[float]) -> Estimate:
    """A mean with Student's t interval, one value a seed: the spread that another seed may bring.

    One seed has a mean and no interval. Nor have seeds that all gave the same (a class that is never predicted has an
    F1 of 0 whatever the seed): a width of 0 would claim what a few equal outcomes cannot show.
    """
    if not values:
        return Estimate(None, None, None, 0, "t over seeds")
    sample = np.asarray(values, dtype=float)
    mean = float(sample.mean())
    if np.ptp(sample) == 0:
        return Estimate(mean, None, None, len(sample), "t over seeds")
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(sample) - 1) * sample.std(ddof=1) / np.sqrt(len(sample)))
    return Estimate(mean, mean - margin, mean + margin, len(sample), "t over seeds")


def paired_over_seeds(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """The mean of ``first`` less that of ``second``, with Student's t interval of the paired t-test over seeds.

    What a seed brings to both (the head's first weights, the order of the examples) cancels out. No interval for one
    seed, nor where all seeds differ alike; see :func:`mean_over_seeds`.

    Args:
        first, second: one value a seed, in one order.

    Raises:
        ValueError: the two have different lengths.
    """
    return mean_over_seeds(seeds_differences(first, second))


def seeds_differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Each seed's ``first`` less its ``second``; what is equal comes out equal.

    Raises:
        ValueError: the two have different lengths.
    """
    # Equal differences of binary fractions differ in their last digits, which is neither spread nor rank.
    return [round(one - other, 12) for one, other in zip(first, second, strict=True)]
