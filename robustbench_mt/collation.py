"""Batches of texts of unequal length, padded to the longest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from robustbench_mt.errors import BadCheckpointError

__all__ = ["Collator", "Padding"]


@dataclass(frozen=True)
class Padding:
    """How a classifier wants texts to be filled up.

    Attributes:
        fill: what to fill up with, by the name of the input; 0 where it is not named.
        on_left: whether the filling comes before the text.
    """

    fill: Mapping[str, int]
    on_left: bool = False

    @classmethod
    def of(cls, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> "Padding":
        """The padding for a classifier, whose configuration learns the padding token if it has none.

        Raises:
            UserError: neither the configuration nor the tokenizer has a padding token.
        """
        fill = {"input_ids": _padding_token(model, tokenizer), "token_type_ids": tokenizer.pad_token_type_id}
        # Positions are counted from the left, whatever side a tokenizer pads for generation; but for XLNet's.
        return cls(fill, on_left=model.config.model_type == "xlnet")

    def __call__(self, encoded: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """A batch of N texts as ``tokenizer.pad`` makes it, in a tenth of the time.

        Args:
            encoded: for each text its token ids and the like, by the names of the model's inputs.

        Returns:
            N x longest text, 64-bit integers, by the same names.
        """
        first = next(iter(encoded[0]))
        # Some tokenizers make no token of an empty text; a classifier needs one.
        longest = max(1, *(len(text[first]) for text in encoded))
        batch = {}
        for name in encoded[0]:
            rows = np.full((len(encoded), longest), self.fill.get(name, 0), np.int64)
            for row, text in zip(rows, encoded, strict=True):
                values = text[name]
                row[longest - len(values) if self.on_left else 0 :][: len(values)] = values
            batch[name] = torch.from_numpy(rows)
        return batch


@dataclass(frozen=True)
class Collator:
    """Makes batches of a training's examples.

    Attributes:
        padding: of their texts.
    """

    padding: Padding

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """The padded texts, and ``labels`` (N) of the type that the examples' have."""
        texts = [{name: values for name, values in example.items() if name != "labels"} for example in examples]
        labels = np.array([example["labels"] for example in examples])
        return {**self.padding(texts), "labels": torch.from_numpy(labels)}


def _padding_token(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """The token that texts are padded with; classifiers that read the last token find it by their configuration."""
    if model.config.pad_token_id is None:
        model.config.pad_token_id = tokenizer.pad_token_id
    if model.config.pad_token_id is None:
        raise BadCheckpointError(
            f"The checkpoint {model.name_or_path} has no padding token: set pad_token_id in its config.json, to "
            "that of its end-of-text token for instance."
        )
    return int(model.config.pad_token_id)
