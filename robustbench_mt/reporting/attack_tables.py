"""The tables of attacks."""

from collections.abc import Sequence

from robustbench_mt.reporting.attack_rows import AttackRow, ReductionRow
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Column, Table

__all__ = ["BUDGETS_SHOWN", "attack_tables"]

BUDGETS_SHOWN = (0, 1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100)

WILSON = (
    "The n examples are the same for all seeds. Of one seed, shares have 95% Wilson intervals and means 95% t "
    "intervals over examples; of several, both are over seeds and examples and say what other seeds and other examples "
    "would give. From t intervals the skewness of the values is removed."
)
LEFT_OUT = (
    "Examples whose attack ended in an error or could not be tried are left out of n; their number stands beside it."
)
WORST = (
    "In a worst case over recipes an example counts as robust only when it survives all of them: its n are the "
    "examples that all were run on, its queries are all recipes' together, and its successes are those that changed "
    "the least share of words."
)
BUDGET = (
    "The budget is what an attack on one example may cost; an example whose attack ran into it withstood what the "
    "budget let the attacker try, no more."
)

_BUDGET_COLUMNS = (Column("ended_by_budget", "ended by the budget", "number", 0), Column("budget", "budget"))


def attack_tables(summary: Summary) -> list[Table]:
    """Accuracy under attack, by recipe and in the worst case over recipes, and what words it took."""
    return [
        _attacks(summary.attacks_and_worst_case, by_checkpoint=False),
        _attacks(summary.attacks_by_checkpoint, by_checkpoint=True),
        _by_words(summary.attacks_and_worst_case),
        _reductions(summary.reductions),
    ]


def _attacks(rows: Sequence[AttackRow], by_checkpoint: bool) -> Table:
    own = Column("checkpoint", "checkpoint") if by_checkpoint else Column("seeds", "seeds")
    over_seeds = [] if by_checkpoint else [Column("over_seeds", "accuracy under attack, mean over seeds", "percent")]
    return Table(
        "attacks_by_checkpoint" if by_checkpoint else "attacks",
        "Each checkpoint under attack" if by_checkpoint else "Accuracy under attack",
        f"Clean accuracy and accuracy under attack are shares of the same n examples. {WILSON} {LEFT_OUT} The success "
        "rate is over the examples that were attacked, queries are the mean over these, and the share of words changed "
        f"is the mean over successes. {WORST} {BUDGET}"
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
            *_BUDGET_COLUMNS,
        ],
        [
            [
                *(row.task, row.recipe, row.method),
                row.checkpoints[0] if by_checkpoint else seed_names(row.seeds, row.checkpoints),
                *(row.n, row.left_out, row.clean_accuracy, row.accuracy_under_attack),
                *([] if by_checkpoint else [row.over_seeds]),
                *(row.success_rate, row.queries, row.share_changed, row.ended_by_budget, row.budget),
            ]
            for row in rows
        ],
    )


def _by_words(rows: Sequence[AttackRow]) -> Table:
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
            for row in rows
            for budget in BUDGETS_SHOWN
        ],
    )


def _reductions(rows: Sequence[ReductionRow]) -> Table:
    return Table(
        "input_reduction",
        "Words removed while the prediction stays",
        "The recipe removes words as long as the prediction stays, so that its success is no flipped label and says "
        f"nothing of the accuracy under attack. {WILSON} {LEFT_OUT} {BUDGET}",
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
            *_BUDGET_COLUMNS,
        ],
        [
            [
                *(row.task, row.recipe, row.method, seed_names(row.seeds, row.checkpoints)),
                *(row.n, row.left_out, row.reduced, row.share_removed, row.queries),
                *(row.ended_by_budget, row.budget),
            ]
            for row in rows
        ],
    )
