"""The records of how much predictions depend on batch-mates: one line a classifier that matches at inference."""

from dataclasses import dataclass
from typing import ClassVar

from robustbench_mt.records import Record

__all__ = ["BatchDependenceRecord"]


@dataclass(frozen=True)
class BatchDependenceRecord(Record):
    """The same examples, classified each alone and several times among other batch-mates.

    Attributes:
        checkpoint, victim, batch_size, temperature: the classifier that matches, its fingerprint, and how it does.
        task, split, data: what is scored; ``data`` is the split's fingerprint.
        seed: of the shuffles, which decide who shares a batch.
        n: examples.
        accuracy_alone: of ordinary inference, where an example is classified by itself.
        accuracies: one a shuffle.
        changed: of the ``n``, examples that are not put in the same class in all shuffles.
        differing: share of examples that are put in another class than alone, mean over the shuffles.
        deviation: standard deviation over the shuffles of the true class's probability, mean over the examples.
        versions: of python, torch, transformers and this package.
    """

    kind: ClassVar[str] = "batch dependence"
    file: ClassVar[str] = "batch_dependence.jsonl"

    checkpoint: str
    victim: str
    batch_size: int
    temperature: float
    task: str
    split: str
    data: str
    seed: int
    n: int
    accuracy_alone: float
    accuracies: list[float]
    changed: int
    differing: float
    deviation: float
    versions: dict[str, str]
