"""What a method of fine-tuning is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from robustbench_mt.records import MatchingTrace

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Method", "NoSettings"]


@dataclass(frozen=True)
class NoSettings:
    """The settings of a method that has none."""


class Method:
    """A way of fine-tuning: what happens differently between the batch and the update.

    An instance trains one model. The trainer calls :meth:`attach` before the first step, :meth:`before_step` with each
    batch, and :meth:`detach` after the last step, also when the training fails; then the model is an ordinary one.

    Attributes:
        summary: one line for ``list methods``.
        changes: ``nothing``, ``representation``, ``loss``, ``gradient`` or ``update``.
        settings_type: a frozen dataclass; its fields are the method's options.
    """

    summary: ClassVar[str]
    changes: ClassVar[str]
    settings_type: ClassVar[type[Any]] = NoSettings

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def attach(self, model: "PreTrainedModel", steps: int) -> None:
        """Prepare ``model`` for a training of ``steps`` forward passes."""

    def before_step(self, batch: "Mapping[str, Tensor]") -> None:
        """See the batch (``input_ids`` N x tokens, ``labels`` N) that the next forward pass gets."""

    def detach(self) -> None:
        """Take back whatever :meth:`attach` added to the model."""

    @property
    def temperature(self) -> float | None:
        """The temperature of the matching matrix, for methods that match."""
        return None

    @property
    def trace(self) -> MatchingTrace | None:
        """What the matching matrix did, for methods that match."""
        return None
