"""The shapes of well-known bases, to time a training where their weights are not: the values do not matter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustbench_mt.costs import STAND_IN
from robustbench_mt.errors import UserError
from robustbench_mt.kept_in_memory import base_directory

__all__ = ["SHAPES", "RandomBases"]

_BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_BERT = {"model_type": "bert", "vocab_size": 30522}
_DISTILBERT = {"model_type": "distilbert", "vocab_size": 30522, "n_layers": 6, "n_heads": 12, "dim": 768}
_ROBERTA = {"model_type": "roberta", "vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}

SHAPES: dict[str, Mapping[str, Any]] = {
    "bert-base-uncased": {**_BERT, **_BASE},
    "bert-large-uncased": {**_BERT, **_LARGE},
    "distilbert-base-uncased": {**_DISTILBERT, "hidden_dim": 3072},
    "roberta-base": {**_ROBERTA, **_BASE},
    "roberta-large": {**_ROBERTA, **_LARGE},
}
"""What the configurations of these bases on the hub say, as far as it is not transformers' default. Their vocabularies
are at least as large as that of the base whose tokenizer stands in."""

_OWNERS = {"bert": "google-bert", "distilbert": "distilbert", "roberta": "FacebookAI"}
SHAPES |= {f"{_OWNERS[shape['model_type']]}/{name}": shape for name, shape in SHAPES.items()}

# Weights, their copy that is kept for the next training, gradients, AdamW's two moments, and the model trained before.
_BYTES_A_PARAMETER = 24


class RandomBases:
    """Models with random weights that are timed in the place of known bases whose own are not here.

    Args:
        scratch: where to write them.

    Attributes:
        parameters: how many each has that was written.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.parameters: dict[str, int] = {}

    def in_place_of(self, base: str, allow_network: bool) -> str:
        """The base to time: itself, unless its weights are not here and its shape is known.

        Raises:
            UserError: the tokenizer that stands in is not here.
            MemoryError: there is not enough to train such a model.
        """
        if base not in SHAPES or _has_weights(base, allow_network):
            return base
        directory = self._scratch / base
        if base not in self.parameters:
            self.parameters[base] = _write_random(base, directory)
        return str(directory)


def _has_weights(base: str, allow_network: bool) -> bool:
    try:
        return any(base_directory(base, allow_network).glob("*.safetensors"))
    except UserError:
        return False


def _write_random(base: str, directory: Path) -> int:
    """Write a model of a base's shape with random weights, and the tokenizer that stands in; returns its parameters."""
    import psutil
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    settings = dict(SHAPES[base])
    config = AutoConfig.for_model(settings.pop("model_type"), **settings)
    with torch.device("meta"):
        parameters = AutoModel.from_config(config).num_parameters()
    needed, free = parameters * _BYTES_A_PARAMETER, psutil.virtual_memory().available
    if needed > free:
        raise MemoryError(f"training takes about {needed / 1e9:.1f} GB of memory, of which {free / 1e9:.1f} are free")
    # Only BERT tells the texts of a pair apart by another input.
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if config.model_type == "bert" else [])]
    tokenizer = AutoTokenizer.from_pretrained(
        base_directory(STAND_IN, False), model_max_length=512, model_input_names=inputs
    )
    tokenizer.save_pretrained(directory)
    AutoModel.from_config(config).save_pretrained(directory)
    return int(parameters)
