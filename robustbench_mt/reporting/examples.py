"""Attacked examples as the page shows them: a fair choice, with the words that changed marked.

Their texts are read only when they are shown.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from robustbench_mt.records import AttackRecord, AttackRun, Status
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.attacked import STATUSES, with_status
from robustbench_mt.reporting.leaderboard_rows import CheckpointKeys
from robustbench_mt.reporting.marking import Passage, excerpt, mark_changes
from robustbench_mt.reporting.runs import AttackFile
from robustbench_mt.visible import visible

__all__ = ["DrawnExample", "Field", "ShownExample", "in_turn", "take"]


@dataclass(frozen=True)
class Field:
    """A text before and after; its ``name`` is empty where the task has no other."""

    name: str
    passages: list[Passage]

    @property
    def before(self) -> str:
        """The words before the attack, but for those left out."""
        return " ".join(passage.before for passage in self.passages if passage.kind != "left out")


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


@dataclass(frozen=True)
class DrawnExample:
    """An attacked example that may be shown; its texts are still on disk.

    Attributes:
        key: of the checkpoint.
        row: of the example, in the file's columns.
    """

    group: AttackGroup
    file: AttackFile
    key: Hashable
    row: int

    @property
    def index(self) -> int:
        """Its position in the split."""
        return int(self.file.attacked.columns[self.row]["index"])

    @property
    def status(self) -> str:
        """How the attack on it ended."""
        return STATUSES[int(self.file.attacked.columns[self.row]["status"])]

    def read(self) -> ShownExample:
        """Read its texts.

        Raises:
            UserError: its record was changed meanwhile.
        """
        return _show(self.group, self.file.run, self.key, self.file.attacked.record(self.row))


def in_turn(
    groups: Sequence[AttackGroup],
    keys: CheckpointKeys,
    statuses: Sequence[Status] = STATUSES,
    most: int | None = None,
) -> Iterator[DrawnExample]:
    """All examples, taken in turn from each checkpoint, recipe and status, so that the first n are a fair choice.

    Args:
        groups: the attacks.
        keys: of their checkpoints.
        statuses: only examples whose attack ended so.
        most: turns to take; ``None`` for all.
    """
    kinds = [
        (group, file, key, np.flatnonzero(with_status(file.attacked.columns, status))[:most])
        for group in groups
        for file in group.files
        for key in [keys(group.task, file.run.checkpoint, file.training, file.run.victim)]
        for status in statuses
    ]
    for turn in range(max((len(rows) for *_, rows in kinds), default=0)):
        for group, file, key, rows in kinds:
            if turn < len(rows):
                yield DrawnExample(group, file, key, int(rows[turn]))


def take(examples: Iterable[DrawnExample], most: int, characters: int) -> list[ShownExample]:
    """The first ``most`` examples, or those until their texts take about ``characters``."""
    taken: list[ShownExample] = []
    for drawn in examples:
        example = drawn.read()
        characters -= example.size
        if characters < 0:
            break
        taken.append(example)
        if len(taken) == most:
            break
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
        # Names that are written from right to left would be shown in the other order on either side of an arrow.
        predicted = (_name(scores.index(max(scores)), run.label_names) for scores in ends)
        yield f"classified as {', then as '.join(predicted)}"
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
