"""Texts to scores through a Hugging Face classifier, in batches that waste no padding."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from robustbench_mt.collation import Padding
from robustbench_mt.inference import inference_copy
from robustbench_mt.surrogates import tokenizable

__all__ = ["Scorer", "encode_texts", "length_limit"]

# Tokens a forward pass. On CPU a quarter of this is slower by a fifth, and four times as much no faster
# (benchmarks/inference_copy.py). A GPU wants more.
_TOKENS_PER_BATCH = {"cpu": 1024, "cuda": 16384}


def length_limit(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> int:
    """Tokens that the classifier can read: the tokenizer's limit where it states one, else 512 as TextAttack has it."""
    stated = tokenizer.model_max_length
    return int(stated) if stated < 1_000_000 else min(512, getattr(config, "max_position_embeddings", 512))


def encode_texts(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[tuple[str, ...]], max_length: int
) -> list[dict[str, list[int]]]:
    """Token ids of each text (one or two fields), cut to ``max_length`` and not padded."""
    if not texts:
        return []
    columns = [list(map(tokenizable, column)) for column in zip(*texts, strict=True)]
    encoded = tokenizer(*columns, truncation=True, max_length=max_length, padding=False)
    names = [name for name in encoded if name in tokenizer.model_input_names]
    return [{name: encoded[name][row] for name in names} for row in range(len(texts))]


class Scorer:
    """Scores texts with a sequence classifier.

    Texts are scored once each however often they are asked for in a call, and sorted by length, so that padding to a
    batch's longest text adds next to nothing (TextAttack pads every text to 512 tokens).

    Args:
        model: the classifier; put in evaluation mode.
        tokenizer: its tokenizer.
        max_length: tokens; longer texts are cut. What the classifier can read by default.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, max_length: int | None = None
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.max_length = max_length or length_limit(model.config, tokenizer)
        self._padded = Padding.of(model, tokenizer)
        self._fast = inference_copy(model)
        self._tokens = _TOKENS_PER_BATCH.get(model.device.type, _TOKENS_PER_BATCH["cuda"])

    def __call__(self, texts: Sequence[tuple[str, ...]]) -> NDArray[np.float32]:
        """Logits of the texts, in their order: n x classes (n x 1 for regression)."""
        position = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        encoded = encode_texts(self.tokenizer, list(position), self.max_length)
        logits = np.empty((len(encoded), self.model.config.num_labels), np.float32)
        for rows in self._batches([len(text["input_ids"]) for text in encoded]):
            logits[rows] = self._forward([encoded[row] for row in rows])
        return logits[[position[text] for text in texts]]

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Rows of texts of like length, in batches of like size: none is small because others were filled up."""
        size = sum(lengths) / max(1, round(sum(lengths) / self._tokens))
        batch: list[int] = []
        tokens = 0.0
        # The longest first, so that the first of a batch says how much padding there will be.
        for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
            if batch and (tokens >= size or (len(batch) + 1) * lengths[batch[0]] > 2 * size):
                yield batch
                batch, tokens = [], max(0.0, tokens - size)
            batch.append(row)
            tokens += lengths[row]
        if batch:
            yield batch

    @torch.inference_mode()
    def _forward(self, encoded: list[dict[str, list[int]]]) -> NDArray[np.float32]:
        batch = {name: value.to(self.model.device) for name, value in self._padded(encoded).items()}
        result: NDArray[np.float32] = self._fast(**batch).logits.float().cpu().numpy()
        return result
