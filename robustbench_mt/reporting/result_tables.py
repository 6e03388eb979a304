"""The tables of results."""

from collections.abc import Sequence

from robustbench_mt.reporting.attack_tables import attack_tables
from robustbench_mt.reporting.comparison_tables import comparison_tables
from robustbench_mt.reporting.curve_rows import TUNED, CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow
from robustbench_mt.reporting.method_tables import method_tables
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.seed_rows import EvaluationRow, static_set
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Cell, Column, Table

__all__ = ["result_tables"]

SCORES = (
    "Accuracy has a 95% Wilson interval over n examples (all seeds' together, each counted as independent). The other "
    "metrics are means over seeds with a 95% t interval; those of a single checkpoint have a 95% bootstrap interval "
    "over n examples."
)
OVER_SEEDS = "Means over seeds with a 95% t interval; one seed has a 95% bootstrap interval over test examples."


def result_tables(summary: Summary) -> list[Table]:
    """The tables that have rows."""
    tables = [
        *attack_tables(summary),
        *comparison_tables(summary),
        *method_tables(summary),
        _evaluations(summary.evaluations),
        _static_sets(summary.static_sets),
        _imbalance(summary.imbalance),
        _imbalance_tuned(summary.imbalance),
        _label_noise(summary.label_noise),
        _matching(summary.matching),
    ]
    return [table for table in tables if table.rows]


def _evaluations(rows: Sequence[EvaluationRow]) -> Table:
    return Table(
        "evaluations",
        "Clean scores",
        f"No attack. {SCORES}",
        [Column("task", "task"), Column("split", "split"), *_score_columns(rows)],
        [[row.task, row.split, *_scores(row, rows)] for row in rows],
    )


def _static_sets(rows: Sequence[EvaluationRow]) -> Table:
    return Table(
        "static_sets",
        "Static adversarial sets",
        "Scores on texts that were made adversarial against other classifiers: neither clean scores nor scores under "
        f"an attack on this one. {SCORES}",
        [Column("task", "task"), Column("static_set", "static set"), *_score_columns(rows)],
        [[row.task, static_set(row.split), *_scores(row, rows)] for row in rows],
    )


def _score_columns(rows: Sequence[EvaluationRow]) -> list[Column]:
    return [
        Column("method", "method"),
        Column("seeds", "seeds"),
        Column("n", "n", "number", 0),
        Column("accuracy", "accuracy", "percent"),
        *(Column(name, name.replace("_", " "), "number", 3) for name in _metrics(rows)),
    ]


def _scores(row: EvaluationRow, rows: Sequence[EvaluationRow]) -> list[Cell]:
    return [
        *(row.method, seed_names(row.seeds, row.checkpoints), row.n, row.accuracy),
        *(row.metrics.get(name) for name in _metrics(rows)),
    ]


def _metrics(rows: Sequence[EvaluationRow] | Sequence[CurveRow]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.metrics))


def _imbalance(rows: Sequence[ImbalanceRow]) -> Table:
    names = [name for name in _metrics(rows) if not name.endswith(TUNED)]
    return Table(
        "imbalance",
        "Class imbalance",
        "Trained at each ratio of majority to minority, evaluated on the untouched test set; the likeliest class is "
        "predicted, which for two classes is a threshold of 0.5. Average precision stands for the area under the "
        f"precision-recall curve; the calibration error is the expected one over 15 bins of equal width. {OVER_SEEDS}",
        [*_RATIO_COLUMNS, Column("test_n", "n test", "number", 0), Column("train_counts", "trained on")]
        + [_metric_column(name) for name in names],
        [[*_at_ratio(row), row.n, row.train_counts, *map(row.metrics.get, names)] for row in rows],
    )


def _imbalance_tuned(rows: Sequence[ImbalanceRow]) -> Table:
    names = [name for name in _metrics(rows) if name.endswith(TUNED)]
    return Table(
        "imbalance_tuned",
        "Class imbalance, at the best threshold on validation data",
        "The same classifiers on the same test set, but the minority is predicted from that probability on at which "
        f"its F1 is largest on the validation examples; the thresholds of the seeds are given. {OVER_SEEDS}",
        [*_RATIO_COLUMNS, Column("thresholds", "thresholds"), *map(_metric_column, names)],
        [
            [*_at_ratio(row), ", ".join(f"{each:.3g}" for each in row.thresholds), *map(row.metrics.get, names)]
            for row in rows
            if row.thresholds
        ],
    )


_RATIO_COLUMNS = [
    Column("task", "task"),
    Column("minority", "minority"),
    Column("method", "method"),
    Column("ratio", "ratio", "ratio"),
    Column("seeds", "seeds"),
]


def _at_ratio(row: ImbalanceRow) -> list[Cell]:
    return [row.task, row.minority, row.method, row.level, seed_names(row.seeds)]


def _metric_column(name: str) -> Column:
    return Column(name, name.removesuffix(TUNED).replace("_", " "), "number", 3)


def _label_noise(rows: Sequence[LabelNoiseRow]) -> Table:
    names = [name for name in _metrics(rows) if name != "accuracy"]
    return Table(
        "label_noise",
        "Label noise",
        "Trained with a share of the training labels flipped at random, each to another class, and evaluated on clean "
        "test labels; validation labels are clean too. What is flipped at a share stays so at the larger ones, for "
        f"each seed. Trained on: examples of each class after flipping. {OVER_SEEDS}",
        [
            Column("task", "task"),
            Column("method", "method"),
            Column("share", "share flipped", "percent"),
            Column("flipped", "labels flipped"),
            Column("seeds", "seeds"),
            Column("test_n", "n test", "number", 0),
            Column("train_counts", "trained on"),
            Column("accuracy", "accuracy", "percent"),
            *(Column(name, name.replace("_", " "), "number", 3) for name in names),
        ],
        [
            [
                *(row.task, row.method, row.level, row.flipped, *_trained(row)),
                *(row.measured, *map(row.metrics.get, names)),
            ]
            for row in rows
        ],
    )


def _trained(row: CurveRow) -> tuple[str, int, str]:
    return seed_names(row.seeds), row.n, row.train_counts


def _matching(rows: Sequence[MatchingRow]) -> Table:
    return Table(
        "matching",
        "Where a row's mass lies",
        "Mean share of a row of the matching matrix, at the first and the last point of the curve (a mean over the "
        "window's steps). Means over seeds with a 95% t interval.",
        [
            Column("task", "task"),
            Column("method", "method"),
            Column("seeds", "seeds"),
            Column("temperature", "temperature"),
            Column("step", "step", "number", 1),
            Column("window", "window", "number", 0),
            *(Column(kind.replace(" ", "_"), kind, "number", 3) for kind in KINDS_OF_MASS),
        ],
        [
            [
                *(row.task, row.method, seed_names(row.seeds)),
                ", ".join(f"{temperature:.4g}" for temperature in row.temperatures),
                *(row.steps[point], row.window),
                *(row.mass[kind][point] for kind in KINDS_OF_MASS),
            ]
            for row in rows
            for point in sorted({0, len(row.steps) - 1})
        ],
    )
