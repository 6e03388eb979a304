"""Reading run directories, and knowing which training a checkpoint's name stands for."""

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from robustbench_mt.attack_runs import attack_runs
from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.curve_records import CurveRecord, ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.errors import BadRecordError, NotFoundError, NothingToDoError
from robustbench_mt.failure_records import FailureRecord
from robustbench_mt.inside import inside
from robustbench_mt.ledger import read_records
from robustbench_mt.paths import is_directory
from robustbench_mt.records import AttackRun, EvaluationRecord, Record, TrainingRecord, TransferRecord
from robustbench_mt.reporting.attacked import Attacked, read_attacked
from robustbench_mt.reporting.naming import attack_setting

__all__ = ["AttackFile", "Evaluated", "Runs", "Transferred", "read_runs"]

T = TypeVar("T")
R = TypeVar("R", bound=Record)
C = TypeVar("C", bound=CurveRecord)


@dataclass(frozen=True)
class AttackFile:
    """One recipe against one checkpoint.

    Attributes:
        run: the settings that stand beside the records.
        attacked: what the records say.
        training: how the checkpoint was made; ``None`` for one from elsewhere.
    """

    run: AttackRun
    attacked: Attacked
    training: TrainingRecord | None


@dataclass(frozen=True)
class Evaluated:
    """A checkpoint's scores with how it was made (``None`` for one from elsewhere)."""

    record: EvaluationRecord
    training: TrainingRecord | None


@dataclass(frozen=True)
class Transferred:
    """An entry of a transfer matrix.

    Attributes:
        source, target: how its two checkpoints were made; ``None`` for one from elsewhere.
        attack: that found the texts; ``None`` where its directory has it no longer.
    """

    record: TransferRecord
    source: TrainingRecord | None
    target: TrainingRecord | None
    attack: AttackRun | None


@dataclass(frozen=True)
class Runs:
    """All records of one or more run directories, sorted; what stands in two of them counts once.

    Attributes:
        names: the directories' names, without where they lie on this machine.
        tuned_on: how the experiments and their parts say that their settings were chosen, one text each.
        failures: the last one of each cell of an experiment that was not done since.
    """

    names: list[str]
    trainings: list[TrainingRecord]
    evaluations: list[Evaluated]
    attacks: list[AttackFile]
    transfers: list[Transferred]
    imbalance: list[ImbalanceRecord]
    tuned_on: list[str]
    label_noise: list[LabelNoiseRecord]
    batch_dependence: list[BatchDependenceRecord]
    failures: list[FailureRecord]


@dataclass(frozen=True)
class _Directory:
    path: Path
    trainings: dict[str, TrainingRecord]
    evaluations: list[EvaluationRecord]
    attacks: list[tuple[AttackRun, Attacked]]
    transfers: list[TransferRecord]
    imbalance: list[ImbalanceRecord]
    label_noise: list[LabelNoiseRecord]
    batch_dependence: list[BatchDependenceRecord]
    failures: list[FailureRecord]


def read_runs(paths: Sequence[Path]) -> Runs:
    """Read and merge run directories.

    A checkpoint is looked up in its own directory first, because two runs may use one name for different trainings.
    Attacks with equal settings are one attack: examples that stand in both count once, the later directory's.

    Raises:
        UserError: no directory is given, one does not exist or has no record, or a record cannot be read.
    """
    if not paths:
        raise NothingToDoError("No run directory is given: name at least one.")
    directories = [_read(path) for path in paths]
    evaluations: dict[Hashable, Evaluated] = {}
    attacks: dict[Hashable, AttackFile] = {}
    transfers: dict[Hashable, Transferred] = {}
    for directory in directories:
        for record in directory.evaluations:
            training = _training(record.checkpoint, directory, directories)
            which = (record.checkpoint, training and _made(training), record.task, record.split)
            evaluations[which] = Evaluated(record, training)
        for run, attacked in directory.attacks:
            # As for a resumed run, versions and warnings may differ.
            key = repr(replace(run, versions={}, warnings=[]))
            before = attacks.get(key)
            warnings = [*(before.run.warnings if before else []), *run.warnings]
            attacks[key] = AttackFile(
                replace(run, warnings=list(dict.fromkeys(warnings))),
                before.attacked.and_later(attacked) if before else attacked,
                (before and before.training) or _training(run.checkpoint, directory, directories),
            )
        for entry in directory.transfers:
            source, target = (_training(name, directory, directories) for name in (entry.source, entry.target))
            transferred = Transferred(entry, source, target, _attack(entry, directory))
            transfers[_transfer(transferred)] = transferred
    trainings = _latest((t for d in directories for t in d.trainings.values()), key=_made)
    imbalance = _latest((point for d in directories for point in d.imbalance), key=_cell)
    label_noise = _latest((point for d in directories for point in d.label_noise), key=_cell)
    dependence = _latest((record for d in directories for record in d.batch_dependence), key=_shuffled)
    return Runs(
        names=list(dict.fromkeys(path.resolve().name for path in paths)),
        trainings=sorted(trainings, key=lambda t: (t.task, t.method, t.seed, t.checkpoint)),
        evaluations=sorted(evaluations.values(), key=lambda e: (e.record.checkpoint, e.record.task, e.record.split)),
        attacks=sorted(attacks.values(), key=lambda a: (a.run.task, a.run.recipe, a.run.checkpoint, a.run.victim)),
        transfers=sorted(transfers.values(), key=lambda t: (_entry(t.record), t.record.split, t.record.data)),
        imbalance=sorted(imbalance, key=_cell),
        tuned_on=list(dict.fromkeys(told for directory in directories for told in _tuned_on(directory.path))),
        label_noise=sorted(label_noise, key=_cell),
        batch_dependence=sorted(dependence, key=_shuffled),
        failures=_open_failures([failure for directory in directories for failure in directory.failures]),
    )


