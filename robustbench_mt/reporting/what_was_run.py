"""What a reader has to know before any number: what was trained on what, attacked with what, and scored on what."""

from collections.abc import Iterable, Iterator, Sequence

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.reporting.attack_facts import attack_facts
from robustbench_mt.reporting.curve_rows import CurveRow
from robustbench_mt.reporting.finding import listed_with_and
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.training_facts import task_facts
from robustbench_mt.wording import NO_TEST_SET

__all__ = ["what_was_run"]

_MOST_NAMED = 8


def what_was_run(summary: Summary) -> list[str]:
    """A sentence a kind of record."""
    runs = summary.runs
    return [
        *_trained(summary),
        *_attacked(summary),
        *_along("imbalanced training sets", runs.imbalance, summary.imbalance),
        *_along("training labels, a share of them flipped,", runs.label_noise, summary.label_noise),
        *_scored_on_development_sets(summary),
    ]


def _trained(summary: Summary) -> Iterator[str]:
    made = summary.runs.trainings
    if made:
        yield (
            f"{_named((each.base for each in made), 'encoders')} fine-tuned on "
            f"{_named((each.task for each in made), 'tasks')} by {_methods(each.method for each in made)} "
            f"({_seeds(each.seed for each in made)})."
        )


def _attacked(summary: Summary) -> Iterator[str]:
    for facts in attack_facts(summary):
        least, most = facts.sizes[0], facts.sizes[-1]
        examples = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        checkpoints = f"{facts.checkpoints:,} checkpoint{'s' * (facts.checkpoints != 1)}"
        recipes = _named([recipe.name for recipe in facts.recipes], "recipes")
        yield (
            f"{checkpoints} attacked on {facts.task} ({facts.split}) by {recipes}, on {examples} "
            f"example{'s' * (most != 1)} each."
        )


def _along(what: str, points: Sequence[CurveRecord], rows: Sequence[CurveRow]) -> Iterator[str]:
    if points:
        levels = [row.level_name for row in sorted(rows, key=lambda row: row.level)]
        yield (
            f"{_named((each.base for each in points), 'encoders')} fine-tuned on {what} of "
            f"{_named((each.task for each in points), 'tasks')}, {levels[0]} to {levels[-1]}, "
            f"by {_methods(each.method for each in points)} ({_seeds(each.seed for each in points)})."
        )


def _scored_on_development_sets(summary: Summary) -> Iterator[str]:
    tasks = [facts.name for facts in task_facts(summary) if NO_TEST_SET in facts.remarks]
    if tasks:
        they = "it has" if len(tasks) == 1 else "they have"
        yield f"What is called test is the development set of {listed_with_and(tasks)}: {they} no labelled test set."


def _methods(names: Iterable[str]) -> str:
    return _named(sorted(set(names), key=method_order), "methods")


def _named(names: Iterable[str], what: str) -> str:
    every = list(dict.fromkeys(names))
    return listed_with_and(every) if len(every) <= _MOST_NAMED else f"{len(every)} {what}"


def _seeds(seeds: Iterable[int]) -> str:
    count = len(set(seeds))
    return f"{count} seed{'s' * (count != 1)}"
