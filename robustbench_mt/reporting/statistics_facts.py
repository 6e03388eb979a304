"""What a methods section has to say of the statistics and of the software: facts, without a sentence."""

from collections.abc import Iterable
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.curve_rows import TUNED
from robustbench_mt.reporting.families import Tested
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Table
from robustbench_mt.statistics import Estimate

__all__ = ["metrics_used", "statistics_used", "versions_used"]


def metrics_used(summary: Summary) -> dict[str, Any]:
    """Each score's name with its tasks, and whether there are metrics of classes, and of regressions."""
    runs = summary.runs
    scores: dict[str, list[str]] = {}
    for row in summary.methods:
        scores.setdefault(row.score_name, []).append(row.task)
    evaluated = [evaluation.record for evaluation in runs.evaluations]
    return {
        "scores": [(name, list(dict.fromkeys(tasks))) for name, tasks in scores.items()],
        "classes": any(record.label_counts for record in evaluated) or bool(runs.imbalance or runs.label_noise),
        "correlations": any(not record.label_counts for record in evaluated),
    }


def statistics_used(summary: Summary) -> dict[str, Any]:
    """Which intervals and tests stand in the tables and figures, and over how many comparisons they are corrected."""
    tables = result_tables(summary)
    cells = [cell for table in tables for row in table.rows for cell in row]
    # No table has these, and a group of lengths may be of seeds that share no example.
    cells += [share for row in summary.lengths for _, share in row.by_length]
    intervals = {cell.interval for cell in cells if isinstance(cell, Estimate) and cell.low is not None}
    return {
        "wilson": "Wilson over examples" in intervals,
        "crossed": "Wilson over seeds and examples" in intervals,
        "over_seeds": "t over seeds" in intervals,
        "over_both": "t over seeds and examples" in intervals,
        "over_examples": "t over examples" in intervals,
        "f1": any(_has_f1(table) for table in tables),
        "stratified": "stratified Wilson over examples" in intervals,
        "posterior": "posterior over examples" in intervals,
        "bootstrap_t": "bootstrap t over examples" in intervals,
        "bootstrap": "bootstrap over examples" in intervals,
        "paired_t": _families(summary.methods),
        "averages_t": _families(summary.averages),
        "curves_t": _families([*summary.imbalance_differences, *summary.label_noise_differences]),
        "mcnemar": _families(summary.paired),
        "hierarchical": bool(summary.paired_seeds),
        "crossed_t": _families(summary.paired_seeds),
        "calibration": any("calibration_error" in row.metrics for row in summary.imbalance),
    }


def _has_f1(table: Table) -> bool:
    """Whether the table has an F1 of one class with Wilson's interval."""
    of_f1 = [position for position, column in enumerate(table.columns) if column.key.endswith(("f1", f"f1{TUNED}"))]
    cells = [row[position] for row in table.rows for position in of_f1]
    return any(
        isinstance(cell, Estimate) and cell.low is not None and cell.interval == "Wilson over examples"
        for cell in cells
    )


def _families(rows: Iterable[Tested]) -> list[int]:
    return sorted({row.family for row in rows if row.family})


def versions_used(summary: Summary) -> dict[str, list[str]]:
    """The versions of each package that the records name."""
    runs = summary.runs
    trained: list[TrainingRecord | CurveRecord] = [*runs.trainings, *runs.imbalance, *runs.label_noise]
    made = [*(record.versions for record in trained), *(file.run.versions for file in runs.attacks)]
    found: dict[str, list[str]] = {}
    for versions in (*made, *(record.versions for record in runs.batch_dependence)):
        for name, version in versions.items():
            if version not in found.setdefault(name, []):
                found[name].append(version)
    return found
