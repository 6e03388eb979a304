"""What a file holds, whatever its format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robustbench_mt.errors import BadColumnsError, TooFewExamplesError
from robustbench_mt.wording import listed

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        path: the file.
        columns: the columns' names.
        rows: one value a column; ``None`` where a row has none.
        places: where each row begins, counted from 1.
        unit: what ``places`` counts: lines, or rows where the format has no lines.
        quoted: whether quotation marks around a field were taken as such.
        repaired: texts in which a character that is not Unicode text (a lone surrogate) was replaced by U+FFFD.
        dropped: rows that were left out because they had too many or too few fields.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    places: Sequence[int]
    unit: str = "line"
    quoted: bool = False
    repaired: int = 0
    dropped: int = 0

    def __post_init__(self) -> None:
        if not self.rows:
            raise TooFewExamplesError(
                f"{self.path} has columns ({listed(self.columns)}) but no rows: give a file with labelled texts."
            )

    def where(self, index: int) -> str:
        """The file and the line of a row, for a message."""
        return f"{self.path}, {self.unit} {self.places[index]}"

    def positions(self, columns: Iterable[str]) -> list[int]:
        """Where in a row these columns stand, whatever their case.

        Raises:
            UserError: there is no such column, or there are several.
        """
        return [self._position(column) for column in columns]

    def has(self, column: str) -> bool:
        """Whether there is such a column, whatever its case."""
        return column.casefold() in (name.casefold() for name in self.columns)

    def _position(self, column: str) -> int:
        found = [index for index, name in enumerate(self.columns) if name == column] or [
            index for index, name in enumerate(self.columns) if name.casefold() == column.casefold()
        ]
        if not found:
            raise BadColumnsError(
                f"{self.path} has no column {column!r}: there are {listed(self.columns)}. "
                "Name the right ones with --text-column and --label-column."
            )
        if len(found) > 1:
            raise BadColumnsError(f"{self.path} has {len(found)} columns called {column!r}: rename all but one.")
        return found[0]
