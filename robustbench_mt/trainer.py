"""Fine-tuning: a task, a method and a seed become a model and the record of how it was made."""

import hashlib
import math
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import EvalPrediction, PreTrainedModel, PreTrainedTokenizerBase, set_seed

from robustbench_mt.base_model import load_base
from robustbench_mt.bases import find_base
from robustbench_mt.checkpoints import save_checkpoint
from robustbench_mt.collation import Collator, Padding
from robustbench_mt.correlations import CORRELATIONS
from robustbench_mt.distributed import shared_scratch
from robustbench_mt.errors import DiskFullError, DivergenceError, TooFewExamplesError
from robustbench_mt.method_trainer import MethodTrainer, training_arguments
from robustbench_mt.methods.choice import MethodChoice
from robustbench_mt.methods.method import Method
from robustbench_mt.metrics import classification_metrics
from robustbench_mt.paths import AnyPath
from robustbench_mt.quiet import quiet_libraries
from robustbench_mt.records import TrainingRecord
from robustbench_mt.scoring import length_limit
from robustbench_mt.seeds import checked_seed
from robustbench_mt.system_errors import is_full, system_error
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.tokenized import tokenized
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.versions import versions

__all__ = ["FineTuned", "checkpoint_name", "fine_tune", "shown_examples", "training_data", "validation_data"]

# A classifier that is evaluated or attacked is called by as many characters of its directory's name.
_LONGEST_NAME = 100


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned classifier in memory."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    record: TrainingRecord

    def save(self, path: AnyPath) -> None:
        """Write an ordinary Hugging Face directory with ``training.json``, whole or not at all."""
        save_checkpoint(Path(path), self.model, self.tokenizer, self.record)


def checkpoint_name(task: str, method: MethodChoice, seed: int, variant: str = "") -> str:
    """What records and directories call a checkpoint; safe as a file name.

    Of a name of more than 100 characters there remain the first 91, and 8 hexadecimal digits of the SHA-256 of it all.
    """
    name = "-".join(filter(None, (task, method.slug, f"seed{seed}", re.sub(r"[^A-Za-z0-9.]+", "_", variant))))
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def fine_tune(
    task: Task,
    method: MethodChoice,
    settings: TrainingSettings,
    seed: int = 0,
    *,
    train: Examples | None = None,
    variant: str = "",
    allow_network: bool = False,
) -> FineTuned:
    """Fine-tune a base on a task.

    Two runs with the same arguments on the same machine give the same weights, bit for bit.

    Args:
        task: what to learn.
        method: how.
        settings: everything else.
        seed: of the head's initial weights, the order of the examples, and dropout.
        train: train on these instead of the task's training split.
        variant: what an experiment calls the settings that it varies, for the record.
        allow_network: download the base when it is a hub id.

    Raises:
        UserError: the base is missing, the method does not fit its architecture or the task, or the training diverged.

    Example:
        >>> tuned = fine_tune(task, parse_method("match"), settings, seed=0)
        >>> tuned.record.checkpoint
        'toy-match-seed0'
        >>> tuned.save(out / tuned.record.checkpoint)
    """
    checked_seed(seed)
    if method.needs_classes:
        task.require_classes(f"the method {method.name}")
    if train is None:
        train = training_data(task, settings, seed)
    validation = validation_data(task, settings)
    base = find_base(settings.base, allow_network)
    quiet_libraries()
    set_seed(seed)
    model, tokenizer = load_base(base, task)
    active = method.create()
    shown = shown_examples(train, active, seed)
    model = active.adapt(model)
    max_length = min(settings.max_length, length_limit(model.config, tokenizer))
    with shared_scratch() as scratch:
        trainer = MethodTrainer(
            active,
            f"train {task.name} {method.spec} seed {seed}",
            model=model,
            args=training_arguments(settings, seed, scratch, task.metric),
            train_dataset=tokenized(tokenizer, shown, max_length),
            eval_dataset=tokenized(tokenizer, validation, max_length),
            data_collator=Collator(Padding.of(model, tokenizer)),
            compute_metrics=_compute_metrics(task),
        )
        seconds = _fit(trainer, scratch)
        history = _history(trainer.state.log_history)
    model = active.restore(trainer.model).eval()
    if _diverged(model, trainer.state.log_history):
        raise DivergenceError(
            f"The training of {method.spec} on {task.name} diverged, its loss or weights are not finite: "
            f"give a --learning-rate below {settings.learning_rate:g}."
        )
    record = TrainingRecord(
        checkpoint=checkpoint_name(task.name, method, seed, variant),
        task=task.name,
        base=settings.base,
        method=method.spec,
        seed=seed,
        label_names=list(task.label_names),
        settings={**asdict(settings), "method": method.as_dict()},
        data={
            "source": task.source,
            "remarks": list(task.remarks),
            "train": train.fingerprint,
            "train_examples": len(train),
            **({} if shown is train else {"resampled_examples": len(shown)}),
            "validation": validation.fingerprint,
            "validation_examples": len(validation),
        },
        history=history,
        seconds=round(seconds, 3),
        versions=versions("torch", "transformers"),
        variant=variant,
        temperature=active.temperature,
        matching=active.trace,
    )
    return FineTuned(model, tokenizer, record)


