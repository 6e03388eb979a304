"""Results on the terminal, from records alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.reporting.batch_dependence_rows import batch_dependence_row
from robustbench_mt.reporting.seed_rows import pooled_metric
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.reporting.terminal import render_terminal
from robustbench_mt.visible import visible

if TYPE_CHECKING:
    from robustbench_mt.reporting.report import Report

__all__ = ["print_batch_dependence", "print_evaluation", "print_report", "print_results"]


def print_results(directories: Sequence[Path]) -> None:
    """The tables of results of one or more runs."""
    _print_summary(summarize(directories))


def print_report(report: "Report") -> None:
    """The tables of results, and where the page is."""
    # What it was made from, which is not read again: of a million examples, that is half of the time.
    _print_summary(report.summary)
    print(f"report: {report.page}")


def _print_summary(summary: Summary) -> None:
    Console(highlight=False).print(render_terminal(summary))


def print_evaluation(record: EvaluationRecord) -> None:
    """A checkpoint's metrics on a split, with their intervals."""
    title = f"{record.checkpoint} on {record.task} ({record.split}, n={record.n})"
    table = Table("metric", "value", "95% interval", "kind", title=Text(visible(title)), title_justify="left")
    for name, value in record.metrics.items():
        estimate = pooled_metric([record], name)
        told = ("–", "–")
        if estimate.low is not None:
            told = f"{_number(estimate.low)} to {_number(estimate.high)}", estimate.interval
        table.add_row(name, _number(value), *told)
    console = Console(highlight=False)
    console.print(table)
    for warning in record.warnings:
        console.print(Text(f"Doubt: {visible(warning)}", "yellow"))


def print_batch_dependence(record: BatchDependenceRecord) -> None:
    """What changes when the same examples are matched in other batches."""
    row = batch_dependence_row(record)
    rows = {
        "accuracy, each example alone": row.alone.show(),
        "accuracy, mean over shuffles": f"{row.accuracy:.1%} ({min(record.accuracies):.1%} to "
        f"{max(record.accuracies):.1%})",
        "class changes between shuffles": row.changed.show(),
        "class is not the one alone, mean": f"{record.differing:.1%}",
        "true class's probability, mean standard deviation": f"{record.deviation:.4f}",
    }
    where = f"{record.task} ({record.split}, n={record.n})"
    title = f"Dependence on batch-mates: {record.checkpoint} on {where}, {row.shuffles} shuffles"
    table = Table("measure", "value", title=Text(visible(title)), title_justify="left")
    for name, value in rows.items():
        # Not to be read as rich's markup: an interval stands in brackets.
        table.add_row(name, Text(value))
    Console(highlight=False).print(table)


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
