"""A table as cells that CSV, Markdown and HTML each show in their way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from robustbench_mt.reporting.naming import ratio_name
from robustbench_mt.statistics import Estimate, Scale

__all__ = ["P_OF_T", "P_OVER_SEEDS", "Cell", "Column", "Table"]

Cell = str | int | float | None | Estimate

_NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: its name in CSV; an estimate adds ``_low``, ``_high`` and ``_n``.
        title: its name for readers.
        unit: ``percent`` shows a share as per cent, ``points`` a difference of shares in percentage points and
            ``ratio`` 10 as 10:1 (CSV keeps the number); ``number`` has ``digits``, ``p`` two that count, ``text`` is as
            it is.
        csv_only: whether readers are spared it.
    """

    key: str
    title: str
    unit: Literal["percent", "points", "number", "ratio", "p", "text"] = "text"
    digits: int = 1
    csv_only: bool = False

    @property
    def scale(self) -> Scale:
        """How the column's estimates are shown."""
        return self.unit if self.unit in ("percent", "points") else "number"


P_OF_T = (Column("p_holm", "p (t, Holm)", "p"), Column("p_t", "p (t)", "p", csv_only=True))
P_OVER_SEEDS = (*P_OF_T, Column("p_wilcoxon", "p (Wilcoxon)", "p", csv_only=True))
"""The columns of a t-test's p, and of the tests over seeds."""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: its files' name, without the ending.
        caption: what is counted, and what the intervals are.
        rows: as many cells as columns; estimates only under ``percent``, ``points`` and ``number``.
        names_stay: whether the page keeps the first column, which names the rows, in sight while it scrolls the others.
        same: what all rows have the same, where it has no column.
    """

    name: str
    title: str
    caption: str
    columns: list[Column]
    rows: list[list[Cell]]
    names_stay: bool = False
    same: str = ""

    def for_readers(self) -> "Table":
        """The table without what CSV alone has."""
        return self._with([position for position, column in enumerate(self.columns) if not column.csv_only])

    def without_constants(self) -> "Table":
        """The table without the columns that say the same in all rows, which ``same`` tells once, or say nothing."""
        first, *others = self.rows
        same = [
            position
            for position, cell in enumerate(first)
            if others and not isinstance(cell, Estimate) and all(row[position] == cell for row in others)
            # What names the rows stays, and so does what is compared with 5%.
            if not (self.names_stay and position == 0) and self.columns[position].unit != "p"
        ]
        told = [
            f"{self.columns[position].title} {shown}"
            for position in same
            if (shown := self.show(self.columns[position], first[position])) != _NOTHING
        ]
        kept = self._with([position for position in range(len(first)) if position not in same])
        return replace(kept, same="; ".join(told))

    def _with(self, positions: Sequence[int]) -> "Table":
        columns = [self.columns[position] for position in positions]
        return replace(self, columns=columns, rows=[[row[position] for position in positions] for row in self.rows])

    def has_estimates(self, position: int) -> bool:
        """Whether a column has an estimate in any row."""
        return any(isinstance(row[position], Estimate) for row in self.rows)

    @staticmethod
    def show(column: Column, cell: Cell) -> str:
        """A cell as readers see it; ``–`` where there is nothing to tell."""
        if cell is None:
            return _NOTHING
        if isinstance(cell, Estimate):
            return cell.show(column.scale, column.digits)
        if isinstance(cell, str) or column.unit == "text":
            return str(cell)
        if column.unit == "ratio":
            return ratio_name(cell)
        if column.unit == "p":
            return f"{cell:.2g}"
        return f"{cell * 100:.{column.digits}f}%" if column.unit == "percent" else f"{cell:.{column.digits}f}"