def _fit(trainer: MethodTrainer, scratch: Path) -> float:
    """Train, and give the wall time in seconds."""
    started = time.monotonic()
    try:
        trainer.fit()
    except Exception as error:
        # With keep=best the weights of the best epoch so far are kept there.
        if (problem := system_error(error)) is None or not is_full(problem):
            raise
        message = f"Cannot keep the best epoch in {scratch} ({problem.strerror}): make room, or set TMPDIR."
        raise DiskFullError(message) from None
    return time.monotonic() - started


def training_data(task: Task, settings: TrainingSettings, seed: int) -> Examples:
    """What a checkpoint is trained on: the training split, or as many of its examples as asked for.

    Raises:
        UserError: there are not as many.
    """
    examples = task.split("train")
    if settings.train_examples is None:
        return examples
    if settings.train_examples > len(examples):
        raise TooFewExamplesError(
            f"train_examples is {settings.train_examples}, but {task.name} has only {len(examples)}: ask for fewer."
        )
    order = np.random.default_rng(seed).permutation(len(examples))
    return examples.select(order[: settings.train_examples].tolist())


def shown_examples(train: Examples, method: Method, seed: int) -> Examples:
    """What the model sees of the training data: some methods repeat examples, or leave some out."""
    kept = method.resample(train.labels, seed)
    return train if kept is None else train.select(kept)


def validation_data(task: Task, settings: TrainingSettings) -> Examples:
    """What a training is validated on: the validation split, or its first examples."""
    examples = task.split("validation")
    if settings.validation_examples is None:
        return examples
    return examples.select(range(min(len(examples), settings.validation_examples)))


def _compute_metrics(task: Task) -> Any:
    def compute(prediction: EvalPrediction) -> dict[str, float]:
        if task.is_regression:
            return _correlations(prediction.label_ids, np.ravel(prediction.predictions))
        predictions = np.argmax(prediction.predictions, axis=1)
        estimates = classification_metrics(prediction.label_ids, predictions, len(task.label_names))
        return {name: estimate.value for name, estimate in estimates.items() if estimate.value is not None}

    return compute


def _correlations(targets: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    """Without the intervals, for which an epoch would have to wait."""
    once = np.ones((1, len(targets)))
    values = {name: float(correlation(targets, predictions, once)[0]) for name, correlation in CORRELATIONS.items()}
    # The trainer compares epochs by their metric; an undefined one is worse than any.
    return {name: -math.inf if math.isnan(value) else value for name, value in values.items()}


def _diverged(model: PreTrainedModel, log: Sequence[dict[str, float]]) -> bool:
    losses = [line[name] for line in log for name in ("loss", "eval_loss") if name in line]
    return not (all(map(math.isfinite, losses)) and all(weights.isfinite().all() for weights in model.parameters()))


def _history(log: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """One entry an epoch: training loss, and validation loss and metrics without the trainer's own timings."""
    entries: dict[int, dict[str, float]] = {}
    for line in log:
        # The trainer's last line is the mean loss over all steps.
        if "train_runtime" in line:
            continue
        entry = entries.setdefault(int(line["step"]), {"step": line["step"], "epoch": line["epoch"]})
        for name, value in line.items():
            if name == "loss":
                entry["loss"] = round(value, 5)
            elif name.startswith("eval_") and not name.endswith(("_runtime", "_per_second")) and math.isfinite(value):
                entry[f"validation_{name.removeprefix('eval_')}"] = round(value, 5)
    return list(entries.values())
