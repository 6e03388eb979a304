"""The tables of results."""

from collections.abc import Sequence

from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS, MatchingRow
from robustbench_mt.reporting.seed_rows import EvaluationRow, ImbalanceRow
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Column, Table

__all__ = ["BUDGETS_SHOWN", "result_tables", "seed_names"]

BUDGETS_SHOWN = (0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100)

WILSON = (
    "Shares have 95% Wilson intervals and means 95% bootstrap intervals; where seeds are pooled, each example of each "
    "seed counts as independent, so that an interval does not know the spread between seeds."
)
LEFT_OUT = (
    "Examples whose attack ended in an error or could not be tried are left out of n; their number stands beside it."
)


def result_tables(summary: Summary) -> list[Table]:
    """The tables that have rows."""
    tables = [
        _attacks(summary, by_checkpoint=False),
        _attacks(summary, by_checkpoint=True),
        _budgets(summary),
        _reductions(summary),
        _evaluations(summary.evaluations),
        _imbalance(summary.imbalance),
        _matching(summary.matching),
    ]
    return [table for table in tables if table.rows]


def seed_names(seeds: Sequence[int], checkpoints: Sequence[str] = ()) -> str:
    """``3 (0, 1, 2)``; for checkpoints of unknown seed, how many there are."""
    if seeds:
        return f"{len(seeds)} ({', '.join(map(str, seeds))})"
    return f"unknown ({len(checkpoints)} checkpoint{'s' if len(checkpoints) != 1 else ''})"


def _attacks(summary: Summary, by_checkpoint: bool) -> Table:
    rows = summary.attacks_by_checkpoint if by_checkpoint else summary.attacks
    own = Column("checkpoint", "checkpoint") if by_checkpoint else Column("seeds", "seeds")
    over_seeds = [] if by_checkpoint else [Column("over_seeds", "accuracy under attack, mean over seeds", "percent")]
    return Table(
        "attacks_by_checkpoint" if by_checkpoint else "attacks",
        "Each checkpoint under attack" if by_checkpoint else "Accuracy under attack",
        f"Clean accuracy and accuracy under attack are shares of the same n examples. {WILSON} {LEFT_OUT} The success "
        "rate is over the examples that were attacked, queries are the mean over these, and the share of words changed "
        "is the mean over successes."
        + ("" if by_checkpoint else " The mean over seeds has a 95% t interval over seeds."),
        [
            Column("task", "task"),
            Column("recipe", "recipe"),
            Column("method", "method"),
            own,
            Column("n", "n", "number", 0),
            Column("left_out", "left out", "number", 0),
            Column("clean_accuracy", "clean accuracy", "percent"),
            Column("accuracy_under_attack", "accuracy under attack", "percent"),
            *over_seeds,
            Column("success_rate", "attack success rate", "percent"),
            Column("queries", "mean queries", "number"),
            Column("share_changed", "mean share of words changed", "percent"),
        ],
        [
            [
                *(row.task, row.recipe, row.method),
                row.checkpoints[0] if by_checkpoint else seed_names(row.seeds, row.checkpoints),
                *(row.n, row.left_out, row.clean_accuracy, row.accuracy_under_attack),
                *([] if by_checkpoint else [row.over_seeds]),
                *(row.success_rate, row.queries, row.share_changed),
            ]
            for row in rows
        ],
    )


def _budgets(summary: Summary) -> Table:
    return Table(
        "accuracy_by_words",
        "Accuracy against the share of words that an attacker may change",
        "Counted from the same records, without a new attack: an example has fallen at a share when a success changed "
        "at most that share of its words. This is an upper bound on the accuracy that an attack with that limit would "
        f"leave, because the search was not told of the limit. {WILSON} {LEFT_OUT}",
        [
            Column("task", "task"),
            Column("recipe", "recipe"),
            Column("method", "method"),
            Column("share_of_words", "share of words", "percent", 0),
            Column("accuracy", "accuracy", "percent"),
        ],
        [
            [row.task, row.recipe, row.method, budget / 100, row.curve[budget]]
            for row in summary.attacks
            for budget in BUDGETS_SHOWN
        ],
    )


def _reductions(summary: Summary) -> Table:
    return Table(
        "input_reduction",
        "Words removed while the prediction stays",
        "The recipe removes words as long as the prediction stays, so that its success is no flipped label and says "
        f"nothing of the accuracy under attack. {WILSON} {LEFT_OUT}",
        [
            Column("task", "task"),
            Column("recipe", "recipe"),
            Column("method", "method"),
            Column("seeds", "seeds"),
            Column("n", "n", "number", 0),
            Column("left_out", "left out", "number", 0),
            Column("reduced", "share of examples reduced", "percent"),
            Column("share_removed", "mean share of words removed", "percent"),
            Column("queries", "mean queries", "number"),
        ],
        [
            [
                *(row.task, row.recipe, row.method, seed_names(row.seeds, row.checkpoints)),
                *(row.n, row.left_out, row.reduced, row.share_removed, row.queries),
            ]
            for row in summary.reductions
        ],
    )


def _evaluations(rows: Sequence[EvaluationRow]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    return Table(
        "evaluations",
        "Clean scores",
        "No attack. Accuracy has a 95% Wilson interval over n examples (all seeds' together, each counted as "
        "independent). The other metrics are means over seeds with a 95% t interval; those of a single checkpoint have "
        "a 95% bootstrap interval over n examples.",
        [
            Column("task", "task"),
            Column("split", "split"),
            Column("method", "method"),
            Column("seeds", "seeds"),
            Column("n", "n", "number", 0),
            Column("accuracy", "accuracy", "percent"),
            *(Column(name, name.replace("_", " "), "number", 3) for name in names),
        ],
        [
            [
                *(row.task, row.split, row.method, seed_names(row.seeds, row.checkpoints), row.n, row.accuracy),
                *(row.metrics.get(name) for name in names),
            ]
            for row in rows
        ],
    )


def _imbalance(rows: Sequence[ImbalanceRow]) -> Table:
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    return Table(
        "imbalance",
        "Class imbalance",
        "Trained at each ratio of majority to minority, evaluated on the untouched test set. Means over seeds with a "
        "95% t interval; one seed has a 95% bootstrap interval over test examples.",
        [
            Column("task", "task"),
            Column("minority", "minority"),
            Column("method", "method"),
            Column("ratio", "ratio", "ratio"),
            Column("seeds", "seeds"),
            Column("test_n", "n test", "number", 0),
            Column("train_counts", "trained on"),
            *(Column(name, name.replace("_", " "), "number", 3) for name in names),
        ],
        [
            [
                *(row.task, row.minority, row.method, row.ratio, seed_names(row.seeds)),
                *(row.n, row.train_counts),
                *(row.metrics.get(name) for name in names),
            ]
            for row in rows
        ],
    )


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
