"""The tables that compare checkpoints: on the same examples, and by the texts that fool one and then another."""

from collections.abc import Sequence

from robustbench_mt.reporting.paired_rows import BEFORE, MOST_METHODS, PairedRow
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Column, Table
from robustbench_mt.reporting.transfer_rows import TransferRow

__all__ = ["comparison_tables"]


def comparison_tables(summary: Summary) -> list[Table]:
    """Paired differences, and the entries of the transfer matrices."""
    return [_paired(summary.paired), _transfer([row for matrix in summary.transfers for row in matrix.rows])]


def _paired(rows: Sequence[PairedRow]) -> Table:
    return Table(
        "paired",
        "Two checkpoints on the same examples",
        "Accuracy of both on the n examples that count for both; the difference, in percentage points, has a 95% "
        "bootstrap interval over examples, each drawn with both outcomes. p is McNemar's, exact and two-sided: how "
        "often chance would split the examples on which the two differ at least as unevenly, were both equally good. "
        "Many p in one table are not corrected for their number, and none knows what another training seed may give. "
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
            Column("only_right", "only it right", "number", 0),
            Column("only_other_right", "only the other right", "number", 0),
        ],
        [
            [
                *(row.task, row.condition, row.checkpoint, row.other),
                *(row.accuracy, row.other_accuracy, row.difference, row.p),
                *(row.only_right, row.only_other_right),
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
