"""Attacked examples for the page: a fair choice, with the words that changed marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from robustbench_mt.records import AttackRecord, AttackRun
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.marking import Stretch, excerpt, mark_changes
from robustbench_mt.visible import visible

__all__ = ["LIMIT", "Field", "ShownExample", "choose_examples"]

LIMIT = 500
# Long texts are shown in excerpts; this keeps the page small where the excerpts are long, too.
MOST_CHARACTERS = 1_500_000
STATUSES = ("success", "failed", "skipped", "error")


@dataclass(frozen=True)
class Field:
    """A text before and after; ``after`` is empty where the attack changed nothing."""

    name: str
    protected: bool
    before: list[Stretch]
    after: list[Stretch]


@dataclass(frozen=True)
class ShownExample:
    """An attacked example as the page shows it.

    Attributes:
        recipe, method: as the report calls them.
        label: the true class; ``predicted`` and ``predicted_after`` are the classifier's.
        probability, probability_after: of the true class.
    """

    task: str
    recipe: str
    method: str
    checkpoint: str
    record: AttackRecord
    fields: list[Field]
    label: str
    predicted: str | None
    predicted_after: str | None
    probability: float | None
    probability_after: float | None


def choose_examples(groups: Sequence[AttackGroup], limit: int = LIMIT) -> tuple[list[ShownExample], int]:
    """At most ``limit`` examples, taken in turn from each checkpoint, recipe and status; and how many there are."""
    kinds = [
        [(group, file.run, record) for record in file.records if record.status == status]
        for group in groups
        for file in group.files
        for status in STATUSES
    ]
    in_turn = (found for turn in zip_longest(*kinds) for found in turn if found is not None)
    chosen: list[ShownExample] = []
    size = 0
    for found in islice(in_turn, limit):
        chosen.append(_show(*found))
        size += _size(chosen[-1])
        if size > MOST_CHARACTERS:
            break
    return sorted(chosen, key=lambda example: STATUSES.index(example.record.status)), sum(map(len, kinds))


def _show(group: AttackGroup, run: AttackRun, record: AttackRecord) -> ShownExample:
    predicted, probability = _read_scores(record.scores, record.label, run.label_names)
    predicted_after, probability_after = _read_scores(record.perturbed_scores, record.label, run.label_names)
    return ShownExample(
        run.task,
        group.recipe,
        group.method,
        run.checkpoint,
        record,
        list(_fields(run, record)),
        _name(record.label, run.label_names),
        predicted,
        predicted_after,
        probability,
        probability_after,
    )


def _fields(run: AttackRun, record: AttackRecord) -> Iterator[Field]:
    for position, (name, text) in enumerate(zip(run.fields, record.texts, strict=False)):
        if record.perturbed_texts is not None and position < len(record.perturbed_texts):
            before, after = mark_changes(text, record.perturbed_texts[position])
        else:
            before, after = excerpt(text), []
        yield Field(name, name in run.protected_fields, before, after)


def _size(example: ShownExample) -> int:
    stretches = (stretch for field in example.fields for stretch in (*field.before, *field.after))
    return sum(len(visible(stretch.text)) for stretch in stretches)


def _read_scores(scores: Sequence[float] | None, label: int, names: Sequence[str]) -> tuple[str | None, float | None]:
    if not scores:
        return None, None
    return _name(scores.index(max(scores)), names), scores[label] if label < len(scores) else None


def _name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"
