"""What a reader has to know before any number: what was trained on what, attacked with what, and scored on what."""

from collections.abc import Iterable, Iterator, Sequence

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.records import TrainingRecord
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
    return [
        *_trained(summary),
        *_attacked(summary),
        *_imbalanced(summary),
        *_flipped(summary),
        *_scored_on_development_sets(summary),
    ]


def _trained(summary: Summary) -> Iterator[str]:
    made = summary.runs.trainings
    if made:
        yield _fine_tuned(made, _tasks(made))


def _attacked(summary: Summary) -> Iterator[str]:
    for facts in attack_facts(summary):
        least, most = facts.sizes[0], facts.sizes[-1]
        examples = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        checkpoints = f"{facts.checkpoints:,} checkpoint{'s' * (facts.checkpoints != 1)}"
        recipes = _named([recipe.name for recipe in facts.recipes], "recipes")
        each = " each" * (facts.checkpoints > 1 or len(facts.recipes) > 1)
        yield (
            f"{checkpoints} attacked on {facts.task} ({facts.split}) by {recipes}, on {examples} "
            f"example{'s' * (most != 1)}{each}."
        )


def _imbalanced(summary: Summary) -> Iterator[str]:
    made = summary.runs.imbalance
    if made:
        ratios = _levels([row for row in summary.imbalance if row.share is None])
        kept = [f"{shares} of the minority kept" for shares in _levels([r for r in summary.imbalance if r.share])]
        levels = " and ".join([*ratios, *kept])
        yield _fine_tuned(made, f"imbalanced training sets of {_tasks(made)}, {levels},")


def _flipped(summary: Summary) -> Iterator[str]:
    made = summary.runs.label_noise
    if made:
        (shares,) = _levels(summary.label_noise)
        yield _fine_tuned(made, f"{_tasks(made)} with {shares} of the training labels flipped,")


def _levels(rows: Sequence[CurveRow]) -> list[str]:
    """From the lowest to the highest, where there are any."""
    names = [row.level_name for row in sorted(rows, key=lambda row: row.level)]
    return [" to ".join(dict.fromkeys((names[0], names[-1])))] if names else []


def _fine_tuned(made: Sequence[TrainingRecord | CurveRecord], what: str) -> str:
    methods = _named(sorted({each.method for each in made}, key=method_order), "methods")
    return f"{_named((each.base for each in made), 'encoders')} fine-tuned on {what} by {methods} ({_seeds(made)})."


def _scored_on_development_sets(summary: Summary) -> Iterator[str]:
    tasks = [facts.name for facts in task_facts(summary) if NO_TEST_SET in facts.remarks]
    if tasks:
        they = "it has" if len(tasks) == 1 else "they have"
        yield f"What is called test is the development set of {listed_with_and(tasks)}: {they} no labelled test set."


def _tasks(made: Iterable[TrainingRecord | CurveRecord]) -> str:
    return _named((each.task for each in made), "tasks")


def _named(names: Iterable[str], what: str) -> str:
    every = list(dict.fromkeys(names))
    return listed_with_and(every) if len(every) <= _MOST_NAMED else f"{len(every)} {what}"


def _seeds(made: Iterable[TrainingRecord | CurveRecord]) -> str:
    """How many each method has on a task, whether they are the same or not."""
    seeds: dict[tuple[str, str, str], set[int]] = {}
    for each in made:
        seeds.setdefault((each.task, each.base, each.method), set()).add(each.seed)
    counts = [len(of_method) for of_method in seeds.values()]
    count = " to ".join(str(end) for end in dict.fromkeys((min(counts), max(counts))))
    each_has = " each" * (len(set(map(frozenset, seeds.values()))) > 1)
    return f"{count} seed{'s' * (max(counts) != 1)}{each_has}"
