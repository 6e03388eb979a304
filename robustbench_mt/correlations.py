"""Correlations in many samples of the same examples at once; scipy's, in which examples stand as often as drawn."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["CORRELATIONS", "pearson", "spearman"]

Array = NDArray[np.float64]


def pearson(first: Array, second: Array, counts: Array) -> Array:
    """Pearson correlation, one value a sample; NaN where scores of a sample are all the same.

    Args:
        first, second: scores, n, or samples x n where each sample has its own.
        counts: how often each example stands in each sample, samples x n.
    """
    n = counts.sum(axis=1, keepdims=True)
    is_drawn = counts > 0
    is_constant = np.zeros(len(counts), dtype=bool)
    centred = []
    for scores in (first, second):
        highest = np.where(is_drawn, scores, -np.inf).max(axis=1)
        is_constant |= highest == np.where(is_drawn, scores, np.inf).min(axis=1)
        centred.append(scores - (counts * scores).sum(axis=1, keepdims=True) / n)
    together = (counts * centred[0] * centred[1]).sum(axis=1)
    alone = np.sqrt((counts * centred[0] ** 2).sum(axis=1)) * np.sqrt((counts * centred[1] ** 2).sum(axis=1))
    values: Array = np.divide(together, alone, out=np.full(len(counts), np.nan), where=~is_constant)
    return values


def spearman(first: Array, second: Array, counts: Array) -> Array:
    """Spearman's rank correlation, one value a sample; arguments are those of :func:`pearson`, of n scores."""
    return pearson(_ranks(first, counts), _ranks(second, counts), counts)


CORRELATIONS = {"pearson": pearson, "spearman": spearman}
"""By the metric's name."""


def _ranks(scores: Array, counts: Array) -> Array:
    """Each example's among a sample's, samples x n; equal scores share the mean of their ranks."""
    values, of_value = np.unique(scores, return_inverse=True)
    order = np.argsort(of_value, kind="stable")
    starts = np.searchsorted(of_value[order], np.arange(len(values)))
    equal = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks: Array = (equal.cumsum(axis=1) - (equal - 1) / 2)[:, of_value]
    return ranks
