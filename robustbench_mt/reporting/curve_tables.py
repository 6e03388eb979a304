"""The tables of imbalance and label noise curves."""

from collections.abc import Sequence

from robustbench_mt.reporting.curve_differences import CurveDifference
from robustbench_mt.reporting.curve_rows import TUNED, CurveRow, ImbalanceRow, LabelNoiseRow
from robustbench_mt.reporting.families import family_sizes
from robustbench_mt.reporting.interval_names import by_metric
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.seed_rows import ALIKE, CUT, metric_names
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import P_OVER_SEEDS, Cell, Column, Table

__all__ = ["curve_tables"]


def curve_tables(summary: Summary) -> list[Table]:
    """What each method does at each point of its curves."""
    return [
        _imbalance(summary.imbalance),
        _imbalance_tuned(summary.imbalance),
        _differences("imbalance", "at each point of an imbalance curve", summary.imbalance_differences),
        _label_noise(summary.label_noise),
        _differences("label_noise", "at each share of flipped labels", summary.label_noise_differences),
    ]


def _imbalance(rows: Sequence[ImbalanceRow]) -> Table:
    names = [name for name in metric_names(row.metrics for row in rows) if not name.endswith(TUNED)]
    return Table(
        "imbalance",
        "Class imbalance",
        "Trained at each ratio of majority to minority, or share of the minority kept, and evaluated on the untouched "
        "test set; the likeliest class is predicted, which for two classes is a threshold of 0.5. Average precision "
        "stands for the area under the precision-recall curve; the calibration error is the expected one over 15 bins "
        f"of equal width. {_intervals(rows)} {_tested(rows)} {_protocols(rows)}",
        [
            *_place_columns(rows),
            Column("test_n", "n test", "number", 0),
            Column("test_counts", "tested on", csv_only=True),
            Column("train_counts", "trained on"),
            *map(_metric_column, names),
        ],
        [
            [*_place(row, rows), row.n, _test_counts(row), row.train_counts, *map(row.metrics.get, names)]
            for row in rows
        ],
    )


def _intervals(rows: Sequence[CurveRow]) -> str:
    over_examples = by_metric((row.metrics for row in rows), "test examples")
    return f"Means over seeds with a 95% t interval.{over_examples} {ALIKE} {CUT}"


def _tested(rows: Sequence[ImbalanceRow]) -> str:
    sets = dict.fromkeys(f"{_test_counts(row)} ({row.task})" for row in rows)
    return f"Test examples: {'; '.join(sets)}."


def _test_counts(row: ImbalanceRow) -> str:
    return ", ".join(f"{count} {name}" for name, count in row.test_counts.items())


def _imbalance_tuned(rows: Sequence[ImbalanceRow]) -> Table:
    names = [name for name in metric_names(row.metrics for row in rows) if name.endswith(TUNED)]
    return Table(
        "imbalance_tuned",
        "Class imbalance, at the best threshold on validation data",
        "The same classifiers on the same test set, but the minority is predicted from that probability on at which "
        f"its F1 is largest on the validation examples; the thresholds of the seeds are given. {_intervals(rows)} "
        f"{_protocols(rows)}",
        [*_place_columns(rows), Column("thresholds", "thresholds"), *map(_metric_column, names)],
        [
            [*_place(row, rows), ", ".join(f"{each:.3g}" for each in row.thresholds), *map(row.metrics.get, names)]
            for row in rows
            if row.thresholds
        ],
    )


def _protocols(rows: Sequence[ImbalanceRow]) -> str:
    told = list(dict.fromkeys(f"{row.protocol}: {row.protocol_summary}" for row in rows))
    if any(row.control for row in rows):
        told.append("A balanced control is trained on a balanced set of as many examples in all.")
    return " ".join(told)


def _place_columns(rows: Sequence[ImbalanceRow]) -> list[Column]:
    return [
        *(Column(key, key) for key in ("task", "minority", "protocol", "method")),
        Column("ratio", "ratio", "ratio"),
        *([Column("share", "kept", "percent")] if _has_shares(rows) else []),
        *([Column("control", "control")] if _has_controls(rows) else []),
        Column("seeds", "seeds"),
    ]


def _place(row: ImbalanceRow, rows: Sequence[ImbalanceRow]) -> list[Cell]:
    """Where the row stands on which curve."""
    return [
        *(row.task, row.minority, row.protocol, row.method, row.ratio),
        *([row.share] if _has_shares(rows) else []),
        *(["balanced control" if row.control else None] if _has_controls(rows) else []),
        seed_names(row.seeds),
    ]


def _has_shares(rows: Sequence[ImbalanceRow]) -> bool:
    return any(row.share is not None for row in rows)


def _has_controls(rows: Sequence[ImbalanceRow]) -> bool:
    return any(row.control for row in rows)


def _metric_column(name: str) -> Column:
    return Column(name, name.removesuffix(TUNED).replace("_", " "), "number", 3)


def _label_noise(rows: Sequence[LabelNoiseRow]) -> Table:
    names = [name for name in metric_names(row.metrics for row in rows) if name != "accuracy"]
    return Table(
        "label_noise",
        "Label noise",
        "Trained with a share of the training labels flipped at random, each to another class, and evaluated on clean "
        "test labels; validation labels are clean too. What is flipped at a share stays so at the larger ones, for "
        f"each seed. Trained on: examples of each class after flipping. {_intervals(rows)}",
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


def _differences(curves: str, where: str, rows: Sequence[CurveDifference]) -> Table:
    sizes = family_sizes(rows, lambda row: f"{row.task}, {row.curve}")
    return Table(
        f"{curves}_differences",
        f"What a method changes {where}",
        "The method's score less the other's, in points, mean over the seeds that both have, with the 95% t interval "
        "of the paired t-test over seeds; none where all seeds differ alike. p is of that test, two-sided, and "
        f"corrected by Holm for all methods and points of a curve{sizes}.",
        [
            Column("task", "task"),
            Column("curve", "curve"),
            Column("level", "at"),
            Column("method", "method"),
            Column("other", "against"),
            Column("seeds", "seeds"),
            Column("measure", "score is"),
            Column("difference", "difference (points)", "points"),
            *P_OVER_SEEDS,
        ],
        [
            [
                *(row.task, row.curve, row.level, row.method, row.other, seed_names(row.seeds)),
                *(row.measure.replace("_", " "), row.difference, row.p_holm, row.p_t, row.p_wilcoxon),
            ]
            for row in rows
        ],
    )


def _trained(row: CurveRow) -> tuple[str, int, str]:
    return seed_names(row.seeds), row.n, row.train_counts
