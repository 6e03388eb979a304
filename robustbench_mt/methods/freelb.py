"""FreeLB: adversarial training on word embeddings, with the gradients of all ascent steps.

Zhu, Cheng, Gan, Sun, Goldstein, Liu: "FreeLB: Enhanced Adversarial Training for Natural Language Understanding",
ICLR 2020, arXiv 1909.11764.
"""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check_counts, check_not_negative
from robustbench_mt.methods.dropout_masks import RandomState
from robustbench_mt.methods.embedding_noise import EmbeddingNoise
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["FreeLB", "FreeLBSettings"]


@dataclass(frozen=True)
class FreeLBSettings:
    """Settings of FreeLB. All lengths are Frobenius norms of one example's tokens x d perturbation.

    Attributes:
        steps: K, forward and backward passes for an update.
        step_size: alpha, the length of a step up the loss (``adv-lr`` in the published code).
        radius: epsilon, of the ball that the perturbation stays in (``adv-max-norm``); 0 for no perturbation.
        initial: each entry of the first perturbation is uniform, up to this over sqrt(tokens * d) (``adv-init-mag``).
    """

    # SST-2's line in the published huggingface-transformers/launch/run_glue.sh; that task's fairseq script has the same
    # lengths, and 2 steps.
    steps: int = 3
    step_size: float = 0.1
    radius: float = 0.6
    initial: float = 1.0

    def __post_init__(self) -> None:
        check_counts("freelb", self, "steps")
        check_not_negative("freelb", self, "step_size", "radius", "initial")


class FreeLB(Method):
    """The mean of L(x + delta_t) over t = 1 ... K; delta_{t+1} = P(delta_t + step_size * g_t / |g_t|).

    g_t is the gradient of the loss at delta_t and P the projection onto the ball, both for each example; delta_1 is
    U(-1, 1) * initial / sqrt(tokens * d), without padding. All K passes see the same dropout masks (the paper's "when
    adversarial training meets dropout"). Differs from the published code
    (``huggingface-transformers/examples/run_glue_freelb.py``) in the ball only: there a radius of 0 is no bound (MNLI's
    and QNLI's settings), here it is no perturbation, which is ``vanilla``, and a large number is no bound; there
    delta_1 is not projected, which at the default settings makes no difference.
    """

    summary = "FreeLB: adversarial training on the word embeddings, all ascent steps' gradients (ICLR 2020)"
    changes = "gradient"
    settings_type = FreeLBSettings

    settings: FreeLBSettings
    _noise: EmbeddingNoise
    _plan: Plan

    @property
    def extra_passes(self) -> tuple[int, int]:
        return self._steps - 1, self._steps - 1

    @property
    def _steps(self) -> int:
        # In a ball of radius 0 all passes are the first.
        return self.settings.steps if self.settings.radius else 1

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._noise = EmbeddingNoise(model, plan.seed)
        self._plan = plan

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        steps = self._steps
        before = RandomState(batch["input_ids"].device)
        delta = self._first(batch)
        done: Tensor | float = 0.0
        for step in range(steps):
            # The first pass draws as vanilla's does, the others what it drew.
            with self._noise.adding(delta), before.replayed() if step else nullcontext():
                loss: Tensor = model(**batch).loss / steps
            if step < steps - 1:
                self._plan.backward(loss)
                done = done + loss.detach()
                delta = self._next(delta)
        # The passes before have given their gradients; their loss is for the log.
        return loss + done

    def detach(self) -> None:
        self._noise.remove()

    def _first(self, batch: "Mapping[str, Tensor]") -> "Tensor":
        delta = self._noise.uniform(batch)
        numbers = batch["attention_mask"].sum(dim=1) * delta.shape[-1]
        delta *= self.settings.initial / numbers.sqrt()[:, None, None]
        return self._projected(delta).requires_grad_()

    def _next(self, delta: "Tensor") -> "Tensor":
        assert delta.grad is not None
        up = delta.grad / _norm(delta.grad).clamp_min(1e-30)
        return self._projected(delta.detach() + self.settings.step_size * up).requires_grad_()

    def _projected(self, delta: "Tensor") -> "Tensor":
        return delta * (self.settings.radius / _norm(delta).clamp_min(1e-30)).clamp_max(1)


def _norm(tensor: "Tensor") -> "Tensor":
    """Frobenius norm of each example's matrix, N x 1 x 1."""
    norm: Tensor = tensor.flatten(1).norm(dim=1)
    return norm[:, None, None]
