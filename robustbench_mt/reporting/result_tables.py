"""The tables of results."""

from collections.abc import Sequence
from operator import itemgetter

from robustbench_mt.reporting.attack_tables import attack_tables
from robustbench_mt.reporting.batch_dependence_rows import BatchDependenceRow
from robustbench_mt.reporting.comparison_tables import comparison_tables
from robustbench_mt.reporting.curve_tables import curve_tables
from robustbench_mt.reporting.interval_names import by_metric
from robustbench_mt.reporting.leaderboard_table import leaderboard_table
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow
from robustbench_mt.reporting.method_tables import method_tables
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.seed_rows import ALIKE, CUT, EvaluationRow, metric_names, static_set
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Cell, Column, Table

__all__ = ["result_tables"]


def result_tables(summary: Summary) -> list[Table]:
    """The tables that have rows."""
    tables = [
        leaderboard_table(summary.leaderboard),
        *attack_tables(summary),
        *comparison_tables(summary),
        *method_tables(summary),
        _evaluations(summary.evaluations),
        _static_sets(summary.static_sets),
        _batch_dependence(summary.batch_dependence),
        *curve_tables(summary),
        _matching(summary.matching),
    ]
    return [table for table in tables if table.rows]


def _evaluations(rows: Sequence[EvaluationRow]) -> Table:
    return Table(
        "evaluations",
        "Clean scores",
        f"No attack. {_intervals(rows)}",
        [Column("task", "task"), Column("split", "split"), *_score_columns(rows)],
        [[row.task, row.split, *_scores(row, rows)] for row in rows],
    )


def _static_sets(rows: Sequence[EvaluationRow]) -> Table:
    return Table(
        "static_sets",
        "Static adversarial sets",
        "Scores on texts that were made adversarial against other classifiers: neither clean scores nor scores under "
        f"an attack on this one. {_intervals(rows)}",
        [Column("task", "task"), Column("static_set", "static set"), *_score_columns(rows)],
        [[row.task, static_set(row.split), *_scores(row, rows)] for row in rows],
    )


def _batch_dependence(rows: Sequence[BatchDependenceRow]) -> Table:
    return Table(
        "batch_dependence",
        "Dependence on batch-mates",
        "Checkpoints that match at inference as well classify the same n examples several times, in batches drawn "
        "anew. Accuracy alone is that of ordinary inference, where an example is classified by itself; it has a 95% "
        "Wilson interval over examples, as has the share of examples that are not put in the same class in all "
        "shuffles. The other numbers are means over the shuffles, without an interval: of the accuracy, with the "
        "lowest and the highest; of the share of examples that are put in another class than alone; and, over the "
        "examples, of the standard deviation of the true class's probability over the shuffles.",
        [
            *(Column(key, key) for key in ("task", "split", "checkpoint")),
            Column("n", "n", "number", 0),
            Column("shuffles", "shuffles", "number", 0),
            Column("accuracy_alone", "accuracy alone", "percent"),
            Column("accuracy", "accuracy in batches", "percent"),
            Column("accuracy_lowest", "lowest", "percent"),
            Column("accuracy_highest", "highest", "percent"),
            Column("changed", "class changes", "percent"),
            Column("differing", "class is not the one alone", "percent"),
            Column("deviation", "standard deviation of the probability", "number", 4),
        ],
        [
            [
                *(row.record.task, row.record.split, row.checkpoint, row.record.n, row.shuffles, row.alone),
                *(row.accuracy, min(row.record.accuracies), max(row.record.accuracies)),
                *(row.changed, row.record.differing, row.record.deviation),
            ]
            for row in rows
        ],
    )


def _intervals(rows: Sequence[EvaluationRow]) -> str:
    over_examples = by_metric({"accuracy": row.accuracy, **row.metrics} for row in rows)
    return f"Means over seeds with a 95% t interval.{over_examples} {ALIKE} {CUT}"


def _score_columns(rows: Sequence[EvaluationRow]) -> list[Column]:
    return [
        Column("method", "method"),
        Column("seeds", "seeds"),
        Column("n", "n", "number", 0),
        Column("accuracy", "accuracy", "percent"),
        *(Column(name, name.replace("_", " "), "number", 3) for name in metric_names(row.metrics for row in rows)),
    ]


def _scores(row: EvaluationRow, rows: Sequence[EvaluationRow]) -> list[Cell]:
    return [
        *(row.method, seed_names(row.seeds, row.checkpoints), row.n, row.accuracy),
        *(row.metrics.get(name) for name in metric_names(row.metrics for row in rows)),
    ]


def _matching(rows: Sequence[MatchingRow]) -> Table:
    return Table(
        "matching",
        "Where a row's mass lies",
        "Mean share of a row of the matching matrix, at the first and the last point of the curve (a mean over the "
        "window's steps). The hub is the one instance of a batch that takes most of the other rows' mass; its share is "
        "of the first and the last recorded matrix. Means over seeds with a 95% t interval; one seed has none.",
        [
            Column("task", "task"),
            Column("method", "method"),
            Column("seeds", "seeds"),
            Column("temperature", "temperature"),
            Column("step", "step", "number", 1),
            Column("window", "window", "number", 0),
            *(Column(kind.replace(" ", "_"), kind, "number", 3) for kind in KINDS_OF_MASS),
            Column("hub", "hub", "number", 3),
        ],
        [
            [
                *(row.task, row.method, seed_names(row.seeds)),
                ", ".join(f"{temperature:.4g}" for temperature in row.temperatures),
                *(row.steps[point], row.window),
                *(row.mass[kind][point] for kind in KINDS_OF_MASS),
                row.hub(itemgetter(end)),
            ]
            for row in rows
            for point, end in {0: 0, len(row.steps) - 1: -1}.items()
        ],
    )
