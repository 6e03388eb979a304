"""The tables that compare methods of fine-tuning over tasks and seeds."""

from collections.abc import Sequence

from robustbench_mt.reporting.method_rows import AverageRow, MethodRow
from robustbench_mt.reporting.naming import seed_names
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Column, Table

__all__ = ["method_tables"]

PAIRED = (
    "The difference is to the vanilla named beside it, in points (hundredths of the score), with the 95% t interval of "
    "the seeds' own differences: what a seed brings to both methods cancels out."
)


def method_tables(summary: Summary) -> list[Table]:
    """Each task's scores, and their averages over tasks."""
    return [_methods(summary.methods, " ".join(summary.method_remarks)), _averages(summary.averages)]


def _methods(rows: Sequence[MethodRow], remarks: str) -> Table:
    families = {(row.task, row.split): row.family for row in rows if row.family}
    sizes = ", ".join(f"{task} {split}: {size}" for (task, split), size in families.items())
    tested = (
        "p is the paired t-test's over seeds, two-sided, corrected by Holm for the number of methods compared with "
        f"vanilla on a split of a task ({sizes}); the CSV file has it uncorrected, and that of Wilcoxon's signed-rank "
        "test, which under six seeds cannot come below 5%. "
        if sizes
        else ""
    )
    return Table(
        "methods",
        "Methods of fine-tuning",
        "One score a training, as GLUE makes it of a task's metrics; its mean over seeds with a 95% t interval, which "
        f"knows the spread between seeds and not that of the n examples. {PAIRED} {tested}A run failed to train when "
        "it gives all examples one class, or one score; its score counts like the others', a correlation left "
        "undefined as 0. A run whose training diverged failed as well, and has no score. "
        f"{remarks}".rstrip(),
        [
            Column("task", "task"),
            Column("split", "split"),
            Column("method", "method"),
            Column("metric", "score is"),
            Column("n", "n examples", "number", 0),
            Column("seeds", "seeds"),
            Column("score", "score", "number", 3),
            Column("sd", "standard deviation", "number", 4),
            Column("against", "compared with"),
            Column("difference", "difference (points)", "points", 2),
            Column("p_holm", "p (t, Holm)", "p"),
            Column("p_t", "p (t)", "p", csv_only=True),
            Column("p_wilcoxon", "p (Wilcoxon)", "p", csv_only=True),
            Column("comparisons", "comparisons", "number", 0, csv_only=True),
            Column("failed", "failed to train", "number", 0),
            Column("judged", "of runs", "number", 0),
        ],
        [
            [
                *(row.task, row.split, row.method, row.score_name, row.n, seed_names(list(row.scores))),
                *(row.score, row.spread, row.against or "–", row.difference),
                *(row.p_holm, row.p_t, row.p_wilcoxon, row.family),
                *((row.failed, row.judged) if row.judged else (None, 0)),
            ]
            for row in rows
        ],
    )


def _averages(rows: Sequence[AverageRow]) -> Table:
    published = (
        " The paper's is what the abstract of Tong et al. 2022 (arXiv 2205.00633) states for Match-Tuning: 1.64 points "
        "on GLUE over vanilla, averaged over GLUE's tasks, with bases and settings of its own."
        if any(row.published is not None for row in rows)
        else ""
    )
    return Table(
        "methods_average",
        "Methods of fine-tuning, averaged over tasks",
        "The average over tasks of each seed's scores; its mean over seeds with a 95% t interval. Only tasks that both "
        f"methods have all seeds of count. {PAIRED}{published}",
        [
            Column("split", "split"),
            Column("method", "method"),
            Column("tasks", "tasks"),
            Column("seeds", "seeds"),
            Column("average", "average score", "number", 3),
            Column("against", "compared with"),
            Column("other", "the other's average", "number", 3),
            Column("difference", "difference (points)", "points", 2),
            Column("published", "the paper's (points)", "number", 2),
        ],
        [
            [
                *(row.split, row.method, ", ".join(row.tasks), seed_names(row.seeds), row.average),
                *(row.against or "–", row.other, row.difference, row.published),
            ]
            for row in rows
        ],
    )
