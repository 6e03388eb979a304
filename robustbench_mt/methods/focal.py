"""Focal loss: what is classified well already counts for little.

Lin, Goyal, Girshick, He, Dollar: "Focal Loss for Dense Object Detection", ICCV 2017, arXiv 1708.02002.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robustbench_mt.methods.checks import check_choices, check_not_negative
from robustbench_mt.methods.class_frequencies import balanced_weights, class_frequencies
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Focal", "FocalSettings", "focal_losses"]


@dataclass(frozen=True)
class FocalSettings:
    """Settings of focal loss.

    Attributes:
        gamma: how strongly examples that are classified well are weighted down.
        alpha: ``none``, or ``balanced`` for class weights beside it.
    """

    # The paper's best, section 5.1.
    gamma: float = 2.0
    # The paper's 0.25 for the foreground is for its detector's anchors. It names inverse class frequency as the other
    # choice (section 3.1).
    alpha: Literal["none", "balanced"] = "none"

    def __post_init__(self) -> None:
        check_not_negative("focal", self, "gamma")
        check_choices("focal", self)


def focal_losses(logits: "Tensor", labels: "Tensor", gamma: float) -> "Tensor":
    """-(1 - p)^gamma log p of each example, where p is the probability of its label.

    Args:
        logits: N x classes.
        labels: N.
        gamma: 0 or more; 0 for cross entropy.

    Returns:
        N losses of float32.
    """
    import torch
    from torch.nn.functional import cross_entropy

    losses = cross_entropy(logits.float(), labels, reduction="none")
    # 1 - p without cancellation. With gamma below 1 its power has no finite slope at 0.
    missing = (-torch.expm1(-losses)).clamp(min=torch.finfo(torch.float32).tiny)
    return missing**gamma * losses


class Focal(Method):
    """mean_i alpha(y_i) (1 - p_i)^gamma (-log p_i), where p_i is the probability that the model gives label y_i.

    The paper has a sigmoid for each class; for a text classifier p is the softmax's, as is usual. It divides the sum by
    the number of foreground anchors, ours is a mean over the batch's examples. With ``alpha=balanced`` the weights are
    those of ``class-weighted``. With ``gamma=0`` and no alpha this is ``vanilla``.
    """

    summary = "focal loss: what is classified well counts for little (ICCV 2017)"
    changes = "loss"
    settings_type = FocalSettings
    needs_classes = True

    settings: FocalSettings
    _alpha: "Tensor"

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        import torch

        frequencies = class_frequencies(model, plan)
        is_balanced = self.settings.alpha == "balanced"
        self._alpha = balanced_weights(frequencies) if is_balanced else torch.ones_like(frequencies, dtype=torch.float)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        labels = batch["labels"]
        losses = focal_losses(model(**batch).logits, labels, self.settings.gamma)
        return (self._alpha[labels] * losses).mean()
