"""Bi-Drop: several dropout masks vote on which parameters an update may change.

Tong, Xia, Dai, Xu, Liu, Lin, Cao, Sui: "Bi-Drop: Enhancing Fine-tuning Generalization via Synchronous sub-net
Estimation and Optimization", Findings of EMNLP 2023, arXiv 2305.14760.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check, check_positive_share, is_whole
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["BiDrop", "BiDropSettings", "selection_scores", "selection_threshold"]

# Keeps quotients finite where masks agree or a parameter is 0, as biases are at first; ours.
_TINY = 1e-12


@dataclass(frozen=True)
class BiDropSettings:
    """Settings of Bi-Drop.

    Attributes:
        passes: of each batch, each with its own dropout masks.
        share: of the parameters that an update may change.
    """

    # The "bi" of the name.
    passes: int = 2
    # Not known to us from the paper, and its code was never published; ours.
    share: float = 0.5

    def __post_init__(self) -> None:
        check("bi-drop", self, "passes", "a whole number from 2", lambda x: is_whole(x) and x >= 2)
        check_positive_share("bi-drop", self, "share")


def selection_scores(gradients: "Sequence[Tensor]", parameter: "Tensor") -> "Tensor":
    """Perturbation factor times scaling factor: |mu| / sqrt(sum_k (g_k - mu)^2) times |mu / parameter|.

    A parameter scores high where the passes agree on its gradient, and where its gradient is large for its size.

    Args:
        gradients: g_k of each pass, of the parameter's shape; mu is their mean.
        parameter: the weights.

    Returns:
        Of the parameter's shape, 0 or more.
    """
    mean = sum(gradients[1:], gradients[0]) / len(gradients)
    squares = [(gradient - mean) ** 2 for gradient in gradients]
    spread = sum(squares[1:], squares[0]).sqrt()
    return mean.abs() / (spread + _TINY) * (mean.abs() / (parameter.detach().abs() + _TINY))


def selection_threshold(scores: "Sequence[Tensor]", share: float) -> float:
    """What a ``share`` of all scores above 0 reaches; 0 if there are none.

    Args:
        scores: of any shapes.
        share: in (0, 1].
    """
    import torch

    positive = torch.cat([values[values > 0] for values in scores])
    if not len(positive):
        return 0.0
    kept = math.ceil(share * len(positive))
    return float(positive.kthvalue(len(positive) - kept + 1).values)


class BiDrop(Method):
    """Each batch makes K passes; the update takes their mean gradient mu, where :func:`selection_scores` are highest.

    With ``share=1`` and a base without dropout this is ``vanilla``.

    The paper's code was never published. What the two factors are, and that the mean gradient updates the parameters
    that they select, is from the paper as we remember it. Reconstructed by us: that the factors multiply; that one
    threshold holds for all parameters of the model, the head's included; that the share is of the parameters that have
    a gradient (rows of the embeddings that the batch does not use would else fill the lower half); that AdamW's
    momentum and weight decay go on for parameters that are not selected, as in Child-Tuning's code.

    Each pass's loss is divided by K before its backward pass, so that what accumulates is mu, and what is clipped is mu
    as well: clipping a sum and dividing it by K would clip at a norm of 1/K. The factors are of gradients as they are
    before clipping and loss scaling, which change all of them alike and the selection not at all. With gradient
    accumulation g_k is the sum over the step's batches of their k-th passes.
    """

    summary = "Bi-Drop: update where two dropout masks agree on the gradient (Findings of EMNLP 2023)"
    changes = "update"
    settings_type = BiDropSettings

    settings: BiDropSettings
    _backward: "Callable[[Tensor], None]"

    def __init__(self, settings: BiDropSettings) -> None:
        super().__init__(settings)
        self._hooks: list[RemovableHandle] = []
        self._gradients: dict[str, list[Tensor | None]] = {}
        self._pass = 0

    @property
    def extra_passes(self) -> tuple[int, int]:
        return self.settings.passes - 1, self.settings.passes - 1

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._backward = plan.backward
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                self._gradients[name] = [None] * self.settings.passes
                self._hooks.append(parameter.register_hook(partial(self._add, name)))

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        passes = self.settings.passes
        earlier = []
        for self._pass in range(passes - 1):
            part = super().loss(model, batch) / passes
            self._backward(part)
            earlier.append(part.detach())
        self._pass = passes - 1
        # Its gradient is the last pass's, which the trainer takes; its value, which the trainer records, is the mean.
        loss: Tensor = super().loss(model, batch) / passes + sum(earlier)
        return loss

    def before_update(self, model: "PreTrainedModel") -> None:
        from accelerate.utils import reduce

        parameters = dict(model.named_parameters())
        scores = {}
        for name, sums in self._gradients.items():
            if parameters[name].grad is not None:
                # Every process has seen its own batches only, and all are to select alike.
                shared = [reduce(gradient, reduction="mean") for gradient in sums if gradient is not None]
                scores[name] = selection_scores(shared, parameters[name])
            self._gradients[name] = [None] * self.settings.passes
        threshold = selection_threshold(list(scores.values()), self.settings.share)
        for name, values in scores.items():
            gradient = parameters[name].grad
            assert gradient is not None
            gradient.mul_(values >= threshold)

    def detach(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks, self._gradients = [], {}

    def _add(self, name: str, gradient: "Tensor") -> None:
        sums, before = self._gradients[name], self._gradients[name][self._pass]
        sums[self._pass] = gradient.detach().clone() if before is None else before + gradient
