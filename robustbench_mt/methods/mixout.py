"""Mixout: in each pass some columns of the weights are the pretrained ones.

Lee, Cho, Kang: "Mixout: Effective Regularization to Finetune Large-scale Pretrained Language Models", ICLR 2020, arXiv
1909.11299.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check_share_below_one
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from transformers import PreTrainedModel

__all__ = ["Mixout", "MixoutSettings", "mix_weights"]

# Where transformers' fused attention keeps the probability of dropping an attention weight.
_ATTENTION_DROPOUT = ("dropout_prob", "attention_dropout")


@dataclass(frozen=True)
class MixoutSettings:
    """Settings of Mixout.

    Attributes:
        probability: that an input of a linear layer meets the pretrained weights; 0 switches the method off.
    """

    # The paper tries 0.7, 0.8 and 0.9 on GLUE, as we remember it; Zhang et al. (arXiv 2006.05987) run it with 0.1.
    probability: float = 0.7

    def __post_init__(self) -> None:
        check_share_below_one("mixout", self, "probability")


def mix_weights(weight: "Tensor", pretrained: "Tensor", kept: "Tensor", probability: float) -> "Tensor":
    """(kept weight + (1 - kept) pretrained - probability pretrained) / (1 - probability), whose mean is ``weight``.

    Args:
        weight: outputs x inputs.
        pretrained: outputs x inputs.
        kept: 1 for inputs that meet ``weight``, 0 for those that meet ``pretrained``; of length inputs.
        probability: of a 0 in ``kept``.
    """
    # The same, and exactly the pretrained weights where nothing has been learned yet.
    return pretrained + (weight - pretrained) * (kept / (1 - probability))


class Mixout(Method):
    """Linear layers of the encoder see :func:`mix_weights` of theirs in training mode, with a fresh draw each pass.

    As in the published code, a draw is for an input of a layer with all its outgoing weights, biases are left alone,
    and mixout stands in place of dropout, which is off. The head, outside the encoder, has no pretrained weights and is
    not mixed, as in the main experiments of the paper as we remember it. (Zhang et al. mix it with its initial ones.)
    A pooler is the encoder's here: one that the base does not bring is mixed with its random start.
    With ``probability=0`` nothing is in the place of dropout, so it stays, and this is ``vanilla``.

    Differs from the published code: its backward pass lacks the factor 1 / (1 - probability) of the forward pass's
    derivative; ours is the derivative. AdamW hardly tells the two apart.
    """

    summary = "Mixout: weights are mixed with the pretrained ones, in place of dropout (ICLR 2020)"
    changes = "representation"
    settings_type = MixoutSettings

    settings: MixoutSettings
    _generator: "torch.Generator"

    def __init__(self, settings: MixoutSettings) -> None:
        super().__init__(settings)
        self._mixed: list[nn.Linear] = []
        self._dropouts: list[tuple[nn.Module, str, float]] = []

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        import torch
        from torch import nn

        if self.settings.probability == 0:
            return
        self._generator = torch.Generator(model.device).manual_seed(plan.seed)
        self._switch_dropout_off(model)
        encoder = getattr(model, model.base_model_prefix)
        for module in encoder.modules():
            if isinstance(module, nn.Linear) and module.weight.requires_grad:
                # An attribute of the instance hides the class's forward, and leaves parameters and their names alone.
                module.forward = self._forward(module)  # type: ignore[assignment, method-assign]
                self._mixed.append(module)

    def detach(self) -> None:
        for module in self._mixed:
            del module.forward
        for owner, name, probability in self._dropouts:
            setattr(owner, name, probability)
        self._mixed, self._dropouts = [], []

    def _switch_dropout_off(self, model: "PreTrainedModel") -> None:
        from torch import nn

        for module in model.modules():
            for name in ("p",) if isinstance(module, nn.Dropout) else _ATTENTION_DROPOUT:
                probability = getattr(module, name, None)
                if isinstance(probability, float):
                    self._dropouts.append((module, name, probability))
                    setattr(module, name, 0.0)

    def _forward(self, module: "nn.Linear") -> "Callable[[Tensor], Tensor]":
        import torch

        probability = self.settings.probability
        pretrained = module.weight.detach().clone()

        def forward(inputs: Any) -> "Tensor":
            weight: Tensor = module.weight
            if module.training:
                kept = weight.new_empty(module.in_features).bernoulli_(1 - probability, generator=self._generator)
                weight = mix_weights(weight, pretrained, kept, probability)
            return torch.nn.functional.linear(inputs, weight, module.bias)

        return forward
