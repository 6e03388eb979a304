"""NoisyTune: the pretrained weights get a little noise before the training.

Wu, Wu, Qi, Huang: "NoisyTune: A Little Noise Can Help You Finetune Pretrained Language Models Better", ACL 2022 (short
papers), arXiv 2202.12024.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_mt.methods.checks import check_not_negative
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["NoisyTune", "NoisyTuneSettings", "relative_noise"]


@dataclass(frozen=True)
class NoisyTuneSettings:
    """Settings of NoisyTune.

    Attributes:
        intensity: the width of the noise, in standard deviations of the weights that it is added to; 0 switches the
            method off.
    """

    # The paper's lambda for GLUE; for XTREME it has 0.1, as we remember it.
    intensity: float = 0.15

    def __post_init__(self) -> None:
        check_not_negative("noisytune", self, "intensity")


def relative_noise(weight: "Tensor", intensity: float, generator: "torch.Generator") -> "Tensor":
    """U(-intensity / 2, intensity / 2) std(weight), drawn for each entry; 0 where all entries are equal.

    Args:
        weight: of any shape.
        intensity: the width of the noise, in standard deviations.
        generator: on the weight's device.

    Returns:
        Of the weight's shape.
    """
    import torch

    # As in the published code std is torch's, over n - 1; of a single number it would be NaN.
    deviation = weight.std(correction=int(weight.numel() > 1))
    return torch.empty_like(weight).uniform_(-intensity / 2, intensity / 2, generator=generator) * deviation


class NoisyTune(Method):
    """W <- W + U(-intensity / 2, intensity / 2) std(W), once, for each parameter W of the pretrained encoder.

    As in the published code, W is a matrix or a vector (biases and normalizations have noise too), std(W) is that of
    its own entries, and BERT's pooler, which is pretrained, belongs to the encoder. The head has no noise: it is newly
    initialised, so that it is random already and has nothing of the pretraining that it could be overfitted to.
    With ``intensity=0`` this is ``vanilla``.
    """

    summary = "NoisyTune: the pretrained weights get a little noise before the training (ACL 2022)"
    changes = "weights"
    settings_type = NoisyTuneSettings

    settings: NoisyTuneSettings

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        import torch
        from accelerate.utils import broadcast_object_list

        # To add a noise of 0 would turn -0.0 into 0.0.
        if self.settings.intensity == 0:
            return
        # One seed for all processes: they must start from the same weights.
        (seed,) = broadcast_object_list([plan.seed])
        generator = torch.Generator(model.device).manual_seed(seed)
        with torch.no_grad():
            for weight in model.base_model.parameters():
                weight.add_(relative_noise(weight, self.settings.intensity, generator))
