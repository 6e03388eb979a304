"""Cells that failed: one typed line each time, and one more when the cell was done after all."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from robustbench_mt.records import Record

__all__ = ["FailureRecord", "open_failures"]


@dataclass(frozen=True)
class FailureRecord(Record):
    """A cell of an experiment that ended in an exception, or one that had and was done since.

    Attributes:
        cell: its name.
        what: ``train``, ``attack``, or the curve's name.
        task, method, seed, variant, settings: of the training, as in :class:`robustbench_mt.records.TrainingRecord`,
            but for the method's own settings, which ``method`` tells.
        error: the exception's type; ``message`` its first line.
        diverged: whether the training ended with a loss or weights that are not finite: the run failed to train.
        versions: of python, torch, transformers and this package.
        time: when, as ISO 8601 in UTC.
        overcome: the cell was done since; the other fields tell of its last failure.
    """

    kind: ClassVar[str] = "failure"
    file: ClassVar[str] = "failures.jsonl"

    cell: str
    what: str
    task: str
    method: str
    seed: int
    variant: str
    settings: dict[str, Any]
    error: str
    message: str
    diverged: bool
    versions: dict[str, str]
    time: str
    overcome: bool = False


def open_failures(records: Iterable[FailureRecord]) -> dict[str, FailureRecord]:
    """The last failure of each cell that was not done since, by the cell's name.

    Args:
        records: in the order in which they were written.
    """
    last = {record.cell: record for record in records}
    return {cell: record for cell, record in last.items() if not record.overcome}
