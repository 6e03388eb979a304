"""One row a checkpoint: all that the records say of it."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from robustbench_mt.curve_records import DEFAULT_PROTOCOL, ImbalanceRecord
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.attack_rows import AttackRow
from robustbench_mt.reporting.naming import MethodNames
from robustbench_mt.reporting.runs import AttackFile, Runs
from robustbench_mt.reporting.seed_rows import pooled_metric, static_set
from robustbench_mt.reporting.worst_case_rows import WORST_CASE
from robustbench_mt.statistics import Estimate, wilson
from robustbench_mt.tasks.glue_scores import score_metrics
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["RATIO", "CheckpointKeys", "LeaderboardRow", "checkpoint_scores", "leaderboard_rows"]

RATIO = 10.0
"""Majority to minority at which the leaderboard tells the minority's F1."""

# Of the splits that a checkpoint was evaluated on, the first of these that there is gives its clean scores.
_SPLITS = ("test", "validation")


@dataclass(frozen=True)
class LeaderboardRow:
    """A checkpoint on a task.

    Attributes:
        key: tells it from all others, see :class:`CheckpointKeys`.
        method: as the report calls it; empty for a checkpoint from elsewhere, as is ``training``.
        evaluations: on this task, static sets among them.
        attacks: one a recipe, and the worst case over recipes; without recipes that keep the label.
        files: the attacks' records, of all recipes.
        minority_f1: of a training of its own, by the same method, settings and seed, on the task at :data:`RATIO`.
    """

    key: Hashable
    task: str
    checkpoint: str
    method: str
    training: TrainingRecord | None
    evaluations: list[EvaluationRecord] = field(default_factory=list)
    attacks: list[AttackRow] = field(default_factory=list)
    files: list[AttackFile] = field(default_factory=list)
    minority_f1: Estimate | None = None

    @property
    def seed(self) -> int | None:
        return self.training.seed if self.training else None

    @property
    def clean(self) -> dict[str, Estimate]:
        """The metrics that are the task's score; of the attacked examples where there was no evaluation."""
        record = self._evaluation
        if record is not None:
            names = score_metrics(record.task, record.metrics)
            return {name: estimate for name, estimate in checkpoint_scores(record).items() if name in names}
        return {"accuracy": max((row.clean_accuracy for row in self.attacks), key=_n)} if self.attacks else {}

    @property
    def split(self) -> str:
        """Of the clean scores."""
        if self._evaluation is not None:
            return self._evaluation.split
        return f"{self.files[0].run.split}, attacked examples" if self.attacks else ""

    @property
    def under_attack(self) -> dict[str, Estimate]:
        """The accuracy left, by recipe."""
        return {row.recipe: row.accuracy_under_attack for row in self.attacks}

    @property
    def steps(self) -> int | None:
        """Optimizer steps of the training."""
        return int(self.training.history[-1]["step"]) if self.training and self.training.history else None

    @property
    def seconds_per_step(self) -> float | None:
        """Wall time of the training, evaluation on validation examples included, over its steps."""
        return self.training.seconds / self.steps if self.training and self.steps else None

    @property
    def _evaluation(self) -> EvaluationRecord | None:
        clean = [record for record in self.evaluations if not static_set(record.split)]
        order = [split for split in _SPLITS if any(record.split == split for record in clean)]
        return next((record for record in clean if not order or record.split == order[0]), None)


class CheckpointKeys:
    """What tells checkpoints apart: two trainings may share a name, and one checkpoint may be used on several tasks.

    Args:
        runs: all records.
    """

    def __init__(self, runs: Runs) -> None:
        made = [(training.task, training) for training in runs.trainings]
        made += [(each.record.task, each.training) for each in runs.evaluations if each.training]
        made += [(file.run.task, file.training) for file in runs.attacks if file.training]
        self._methods = MethodNames(made)

    def __call__(self, task: str, checkpoint: str, training: TrainingRecord | None, victim: str) -> Hashable:
        """The key of a checkpoint on a task; its fingerprint ``victim`` tells only where its training is unknown."""
        made = (victim,) if training is None else (self._methods(task, training), training.seed)
        return task, checkpoint, *made

    def method(self, task: str, training: TrainingRecord | None) -> str:
        """The method's name; empty for a checkpoint from elsewhere."""
        return self._methods(task, training) if training else ""


