"""R-Drop: two passes of a batch through different dropout masks are to predict the same.

Liang, Wu, Li, Wang, Meng, Qin, Chen, Zhang, Liu: "R-Drop: Regularized Dropout for Neural Networks", NeurIPS 2021,
arXiv 2106.14448.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.checks import check_not_negative
from robustbench_mt.methods.divergence import divergence
from robustbench_mt.methods.dropout_masks import NewMasks
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["RDrop", "RDropSettings"]


@dataclass(frozen=True)
class RDropSettings:
    """Settings of R-Drop.

    Attributes:
        weight: of the distance between the two passes' predictions.
    """

    # The paper takes 0.1, 0.5 or 1 on GLUE, depending on the task; the published code for BERT has 0.5. Neither is
    # scaled quite as ours is; see the class.
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_not_negative("r-drop", self, "weight")


class RDrop(Method):
    """(L_1 + L_2) / 2 + weight (KL(p_1 || p_2) + KL(p_2 || p_1)) / 2, for two passes of the same batch.

    L_1 and L_2 are the task's own losses of the passes, p_1 and p_2 their predictions. A regression has the squared
    difference of the two scores in place of the divergence, not halved, as in the published code. Without dropout this
    is ``vanilla``; with dropout and ``weight=0`` it is not, as the gradient is the mean over two masks.

    The paper's formula and its code for BERT add L_1 and L_2. The code's README and its Hugging Face RoBERTa halve the
    sum, as does ours, so that the learning rate means what it does elsewhere: a ``weight`` here is half the formula's
    alpha. The code sums the divergence over the batch, while L is a mean; ours is a mean, so that ``weight`` means the
    same at any batch size.

    The passes are two of N instances, not one of 2N: ``match`` matches the N instances of each pass among themselves.
    The second pass's masks come from this method's own seeds, and torch's generators go on as if it had not been.
    """

    summary = "R-Drop: two dropout masks are to predict the same (NeurIPS 2021)"
    changes = "loss"
    settings_type = RDropSettings

    settings: RDropSettings
    _masks: NewMasks

    @property
    def extra_passes(self) -> tuple[int, int]:
        return 1, 1

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._masks = NewMasks(plan.seed)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        first = model(**batch)
        with self._masks.drawn(batch["input_ids"].device):
            second = model(**batch)
        apart = divergence(first.logits, second.logits)
        if first.logits.shape[-1] > 1:
            apart = apart / 2
        loss: Tensor = (first.loss + second.loss) / 2 + self.settings.weight * apart
        return loss
