"""The head of a classifier: where the representation is made that matching works on, and where it is read."""

from typing import TYPE_CHECKING

from robustbench_mt.errors import UnfitBaseError

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

__all__ = ["HEAD_DENSE", "find_head_dense", "find_head_output"]

HEAD_DENSE = {
    "albert": "albert.pooler",
    "bert": "bert.pooler.dense",
    "camembert": "classifier.dense",
    "deberta": "pooler.dense",
    "deberta-v2": "pooler.dense",
    "distilbert": "pre_classifier",
    "electra": "classifier.dense",
    "modernbert": "head.dense",
    "mpnet": "classifier.dense",
    "roberta": "classifier.dense",
    "xlm-roberta": "classifier.dense",
}
"""For each ``model_type`` of transformers, the linear layer (d -> d) that the first token's output goes through."""


def find_head_dense(model: "PreTrainedModel", layer: str | None = None) -> "nn.Module":
    """The dense layer of a sequence classifier's head.

    Args:
        model: any ``AutoModelForSequenceClassification`` encoder.
        layer: the module's dotted name, for architectures that :data:`HEAD_DENSE` does not know.

    Raises:
        UserError: no such module, or an unknown architecture; the candidates are listed.
    """
    name = layer or HEAD_DENSE.get(model.config.model_type)
    modules = dict(model.named_modules())
    # Adapters come in a wrapper, which goes before the names.
    for path in (name, f"base_model.model.{name}"):
        if path in modules:
            found: nn.Module = modules[path]
            return found
    candidates = ", ".join(_candidates(model)) or "none"
    if layer:
        raise UnfitBaseError(f"The model has no module {layer!r} to match after: candidates are {candidates}.")
    raise UnfitBaseError(
        f"No dense layer is known for the architecture {model.config.model_type!r}: "
        f"name it with --method match:layer=MODULE; candidates are {candidates}."
    )


def find_head_output(model: "PreTrainedModel") -> "nn.Module":
    """The linear layer that makes logits (d -> classes) of the pooled representation, its input (N x d).

    Raises:
        UserError: the model has none.
    """
    from torch import nn

    # Of adapters' copies of it the last is the one that is trained.
    for module in reversed(list(model.modules())):
        if isinstance(module, nn.Linear) and module.out_features == model.config.num_labels:
            return module
    raise UnfitBaseError(f"The architecture {model.config.model_type!r} has no linear layer that makes its logits.")


def _candidates(model: "PreTrainedModel") -> list[str]:
    """Linear layers outside the encoder's stack (whose names carry a layer number)."""
    from torch import nn

    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and not any(part.isdigit() for part in name.split("."))
    ]
