"""What the skewness of values does to the t interval of their mean, and taking that away.

Means of long-tailed values, such as queries, are skewed themselves: the plain t interval leaves out the true mean more
often than it says, nearly always because it ends too low. Hall's monotone cubic transformation of the t statistic takes
that away (Hall 1992, "On the removal of skewness by transformation"). Like the bootstrap of the t statistic it corrects
for skewness, but draws no resamples, and its ends are finite however few values are distinct.

Few values of a long-tailed kind seldom have one from the tail, and look less skewed than their kind is. So the interval
reaches as far as either their skewness takes it, or that enlarged by ``1 + 8.5 / n`` (Hazen 1930, "Flood flows").
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

__all__ = ["reach", "skewness_of_mean"]

_HAZENS = 8.5
# Skewness that is none.
_ROUNDING = 1e-9


def skewness_of_mean(values: NDArray[np.float64]) -> tuple[float, float]:
    """The skewness of the mean of so many values, by theirs, and enlarged; 0 for two values, or where all are alike."""
    n = len(values)
    if n < 3 or np.ptp(values) == 0:
        return 0.0, 0.0
    skewness = float(stats.skew(values, bias=False)) / math.sqrt(n)
    return skewness, skewness * (1 + _HAZENS / n)


def reach(error: float, quantile: float, skewnesses: Iterable[float]) -> tuple[float, float]:
    """How far an interval reaches below and above a mean; without skewness, ``quantile * error`` each.

    Args:
        error: the mean's standard error.
        quantile: of Student's t.
        skewnesses: what that of the mean may be; the interval reaches as far as any takes it.
    """
    below, above = zip(*(_reach(quantile, skewness) for skewness in skewnesses), strict=True)
    return error * max(below), error * max(above)


def _reach(quantile: float, skewness: float) -> tuple[float, float]:
    """In standard errors."""
    if abs(skewness) < _ROUNDING:
        return quantile, quantile
    # A statistic that is large comes from a mean that is too large, so its upper end gives the lower one.
    below, above = (3 / skewness * (np.cbrt(1 + skewness * (end - skewness / 6)) - 1) for end in (quantile, -quantile))
    return float(below), float(-above)
