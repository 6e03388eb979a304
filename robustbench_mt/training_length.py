"""How long a training is, counted as transformers' trainer counts."""

import math
from dataclasses import dataclass

__all__ = ["TrainingLength", "training_length"]


@dataclass(frozen=True)
class TrainingLength:
    """What a training comes to.

    Attributes:
        updates: optimizer steps.
        passes: batches that are shown, on each device.
    """

    updates: int
    passes: int


def training_length(batches: int, accumulation: int, epochs: float, steps: int | None = None) -> TrainingLength:
    """How many updates a training makes, of how many batches.

    Args:
        batches: of an epoch, on each device.
        accumulation: batches an update; an epoch's last update has those that are left.
        epochs: perhaps a fraction; an update that has begun is done whole.
        steps: updates, instead of epochs.
    """
    an_epoch = math.ceil(batches / accumulation)
    updates = steps or math.ceil(epochs * an_epoch)
    whole, more = divmod(updates, an_epoch)
    return TrainingLength(updates, whole * batches + min(more * accumulation, batches))
