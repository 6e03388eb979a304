"""What a method of fine-tuning is."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from robustbench_mt.records import MatchingTrace

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Method", "NoSettings", "Plan"]


@dataclass(frozen=True)
class NoSettings:
    """The settings of a method that has none."""


@dataclass(frozen=True)
class Plan:
    """What a method is told of a training before its first step.

    Attributes:
        passes: batches that will be shown on each device (with gradient accumulation, several an update; fewer in an
            epoch's last).
        updates: optimizer steps.
        seed: for a method's own random draws, which must leave torch's global generators alone: those belong to dropout
            and the order of the examples, so that a method that draws nothing trains exactly as ``vanilla``. Differs
            between processes.
        backward: add the gradients of a loss, scaled as the trainer scales the one that :meth:`Method.loss` returns.
        batches: the training set once, in batches on the model's device, for what is estimated beforehand.
    """

    passes: int
    updates: int
    seed: int
    backward: "Callable[[Tensor], None]"
    batches: "Callable[[], Iterator[dict[str, Tensor]]]"


class Method:
    """A way of fine-tuning: what happens differently between the batch and the update.

    An instance trains one model. The trainer calls, in this order: :meth:`resample`; :meth:`adapt`;
    :meth:`attach`; :meth:`parameter_groups`; for each batch :meth:`before_step` and :meth:`loss`; for each update
    :meth:`before_update` and :meth:`after_update`; after the last step, also when the training fails, :meth:`detach`;
    then :meth:`restore`, and the model is an ordinary one.

    Attributes:
        summary: one line for ``list methods``.
        changes: ``nothing``, ``data``, ``weights`` (those that the training starts from), ``representation``, ``loss``,
            ``gradient`` or ``update``.
        settings_type: a frozen dataclass; its fields are the method's options, its defaults the paper's.
        needs_classes: whether it makes no sense for a regression.
        why_not_with_match: empty where ``match`` combines with it; else the reason why not.
    """

    summary: ClassVar[str]
    changes: ClassVar[str]
    settings_type: ClassVar[type[Any]] = NoSettings
    needs_classes: ClassVar[bool] = False
    why_not_with_match: ClassVar[str] = ""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @property
    def extra_passes(self) -> tuple[int, int]:
        """Forward and backward passes a step that ``vanilla`` does not make."""
        return 0, 0

    def resample(self, labels: Sequence[int] | Sequence[float], seed: int) -> list[int] | None:
        """Positions of the training examples to train on, some perhaps repeatedly; ``None`` for all, each once.

        Args:
            labels: of the training examples.
            seed: of the method's own random draws.
        """

    def adapt(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """The model to train in place of ``model``."""
        return model

    def restore(self, model: "PreTrainedModel") -> "PreTrainedModel":
        """The ordinary classifier that ``model``, which :meth:`adapt` made, has become."""
        return model

    def parameter_groups(
        self, model: "PreTrainedModel", learning_rate: float, weight_decay: float
    ) -> list[dict[str, Any]] | None:
        """AdamW's parameter groups (``params``, ``lr``, ``weight_decay``); ``None`` for the trainer's own two.

        Args:
            model: what :meth:`adapt` made.
            learning_rate: the peak that the schedule scales.
            weight_decay: of all parameters but biases and those of normalizations.
        """

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        """Prepare ``model`` (what :meth:`adapt` made) for a training."""

    def before_step(self, batch: "Mapping[str, Tensor]") -> None:
        """See the batch (``input_ids`` N x tokens, ``labels`` N) that the next forward pass gets."""

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        """The loss of a batch, a scalar: the task's own, unless the method changes it.

        Args:
            model: callable on the batch; may be wrapped for several devices.
            batch: as :meth:`before_step` sees it.
        """
        loss: Tensor = model(**batch).loss
        return loss

    def before_update(self, model: "PreTrainedModel") -> None:
        """Change the gradients, which have been summed over the step's batches and clipped."""

    def after_update(self, model: "PreTrainedModel") -> None:
        """See the weights that an update has changed."""

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
