"""What confusion tables that a posterior holds for possible have on their diagonals, in their rows and columns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

__all__ = ["Margins", "drawn_margins"]

Array = NDArray[np.float64]

# What the prior adds to a table in all; to the four cells of two classes one half each, which is Jeffreys' prior.
_PRIOR = 2.0
# A table of more cells is seldom full: that of a thousand classes has a million.
_DENSE = 2_500


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

    The cells share a prior of 2 equally. What the empty cells of a large table have together is drawn too, but not
    which of them have it.
    """
    prior, classes = _PRIOR / table.size, len(table)
    if table.size <= _DENSE:
        return Margins.of(generator.gamma(table + prior, size=(draws, *table.shape)))
    cells, empty = np.nonzero(table), table == 0
    counted = generator.gamma(table[cells] + prior, size=(draws, len(cells[0])))
    unseen = generator.gamma(prior * empty.sum(), size=(draws, 1)) / empty.sum()
    right = counted[:, cells[0] == cells[1]].sum(axis=1) + unseen[:, 0] * np.trace(empty)
    true, predicted = (
        counted @ _of_class(each, classes) + unseen * empty.sum(axis=axis)
        for axis, each in zip((1, 0), cells, strict=True)
    )
    return Margins(right, true, predicted)


def _of_class(cells: NDArray[np.intp], classes: int) -> sparse.csr_array:
    """Cells x classes: 1 where the cell is of the class."""
    return sparse.csr_array((np.ones(len(cells)), (np.arange(len(cells)), cells)), shape=(len(cells), classes))
