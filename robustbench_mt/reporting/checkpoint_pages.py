"""What the page says of each checkpoint: how it was made, what it scores, and what to doubt."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from robustbench_mt.flat import flat
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.examples import DrawnExample, ShownExample
from robustbench_mt.reporting.interval_names import by_metric
from robustbench_mt.reporting.leaderboard_rows import RATIO, LeaderboardRow, checkpoint_scores
from robustbench_mt.reporting.naming import ratio_name
from robustbench_mt.reporting.seed_rows import metric_names
from robustbench_mt.reporting.table import Cell, Column, Table

__all__ = ["MOST_PAGES", "CheckpointPage", "checkpoint_pages"]

MOST_PAGES = 100
"""Checkpoints that have a page; the tables tell of all."""

MOST_EXAMPLES = 3
# For the texts of all pages together.
MOST_CHARACTERS = 300_000
MOST_POINTS = 20


@dataclass(frozen=True)
class CheckpointPage:
    """One checkpoint.

    Attributes:
        position: of the checkpoint in the leaderboard.
        summary: one line of its scores.
        facts: how it was made, a name and a value each.
        tables: its history, scores and attacks.
        doubts: what its evaluations and attacks warn of.
        examples: adversarial texts that succeeded, the first of each recipe.
        matched: whether the section on matching tells of its method.
    """

    position: int
    row: LeaderboardRow
    summary: str
    facts: list[tuple[str, str]]
    tables: list[Table]
    doubts: list[str]
    examples: list[ShownExample]
    matched: bool


def checkpoint_pages(rows: Sequence[LeaderboardRow], successes: Iterable[DrawnExample]) -> list[CheckpointPage]:
    """Pages for at most :data:`MOST_PAGES` of the rows, taken in turn from each task, in the leaderboard's order.

    Args:
        rows: the leaderboard.
        successes: adversarial texts from which to show some, in the order in which they are preferred.
    """
    chosen = sorted(_chosen(rows))
    shown = _first_successes(successes, MOST_CHARACTERS // max(1, len(chosen)))
    return [_page(position, rows[position], shown.get(rows[position].key, [])) for position in chosen]


def _chosen(rows: Sequence[LeaderboardRow]) -> list[int]:
    tasks: dict[str, list[int]] = {}
    for position, row in enumerate(rows):
        tasks.setdefault(row.task, []).append(position)
    return [each for turn in zip_longest(*tasks.values()) for each in turn if each is not None][:MOST_PAGES]


def _first_successes(successes: Iterable[DrawnExample], most: int) -> dict[Hashable, list[ShownExample]]:
    """One a recipe, by checkpoint; a text longer than ``most`` characters leaves room for no other."""
    shown: dict[Hashable, list[ShownExample]] = {}
    for drawn in successes:
        of_checkpoint = shown.setdefault(drawn.key, [])
        if len(of_checkpoint) < MOST_EXAMPLES and all(drawn.group.recipe != other.recipe for other in of_checkpoint):
            example = drawn.read()
            if not of_checkpoint or sum(each.size for each in (*of_checkpoint, example)) <= most:
                of_checkpoint.append(example)
    return shown


def _page(position: int, row: LeaderboardRow, examples: list[ShownExample]) -> CheckpointPage:
    tables = [_scores(row.evaluations), _attacks(row), *([_history(row.training)] if row.training else [])]
    return CheckpointPage(
        position,
        row,
        summary=", ".join(filter(None, (row.task, row.method, "" if row.seed is None else f"seed {row.seed}"))),
        facts=list(_facts(row)),
        tables=[table for table in tables if table.rows],
        doubts=list(_doubts(row)),
        examples=examples,
        matched=row.training is not None and row.training.matching is not None,
    )


def _facts(row: LeaderboardRow) -> Iterator[tuple[str, str]]:
    training = row.training
    if training is None:
        yield "origin", "not trained here: these records do not know how it was made"
        return
    yield "base", training.base
    yield "method", row.method
    yield "seed", str(training.seed)
    if training.temperature is not None:
        yield "temperature", f"{training.temperature:.4g}"
    if row.steps:
        yield "training", f"{row.steps:,} steps in {training.seconds:,.0f} seconds"
    yield "labels", ", ".join(training.label_names)
    if row.minority_f1:
        yield f"minority F1 at {ratio_name(RATIO)}", f"{row.minority_f1.show('number', 3)}, of a training of its own"
    for what in (training.settings, {"data": training.data}, {"version": training.versions}):
        for name, value in flat(what).items():
            # What is not set says nothing: without steps, it is the epochs that count.
            if name != "base" and value is not None:
                yield name.replace(".", " "), "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _scores(evaluations: Sequence[EvaluationRecord]) -> Table:
    scores = [checkpoint_scores(record) for record in evaluations]
    names = metric_names(scores)
    return Table(
        "scores",
        "Scores",
        by_metric(scores).lstrip(),
        [
            Column("split", "split"),
            *(
                Column(name, name.replace("_", " "), "percent" if name == "accuracy" else "number", _digits(name))
                for name in names
            ),
        ],
        [[record.split, *map(of_split.get, names)] for record, of_split in zip(evaluations, scores, strict=True)],
    )


def _digits(name: str) -> int:
    return 1 if name == "accuracy" else 3


def _attacks(row: LeaderboardRow) -> Table:
    return Table(
        "attacks",
        "Attacks",
        "Shares have 95% Wilson intervals, means 95% t intervals without the values' skewness.",
        [
            Column("recipe", "recipe"),
            Column("clean_accuracy", "clean accuracy", "percent"),
            Column("accuracy_under_attack", "accuracy under attack", "percent"),
            Column("success_rate", "attack success rate", "percent"),
            Column("queries", "mean queries", "number"),
            Column("share_changed", "mean share of words changed", "percent"),
        ],
        [
            [
                *(attack.recipe, attack.clean_accuracy, attack.accuracy_under_attack, attack.success_rate),
                *(attack.queries, attack.share_changed),
            ]
            for attack in row.attacks
        ],
    )


def _history(training: TrainingRecord) -> Table:
    """Of a long history :data:`MOST_POINTS`, evenly spaced, the last among them."""
    points = training.history
    every = max(1, -(-len(points) // MOST_POINTS))
    points = points[::-1][::every][::-1]
    names = list(dict.fromkeys(name for point in points for name in point))
    return Table(
        "history",
        "Training",
        "",
        [Column(name, name.replace("_", " "), "number", 0 if name == "step" else 3) for name in names],
        [[_number(point.get(name)) for name in names] for point in points],
    )


def _number(value: float | None) -> Cell:
    return None if value is None else float(value)


def _doubts(row: LeaderboardRow) -> Iterator[str]:
    for record in row.evaluations:
        for warning in record.warnings:
            yield f"{record.split} (n={record.n}): {warning}"
    told: dict[str, list[str]] = {}
    for file in row.files:
        fallbacks = file.attacked.stood_in
        stood_in = (f"a resource was missing, and something stood in for it: {fallback}" for fallback in fallbacks)
        for what in (*file.run.warnings, *stood_in):
            told.setdefault(what, []).append(file.run.recipe)
    for attack in row.attacks:
        if attack.left_out:
            what = f"{attack.left_out} examples whose attack broke or could not be tried are left out of n"
            told.setdefault(what, []).append(attack.recipe)
        if attack.ended_by_budget:
            what = f"a budget ({attack.budget}) ended {attack.ended_by_budget} of the attacks that failed"
            told.setdefault(what, []).append(attack.recipe)
    for what, recipes in told.items():
        yield f"{', '.join(dict.fromkeys(recipes))}: {what}"
