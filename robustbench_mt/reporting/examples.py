"""Attacked examples as the page shows them: a fair choice, with the words that changed marked."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from robustbench_mt.records import AttackRecord, AttackRun
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.leaderboard_rows import CheckpointKeys
from robustbench_mt.reporting.marking import Passage, excerpt, mark_changes
from robustbench_mt.visible import visible

__all__ = ["STATUSES", "Field", "ShownExample", "in_turn", "take"]

STATUSES = ("success", "failed", "skipped", "error")


@dataclass(frozen=True)
class Field:
    """A text before and after; its ``name`` is empty where the task has no other."""

    name: str
    passages: list[Passage]


@dataclass(frozen=True)
class ShownExample:
    """An attacked example.

    Attributes:
        recipe, method: as the report calls them.
        key: of the checkpoint, see :class:`~robustbench_mt.reporting.leaderboard_rows.CheckpointKeys`.
        index: the example's position in the split.
        about: lines on its classes, scores and cost.
        untouched: why there is no text after the attack; empty where there is one.
    """

    task: str
    recipe: str
    method: str
    key: Hashable
    index: int
    status: str
    about: list[str]
    fields: list[Field]
    untouched: str

    @property
    def size(self) -> int:
        """About how many characters its texts take."""
        passages = (passage for field in self.fields for passage in field.passages)
        return sum(len(visible(passage.before)) + len(visible(passage.after)) for passage in passages)


def in_turn(groups: Sequence[AttackGroup], keys: CheckpointKeys) -> Iterator[ShownExample]:
    """All examples, taken in turn from each checkpoint, recipe and status, so that the first n are a fair choice."""
    kinds = [
        [(group, file.run, key, record) for record in file.records if record.status == status]
        for group in groups
        for file in group.files
        for key in [keys(group.task, file.run.checkpoint, file.training, file.run.victim)]
        for status in STATUSES
    ]
    for turn in zip_longest(*kinds):
        for drawn in turn:
            if drawn is not None:
                yield _show(*drawn)


def take(examples: Iterable[ShownExample], most: int, characters: int) -> list[ShownExample]:
    """The first ``most`` examples, or those until their texts take about ``characters``."""
    taken: list[ShownExample] = []
    for example in examples:
        characters -= example.size
        if len(taken) == most or characters < 0:
            break
        taken.append(example)
    return taken


def _show(group: AttackGroup, run: AttackRun, key: Hashable, record: AttackRecord) -> ShownExample:
    return ShownExample(
        run.task,
        group.recipe,
        group.method,
        key,
        record.index,
        record.status,
        about=list(_about(run, record)),
        fields=list(_fields(run, record)),
        untouched="" if record.perturbed_texts is not None else record.message or "not changed",
    )


def _about(run: AttackRun, record: AttackRecord) -> Iterator[str]:
    yield f"{run.task}, {run.checkpoint}, example {record.index}, seed {record.seed}"
    ends = [scores for scores in (record.scores, record.perturbed_scores) if scores]
    probabilities = [f"{scores[record.label]:.3f}" for scores in ends if record.label < len(scores)]
    told = f": probability {' → '.join(probabilities)}" if probabilities else ""
    yield f"true class {_name(record.label, run.label_names)}{told}"
    if ends:
        predicted = (_name(scores.index(max(scores)), run.label_names) for scores in ends)
        yield f"classified as {' → '.join(predicted)}"
    if record.status in ("success", "failed"):
        ended = f"; ended by the budget of {record.ended_by}" if record.ended_by else ""
        yield f"{record.words_changed} of {record.words} words, {record.queries} queries{ended}"


def _fields(run: AttackRun, record: AttackRecord) -> Iterator[Field]:
    afters = record.texts if record.perturbed_texts is None else record.perturbed_texts
    for name, before, after in zip(run.fields, record.texts, afters, strict=False):
        shown = f"{name} (protected)" if name in run.protected_fields else name
        passages = excerpt(before) if before == after else mark_changes(before, after)
        yield Field(shown if len(run.fields) > 1 else "", passages)


def _name(label: int, names: Sequence[str]) -> str:
    return names[label] if 0 <= label < len(names) else f"class {label}"
