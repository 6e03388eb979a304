"""The settings of a training that do not depend on the method."""

import math
from dataclasses import dataclass
from typing import Literal

from robustbench_mt.errors import BadSettingError
from robustbench_mt.setting_checks import check_choices, check_counts

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """How to fine-tune, whatever the method.

    Attributes:
        base: the pretrained encoder: ``minilm`` (embedded), a directory, or a hub id.
        epochs: passes over the training set.
        steps: optimizer steps, instead of epochs.
        learning_rate: peak of a linear schedule; 1e-4 suits small bases such as minilm, 2e-5 BERT-base.
        batch_size: examples a forward pass on one device.
        accumulation: batches whose gradients make one optimizer step.
        warmup: share of the steps in which the learning rate rises.
        weight_decay: AdamW's.
        max_length: tokens; longer texts are cut in training and validation.
        train_examples: train on this many examples, drawn with the seed; all by default.
        validation_examples: validate on the first this many; all by default.
        keep: the weights of the last epoch, or of the epoch with the best validation metric.
        precision: of the forward passes' numbers; weights are float32 always. ``auto``: ``fp32`` on CPU; on a GPU
            ``bf16`` where it has that, else ``fp16``.
        compile: train with ``torch.compile``, anew for each training, which pays on long ones on a GPU.

    Example:
        >>> TrainingSettings(base="bert-base-uncased", learning_rate=2e-5).batch_size
        32
    """

    base: str = "minilm"
    epochs: float = 3.0
    steps: int | None = None
    learning_rate: float = 1e-4
    batch_size: int = 32
    accumulation: int = 1
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_length: int = 128
    train_examples: int | None = None
    validation_examples: int | None = None
    keep: Literal["last", "best"] = "last"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate", "batch_size", "max_length"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadSettingError(f"{name} is {getattr(self, name)}: it must be above 0 and finite.")
        check_counts(self, "accumulation", "steps", "train_examples", "validation_examples")
        if not 0 <= self.warmup < 1:
            raise BadSettingError(f"warmup is {self.warmup}: it is a share of the steps, from 0 to below 1.")
        if not 0 <= self.weight_decay < math.inf:
            raise BadSettingError(f"weight_decay is {self.weight_decay}: it must be 0 or more and finite.")
        check_choices(self)
