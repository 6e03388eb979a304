"""Label smoothing: a share of each label is spread evenly over all classes.

Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: "Rethinking the Inception Architecture for Computer Vision", CVPR 2016, arXiv
1512.00567, section 7; what it does to representations: Müller, Kornblith, Hinton: "When Does Label Smoothing Help?",
NeurIPS 2019, arXiv 1906.02629.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check_share_below_one
from robustbench_mt.methods.method import Method

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["LabelSmoothing", "LabelSmoothingSettings"]


@dataclass(frozen=True)
class LabelSmoothingSettings:
    """Settings of label smoothing.

    Attributes:
        smoothing: the share of a label that is spread, from 0 to below 1.
    """

    # Section 7, for ImageNet: "we used u(k) = 1/1000 and epsilon = 0.1".
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        check_share_below_one("label-smoothing", self, "smoothing")


class LabelSmoothing(Method):
    """mean_i sum_k q_ik (-log p_ik), where q_ik = (1 - smoothing) [k = y_i] + smoothing / classes.

    p_ik is the probability that the model gives class k. The same as transformers' ``label_smoothing_factor``. With
    ``smoothing=0`` this is ``vanilla``.
    """

    summary = "a share of each label is spread evenly over all classes (CVPR 2016)"
    changes = "loss"
    settings_type = LabelSmoothingSettings
    needs_classes = True

    settings: LabelSmoothingSettings

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        from torch.nn.functional import cross_entropy

        logits = model(**batch).logits
        return cross_entropy(logits.float(), batch["labels"], label_smoothing=self.settings.smoothing)
