"""SMART: predictions that adversarial noise does not move, and that stay close to those of a moving average.

Jiang, He, Chen, Liu, Gao, Zhao: "SMART: Robust and Efficient Fine-Tuning for Pre-trained Natural Language Models
through Principled Regularized Optimization", ACL 2020, arXiv 1911.03437.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robustbench_mt.methods.checks import check, check_choices, check_counts, check_not_negative
from robustbench_mt.methods.divergence import divergence
from robustbench_mt.methods.dropout_masks import NewMasks, RandomState
from robustbench_mt.methods.embedding_noise import EmbeddingNoise
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["Smart", "SmartSettings"]


@dataclass(frozen=True)
class SmartSettings:
    """Settings of SMART.

    Attributes:
        weight: of both terms beside the task's loss, the smoothness (lambda_s) and ``proximal`` times the proximity.
        proximal: mu over lambda_s: the paper's lambda_s = 3 with mu = 1 is ``weight=3,proximal=0.3333``.
        steps: of gradient ascent on the perturbation.
        step_size: eta, the largest entry of a token's step.
        noise: sigma, the standard deviation of the normal noise that the ascent starts from.
        radius: epsilon, the largest entry of the perturbation; 0 leaves the proximal term alone.
        early_momentum: beta of the moving average, in the first tenth of the updates.
        momentum: beta afterwards. The average looks back 1 / (1 - beta) updates: in a training of a few hundred, 0.999
            holds predictions near those of the untrained head, and 0.99 suits better.
        masks: dropout masks of the perturbed pass: ``new`` ones, or the ``same`` as the clean pass.
    """

    # The paper's implementation details: mu = 1, lambda_s of 1, 3 or 5 (mt-dnn's --adv_alpha is 1), one step,
    # eta = 1e-3, sigma = 1e-5, epsilon = 1e-5, beta = 0.99 for the first tenth of the updates, then 0.999.
    weight: float = 1.0
    proximal: float = 1.0
    steps: int = 1
    step_size: float = 1e-3
    noise: float = 1e-5
    radius: float = 1e-5
    early_momentum: float = 0.99
    momentum: float = 0.999
    # As in the published code. In the paper f is one function, which would be "same".
    masks: Literal["new", "same"] = "new"

    def __post_init__(self) -> None:
        names = ("weight", "proximal", "step_size", "noise", "radius", "early_momentum", "momentum")
        check_not_negative("smart", self, *names)
        check_counts("smart", self, "steps")
        check_choices("smart", self)
        for name in ("early_momentum", "momentum"):
            check("smart", self, name, "a number from 0 to 1", lambda x: x <= 1)


class Smart(Method):
    """L + weight * (max_{|d| <= radius} l(f(x), f(x + d)) + proximal * l(f(x), f_average(x))).

    l is the symmetric KL divergence, of a regression's scores their squared error; d is on the word embeddings and
    bounded in each entry. The ascent: d starts as normal noise, and each step adds ``step_size`` times the gradient of
    l over its largest entry (a token's), then clamps d to the radius. f_average has the exponential moving average of
    the weights (the paper's momentum Bregman proximal point method).

    The published code (mt-dnn, ``mt_dnn/perturbation.py``) differs:

    - It has no proximal term. Its ascent follows one direction of the KL divergence, and does not keep the start noise.
    - It does not project: its perturbation is the whole step of 1e-3, here ``radius=1e-3``; its ``epsilon`` of 1e-6
      only keeps a division from zero.
    - It gives the word embeddings no gradient from the perturbed pass, and each direction of its final divergence only
      one side's.

    As in that code, the perturbed pass draws dropout masks of its own, so that its term is also R-Drop's; with
    ``masks="same"`` the smoothness is all but 0 at the default radius, in which it is quadratic. The ascent and the
    moving average see the clean pass's masks always. Padding gets no noise. In bf16 or fp16 most of the default radius
    is rounded away before the first layer.
    """

    summary = "SMART: predictions stay under adversarial noise and near a moving average's (ACL 2020)"
    changes = "loss"
    settings_type = SmartSettings

    settings: SmartSettings
    _noise: EmbeddingNoise
    _masks: NewMasks
    _model: "PreTrainedModel"
    _early_updates: float

    def __init__(self, settings: SmartSettings) -> None:
        super().__init__(settings)
        self._average: dict[str, Tensor] = {}
        self._updates = 0

    @property
    def extra_passes(self) -> tuple[int, int]:
        if not self.settings.weight:
            return 0, 0
        return self.settings.steps + 1 + bool(self.settings.proximal), self.settings.steps + 1

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._model = model
        self._early_updates = plan.updates / 10
        self._noise = EmbeddingNoise(model, plan.seed)
        self._masks = NewMasks(plan.seed)
        if self.settings.weight and self.settings.proximal:
            # What is frozen (all but the adapters, say) is its own average.
            trained = {name: weights for name, weights in model.named_parameters() if weights.requires_grad}
            self._average = {name: weights.detach().clone() for name, weights in trained.items()}

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        if not self.settings.weight:
            return super().loss(model, batch)
        device = batch["input_ids"].device
        before = RandomState(device)
        clean = model(**batch)
        delta = self._ascend(batch, clean.logits.detach(), before)
        masks = before.replayed() if self.settings.masks == "same" else self._masks.drawn(device)
        with masks, self._noise.adding(delta):
            penalty = divergence(clean.logits, model(**batch).logits)
        if self._average:
            penalty = penalty + self.settings.proximal * divergence(clean.logits, self._average_logits(batch, before))
        loss: Tensor = clean.loss + self.settings.weight * penalty
        return loss

    def after_update(self, model: "PreTrainedModel") -> None:
        import torch

        self._updates += 1
        early = self._updates <= self._early_updates
        momentum = self.settings.early_momentum if early else self.settings.momentum
        with torch.no_grad():
            for name, weights in self._model.named_parameters():
                if name in self._average:
                    self._average[name].lerp_(weights, 1 - momentum)

    def detach(self) -> None:
        self._noise.remove()
        self._average = {}

    def _ascend(self, batch: "Mapping[str, Tensor]", clean: "Tensor", before: RandomState) -> "Tensor":
        """The perturbation, N x tokens x d, that moves predictions most."""
        import torch

        delta = self._bounded(self.settings.noise * self._noise.normal(batch))
        for _ in range(self.settings.steps):
            delta.requires_grad_()
            # The plain model, as a model wrapped for several devices would wait for gradients of its parameters.
            with before.replayed(), self._noise.adding(delta):
                moved = divergence(clean, self._model(**batch).logits)
            (gradient,) = torch.autograd.grad(moved, delta)
            # With one set of masks gradients are tiny: the published code's 1e-6 in this division would shorten steps.
            up = gradient / gradient.abs().amax(dim=-1, keepdim=True).clamp_min(1e-30)
            delta = self._bounded(delta.detach() + self.settings.step_size * up)
        return delta

    def _bounded(self, delta: "Tensor") -> "Tensor":
        return delta.clamp(-self.settings.radius, self.settings.radius)

    def _average_logits(self, batch: "Mapping[str, Tensor]", before: RandomState) -> "Tensor":
        import torch

        with torch.no_grad(), before.replayed():
            logits: Tensor = torch.func.functional_call(self._model, self._average, kwargs=dict(batch)).logits
        return logits
