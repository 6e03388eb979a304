"""Supervised contrastive fine-tuning: instances of a class are to lie close together, those of other classes apart.

Gunel, Du, Conneau, Stoyanov: "Supervised Contrastive Learning for Pre-trained Language Model Fine-tuning", ICLR 2021,
arXiv 2011.01403.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.errors import UnfitBaseError
from robustbench_mt.methods.checks import check, check_share_below_one, is_number
from robustbench_mt.methods.head import find_head_output
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["SupCon", "SupConSettings", "contrastive_loss"]


@dataclass(frozen=True)
class SupConSettings:
    """Settings of supervised contrastive fine-tuning.

    Attributes:
        weight: the contrastive loss's share; the task's own loss has the rest. The paper's lambda.
        temperature: divides the cosines. The paper's tau.
    """

    # The combination that the paper names as the best almost everywhere in its search.
    weight: float = 0.9
    temperature: float = 0.3

    def __post_init__(self) -> None:
        # At 1 the classifier itself would learn nothing.
        check_share_below_one("supcon", self, "weight")
        check("supcon", self, "temperature", "a number above 0", lambda x: is_number(x) and 0 < x < math.inf)


def contrastive_loss(z: "Tensor", labels: "Tensor", temperature: float) -> "Tensor":
    """-1/|P(i)| sum_{j in P(i)} log (exp(u_i.u_j / t) / sum_{k != i} exp(u_i.u_k / t)), the mean over i.

    u is z over its length, P(i) the others of i's label. An i that is alone with its label is no term of the mean.

    Args:
        z: N x d representations.
        labels: N.
        temperature: t, above 0.

    Returns:
        A scalar of float32; 0 where no label occurs twice.
    """
    import torch
    from torch.nn.functional import normalize

    # The cosines of half precision would be too coarse for the differences that a small temperature enlarges.
    with torch.autocast(z.device.type, enabled=False):
        u = normalize(z.float(), dim=1)
        itself = torch.eye(len(u), dtype=torch.bool, device=u.device)
        similarity = (u @ u.T / temperature).masked_fill(itself, torch.finfo(u.dtype).min)
        positive = (labels[:, None] == labels[None, :]) & ~itself
        positives = positive.sum(dim=1)
        log_share = similarity.log_softmax(dim=1).masked_fill(~positive, 0.0)
        anchors = (positives > 0).sum()
        return -(log_share.sum(dim=1) / positives.clamp(min=1)).sum() / anchors.clamp(min=1)


class SupCon(Method):
    """(1 - weight) L + weight C: the task's own loss, and :func:`contrastive_loss` of what the classifier reads.

    The paper contrasts the encoder's last hidden layer before the softmax's projection, scaled to length 1. That is
    read here as the input of the layer that makes the logits: the first token's output after the head's dense layer,
    activation and dropout, where the architecture has these. The paper writes C as a sum over the batch beside a mean
    L; ours is a mean, so that ``weight`` means the same at any batch size. No official code is known to us. The batch
    is the micro-batch on one device. With ``weight=0`` this is ``vanilla``.
    """

    summary = "supervised contrastive loss beside the task's own (Gunel et al., ICLR 2021)"
    changes = "loss"
    settings_type = SupConSettings
    needs_classes = True
    why_not_with_match = (
        "supcon contrasts what the classifier reads, and match has by then mixed each instance with those of "
        "other labels."
    )

    settings: SupConSettings

    def __init__(self, settings: SupConSettings) -> None:
        super().__init__(settings)
        self._hook: RemovableHandle | None = None
        self._representation: Tensor | None = None

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._hook = find_head_output(model).register_forward_pre_hook(self._keep)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        loss: Tensor = model(**batch).loss
        z, self._representation = self._representation, None
        assert z is not None
        contrast = contrastive_loss(z, batch["labels"], self.settings.temperature)
        return (1 - self.settings.weight) * loss + self.settings.weight * contrast

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()

    def _keep(self, module: "nn.Module", inputs: "tuple[Tensor, ...]") -> None:
        if not module.training:
            return
        if inputs[0].ndim != 2:
            raise UnfitBaseError(
                "supcon: this architecture's classifier does not read one vector a text: choose another."
            )
        self._representation = inputs[0]
