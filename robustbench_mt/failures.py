"""Failures of a run's cells: a typed record of each, and its traceback in a file of its own."""

import hashlib
import re
import traceback
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from robustbench_mt.cell import Cell
from robustbench_mt.errors import DivergenceError
from robustbench_mt.failure_records import FailureRecord, open_failures
from robustbench_mt.inside import inside
from robustbench_mt.ledger import Ledger, make_directory, write_atomically
from robustbench_mt.tasks import task_slug
from robustbench_mt.versions import versions
from robustbench_mt.wording import first_line

__all__ = ["Failures", "log_path"]


class Failures:
    """The failures of a run's directory, open for writing; no other run of the directory can be under way meanwhile.

    Args:
        out: the run's directory.

    Raises:
        UserError: see :class:`robustbench_mt.ledger.Ledger`.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._ledger = Ledger(out / FailureRecord.file, FailureRecord)

    @property
    def open(self) -> dict[str, FailureRecord]:
        """The last failure of each cell that was not done since, by the cell's name."""
        return open_failures(self._ledger.records)

    def add(self, cell: Cell, error: Exception) -> FailureRecord:
        """Record that a cell has failed."""
        record = FailureRecord(
            cell=cell.name,
            what=cell.what,
            task=task_slug(cell.task_name),
            **cell.training,
            error=type(error).__name__,
            message=first_line(error),
            diverged=isinstance(error, DivergenceError),
            versions=versions("torch", "transformers"),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        path = log_path(self._out, cell.name)
        make_directory(path.parent)
        write_atomically(path, f"{record.time}\n{''.join(traceback.format_exception(error))}")
        self._ledger.append(record)
        return record

    def overcome(self, cell: Cell) -> None:
        """Record that a cell that failed was done since."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._ledger.append(replace(self.open[cell.name], overcome=True, time=now))

    def __enter__(self) -> "Failures":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ledger.__exit__(kind, error, trace)


def log_path(out: Path, cell: str) -> Path:
    """Where the traceback of a cell's last failure is."""
    safe = re.sub(r"[^A-Za-z0-9._=-]+", "_", cell)[:120]
    return inside(out, "failures", f"{safe}-{hashlib.sha256(cell.encode()).hexdigest()[:8]}.log")
