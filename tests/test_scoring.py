"""Scores do not depend on the batch that a text is in, whatever the tokenizer and the model make of padding."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_match import small_model

from robustbench_mt.errors import UserError
from robustbench_mt.scoring import Scorer, encode_texts

TEXTS = [("good",), ("the film was really wonderful .",), ("a",), ("it was a boring story , it was",), ("the the",)]


@pytest.fixture
def tokenizer(tokenizer_dir: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer_dir)


@pytest.fixture
def decoder(tokenizer: Any) -> Any:
    """A tiny GPT-2 classifier, which reads the last token that is not padding."""
    from transformers import GPT2Config, GPT2ForSequenceClassification

    torch.manual_seed(0)
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64, "initializer_range": 0.5}
    return GPT2ForSequenceClassification(GPT2Config(vocab_size=len(tokenizer), pad_token_id=0, **sizes)).eval()


def plain_scores(model: Any, tokenizer: Any) -> Any:
    with torch.inference_mode():
        return np.concatenate([model(**tokenizer(*text, return_tensors="pt")).logits.numpy() for text in TEXTS])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("known_to", ["model", "tokenizer", "both"])
def test_decoders(decoder: Any, tokenizer: Any, side: str, known_to: str) -> None:
    tokenizer.padding_side = side
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    expected = plain_scores(decoder, tokenizer)
    if known_to == "tokenizer":
        decoder.config.pad_token_id = None
    if known_to == "model":
        tokenizer.pad_token = None
    np.testing.assert_allclose(Scorer(decoder, tokenizer)(TEXTS), expected, atol=1e-5)


def test_a_padding_token_that_is_the_end_of_texts(decoder: Any, tokenizer: Any) -> None:
    """As GPT-2's users have it: the model's own counts, not the tokenizer's."""
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    decoder.config.pad_token_id = 1
    expected = plain_scores(decoder, tokenizer)
    np.testing.assert_allclose(Scorer(decoder, tokenizer)(TEXTS), expected, atol=1e-5)


def test_no_padding_token_at_all(decoder: Any, tokenizer: Any) -> None:
    decoder.config.pad_token_id = tokenizer.pad_token = None
    with pytest.raises(UserError, match="no padding token: set pad_token_id"):
        Scorer(decoder, tokenizer)


@pytest.mark.parametrize("architecture", ["bert", "roberta", "distilbert"])
def test_encoders_with_a_tokenizer_that_pads_on_the_left(architecture: str, tokenizer: Any) -> None:
    model: Any = small_model(architecture)
    tokenizer.padding_side = "left"
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.model_max_length = 16
    model.resize_token_embeddings(len(tokenizer))
    expected = plain_scores(model.eval(), tokenizer)
    np.testing.assert_allclose(Scorer(model, tokenizer)(TEXTS), expected, atol=1e-5)


def test_a_text_without_tokens(decoder: Any, tokenizer: Any) -> None:
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    scorer = Scorer(decoder, tokenizer)
    encoded = [{"input_ids": [], "attention_mask": []}]
    assert np.isfinite(scorer._forward(encoded)).all()


@pytest.mark.parametrize("lengths", [[], [5], [512] + [10] * 50, [30] * 100, list(range(1, 200)), [7] * 3])
def test_batches(decoder: Any, tokenizer: Any, lengths: list[int]) -> None:
    batches = list(Scorer(decoder, tokenizer)._batches(lengths))
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(batches)
    for batch in batches:
        sizes = [lengths[row] for row in batch]
        assert len(batch) == 1 or len(batch) * max(sizes) <= 2 * 1.5 * 1024
    assert encode_texts(tokenizer, [], 16) == []
