"""What a task is: labelled texts in splits, with the names that labels and fields have."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from robustbench_mt.errors import NeedsClassesError
from robustbench_mt.registry import choose

__all__ = ["SPLITS", "Examples", "Task"]

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Examples:
    """Texts and their labels, in a fixed order.

    Attributes:
        texts: one tuple an example, one string a field.
        labels: class indices, or scores for a regression task.
    """

    texts: Sequence[tuple[str, ...]]
    labels: Sequence[int] | Sequence[float]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.labels):
            raise ValueError(f"{len(self.texts)} texts but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.texts)

    def select(self, indices: Sequence[int]) -> "Examples":
        """The examples at ``indices``, in that order."""
        return Examples([self.texts[i] for i in indices], [self.labels[i] for i in indices])

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when any text, label or the order does."""
        digest = hashlib.sha256()
        for text, label in zip(self.texts, self.labels, strict=True):
            for part in (*text, repr(label)):
                encoded = part.encode("utf-8", "surrogatepass")
                digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Task:
    """A labelled text data set.

    Attributes:
        name: what records call it.
        fields: the names of the text fields, one or two.
        label_names: names in the order of the class indices; empty for regression.
        splits: by name, those in :data:`SPLITS` and any others that the data has.
        metric: what this task's users report: a name in ``robustbench_mt.metrics.METRICS``.
        protected_fields: fields that an attack must not change, by meaning (the premise in NLI).
        source: where the data came from, for the record.
        remarks: what was done to the data that a reader of the results should know.

    Example:
        >>> task.fields, task.label_names
        (('text',), ('negative', 'positive'))
        >>> test = task.split("test")
        >>> test.texts[0], test.labels[0]
        (('the music was really terrible .',), 0)
    """

    name: str
    fields: tuple[str, ...]
    label_names: tuple[str, ...]
    splits: Mapping[str, Examples] = field(repr=False)
    metric: str = "accuracy"
    protected_fields: tuple[str, ...] = ()
    source: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_regression(self) -> bool:
        return not self.label_names

    def split(self, name: str) -> Examples:
        """The examples of a split.

        Raises:
            UserError: the task has no such split, or it is empty.
        """
        return choose(f"split of task {self.name}", name, {split: rows for split, rows in self.splits.items() if rows})

    def require_classes(self, purpose: str) -> None:
        """Raise :class:`UserError` when this is a regression task; ``purpose``, as in "attacks", needs classes."""
        if self.is_regression:
            raise NeedsClassesError(
                f"Task {self.name} is a regression task and has no classes: it can be trained and evaluated, "
                f"but not used for {purpose}. Choose a classification task (see robustbench-mt list tasks)."
            )
