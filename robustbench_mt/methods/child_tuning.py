"""Child-Tuning: only a part of the network, the child, gets gradients.

Xu, Luo, Zhang, Tan, Chang, Huang, Huang: "Raise a Child in Large Language Model: Towards Effective and Generalizable
Fine-tuning", EMNLP 2021, arXiv 2109.05687.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from robustbench_mt.errors import UnfitBaseError
from robustbench_mt.methods.checks import check_positive_share
from robustbench_mt.methods.llrd import layer_number
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = [
    "ChildTuningD",
    "ChildTuningDSettings",
    "ChildTuningF",
    "ChildTuningFSettings",
    "fisher_information",
    "fisher_masks",
]

# The trainer's in the published code; Fisher's information is of gradients clipped to it, one tensor at a time.
_CLIPPED_NORM = 1.0


@dataclass(frozen=True)
class ChildTuningFSettings:
    """Settings of task-free Child-Tuning.

    Attributes:
        probability: that a parameter gets its gradient, drawn for each parameter and update.
    """

    # Of the paper's 0.2, 0.3 and 0.4, by task, the one in the published script.
    probability: float = 0.3

    def __post_init__(self) -> None:
        check_positive_share("child-tuning-f", self, "probability")


@dataclass(frozen=True)
class ChildTuningDSettings:
    """Settings of task-driven Child-Tuning.

    Attributes:
        share: of the layers' parameters that are in the child.
    """

    # Of the paper's 0.1, 0.2 and 0.3, by task, the one in the published script.
    share: float = 0.3

    def __post_init__(self) -> None:
        check_positive_share("child-tuning-d", self, "share")


class ChildTuningF(Method):
    """g <- g m / probability, m ~ Bernoulli(probability) for each parameter and update.

    As in the published code, all parameters are masked, the head's too, after clipping, and AdamW's momentum and weight
    decay go on where the mask is 0. With ``probability=1`` this is ``vanilla``.
    """

    summary = "Child-Tuning-F: a random part of the gradients in each update (EMNLP 2021)"
    changes = "gradient"
    settings_type = ChildTuningFSettings

    settings: ChildTuningFSettings
    _generator: "torch.Generator"

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        import torch
        from accelerate.utils import broadcast_object_list

        # One seed for all processes: under different masks their weights would drift apart.
        (seed,) = broadcast_object_list([plan.seed])
        self._generator = torch.Generator(model.device).manual_seed(seed)

    def before_update(self, model: "PreTrainedModel") -> None:
        import torch

        probability = self.settings.probability
        for parameter in model.parameters():
            if parameter.grad is not None:
                mask = torch.empty_like(parameter.grad).bernoulli_(probability, generator=self._generator)
                parameter.grad.mul_(mask).div_(probability)


class ChildTuningD(Method):
    """g <- g m, where m is 1 for the ``share`` of parameters with the largest Fisher information, chosen beforehand.

    Fisher's information of a parameter is the mean over the training set's batches of (dL/dw)^2, at the weights that
    the training starts from. One threshold holds for all layers, so that some keep more of their parameters than
    others. As in the published code, embeddings, pooler and head are always trained, masks come after clipping, and
    weight decay goes on where the mask is 0. With ``share=1`` this is ``vanilla``.

    Differs from the published code: gradients are estimated without dropout, so that no random number is drawn.
    Differs from the paper, as its code does: the squares are of a batch's gradient, not of one example's, and each
    tensor's is clipped to norm 1.
    """

    summary = (
        "Child-Tuning-D: the part of the layers with the largest Fisher information, "
        "found beforehand in one forward and backward pass over the training set (EMNLP 2021)"
    )
    changes = "gradient"
    settings_type = ChildTuningDSettings

    settings: ChildTuningDSettings

    def __init__(self, settings: ChildTuningDSettings) -> None:
        super().__init__(settings)
        self._masks: dict[torch.nn.Parameter, Tensor] = {}

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        parameters = dict(model.named_parameters())
        masks = fisher_masks(fisher_information(model, plan), self.settings.share)
        self._masks = {parameters[name]: mask for name, mask in masks.items()}

    def before_update(self, model: "PreTrainedModel") -> None:
        for parameter, mask in self._masks.items():
            if parameter.grad is not None:
                parameter.grad.mul_(mask)

    def detach(self) -> None:
        self._masks = {}


def fisher_information(model: "PreTrainedModel", plan: Plan) -> "dict[str, Tensor]":
    """The mean squared gradient of each trainable parameter of the encoder's layers, in evaluation mode.

    The model is left as it was found, without gradients.

    Args:
        model: whose losses' gradients are taken.
        plan: of the training, for its batches.

    Returns:
        By the parameter's name, of its shape.

    Raises:
        UserError: the model has no numbered layers.
    """
    import torch

    layers = {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and layer_number(name) is not None
    }
    if not layers:
        kind = model.config.model_type
        raise UnfitBaseError(f"child-tuning-d: the architecture {kind!r} has no numbered layers: use child-tuning-f.")
    total = {name: torch.zeros_like(parameter) for name, parameter in layers.items()}
    was_training = model.training
    model.eval()
    count = 0
    for batch in plan.batches():
        count += 1
        model.zero_grad()
        model(**batch).loss.backward()
        for name, parameter in layers.items():
            if parameter.grad is not None:
                torch.nn.utils.clip_grad_norm_(parameter, _CLIPPED_NORM)
                total[name] += parameter.grad**2
    model.zero_grad()
    model.train(was_training)
    return {name: squares / count for name, squares in total.items()}


def fisher_masks(information: "dict[str, Tensor]", share: float) -> "dict[str, Tensor]":
    """Which parameters are in the child: those above one threshold, that a ``share`` of all exceeds.

    Args:
        information: by the parameter's name.
        share: in (0, 1].

    Returns:
        By the parameter's name, of its shape: true where it is trained.
    """
    import numpy as np

    everything = np.concatenate([values.flatten().cpu().numpy() for values in information.values()])
    threshold = float(np.percentile(everything, (1 - share) * 100))
    return {name: values >= threshold for name, values in information.items()}
