"""A report's tables, read back: from its files, from memory, and as the terminal shows them."""

import csv
import io
from pathlib import Path

from rich.console import Console

from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.terminal import render_terminal

__all__ = ["on_terminal", "rows", "table"]


def table(directory: Path, name: str) -> list[dict[str, str]]:
    """Of a report's directory."""
    return _parsed((directory / "tables" / f"{name}.csv").read_text(encoding="utf-8"))


def rows(summary: Summary, name: str) -> list[dict[str, str]]:
    """Of the table that a report of this would have."""
    return _parsed(plain_tables(summary)[f"{name}.csv"])


def _parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def on_terminal(summary: Summary, width: int = 200) -> str:
    """What a terminal of so many columns shows."""
    file = io.StringIO()
    Console(width=width, file=file).print(render_terminal(summary))
    return file.getvalue()
