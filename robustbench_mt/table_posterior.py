"""What confusion tables that a posterior holds for possible have on their diagonals, in their rows and columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Margins", "drawn_margins"]

Array = NDArray[np.float64]

# What the prior adds to a table in all; to the four cells of two classes one half each, which is Jeffreys' prior.
_PRIOR = 2.0
# A table of more cells is seldom full, and its empty cells are drawn together: of a thousand classes a million.
_DENSE = 2_500
# Of the mass of the empty cells, what these leave out is (2 / 3)**32, or less.
_PIECES = 32


@dataclass(frozen=True)
class Margins:
    """Of tables, true x predicted.

    Attributes:
        right: what is on the diagonal, one sum a table.
        true, predicted: of each class, tables x classes.
    """

    right: Array
    true: Array
    predicted: Array

    @classmethod
    def of(cls, tables: Array) -> "Margins":
        """Of tables x classes x classes."""
        return cls(np.trace(tables, axis1=1, axis2=2), tables.sum(axis=2), tables.sum(axis=1))


def drawn_margins(table: NDArray[np.int64], draws: int, generator: np.random.Generator) -> Margins:
    """Of tables drawn from the Dirichlet posterior of a table, each up to its sum.

    The cells share a prior of 2 equally. The empty ones of a large table are given all that they have in 32 pieces of a
    broken stick, each to one of them at random, which is the same distribution (Sethuraman 1994, "A constructive
    definition of Dirichlet priors"): hardly any of them has a share that counts.
    """
    prior, classes = _PRIOR / table.size, len(table)
    if table.size <= _DENSE:
        return Margins.of(generator.gamma(table + prior, size=(draws, *table.shape)))
    cells = np.nonzero(table)
    counted = generator.gamma(table[cells] + prior, size=(draws, len(cells[0])))
    right = counted[:, cells[0] == cells[1]].sum(axis=1)
    true, predicted = (counted @ _of_class(each, classes) for each in cells)
    empty = np.nonzero(table == 0)
    if count := len(empty[0]):
        broken = generator.beta(1, prior * count, size=(draws, _PIECES))
        left = np.cumprod(np.hstack([np.ones((draws, 1)), 1 - broken[:, :-1]]), axis=1)
        pieces = generator.gamma(prior * count, size=(draws, 1)) * left * broken
        at = generator.integers(count, size=pieces.shape)
        right = right + (pieces * (empty[0] == empty[1])[at]).sum(axis=1)
        true, predicted = (
            sums + _by_class(each[at], pieces, classes) for sums, each in zip((true, predicted), empty, strict=True)
        )
    return Margins(right, true, predicted)


def _of_class(cells: NDArray[np.intp], classes: int) -> sparse.csr_array:
    """Cells x classes: 1 where the cell is of the class."""
    return sparse.csr_array((np.ones(len(cells)), (np.arange(len(cells)), cells)), shape=(len(cells), classes))


def _by_class(of_class: NDArray[np.intp], pieces: Array, classes: int) -> Array:
    """The sums of each draw's pieces, draws x classes."""
    sums = np.zeros((len(pieces), classes))
    np.add.at(sums, (np.arange(len(pieces))[:, None], of_class), pieces)
    return sums