def leaderboard_rows(
    runs: Runs, keys: CheckpointKeys, by_checkpoint: Sequence[tuple[AttackFile, AttackRow]]
) -> list[LeaderboardRow]:
    """Rows by task, the checkpoint that stands best in the worst case first; without one, the best clean score.

    Args:
        runs: all records.
        keys: made from them.
        by_checkpoint: each attack on a checkpoint with its row, and the worst case's.
    """
    rows: dict[Hashable, LeaderboardRow] = {}

    def row_of(task: str, checkpoint: str, training: TrainingRecord | None, victim: str) -> LeaderboardRow:
        key = keys(task, checkpoint, training, victim)
        if key not in rows:
            minority_f1 = _minority_f1(task, training, runs.imbalance) if training else None
            method = keys.method(task, training)
            rows[key] = LeaderboardRow(key, task, checkpoint, method, training, minority_f1=minority_f1)
        return rows[key]

    for training in runs.trainings:
        row_of(training.task, training.checkpoint, training, "")
    for each in runs.evaluations:
        row = row_of(each.record.task, each.record.checkpoint, each.training, each.record.victim)
        row.evaluations.append(each.record)
    for file in runs.attacks:
        row_of(file.run.task, file.run.checkpoint, file.training, file.run.victim).files.append(file)
    for file, attack in by_checkpoint:
        row_of(file.run.task, file.run.checkpoint, file.training, file.run.victim).attacks.append(attack)
    return sorted(rows.values(), key=_rank)


def checkpoint_scores(record: EvaluationRecord) -> dict[str, Estimate]:
    """A checkpoint's metrics: accuracy with its Wilson interval, the others with the record's over examples."""
    scores = {}
    for name, value in record.metrics.items():
        if name == "accuracy" and value is not None:
            scores[name] = wilson(round(value * record.n), record.n)
        else:
            scores[name] = pooled_metric([record], name)
    return scores


def _minority_f1(task: str, training: TrainingRecord, points: Sequence[ImbalanceRecord]) -> Estimate | None:
    """Of the only point that fits, or whose curve had as many examples; where several do, none is this checkpoint's."""
    fitting = [
        point
        for point in points
        if (point.level, point.share, point.protocol, point.control) == (RATIO, None, DEFAULT_PROTOCOL, False)
        and (point.task, point.method, point.seed, point.base) == (task, training.method, training.seed, training.base)
        and _learnt_with(point) == _learnt_with(training)
    ]
    if len(fitting) > 1:
        size = training.settings.get("train_examples")
        fitting = [point for point in fitting if point.settings.get("train_examples") == size]
    return pooled_metric(fitting, "minority_f1") if len(fitting) == 1 else None


def _learnt_with(trained: TrainingRecord | ImbalanceRecord) -> Mapping[str, Any]:
    """The settings that two trainings must share for one to stand for the other on another training set."""
    # A setting that an older version did not know had its default.
    settings = {**asdict(TrainingSettings()), "method": {"name": trained.method}, **trained.settings}
    # What is trained on differs anyway; compiling changes the time that it takes.
    without = {"base", "train_examples", "compile"}
    if settings["keep"] == "last":
        # Nothing is chosen by them.
        without.add("validation_examples")
    return {name: value for name, value in settings.items() if name not in without}


def _rank(row: LeaderboardRow) -> tuple[str, float, float, str]:
    worst = [attack.accuracy_under_attack for attack in row.attacks if attack.recipe.startswith(WORST_CASE)]
    under = worst or list(row.under_attack.values())
    return row.task, -_least(under), -_least(row.clean.values()), row.checkpoint


def _least(estimates: Iterable[Estimate]) -> float:
    return min((each.value for each in estimates if each.value is not None), default=-2.0)


def _n(estimate: Estimate) -> int:
    return estimate.n
