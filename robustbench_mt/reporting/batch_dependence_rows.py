"""How much predictions depend on batch-mates, of classifiers that match at inference."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.reporting.naming import VictimNames
from robustbench_mt.statistics import Estimate, wilson

__all__ = ["BatchDependenceRow", "batch_dependence_row", "batch_dependence_rows"]


@dataclass(frozen=True)
class BatchDependenceRow:
    """A classifier on a split, each example alone and several times among other batch-mates.

    Attributes:
        checkpoint: its name.
        record: what the numbers are from.
        alone: accuracy where each example is classified by itself.
        changed: share of the examples that are not put in the same class in all shuffles.
    """

    checkpoint: str
    record: BatchDependenceRecord
    alone: Estimate
    changed: Estimate

    @property
    def shuffles(self) -> int:
        return len(self.record.accuracies)

    @property
    def accuracy(self) -> float:
        """Mean over the shuffles."""
        return sum(self.record.accuracies) / self.shuffles


def batch_dependence_row(record: BatchDependenceRecord, checkpoint: str = "") -> BatchDependenceRow:
    """The numbers of one record.

    Args:
        record: of one classifier.
        checkpoint: what to call that; by default as the record does.
    """
    alone = wilson(round(record.accuracy_alone * record.n), record.n)
    return BatchDependenceRow(checkpoint or record.checkpoint, record, alone, wilson(record.changed, record.n))


def batch_dependence_rows(records: Sequence[BatchDependenceRecord]) -> list[BatchDependenceRow]:
    """A row a record, in their order."""
    names = VictimNames((record.checkpoint, record.victim) for record in records)
    return [batch_dependence_row(record, names(record.checkpoint, record.victim)) for record in records]
