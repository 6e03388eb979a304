"""Mixup: the classifier learns on mixtures of two instances' representations, and on both their labels.

Zhang, Cisse, Dauphin, Lopez-Paz: "mixup: Beyond Empirical Risk Minimization", ICLR 2018, arXiv 1710.09412.
Sun, Xia, Yin, Liang, Yu, He: "Mixup-Transformer: Dynamic Data Augmentation for NLP Tasks", COLING 2020,
arXiv 2010.02394.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustbench_mt.errors import ConflictingOptionsError, UnfitBaseError
from robustbench_mt.methods.checks import check, is_number
from robustbench_mt.methods.head import find_head_output
from robustbench_mt.methods.method import Method, Plan

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["Mixup", "MixupSettings"]

# Mixup-Transformer's coefficient is fixed too; that it was 0.5 could not be checked against the paper's text.
_DEFAULT_COEFFICIENT = 0.5


@dataclass(frozen=True)
class MixupSettings:
    """Settings of mixup: either a fixed coefficient or a drawn one.

    Attributes:
        coefficient: an instance's own share in its mixture, the same in all; 0.5 where neither is given.
        alpha: instead, draw a coefficient a batch from Beta(alpha, alpha), as Zhang et al. do.
    """

    coefficient: float | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        if self.coefficient is not None and self.alpha is not None:
            raise ConflictingOptionsError("mixup: both coefficient and alpha are given: give one of them.")
        if self.coefficient is None and self.alpha is None:
            # Set, so that records say with which coefficient a checkpoint was trained.
            object.__setattr__(self, "coefficient", _DEFAULT_COEFFICIENT)
        if self.coefficient is not None:
            check("mixup", self, "coefficient", "a number from 0 to 1", lambda x: is_number(x) and 0 <= x <= 1)
        if self.alpha is not None:
            check("mixup", self, "alpha", "a number above 0", lambda x: is_number(x) and 0 < x < math.inf)


class Mixup(Method):
    """z'_i = c z_i + (1 - c) z_p(i) before the classifier, and c L(y_i) + (1 - c) L(y_p(i)) as the loss.

    z is the input of the layer that makes the logits, after the head's own activation and dropout; p is a permutation
    of the batch, drawn anew for each; L is the task's own loss on the mixture's logits. For classes this is the cross
    entropy with the mixed label; for a regression it differs from the squared error to the mixed target by a constant,
    so that the gradient is the same. This is the fixed-coefficient cousin of ``match``, whose coefficients come from
    similarities and which leaves the labels alone. With ``coefficient=1`` this is ``vanilla``.

    Mixup-Transformer may begin to mix only in later epochs; ours mixes in all. The batch is the micro-batch on one
    device. Nothing is mixed at inference.
    """

    summary = "mixup of the classifier's inputs and of the labels (Mixup-Transformer, COLING 2020)"
    changes = "representation"
    settings_type = MixupSettings
    why_not_with_match = (
        "both mix the instances' representations in the head, and mixup's labels would not be those of the mixture."
    )

    settings: MixupSettings
    _generator: "np.random.Generator"

    def __init__(self, settings: MixupSettings) -> None:
        super().__init__(settings)
        self._is_regression = False
        self._hook: RemovableHandle | None = None
        self._mixture: tuple[float, Tensor] | None = None

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        import numpy as np

        # Torch draws from a beta distribution with its global generator only.
        self._generator = np.random.default_rng(plan.seed)
        self._is_regression = model.config.problem_type == "regression"
        self._hook = find_head_output(model).register_forward_pre_hook(self._mix)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        labels = batch["labels"]
        coefficient, partners = self._mixture = self._draw(labels)
        logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
        self._mixture = None
        own, other = (self._task_loss(logits, each) for each in (labels, labels[partners]))
        return coefficient * own + (1 - coefficient) * other

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()

    def _draw(self, labels: "Tensor") -> "tuple[float, Tensor]":
        """The coefficient and the permutation of a batch."""
        import torch

        partners = torch.as_tensor(self._generator.permutation(len(labels)), device=labels.device)
        coefficient = self.settings.coefficient
        if coefficient is None:
            assert self.settings.alpha is not None
            coefficient = float(self._generator.beta(self.settings.alpha, self.settings.alpha))
        return coefficient, partners

    def _mix(self, _module: "nn.Module", inputs: "tuple[Tensor, ...]") -> "tuple[Tensor, ...] | None":
        # Set while the loss's own pass runs, which is in training mode.
        if self._mixture is None:
            return None
        z, *others = inputs
        if z.ndim != 2:
            raise UnfitBaseError(
                "mixup: this architecture's classifier does not read one vector a text: choose another."
            )
        coefficient, partners = self._mixture
        return coefficient * z + (1 - coefficient) * z[partners], *others

    def _task_loss(self, logits: "Tensor", labels: "Tensor") -> "Tensor":
        from torch.nn.functional import cross_entropy, mse_loss

        if self._is_regression:
            return mse_loss(logits.squeeze(-1), labels)
        return cross_entropy(logits, labels)
