"""The leaderboard: one line a checkpoint."""

from collections.abc import Sequence

from robustbench_mt.reporting.interval_names import by_metric
from robustbench_mt.reporting.leaderboard_rows import RATIO, LeaderboardRow
from robustbench_mt.reporting.naming import ratio_name
from robustbench_mt.reporting.table import Column, Table
from robustbench_mt.reporting.worst_case_rows import WORST_CASE

__all__ = ["leaderboard_table"]

CAPTION = (
    "One line a checkpoint: those of a task by their accuracy in the worst case, the highest first, whose intervals "
    "often overlap. The clean score is of all of the split; under an attack it is the accuracy on the examples that "
    "were attacked, with a 95% Wilson interval."
)
WORST = " In a worst case an example is robust only when it survives every recipe."
IMBALANCE = (
    f" The minority's F1 at {ratio_name(RATIO)} is no score of this checkpoint: it is of another one, trained by the "
    "same method with the same settings and seed on a training set as imbalanced as that, which may be of another size."
)
SECONDS = " Seconds a step are the training's wall time over its steps, the evaluations in between included."


def leaderboard_table(rows: Sequence[LeaderboardRow]) -> Table:
    """The columns are those that some checkpoint has something in, and readers are spared those that are all alike."""
    metrics = list(dict.fromkeys(name for row in rows for name in row.clean))
    recipes = sorted({name: None for row in rows for name in row.under_attack}, key=_worst_case_last)
    imbalance = any(row.minority_f1 for row in rows)
    timed = any(row.seconds_per_step for row in rows)
    splits = {row.split: None for row in rows}
    one_split = f" Clean scores are on {next(iter(splits))}." if len(splits) == 1 and "" not in splits else ""
    return Table(
        "leaderboard",
        "Leaderboard",
        CAPTION
        + by_metric({**row.clean, "minority_f1": row.minority_f1} for row in rows)
        + one_split
        + WORST * any(map(_worst_case, recipes))
        + IMBALANCE * imbalance
        + SECONDS * timed,
        [
            Column("checkpoint", "checkpoint"),
            Column("task", "task", csv_only=len({row.task for row in rows}) == 1),
            Column("method", "method"),
            Column("seed", "seed", "number", 0),
            Column("split", "clean on", csv_only=bool(one_split)),
            *(_clean_column(name) for name in metrics),
            *(Column(f"under_{name}", name if _worst_case(name) else f"under {name}", "percent") for name in recipes),
            *([Column("minority_f1", f"minority F1 at {ratio_name(RATIO)}", "number", 3)] if imbalance else []),
            *(
                [Column("seconds_per_step", "seconds a step", "number", 3), Column("steps", "steps", "number", 0)]
                if timed
                else []
            ),
        ],
        [
            [
                *(row.checkpoint, row.task, row.method or None, row.seed, row.split or None),
                *map(row.clean.get, metrics),
                *map(row.under_attack.get, recipes),
                *([row.minority_f1] if imbalance else []),
                *([row.seconds_per_step, row.steps] if timed else []),
            ]
            for row in rows
        ],
        names_stay=True,
    )


def _clean_column(name: str) -> Column:
    if name == "accuracy":
        return Column("clean_accuracy", "clean accuracy", "percent")
    return Column(f"clean_{name}", f"clean {name.replace('_', ' ')}", "number", 3)


def _worst_case(recipe: str) -> bool:
    return recipe.startswith(WORST_CASE)


def _worst_case_last(recipe: str) -> tuple[bool, str]:
    return _worst_case(recipe), recipe
