"""Tables for a paper: LaTeX with booktabs, numbers aligned, intervals in small brackets."""

import textwrap
from collections.abc import Sequence

from robustbench_mt.reporting.dialects import LATEX
from robustbench_mt.reporting.naming import file_name
from robustbench_mt.reporting.table import Cell, Table
from robustbench_mt.statistics import Estimate

__all__ = ["to_latex"]

# More rows than a page holds are broken into several floats: a longtable cannot be made smaller where it is too wide.
_MOST_ROWS = 45
# More columns than that take the whole width of a page with two columns.
_FEW_COLUMNS = 5
_HEAD = 16


def to_latex(table: Table) -> str:
    """The table as a float, or as several where a page cannot hold it; needs booktabs and graphicx.

    Estimates take two columns: the value, whose decimals stand below each other, and its interval. What they were
    counted over stands in the head where it is the same for all rows, else behind each interval. A column that says the
    same in all rows is told in the caption.
    """
    table = table.for_readers().without_constants()
    positions = range(len(table.columns))
    counts = [_shared_count(table, position) for position in positions]
    heads = [_head(table, position, counts[position]) for position in positions]
    rows = [
        [cell for position in positions for cell in _cells(table, position, row[position], counts[position])]
        for row in table.rows
    ]
    shape = "".join(_shape(table, position) for position in positions)
    kind = "table" if len(table.columns) <= _FEW_COLUMNS else "table*"
    label = f"tab:{file_name(table.name).replace('_', '-')}"
    caption = f"{table.caption} The same in all rows: {table.same}." if table.same else table.caption
    title = rf"\caption{{\textbf{{{LATEX.escape(table.title)}.}} {LATEX.escape(caption)}}}\label{{{label}}}"
    continued = rf"Table~\ref{{{label}}}, continued.\\[4pt]"
    lines = [
        line
        for start in range(0, len(rows), _MOST_ROWS)
        for line in _float(kind, continued if start else title, shape, _line(heads), rows[start : start + _MOST_ROWS])
    ]
    return "\n".join([r"% Needs \usepackage{booktabs,graphicx}.", *lines, ""])


def _float(kind: str, title: str, shape: str, head: str, rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        rf"\begin{{{kind}}}[tbp]",
        r"\centering\small\setlength{\tabcolsep}{4pt}\setlength{\belowcaptionskip}{4pt}",
        title,
        # Made smaller only where it is too wide.
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{shape}}}",
        *(r"\toprule", head, r"\midrule", *map(_line, rows), r"\bottomrule"),
        r"\end{tabular}}",
        rf"\end{{{kind}}}",
    ]


def _line(cells: Sequence[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _shared_count(table: Table, position: int) -> str:
    """What all estimates of the column were counted over; empty where they differ."""
    counts = {cell.count for row in table.rows if isinstance(cell := row[position], Estimate)}
    return counts.pop() if len(counts) == 1 else ""


def _shape(table: Table, position: int) -> str:
    if table.has_estimates(position):
        return r"r@{\hspace{2pt}}l"
    return "l" if table.columns[position].unit == "text" else "r"


def _head(table: Table, position: int, count: str) -> str:
    """The title on several short lines, with the unit that the cells leave out."""
    column = table.columns[position]
    unit = " (%)" if column.unit == "percent" else ""
    lines = [*textwrap.wrap(f"{column.title}{unit}", _HEAD), *filter(None, [count])]
    stacked = r"\\".join(map(LATEX.escape, lines))
    if table.has_estimates(position):
        return rf"\multicolumn{{2}}{{c}}{{\shortstack{{{stacked}}}}}"
    return rf"\shortstack[{_shape(table, position)}]{{{stacked}}}"


def _cells(table: Table, position: int, cell: Cell, shared: str) -> list[str]:
    column = table.columns[position]
    if isinstance(cell, Estimate):
        value, interval = cell.parts(column.scale, column.digits)
        behind = ", ".join(filter(None, [interval, "" if shared else cell.count]))
        return [_number(value), rf"{{\scriptsize {_number(behind)}}}" if behind else ""]
    shown = LATEX.escape(cell) if isinstance(cell, str) else _number(Table.show(column, cell))
    return [shown, ""] if table.has_estimates(position) else [shown]


def _number(text: str) -> str:
    """A number without the unit that its head has, and with a real minus."""
    return LATEX.escape(text.removesuffix("%")).replace("-", r"\textminus{}")
