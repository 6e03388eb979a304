"""A run's attacks on disk: files of records, each with the settings that its lines share beside it."""

from collections.abc import Iterator
from pathlib import Path

from robustbench_mt.errors import NothingToDoError
from robustbench_mt.inside import attack_files
from robustbench_mt.ledger import read_record, read_records
from robustbench_mt.records import AttackRecord, AttackRun

__all__ = ["attack_runs", "some_attack_runs"]


def attack_runs(directory: Path) -> Iterator[tuple[Path, AttackRun]]:
    """The files below a run's ``attacks`` that have a record, sorted, each with its settings.

    A run that was killed before its first record may have left a file without settings, which is passed over.

    Raises:
        UserError: a link leads out of the directory, or a file cannot be read.
    """
    for path in attack_files(directory):
        if next(read_records(path, AttackRecord), None) is not None:
            yield path, read_record(path.with_suffix(".settings.json"), AttackRun)


def some_attack_runs(directory: Path) -> list[tuple[Path, AttackRun]]:
    """As :func:`attack_runs`, of which there must be at least one.

    Raises:
        UserError: as there; or there is none.
    """
    runs = list(attack_runs(directory))
    if not runs:
        raise NothingToDoError(f"{directory} has no attacks: name a directory that attack or run has written.")
    return runs
