"""Class-weighted loss: an example of a rare class counts for more.

King, Zeng: "Logistic Regression in Rare Events Data", Political Analysis 9(2), 2001, whose weights scikit-learn calls
"balanced".
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.class_frequencies import balanced_weights, class_frequencies
from robustbench_mt.methods.method import Method, NoSettings, Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["ClassWeighted"]


class ClassWeighted(Method):
    """mean_i w(y_i) CE(f(x_i), y_i) with w(c) = n / (classes * n_c): each class has the same share of the loss.

    n_c is the number of training examples of class c, and the weights are scikit-learn's "balanced" ones. The mean is
    over a batch's examples. Torch's weighted cross entropy divides by the sum of a batch's weights instead, and with it
    a batch of the majority alone would weigh as much as one that has the minority. Where all classes are equally
    frequent this is ``vanilla``.
    """

    summary = "cross entropy weighted by inverse class frequency"
    changes = "loss"
    needs_classes = True

    settings: NoSettings
    _weights: "Tensor"

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._weights = balanced_weights(class_frequencies(model, plan))

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        from torch.nn.functional import cross_entropy

        labels = batch["labels"]
        losses = cross_entropy(model(**batch).logits.float(), labels, reduction="none")
        return (self._weights[labels] * losses).mean()
