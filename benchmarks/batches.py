"""Texts in batches made beforehand, and models run over them: what scoring costs at the least."""

from collections.abc import Sequence
from typing import Any

import torch

from robustbench_mt.scoring import encode_texts

__all__ = ["batches_of", "run_batches"]


def batches_of(tokenizer: Any, texts: Sequence[tuple[str, ...]], budget: int) -> tuple[list[dict[str, Any]], int]:
    """Batches of texts sorted by length, each of at most ``budget`` tokens, and the number of real tokens in all."""
    encoded = sorted(encode_texts(tokenizer, texts, 512), key=lambda text: len(text["input_ids"]))
    groups: list[list[dict[str, list[int]]]] = [[]]
    for text in encoded:
        if groups[-1] and (len(groups[-1]) + 1) * len(text["input_ids"]) > budget:
            groups.append([])
        groups[-1].append(text)
    batches = [dict(tokenizer.pad(group, return_tensors="pt")) for group in groups]
    return batches, sum(len(text["input_ids"]) for text in encoded)


@torch.inference_mode()
def run_batches(model: Any, batches: Sequence[dict[str, Any]]) -> torch.Tensor:
    """The logits of all batches, on the CPU."""
    device = next(model.parameters()).device
    moved = ({name: values.to(device) for name, values in batch.items()} for batch in batches)
    return torch.cat([model(**batch).logits for batch in moved]).cpu()
