"""Logit adjustment: a rare class must win by a larger margin in training.

Menon, Jayasumana, Rawat, Jain, Veit, Kumar: "Long-tail learning via logit adjustment", ICLR 2021, arXiv 2007.07314.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check_not_negative
from robustbench_mt.methods.class_frequencies import class_frequencies
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["LogitAdjustment", "LogitAdjustmentSettings"]


@dataclass(frozen=True)
class LogitAdjustmentSettings:
    """Settings of logit adjustment.

    Attributes:
        tau: factor of the classes' log frequencies, which are added to the logits.
    """

    # The paper's value for the loss: the one at which it is consistent for the balanced error.
    tau: float = 1.0

    def __post_init__(self) -> None:
        check_not_negative("logit-adjustment", self, "tau")


class LogitAdjustment(Method):
    """CE(f(x) + tau log pi, y): the paper's logit-adjusted softmax cross entropy; prediction is by f(x) alone.

    pi_c is the share of class c among the training examples. A class that the training set lacks is taken to have one
    example, as its logarithm would be infinite. The paper's other variant adjusts the logits of an ordinary training
    afterwards; that is not done here. With ``tau=0``, and where all classes are equally frequent, this is ``vanilla``.
    """

    summary = "cross entropy with log class frequencies added to the logits (Menon et al., ICLR 2021)"
    changes = "loss"
    settings_type = LogitAdjustmentSettings
    needs_classes = True

    settings: LogitAdjustmentSettings
    _shift: "Tensor"

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        frequencies = class_frequencies(model, plan).clamp(min=1).float()
        # The softmax does not see a common factor of the shares; by the mean, that of equally frequent classes is 0.
        self._shift = self.settings.tau * (frequencies / frequencies.mean()).log()

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        from torch.nn.functional import cross_entropy

        return cross_entropy(model(**batch).logits.float() + self._shift, batch["labels"])
