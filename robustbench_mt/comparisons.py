"""Tests of differences, corrected for their number, and what a number of examples can show at all."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from robustbench_mt.spread import spread_of_mean
from robustbench_mt.statistics import seeds_differences

__all__ = [
    "DIFFERING",
    "LEVEL",
    "POWER",
    "family_size",
    "holm",
    "mcnemar_power",
    "paired_t_over_seeds",
    "smallest_difference",
    "t_over_seeds_and_examples",
    "what_can_be_shown",
    "wilcoxon_over_seeds",
]

P = TypeVar("P", float, float | None)

LEVEL = 0.05
POWER = 0.8
DIFFERING = 0.2
"""The share of examples that one checkpoint has right and the other wrong, as assumed before anything is known."""


def paired_t_over_seeds(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The two-sided p of the paired t-test (Student 1908), of one value a seed.

    Args:
        first, second: one value a seed, in one order.

    Returns:
        ``None`` for one seed, and where all seeds differ alike: a spread of 0 would claim what a few equal outcomes
        cannot show. So it is ``None`` where :func:`robustbench_mt.statistics.paired_over_seeds` has no interval.

    Raises:
        ValueError: the two have different lengths.
    """
    differences = seeds_differences(first, second)
    return None if len(set(differences)) < 2 else float(stats.ttest_1samp(differences, 0).pvalue)


def wilcoxon_over_seeds(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The two-sided p of Wilcoxon's signed-rank test (Wilcoxon 1945), of one value a seed.

    Seeds of difference 0 are left out, as Wilcoxon did. Of k that are left, p is 2 / 2^k at least: under six seeds it
    cannot come below 5%, whatever they gave. It is exact up to 50 seeds without ties; with ties up to 13, where scipy
    is recent (1.17 was tried).

    Args:
        first, second: one value a seed, in one order.

    Returns:
        ``None`` for one seed; 1 where no seed differs.

    Raises:
        ValueError: the two have different lengths.
    """
    differences = seeds_differences(first, second)
    if len(differences) < 2:
        return None
    differing = [difference for difference in differences if difference]
    return float(stats.wilcoxon(differing).pvalue) if differing else 1.0


def t_over_seeds_and_examples(first: ArrayLike, second: ArrayLike) -> float | None:
    """The two-sided p of the t-test that two methods, of several seeds on the same examples, are right equally often.

    Seeds and examples are both drawn from many (Hillis 2007; see :func:`robustbench_mt.spread.spread_of_mean`): it asks
    what other seeds and other examples would give, where the paired t-test over seeds takes these examples as given.

    Args:
        first, second: seeds x examples, whether each is classified correctly; both in one order.

    Returns:
        ``None`` where :func:`robustbench_mt.statistics.hierarchical_bootstrap_difference` has no interval: for one seed
        or one example, and where all outcomes differ alike.
    """
    differences = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    if min(differences.shape) < 2 or np.ptp(differences) == 0:
        return None
    return spread_of_mean(differences).p(float(differences.mean()))


def holm(ps: Sequence[P]) -> list[P]:
    """The p values of a family of comparisons, corrected for their number by Holm's step-down (Holm 1979).

    Where each that comes out under 5% is taken for a difference, the chance that any of them is none is 5% at most,
    however the comparisons depend on each other. What could not be tested is no part of the family, and stays ``None``.
    """
    known = [p for p in ps if p is not None]
    if not known:
        return list(ps)
    # Imported here, because it takes a second with what it imports.
    from statsmodels.stats.multitest import multipletests

    corrected = iter(multipletests(known, method="holm")[1].tolist())
    return [None if p is None else next(corrected) for p in ps]


def family_size(ps: Sequence[float | None]) -> int:
    """For how many comparisons :func:`holm` corrects."""
    return sum(p is not None for p in ps)


def mcnemar_power(n: int, difference: float, differing: float, level: float = LEVEL) -> float:
    """How often McNemar's exact two-sided test finds the better of two classifiers, given how much better it is.

    The number of examples on which the two differ is itself drawn, so the power is the mean over it of the binomial
    test's (O'Brien 2002, "Sample size analysis in study planning"; G*Power's exact McNemar test).

    Args:
        n: examples that both classify.
        difference: in accuracy, 0 to 1.
        differing: the share of examples that one of the two has right and the other wrong; ``difference`` at least.
        level: of the test; a p of at most that finds a difference.
    """
    if not differing:
        return 0.0
    # Counts outside are too rare to matter, and many of them take time.
    least, greatest = stats.binom.ppf([1e-9, 1 - 1e-9], n, differing).astype(int)
    counts = np.arange(least, greatest + 1)
    # The most examples that may fall to the worse one's side; -1 where not even none would do.
    most = stats.binom.ppf(level / 2, counts, 0.5)
    most = np.where(stats.binom.cdf(most, counts, 0.5) <= level / 2, most, most - 1)
    to_the_worse = max(0.0, (differing - difference) / (2 * differing))
    found = stats.binom.cdf(most, counts, to_the_worse)
    return float(stats.binom.pmf(counts, n, differing) @ found)


def smallest_difference(n: int, differing: float = DIFFERING, power: float = POWER) -> float | None:
    """The smallest difference in accuracy that McNemar's exact test on ``n`` examples finds with the given power.

    Args:
        n: examples that both checkpoints classify.
        differing: the share of examples assumed to be right for one of the two only, or as many as the difference
            itself takes where that is more. 0 is the best case: all examples on which they differ fall to one side.
        power: how often it is to be found.

    Returns:
        0 to 1; ``None`` where no difference can be shown, as with five examples.
    """

    def lacks(difference: float) -> float:
        return mcnemar_power(n, difference, max(differing, difference)) - power

    return float(optimize.brentq(lacks, 0.0, 1.0, xtol=1e-6)) if lacks(1.0) >= 0 else None


def what_can_be_shown(n: int) -> str:
    """One line for whoever is about to attack ``n`` examples: what they can show, and what that assumes."""
    assumed, best = smallest_difference(n), smallest_difference(n, differing=0.0)
    test = f"McNemar's exact test at {LEVEL:.0%}, power {POWER:.0%}"
    examples = f"{n} example{'' if n == 1 else 's'}"
    if assumed is None or best is None:
        return f"{examples} cannot show any difference in accuracy between two checkpoints ({test})."
    can_show = f"{examples} can show that two checkpoints differ in accuracy by {assumed * 100:.2g} points or more"
    if assumed > DIFFERING:
        return f"{can_show} ({test}), if all examples on which one is right and the other wrong fall to one side."
    return (
        f"{can_show} ({test}), if on {DIFFERING:.0%} of them one is right and the other wrong; {best * 100:.2g} points "
        "if all of these fall to one side."
    )
