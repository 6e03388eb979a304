"""Layer-wise learning-rate decay: the lower a layer, the smaller its steps.

Howard, Ruder: "Universal Language Model Fine-tuning for Text Classification", ACL 2018, arXiv 1801.06146, who call it
discriminative fine-tuning; for BERT as in Zhang, Wu, Katiyar, Weinberger, Artzi: "Revisiting Few-sample BERT
Fine-tuning", ICLR 2021, arXiv 2006.05987.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from robustbench_mt.errors import UnfitBaseError
from robustbench_mt.methods.checks import check_positive_share
from robustbench_mt.methods.method import Method

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["LayerwiseDecay", "LayerwiseDecaySettings", "layer_number"]

_LAYER = re.compile(r"(?:layers?|(?:^|\.)h)\.(\d+)\.")
# The convolution of the larger DeBERTa-v2, which reads what the first layer reads and is added to what that makes.
_BESIDE_FIRST = re.compile(r"(?:^|\.)encoder\.conv\.")
# What lies under the first layer, and what all layers share: relative positions, and their normalization in DeBERTa.
_UNDER_LAYERS = re.compile(r"embed|(?:^|\.)w[tp]e\.|relative_attention_bias|encoder\.LayerNorm")


@dataclass(frozen=True)
class LayerwiseDecaySettings:
    """Settings of layer-wise learning-rate decay.

    Attributes:
        decay: a layer's learning rate, as a share of the next higher layer's.
    """

    # Zhang et al.'s published command; ELECTRA's code has 0.8 for its small and base models and 0.9 for the large one,
    # and Howard and Ruder divide by 2.6 (0.38), for three layers of an LSTM.
    decay: float = 0.95

    def __post_init__(self) -> None:
        check_positive_share("llrd", self, "decay")


def layer_number(parameter: str) -> int | None:
    """Which of the encoder's layers a parameter belongs to, by its dotted name; 0 is the lowest.

    ALBERT's layers share their parameters, and so are layer 0. ``None`` for embeddings, poolers and heads.
    """
    found = _LAYER.search(parameter)
    return int(found[1]) if found else None


class LayerwiseDecay(Method):
    """The head learns at the learning rate eta, the layer that is d-th from the top at eta decay^d.

    The top layer has d = 1. The embeddings, and what all layers share, lie under the lowest layer. What lies above the
    layers (a pooler, a last normalization) learns as the head does. This is as in the code of Zhang et al.; ELECTRA's
    is one step lower everywhere but in the head. With ``decay=1`` it is ``vanilla``.

    Weight decay spares biases and normalizations only, as in ``vanilla``; the published code spares the head as well.
    """

    summary = "layer-wise learning-rate decay: lower layers learn more slowly (ACL 2018)"
    changes = "update"
    settings_type = LayerwiseDecaySettings

    settings: LayerwiseDecaySettings

    def parameter_groups(
        self, model: "PreTrainedModel", learning_rate: float, weight_decay: float
    ) -> list[dict[str, Any]]:
        from transformers import Trainer

        # The trainer's own rule; it reads nothing of the trainer.
        decayed = set(Trainer.get_decay_parameter_names(cast(Any, None), model))
        names = [name for name, _ in model.named_parameters()]
        layers = max((number + 1 for name in names if (number := layer_number(name)) is not None), default=0)
        if not layers:
            raise UnfitBaseError(
                f"llrd: the architecture {model.config.model_type!r} has no numbered layers: use vanilla."
            )
        groups: dict[tuple[int, bool], dict[str, Any]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                depth = _depth(name, layers)
                group = {
                    "params": [],
                    "lr": learning_rate * self.settings.decay**depth,
                    "weight_decay": weight_decay if name in decayed else 0.0,
                }
                groups.setdefault((depth, name in decayed), group)["params"].append(parameter)
        return list(groups.values())


def _depth(name: str, layers: int) -> int:
    """How many steps a parameter lies below the head."""
    number = 0 if _BESIDE_FIRST.search(name) else layer_number(name)
    if number is not None:
        return layers - number
    return layers + 1 if _UNDER_LAYERS.search(name) else 0
