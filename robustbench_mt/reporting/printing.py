"""Results on the terminal, from records alone."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustbench_mt.records import EvaluationRecord
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.reporting.terminal import render_terminal
from robustbench_mt.visible import visible

__all__ = ["print_evaluation", "print_results", "print_summary"]


def print_results(directories: Sequence[Path]) -> None:
    """The tables of results of one or more runs."""
    print_summary(summarize(directories))


def print_summary(summary: Summary) -> None:
    """The tables of results."""
    Console(highlight=False).print(render_terminal(summary))


def print_evaluation(record: EvaluationRecord) -> None:
    """A checkpoint's metrics on a split, with their intervals."""
    title = f"{record.checkpoint} on {record.task} ({record.split}, n={record.n})"
    table = Table("metric", "value", "95% bootstrap interval", title=Text(visible(title)), title_justify="left")
    for name, value in record.metrics.items():
        low, high = record.intervals.get(name, (None, None))
        table.add_row(name, _number(value), "–" if low is None else f"{_number(low)} to {_number(high)}")
    console = Console(highlight=False)
    console.print(table)
    for warning in record.warnings:
        console.print(Text(f"Doubt: {visible(warning)}", "yellow"))


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
