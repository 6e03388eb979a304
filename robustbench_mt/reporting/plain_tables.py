"""Tables as files: CSV, Markdown and LaTeX."""

import csv
import io

from robustbench_mt.reporting.dialects import MARKDOWN
from robustbench_mt.reporting.latex_tables import to_latex
from robustbench_mt.reporting.provenance import provenance_tables
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Cell, Column, Table
from robustbench_mt.statistics import Estimate
from robustbench_mt.visible import visible

__all__ = ["plain_tables", "to_csv", "to_markdown"]

# What spreadsheets take for the start of a formula.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def plain_tables(summary: Summary) -> dict[str, str]:
    """The content of each file of ``report/tables``, by file name; those of provenance are not for a paper's page."""
    results, provenance = result_tables(summary), provenance_tables(summary)
    return {
        f"{table.name}.{ending}": write(table)
        for tables, ending, write in (
            ((*results, *provenance), "csv", to_csv),
            ((*results, *provenance), "md", to_markdown),
            (results, "tex", to_latex),
        )
        for table in tables
    }


def to_csv(table: Table) -> str:
    """Numbers in full; an estimate in four columns: value, low, high and n."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([name for position, column in enumerate(table.columns) for name in _names(table, position, column)])
    for row in table.rows:
        writer.writerow([value for position, cell in enumerate(row) for value in _values(table, position, cell)])
    return stream.getvalue()


def to_markdown(table: Table) -> str:
    """As readers see it, under its title and above its caption."""
    table = table.for_readers()
    columns = table.columns
    lines = [
        f"## {MARKDOWN.escape(table.title)}",
        "",
        _markdown_row([MARKDOWN.escape(column.title) for column in columns]),
        _markdown_row(["---" if column.unit == "text" else "---:" for column in columns]),
        *(_markdown_row(list(map(_markdown_cell, columns, row))) for row in table.rows),
        "",
        MARKDOWN.escape(table.caption),
    ]
    return "\n".join(lines) + "\n"


def _names(table: Table, position: int, column: Column) -> list[str]:
    # A metric's name is a record's to say.
    key = _text(column.key)
    return [key, f"{key}_low", f"{key}_high", f"{key}_n"] if table.has_estimates(position) else [key]


def _values(table: Table, position: int, cell: Cell) -> list[Cell]:
    if isinstance(cell, Estimate):
        return [cell.value, cell.low, cell.high, cell.n]
    if isinstance(cell, str):
        return [_text(cell)]
    values: list[Cell] = [cell]
    return [*values, None, None, None] if table.has_estimates(position) else values


def _text(text: str) -> str:
    """As a spreadsheet shows it, which computes nothing of it."""
    shown = visible(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _markdown_row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown_cell(column: Column, cell: Cell) -> str:
    return MARKDOWN.escape(cell) if isinstance(cell, str) else Table.show(column, cell)
