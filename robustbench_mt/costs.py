"""What cells are expected to cost, from the sizes of the data; hours, once the speed of a machine is known."""

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from robustbench_mt.base_tokenizer import load_tokenizer
from robustbench_mt.calibration import Speed
from robustbench_mt.cell import Cell
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_cells import AttackCell, CurveCell, TrainCell
from robustbench_mt.inside import attack_files
from robustbench_mt.kept_in_memory import base_directory, kept, loaded_task
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import MethodChoice
from robustbench_mt.records import AttackRecord
from robustbench_mt.scoring import encode_texts
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.tasks.task import Examples
from robustbench_mt.trainer import training_data, validation_data
from robustbench_mt.training_length import training_length
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["QUERIES_A_WORD", "STAND_IN", "Cost", "cost", "queries_of", "settings_of"]

STAND_IN = "minilm"
"""The base whose tokenizer counts where the experiment's own is not here: BERT's uncased word pieces."""

QUERIES_A_WORD = {
    "deepwordbug": 1.5,
    "input-reduction": 1.7,
    "pwws": 6.7,
    "pruthi": 19.0,
    "pruthi-2": 31.5,
    "leap": 156.0,
}
"""Texts scored for each word that an attack may change: means over attacks on Rotten Tomatoes' test sentences with
checkpoints of minilm: 234 attacks with deepwordbug, 113 with input-reduction, 187 with pwws, 113 with pruthi, 9 with
pruthi-2 and 29 with leap. Victims that withstand more cost more."""

_UNKNOWN_RECIPE = 10.0
"""The same for a recipe that was not measured: between pwws and pruthi, and no more than a guess."""

_SAMPLE = 500


@dataclass(frozen=True)
class Cost:
    """What a cell is expected to take.

    Attributes:
        steps: optimizer steps.
        trained: tokens seen in training, each as often as it is seen.
        passes: time of a step over that of ``vanilla``'s, of which a forward pass is taken for a third.
        scored: tokens of the texts that are scored, in evaluation and by attacks.
    """

    steps: int
    trained: float
    passes: float
    scored: float

    def seconds(self, speed: Speed) -> float:
        """How long it takes; of an attack, the scoring alone."""
        return bool(self.steps) * speed.setup + self.trained * self.passes * speed.trained + self.scored * speed.scored


def settings_of(cell: Cell) -> TrainingSettings:
    """The settings of the training that a cell is, or whose checkpoint it attacks."""
    if isinstance(cell, AttackCell):
        return cell.target.variant.settings
    assert isinstance(cell, TrainCell | CurveCell)
    return cell.variant.settings if isinstance(cell, TrainCell) else cell.settings


def cost(cell: Cell, out: Path) -> Cost:
    """What the missing part of a cell is expected to take.

    Args:
        cell: one that is not done.
        out: the run's directory, whose records say what attacks took so far.

    Raises:
        UserError: the task's data are not here.
    """
    settings = settings_of(cell)
    if isinstance(cell, AttackCell):
        texts = cell.missing(out) * queries_of(cell, out)[0]
        return Cost(0, 0.0, 1.0, texts * _tokens_a_text(cell.task_name, cell.data, cell.plan.split, settings.base, 512))
    if isinstance(cell, CurveCell):
        point = cell.point
        return _training(cell, settings, point.method, cell.curve.training_set(point), point.seed)
    assert isinstance(cell, TrainCell)
    return _training(cell, settings, cell.choice, training_data(cell.task, settings, cell.seed), cell.seed)


def queries_of(cell: AttackCell, out: Path) -> tuple[float, bool]:
    """Texts that an attack on one example has scored, and whether the run's records say so."""
    recorded = _recorded_queries(out, cell.task.name, cell.recipe)
    if recorded is not None:
        return recorded, True
    free = [index for index, field in enumerate(cell.task.fields) if field not in cell.task.protected_fields]
    sample = _sample(cell.task.split(cell.plan.split))
    words = mean(sum(len(text[index].split()) for index in free) for text in sample)
    return QUERIES_A_WORD.get(cell.recipe, _UNKNOWN_RECIPE) * words, False


@kept()
def _recorded_queries(out: Path, task: str, recipe: str) -> float | None:
    """The mean over all attacks of a recipe on a task that a run's directory has; ``None`` where it has none."""
    paths = [path for path in attack_files(out) if (path.parent.name, path.stem) == (task, recipe)]
    records = (record for path in paths for record in read_records(path, AttackRecord))
    queries = [record.queries for record in records if record.status in ("success", "failed")]
    return mean(queries) if queries else None


def _training(cell: Cell, settings: TrainingSettings, method: MethodChoice, train: Examples, seed: int) -> Cost:
    active = method.create()
    kept = active.resample(train.labels, seed)
    examples = len(train) if kept is None else len(kept)
    batches = math.ceil(examples / settings.batch_size)
    length = training_length(batches, settings.accumulation, settings.epochs, settings.steps)
    epochs = length.passes / batches
    forward, backward = active.extra_passes
    evaluated = math.ceil(epochs) * len(validation_data(cell.task, settings)) + len(cell.task.split("test"))
    tokens = _tokens_a_text(cell.task_name, cell.data, "train", settings.base, settings.max_length)
    return Cost(length.updates, epochs * examples * tokens, (1 + forward + 2 * (1 + backward)) / 3, evaluated * tokens)


@kept()
def _tokens_a_text(task: str, data: TaskOptions, split: str, base: str, max_length: int) -> float:
    texts = _sample(loaded_task(task, data).split(split))
    return mean(len(text["input_ids"]) for text in encode_texts(_tokenizer(base), texts, max_length))


@kept()
def _tokenizer(base: str) -> Any:
    try:
        directory = base_directory(base, False)
    except UserError:
        directory = base_directory(STAND_IN, False)
    return load_tokenizer(directory)


def _sample(examples: Examples) -> list[tuple[str, ...]]:
    """At most 500 texts from all over a split."""
    return list(examples.texts[:: max(1, len(examples) // _SAMPLE)])[:_SAMPLE]
