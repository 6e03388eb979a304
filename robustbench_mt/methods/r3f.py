"""R3F: predictions that random noise on the word embeddings does not move.

Aghajanyan, Shrivastava, Gupta, Goyal, Zettlemoyer, Gupta: "Better Fine-Tuning by Reducing Representational Collapse",
ICLR 2021, arXiv 2008.03156.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robustbench_mt.methods.checks import check_choices, check_not_negative
from robustbench_mt.methods.divergence import divergence
from robustbench_mt.methods.dropout_masks import NewMasks, RandomState
from robustbench_mt.methods.embedding_noise import EmbeddingNoise
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["R3F", "R3FSettings"]


@dataclass(frozen=True)
class R3FSettings:
    """Settings of R3F.

    Attributes:
        weight: lambda, of the divergence beside the task's loss.
        noise: the normal distribution's standard deviation, or the largest value of the uniform one.
        distribution: of the noise.
        masks: dropout masks of the noised pass: ``new`` ones, or the ``same`` as the clean pass.
    """

    # The defaults of fairseq's examples/rxf/rxf_src/sentence_prediction_r3f.py: --r3f-lambda 1.0, --eps 1e-5,
    # --noise-type uniform; the command for RTE in examples/rxf/README.md has --r3f-lambda 0.7. The paper tries both
    # distributions and several lambdas a task.
    weight: float = 1.0
    noise: float = 1e-5
    distribution: Literal["normal", "uniform"] = "uniform"
    # As in the published code. In the paper f is one function, which would be "same".
    masks: Literal["new", "same"] = "new"

    def __post_init__(self) -> None:
        check_not_negative("r3f", self, "weight", "noise")
        check_choices("r3f", self)


class R3F(Method):
    """L + weight * KL_S(f(x) || f(x + z)), z ~ N(0, noise^2) or U(-noise, noise) on the word embeddings.

    KL_S is the symmetric KL divergence; of a regression's scores it is their squared error (fairseq's code drops the
    term there). As in that code (``examples/rxf/rxf_src/sentence_prediction_r3f.py``), the noised pass draws dropout
    masks of its own, which move predictions far more than noise of 1e-5 does, so that the term is close to R-Drop's;
    with ``masks="same"`` it is all but 0 at the default noise, in which it is quadratic. ``noise=0`` makes no second
    pass and is ``vanilla``. Unlike in fairseq's code, the noised pass gives the word embeddings a gradient.

    Padding gets no noise. In bf16 or fp16 most of so small a noise is rounded away before the first layer.
    """

    summary = "R3F: predictions stay under random noise on the word embeddings (ICLR 2021)"
    changes = "loss"
    settings_type = R3FSettings

    settings: R3FSettings
    _noise: EmbeddingNoise
    _masks: NewMasks

    @property
    def extra_passes(self) -> tuple[int, int]:
        return (1, 1) if self._has_term else (0, 0)

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._noise = EmbeddingNoise(model, plan.seed)
        self._masks = NewMasks(plan.seed)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        if not self._has_term:
            return super().loss(model, batch)
        device = batch["input_ids"].device
        before = RandomState(device)
        clean = model(**batch)
        masks = before.replayed() if self.settings.masks == "same" else self._masks.drawn(device)
        draw = self._noise.normal if self.settings.distribution == "normal" else self._noise.uniform
        with masks, self._noise.adding(self.settings.noise * draw(batch)):
            noised = model(**batch)
        loss: Tensor = clean.loss + self.settings.weight * divergence(clean.logits, noised.logits)
        return loss

    def detach(self) -> None:
        self._noise.remove()

    @property
    def _has_term(self) -> bool:
        return bool(self.settings.weight and self.settings.noise)