def _read(path: Path) -> _Directory:
    if not is_directory(path):
        raise NotFoundError(
            f"There is no run directory {path}: name one that train, attack, imbalance or run has written."
        )

    def lines(record_type: type[R]) -> Iterator[R]:
        return read_records(inside(path, record_type.file), record_type)

    directory = _Directory(
        path,
        {record.checkpoint: record for record in lines(TrainingRecord)},
        list(lines(EvaluationRecord)),
        [(run, read_attacked(file)) for file, run in attack_runs(path)],
        _latest(lines(TransferRecord), key=_entry),
        _with_sizes(path, list(lines(ImbalanceRecord))),
        _with_sizes(path, list(lines(LabelNoiseRecord))),
        list(lines(BatchDependenceRecord)),
        list(lines(FailureRecord)),
    )
    records = (value for name, value in vars(directory).items() if name not in ("path", "failures"))
    if not any(records):
        raise NothingToDoError(
            f"{path} has no records: name a directory that train, attack, imbalance or run has written."
        )
    return directory


def _with_sizes(directory: Path, points: Sequence[C]) -> list[C]:
    """Curves' points with the number of training examples that was asked for.

    Earlier versions wrote it beside the records alone, and two curves that differ in nothing else are not one.
    """
    asked = {
        point.task: _beside(inside(directory, f"{Path(point.file).stem}.{point.task}.settings.json"))
        for point in points
        if point.settings.get("train_examples") is None
    }
    return [
        replace(point, settings={**point.settings, "train_examples": size})
        if point.settings.get("train_examples") is None
        and isinstance(size := asked[point.task].get("train_examples"), int)
        else point
        for point in points
    ]


def _open_failures(failures: Sequence[FailureRecord]) -> list[FailureRecord]:
    """The last of each cell, unless it was done since, in a copy of the run perhaps."""
    in_time = sorted(failures, key=lambda failure: (failure.time, failure.overcome))
    last = _latest(in_time, key=lambda failure: (failure.cell, repr(failure.settings)))
    return [failure for failure in last if not failure.overcome]


def _tuned_on(directory: Path) -> list[str]:
    """What the directory's experiment and its parts say of it; nothing for a directory that no experiment made."""
    content = _beside(inside(directory, "experiment.json"))
    parts = content.get("parts")
    told = [content, *(parts.values() if isinstance(parts, dict) else ())]
    return [str(part["tuned_on"]) for part in told if isinstance(part, dict) and part.get("tuned_on")]


def _beside(path: Path) -> dict[str, Any]:
    """What a file beside the records holds; nothing where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadRecordError(f"{path} cannot be read: {error}.") from None
    return content if isinstance(content, dict) else {}


def _training(checkpoint: str, home: _Directory, directories: Sequence[_Directory]) -> TrainingRecord | None:
    """The checkpoint's training in its own directory, else the only one of that name elsewhere."""
    if checkpoint in home.trainings:
        return home.trainings[checkpoint]
    elsewhere = _latest((d.trainings[checkpoint] for d in directories if checkpoint in d.trainings), key=_made)
    return elsewhere[0] if len(elsewhere) == 1 else None


def _made(training: TrainingRecord) -> str:
    """What tells a training from another; a repetition of it, on another machine perhaps, counts once."""
    return repr((training.checkpoint, training.task, training.base, training.seed, training.settings))


def _attack(entry: TransferRecord, home: _Directory) -> AttackRun | None:
    """The attack that found an entry's texts, which lies beside it."""
    found = (entry.source, entry.task, entry.recipe, entry.split, entry.data)
    runs = (run for run, _ in home.attacks)
    return next((run for run in runs if (run.checkpoint, run.task, run.recipe, run.split, run.data) == found), None)


def _transfer(transferred: Transferred) -> Hashable:
    """What tells an entry from those of other directories."""
    record, source, target = transferred.record, transferred.source, transferred.target
    ends = _made(source) if source else record.attacked, _made(target) if target else record.victim
    return _entry(record), attack_setting(transferred.attack or record), ends


def _entry(record: TransferRecord) -> tuple[str, ...]:
    return record.task, record.recipe, record.source, record.target


def _shuffled(record: BatchDependenceRecord) -> tuple[str | int, ...]:
    what = record.task, record.split, record.data, record.checkpoint, record.victim
    return *what, len(record.accuracies), record.seed


def _cell(point: CurveRecord) -> tuple[str | float, ...]:
    return (point.task, *point.identity, *point.key, point.base, repr(point.settings))


def _latest(records: Iterable[T], key: Callable[[T], Hashable]) -> list[T]:
    """The last record of each key, in the order in which the keys first appear."""
    return list({key(record): record for record in records}.values())
