"""The tables that compare checkpoints: on the same examples, and by the texts that fool one and then another."""

from collections.abc import Sequence

from robustbench_mt.reporting.families import family_sizes
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.paired_outcomes import BEFORE
from robustbench_mt.reporting.paired_rows import MOST_METHODS, PairedRow
from robustbench_mt.reporting.paired_seed_rows import PairedSeedRow
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import P_OF_T, Column, Table
from robustbench_mt.reporting.transfer_rows import TransferRow

__all__ = ["comparison_tables"]


def comparison_tables(summary: Summary) -> list[Table]:
    """Paired differences, of checkpoints and over seeds, and the entries of the transfer matrices."""
    return [
        _paired(summary.paired),
        _paired_seeds(summary.paired_seeds),
        _transfer([row for matrix in summary.transfers for row in matrix.rows]),
    ]


def _paired(rows: Sequence[PairedRow]) -> Table:
    return Table(
        "paired",
        "Two checkpoints on the same examples",
        "Accuracy of both on the n examples that count for both, with 95% Wilson intervals; the difference, in "
        "percentage points, has a 95% score interval for paired proportions (Tango 1998), which leaves out zero where "
        "p is under 5%, and only there. p is McNemar's, exact and two-sided: how often chance would split the examples "
        "on which the two differ at least as unevenly, were both equally good. Beside it the same p, corrected by Holm "
        "for the number of comparisons that this table makes of the task"
        f"{family_sizes(rows, lambda row: row.task)}. No p knows what another training seed may give. "
        f"{BEFORE.capitalize()}: every example that some recipe had scored. Each checkpoint is compared with the "
        f"vanilla one of its seed; without vanilla, the pairs of the first {MOST_METHODS} methods are.",
        [
            Column("task", "task"),
            Column("condition", "accuracy"),
            Column("checkpoint", "checkpoint"),
            Column("other", "against"),
            Column("accuracy", "its accuracy", "percent"),
            Column("other_accuracy", "the other's accuracy", "percent"),
            Column("difference", "difference (points)", "points"),
            Column("p", "McNemar's p", "p"),
            Column("p_holm", "p, Holm", "p"),
            Column("only_right", "only it right", "number", 0),
            Column("only_other_right", "only the other right", "number", 0),
        ],
        [
            [
                *(row.task, row.condition, row.checkpoint, row.other),
                *(row.accuracy, row.other_accuracy, row.difference, row.p, row.p_holm),
                *(row.only_right, row.only_other_right),
            ]
            for row in rows
        ],
    )


def _paired_seeds(rows: Sequence[PairedSeedRow]) -> Table:
    return Table(
        "paired_seeds",
        "Two methods on the same examples, over seeds",
        "Mean accuracy of both over the seeds that both have, on the n examples that count for all these checkpoints. "
        "The difference, in percentage points, has two 95% intervals: of a hierarchical bootstrap over seeds and "
        "examples, each drawn with all outcomes, stretched to the width of the t interval over both (Hillis "
        "2007, Cochran 1964), and Student's t over seeds, which takes the examples as given: the first says what other "
        "seeds and other examples would give, the second what other seeds would on these examples. p is of the t-test "
        "over seeds and examples, two-sided, and corrected by Holm for the number of comparisons that this table makes "
        "of the task"
        f"{family_sizes(rows, lambda row: row.task)}.",
        [
            Column("task", "task"),
            Column("condition", "accuracy"),
            Column("method", "method"),
            Column("other", "against"),
            Column("seeds", "seeds"),
            Column("accuracy", "its accuracy", "percent"),
            Column("other_accuracy", "the other's accuracy", "percent"),
            Column("difference", "difference (points), bootstrap", "points"),
            Column("over_seeds", "difference (points), t", "points"),
            *P_OF_T,
        ],
        [
            [
                *(row.task, row.condition, row.method, row.other, seed_names(row.seeds)),
                *(row.accuracy, row.other_accuracy, row.difference, row.over_seeds, row.p_holm, row.p),
            ]
            for row in rows
        ],
    )


def _transfer(rows: Sequence[TransferRow]) -> Table:
    return Table(
        "transfer",
        "Transfer of adversarial texts",
        "Adversarial texts found against one checkpoint, scored on others. The share fooled is over the n of them "
        "whose originals the other checkpoint classifies correctly, with a 95% Wilson interval.",
        [
            Column("task", "task"),
            Column("recipe", "recipe"),
            Column("source", "found against"),
            Column("target", "scored on"),
            Column("found", "texts found", "number", 0),
            Column("fooled", "share fooled", "percent"),
        ],
        [[row.task, row.recipe, row.source, row.target, row.found, row.fooled] for row in rows],
    )
