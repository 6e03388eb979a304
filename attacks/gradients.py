"""Gradients of a classifier by its input embeddings, and which of a text's tokens make up which of its words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

from robustbench_mt.errors import UnfitRecipeError
from robustbench_mt.surrogates import tokenizable

__all__ = ["Span", "embedding_gradient", "encode_one", "token_spans", "whole_words", "word_tokens"]

Span = tuple[int, int, int]
"""A field's position, and where in its characters something begins and ends."""


def encode_one(tokenizer: PreTrainedTokenizerBase, text: Sequence[str], max_length: int, **more: Any) -> BatchEncoding:
    """One text (a string a field) as a batch of one, cut as for scoring."""
    columns = [[tokenizable(field)] for field in text]
    return tokenizer(*columns, truncation=True, max_length=max_length, padding=False, **more)


def embedding_gradient(model: PreTrainedModel, inputs: Mapping[str, Tensor]) -> NDArray[np.float32]:
    """Gradient of the predicted class's loss by what the model's embedding layer gives: tokens x dimensions.

    TextAttack's wrappers take the same one, but with dropout, as they set the model to training for it. Here the mode
    stays as it is; nothing is added to the gradients of parameters, and frozen ones make no difference.

    Args:
        model: in evaluation mode.
        inputs: one text, encoded, as tensors of 1 x tokens.

    Raises:
        UserError: the model does not use the embedding layer that it names.
    """
    outputs: list[Tensor] = []

    def stand_alone(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1]

    with torch.enable_grad():
        hook = model.get_input_embeddings().register_forward_hook(stand_alone)
        try:
            logits = model(**inputs).logits
        finally:
            hook.remove()
        if not outputs:
            # BART: its encoder and decoder have embedding layers of their own, that share the weights.
            raise UnfitRecipeError(
                f"No gradient can be taken of {type(model).__name__}: it does not use the embedding layer that it "
                "names. Choose a recipe that reads scores alone (robustbench-mt list recipes)."
            )
        # An encoder with a decoder may use the layer for both; the encoder comes first.
        (gradient,) = torch.autograd.grad(cross_entropy(logits, logits.argmax(dim=1)), outputs[:1])
    # XLNet has the tokens before the batch.
    result: NDArray[np.float32] = gradient.reshape(-1, gradient.shape[-1]).float().cpu().numpy()
    return result


def token_spans(encoded: BatchEncoding) -> list[Span | None]:
    """Where in its fields each token of a batch of one stands, ``None`` for special tokens.

    Args:
        encoded: by a fast tokenizer, with ``return_offsets_mapping``.
    """
    places = zip(encoded.sequence_ids(0), encoded["offset_mapping"][0], strict=True)
    return [None if field is None else (field, *offsets) for field, offsets in places]


def word_tokens(text: Any, spans: Sequence[Span | None]) -> list[list[int]]:
    """For each word of an ``AttackedText``, the positions of its tokens; none where the text was cut before it.

    TextAttack's own ``align_with_model_tokens`` compares letters instead. So it finds no word after SentencePiece's
    ``▁``, loses words whose accents the tokenizer strips, and then gives their neighbours the tokens of other words.

    Args:
        text: the ``AttackedText``.
        spans: of its tokens. One that covers letters of two words is a token of both; one that is but the space before
            a word (the rest of it may have been cut into pieces that do not go with a space) is that word's.
    """
    given = text.tokenizer_input
    fields = [given] if isinstance(given, str) else given
    owners: dict[tuple[int, int], int] = {}
    for word, (field, start, stop) in enumerate(_word_spans(text.words, fields)):
        owners.update({(field, place): word for place in range(start, stop)})
        if fields[field][start - 1 : start].isspace():
            owners[field, start - 1] = word
    found: list[list[int]] = [[] for _ in text.words]
    for position, span in enumerate(spans):
        if span is not None:
            field, start, stop = span
            # Byte-level tokenizers leave the space out of what a token covers, so that a space alone covers nothing.
            places = [(field, place) for place in range(start, max(stop, start + 1))]
            for word in dict.fromkeys(owners[place] for place in places if place in owners):
                found[word].append(position)
    return found


def whole_words(tokenizer: PreTrainedTokenizerBase) -> dict[str, int]:
    """Words of letters, one of them Latin at least, that are one token inside a text, and that token.

    Each kind of tokenizer marks the entries that begin words in its own way, so the tokenizer itself is asked.

    Args:
        tokenizer: a fast one.
    """
    tokens = [token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])]
    surfaces = dict.fromkeys(tokenizer.convert_tokens_to_string([token]).strip() for token in tokens)
    words = [word for word in surfaces if word.isalpha() and re.search("[A-Za-z]", word)]
    if not words:
        return {}
    # Twice each, as the first word of a text may be cut in another way.
    encoded = tokenizer([f"{word} {word}" for word in words], add_special_tokens=False, return_offsets_mapping=True)
    found = {}
    for word, ids, offsets in zip(words, encoded["input_ids"], encoded["offset_mapping"], strict=True):
        inside = [token for token, (_, stop) in zip(ids, offsets, strict=True) if stop > len(word)]
        if len(inside) == 1 and inside[0] not in tokenizer.all_special_ids:
            found[word] = inside[0]
    return found


def _word_spans(words: Sequence[str], fields: Sequence[str]) -> Iterator[Span]:
    """Where TextAttack's words of the fields stand: they come in order, and nothing between them looks like a word."""
    field = start = 0
    for word in words:
        while (place := fields[field].find(word, start)) < 0:
            field, start = field + 1, 0
        start = place + len(word)
        yield field, place, start
