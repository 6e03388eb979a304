"""Attacked examples without their texts: 69 bytes each, so that a million fit in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.ledger import read_places, read_record_at
from robustbench_mt.records import NOT_ATTACKED, AttackRecord, Status

__all__ = ["ENDINGS", "STATUSES", "Attacked", "Columns", "counted", "read_attacked", "stands", "tried", "with_status"]

STATUSES: tuple[Status, ...] = get_args(Status)
ENDINGS = ("queries", "seconds", "words")
"""The budgets that end an attack."""

_COLUMNS = np.dtype(
    [
        ("index", np.int64),
        ("status", np.uint8),  # its position in STATUSES
        ("scored", np.bool_),  # whether the classifier was asked before the attack
        ("correct", np.bool_),  # whether it was right then
        ("untried", np.bool_),  # whether it was skipped for another reason than being misclassified
        ("queries", np.int64),
        ("words", np.int64),
        ("words_changed", np.int64),
        ("ended_by", np.uint8),  # 0 for no budget, or one more than its position in ENDINGS
        ("candidates", np.int64),
        ("candidates_kept", np.int64),
        # Positions in the lists of Attacked, and the line's place in its file.
        ("fallbacks", np.uint32),
        ("path", np.uint32),
        ("place", np.int64),
    ]
)

Columns = NDArray[np.void]
"""A row an example, whose fields are called as those of the record; ``columns["queries"]`` is a column."""


@dataclass(frozen=True)
class Attacked:
    """Attacked examples.

    Attributes:
        columns: a row an example, each once, by position in the split.
        fallbacks: the lists of what stood in for missing resources that the records have.
        paths: the files of the records.
    """

    columns: Columns
    fallbacks: tuple[tuple[str, ...], ...]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.columns)

    def record(self, row: int) -> AttackRecord:
        """Read an example's record again, with its texts.

        Raises:
            UserError: the file was changed meanwhile.
        """
        path, place = self.columns[row]["path"], int(self.columns[row]["place"])
        return read_record_at(self.paths[path], place, AttackRecord)

    def fallback_counts(self) -> "Counter[tuple[str, ...]]":
        """How many examples have each list of what stood in, in the order in which they first appear."""
        codes, first, counts = np.unique(self.columns["fallbacks"], return_index=True, return_counts=True)
        found: Counter[tuple[str, ...]] = Counter()
        for each in np.argsort(first):
            # Of files that were merged, each has its own lists.
            found[self.fallbacks[codes[each]]] += int(counts[each])
        return found

    @property
    def stood_in(self) -> list[str]:
        """What stood in for missing resources, each once."""
        return list(dict.fromkeys(fallback for used in self.fallback_counts() for fallback in used))

    def and_later(self, later: "Attacked") -> "Attacked":
        """These examples and later ones; those that are in both count once, as the later ones tell of them."""
        moved = later.columns.copy()
        moved["fallbacks"] += len(self.fallbacks)
        moved["path"] += len(self.paths)
        columns = _latest(np.concatenate([self.columns, moved]))
        return Attacked(columns, self.fallbacks + later.fallbacks, self.paths + later.paths)


def read_attacked(path: Path) -> Attacked:
    """Read a file of attack records, one at a time; of several of one example the last one counts.

    Raises:
        UserError: a line is not such a record; file and line are named.
    """
    fallbacks: dict[tuple[str, ...], int] = {}
    columns = np.fromiter(_rows(read_places(path, AttackRecord), fallbacks), _COLUMNS)
    return Attacked(_latest(columns), tuple(fallbacks), (path,))


def with_status(columns: Columns, *statuses: Status) -> NDArray[np.bool_]:
    """Which examples ended in one of these."""
    return np.isin(columns["status"], [STATUSES.index(status) for status in statuses])


def tried(columns: Columns) -> NDArray[np.bool_]:
    """Which examples were attacked, with an outcome."""
    return with_status(columns, "success", "failed")


def counted(columns: Columns) -> NDArray[np.bool_]:
    """Which examples count in n.

    One whose attack ended in an error, or that could not be tried (too long, no word that may change), withstood
    nothing: counting it would flatter the classifier, and counting it only where it was misclassified would do the
    opposite.
    """
    left_out: NDArray[np.bool_] = with_status(columns, "error") | columns["untried"]
    return ~left_out


def stands(columns: Columns) -> NDArray[np.bool_]:
    """Which examples are classified correctly after the attack."""
    correct: NDArray[np.bool_] = columns["correct"] & ~with_status(columns, "success")
    return correct


def _rows(
    records: Iterable[tuple[int, AttackRecord]], fallbacks: dict[tuple[str, ...], int]
) -> Iterator[tuple[Any, ...]]:
    statuses = {status: code for code, status in enumerate(STATUSES)}
    endings = {ending: code for code, ending in enumerate(("", *ENDINGS))}
    for place, record in records:
        scores, was_tried = record.scores, record.status in ("success", "failed")
        correct = was_tried if scores is None else scores.index(max(scores)) == record.label
        yield (
            record.index,
            statuses[record.status],
            scores is not None or was_tried,
            correct,
            record.status == "skipped" and (correct or record.message.startswith(NOT_ATTACKED)),
            record.queries,
            record.words,
            record.words_changed,
            endings[record.ended_by],
            record.candidates,
            record.candidates_kept,
            fallbacks.setdefault(tuple(record.fallbacks), len(fallbacks)),
            0,
            place,
        )


def _latest(columns: Columns) -> Columns:
    """The last row of each example, by position in the split."""
    ordered = columns[np.argsort(columns["index"], kind="stable")]
    last: Columns = ordered[np.append(ordered["index"][1:] != ordered["index"][:-1], True)[: len(ordered)]]
    return last
