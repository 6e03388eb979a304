"""The tables that compare methods of fine-tuning over tasks and seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from robustbench_mt.reporting.average_rows import AverageRow
from robustbench_mt.reporting.families import family_sizes
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import method_order, seed_names
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import P_OF_T, P_OVER_SEEDS, Cell, Column, Table
from robustbench_mt.statistics import Estimate, Scale

__all__ = ["method_tables"]

IN_POINTS = (
    "in points (hundredths of the score), with the 95% t interval of the seeds' own differences: what a seed brings to "
    "both methods cancels out."
)
PAIRED = f"The difference is to the vanilla named beside it, {IN_POINTS}"
AVERAGED = (
    "The average is over tasks, of each seed's scores; its mean over seeds has a 95% t interval. Only tasks that both "
    "methods have all seeds of count, and where two of them are GLUE's, only GLUE's."
)


def method_tables(summary: Summary) -> list[Table]:
    """Each task's scores, the tasks side by side, and their averages over tasks."""
    return [
        _methods(summary.methods, " ".join(summary.method_remarks)),
        _by_task(summary.methods, summary.averages),
        _averages(summary.averages),
    ]


def _methods(rows: Sequence[MethodRow], remarks: str) -> Table:
    sizes = family_sizes(rows, lambda row: f"{row.task} {row.split}")
    tested = (
        "p is the paired t-test's over seeds, two-sided, corrected by Holm for the number of methods compared with "
        f"vanilla on a split of a task{sizes}; the CSV file has it uncorrected, and that of Wilcoxon's signed-rank "
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
            *P_OVER_SEEDS,
            Column("comparisons", "comparisons", "number", 0, csv_only=True),
            Column("failed", "failed to train", "number", 0),
            Column("judged", "runs judged", "number", 0),
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


@dataclass(frozen=True)
class _WithSpread(Estimate):
    """A mean over seeds that readers see with the standard deviation, as papers print it; CSV has the interval too."""

    spread: float | None

    def parts(self, unit: Scale = "percent", digits: int = 1) -> tuple[str, str]:
        value, _ = super().parts(unit, digits)
        return value, "" if self.spread is None else f"± {self.spread:.{digits}f}"


def _by_task(rows: Sequence[MethodRow], averages: Sequence[AverageRow]) -> Table:
    """One line a method that was scored on two tasks or more, and a column a task."""
    every: dict[tuple[str, str, str], dict[str, MethodRow]] = {}
    for row in rows:
        every.setdefault((row.split, row.base, row.method), {})[row.task] = row
    several = {key: every[key] for key in every if len(every[key]) > 1}
    average_of = {(row.split, row.base, row.method): row for row in averages}
    tasks = sorted({task for of_tasks in several.values() for task in of_tasks})
    against = {row.against for row in averages if row.against}
    scores = dict.fromkeys(
        f"{row.task} {row.split}: {row.score_name} of {row.n:,} examples"
        for of_tasks in several.values()
        for row in of_tasks.values()
    )
    other = next(iter(against)) if len(against) == 1 else "the vanilla named beside it"
    difference = f" The difference of averages is to {other}, {IN_POINTS}" if against else ""
    return Table(
        "methods_by_task",
        "Methods of fine-tuning, tasks side by side",
        f"A task's score, as GLUE makes it of its metrics ({'; '.join(scores)}): the mean over seeds ± their standard "
        f"deviation, which one seed has not. {AVERAGED}{difference}",
        [
            Column("method", "method"),
            Column("split", "split", csv_only=len({split for split, _, _ in several}) == 1),
            Column("base", "base", csv_only=len({base for _, base, _ in several}) == 1),
            *(
                column
                for task in tasks
                for column in (
                    Column(f"score_{task}", task, "number", 3),
                    Column(f"sd_{task}", f"{task}, standard deviation", "number", 4, csv_only=True),
                )
            ),
            Column("average", "average", "number", 3),
            Column("average_tasks", "average of", csv_only=all(row.tasks == tasks for row in averages)),
            Column("against", "compared with", csv_only=len(against) < 2),
            Column("difference", "difference of averages (points)", "points", 2, csv_only=not against),
        ],
        [
            [
                *(method, split, base),
                *(cell for task in tasks for cell in _score(several[split, base, method], task)),
                *_averaged(average_of.get((split, base, method))),
            ]
            for split, base, method in sorted(several, key=lambda key: (*key[:2], method_order(key[2])))
        ],
        names_stay=True,
    )


def _score(rows: Mapping[str, MethodRow], task: str) -> tuple[Cell, Cell]:
    """The score, and for CSV its standard deviation."""
    row = rows.get(task)
    return (_WithSpread(**vars(row.score), spread=row.spread), row.spread) if row else (None, None)


def _averaged(row: AverageRow | None) -> tuple[Cell, ...]:
    return (row.average, ", ".join(row.tasks), row.against or "–", row.difference) if row else (None, None, None, None)


def _averages(rows: Sequence[AverageRow]) -> Table:
    published = (
        " The paper's is what the abstract of Tong et al. 2022 (arXiv 2205.00633) states for Match-Tuning: 1.64 points "
        "on GLUE over vanilla, averaged over GLUE's tasks, with bases and settings of its own."
        if any(row.published is not None for row in rows)
        else ""
    )
    tested = (
        f" p is a paired t-test's over seeds, corrected by Holm for the number of comparisons with a baseline{sizes}."
        if (sizes := family_sizes(rows, lambda row: row.split))
        else ""
    )
    return Table(
        "methods_average",
        "Methods of fine-tuning, averaged over tasks",
        f"{AVERAGED} {PAIRED}{tested}{published}",
        [
            Column("split", "split"),
            Column("method", "method"),
            Column("tasks", "tasks"),
            Column("seeds", "seeds"),
            Column("average", "average score", "number", 3),
            Column("against", "compared with"),
            Column("other", "the other's average", "number", 3),
            Column("difference", "difference (points)", "points", 2),
            *P_OF_T,
            Column("comparisons", "comparisons", "number", 0, csv_only=True),
            Column("published", "the paper's (points)", "number", 2),
        ],
        [
            [
                *(row.split, row.method, ", ".join(row.tasks), seed_names(row.seeds), row.average),
                *(row.against or "–", row.other, row.difference),
                *(row.p_holm, row.p_t, row.family, row.published),
            ]
            for row in rows
        ],
    )
