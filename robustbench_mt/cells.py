"""Cells: what is done once and never again. Each looks for its record first, and leaves one."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from attacks.victim import Victim
from robustbench_mt.checkpoints import read_training
from robustbench_mt.distributed import is_main_process, leave
from robustbench_mt.errors import OtherSettingsError
from robustbench_mt.evaluation import evaluate
from robustbench_mt.flat import flat
from robustbench_mt.inside import run_checkpoint
from robustbench_mt.ledger import Ledger, refuse_differences
from robustbench_mt.methods.choice import MethodChoice, parse_method
from robustbench_mt.progress import note
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import checkpoint_name, fine_tune, training_data
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["evaluate_cell", "refuse_other_evaluation", "refuse_other_training", "train_cell"]


def train_cell(
    task: Task,
    method: MethodChoice,
    settings: TrainingSettings,
    seed: int,
    out: Path,
    *,
    variant: str = "",
    allow_network: bool = False,
) -> Path:
    """Train a checkpoint below ``out`` unless it is there, and return its directory.

    Under ``accelerate launch`` all processes train, and the main one writes; at the end they leave their group.

    Raises:
        UserError: a checkpoint of the same name was made with other settings or data.
    """
    name = checkpoint_name(task.name, method, seed, variant)
    path = run_checkpoint(out, name)
    if is_main_process():
        with Ledger(out / TrainingRecord.file, TrainingRecord) as ledger:
            recorded = any(record.checkpoint == name for record in ledger.records)
            if path.exists():
                record = read_training(path)
                if record is None:
                    raise OtherSettingsError(f"{path} exists, but this package did not make it: choose another --out.")
                refuse_other_training(record, task, method, settings, seed, path)
                note(f"The checkpoint {name} is there already.")
            else:
                tuned = fine_tune(task, method, settings, seed, variant=variant, allow_network=allow_network)
                tuned.save(path)
                record = tuned.record
            # A run that was killed between the checkpoint and its line writes the line now.
            if not recorded:
                ledger.append(record)
    elif not path.exists():
        # Of several processes the main one writes; the others only train along.
        fine_tune(task, method, settings, seed, variant=variant, allow_network=allow_network)
    leave()
    return path


def refuse_other_training(
    record: TrainingRecord, task: Task, method: MethodChoice, settings: TrainingSettings, seed: int, path: Path
) -> None:
    """Raise :class:`UserError` where a checkpoint at ``path`` was made with other settings or data.

    A setting that the record lacks, because its version did not know it, had today's default.
    """
    defaults = {**asdict(TrainingSettings()), "method": parse_method(method.name).as_dict()}
    there = {**flat(defaults), **flat(record.settings), "data": record.data["train"]}
    asked = {**asdict(settings), "method": method.as_dict(), "data": training_data(task, settings, seed).fingerprint}
    refuse_differences(there, asked, f"The checkpoint {path}")


def evaluate_cell(
    victim: Victim, task: Task, split: str, out: Path | None, doubts: Sequence[str] | None = None
) -> EvaluationRecord:
    """Score a split unless its record is there, and return the record.

    Args:
        victim, task, split: what to score.
        out: the run's directory; ``None`` to keep no record.
        doubts: what to warn of, for adversarial texts; by default what a score of clean texts gives rise to.

    Raises:
        UserError: the record that is there is of another classifier of the same name, or of other data.
    """
    if out is None:
        return _evaluated(victim, task, split, doubts)
    with Ledger(out / EvaluationRecord.file, EvaluationRecord) as ledger:
        for record in ledger.records:
            if record.key == (victim.name, task.name, split):
                refuse_other_evaluation(record, victim, task, ledger.path)
                return record
        record = _evaluated(victim, task, split, doubts)
        ledger.append(record)
    for warning in record.warnings:
        note(f"Warning: {victim.name} on {task.name}: {warning}")
    return record


def refuse_other_evaluation(record: EvaluationRecord, victim: Victim, task: Task, path: Path) -> None:
    """Raise :class:`UserError` where a record in ``path`` is of another classifier of the same name, or other data."""
    refuse_differences(
        {"victim": record.victim, "data": record.data},
        {"victim": victim.fingerprint, "data": task.split(record.split).fingerprint},
        f"The evaluation of {victim.name} on {task.name} in {path}",
    )


def _evaluated(victim: Victim, task: Task, split: str, doubts: Sequence[str] | None) -> EvaluationRecord:
    record = evaluate(victim.score, victim.name, task, split, victim=victim.fingerprint)
    return record if doubts is None else replace(record, warnings=list(doubts))
