"""Gradients are the loss's own, and each word gets those of its own tokens."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ADVERBS, BAD, GOOD, SUBJECTS, make_task
from subword_victims import (
    LIMIT,
    attacked,
    less_sure,
    without_dropout,
    word_pieces,
)
from torch.nn.functional import cross_entropy
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attacks.gradients import embedding_gradient, encode_one, whole_words, word_tokens
from attacks.victim import HuggingFaceVictim
from robustbench_mt.checkpoints import load_classifier
from robustbench_mt.errors import UserError
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Task

STRINGS = {
    "plain words": "the film was really wonderful .",
    "words in pieces": "the unwatchable film was unbelievably wonderful .",
    "repeated words": "the film of the film was the film",
    "accents": "a naïve café film , Éric 's film",
    "contractions": "don't see the so-called film , it 's awful",
    "unknown to the vocabulary": "☃ film ξένος film",
    "spaces": "  the   film\twas\n wonderful ",
    "two words in one stretch": "film/plot,story.scene",
    "lone surrogate": "the \ud800 film",
    "empty": "",
}
PAIRS = {
    "a pair": ("the film was the film .", "it was the unwatchable film"),
    "a pair without a first": ("", "it was the film"),
    "a pair with a long first": ("the film was awful " * 60, "it was wonderful"),
}


@pytest.fixture(scope="module")
def unsure(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return less_sure(checkpoint, tmp_path_factory.mktemp("unsure"))


# The gradient


@pytest.mark.parametrize("text", [*list(STRINGS.values())[:5], *PAIRS.values()])
def test_gradient_is_that_of_textattacks_wrapper(text: Any, unsure: Path, task: Task) -> None:
    """Theirs without its dropout: it sets the model to training, so that no two of its gradients are the same."""
    victim = word_pieces(unsure, task)
    ours, theirs = victim.get_grad(text), without_dropout(unsure).get_grad(text)
    length = ours["ids"].shape[1]
    assert ours["gradient"].shape == (length, 32)
    assert torch.equal(ours["ids"], theirs["ids"][:, :length])
    np.testing.assert_allclose(ours["gradient"], theirs["gradient"][:length], atol=1e-6, rtol=1e-4)
    assert np.abs(ours["gradient"]).max() > 1e-3


def test_gradient_is_the_slope_of_the_loss(checkpoint: Path) -> None:
    model, tokenizer = load_classifier(checkpoint)
    model = model.double().eval()
    inputs = encode_one(tokenizer, ["the unwatchable film was wonderful"], LIMIT, return_tensors="pt")
    gradient = embedding_gradient(model, inputs)
    embedded = model.get_input_embeddings()(inputs["input_ids"]).detach()
    mask = inputs["attention_mask"]

    def logits(moved: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            result: torch.Tensor = model(inputs_embeds=moved, attention_mask=mask).logits
        return result

    predicted = logits(embedded).argmax(dim=1)
    generator = np.random.default_rng(0)
    for _ in range(50):
        token, dimension = (int(generator.integers(size)) for size in gradient.shape)
        step = torch.zeros_like(embedded)
        step[0, token, dimension] = 1e-5
        rise = cross_entropy(logits(embedded + step), predicted) - cross_entropy(logits(embedded - step), predicted)
        assert gradient[token, dimension] == pytest.approx(float(rise) / 2e-5, rel=1e-4, abs=1e-8)


def test_gradient_leaves_the_model_as_it_was(checkpoint: Path, task: Task) -> None:
    victim = word_pieces(checkpoint, task)
    texts = task.split("test").texts[:10]
    scores = victim.score(texts)
    first = victim.get_grad(texts[0][0])["gradient"]
    np.testing.assert_array_equal(victim.get_grad(texts[0][0])["gradient"], first)
    np.testing.assert_array_equal(victim.score(texts), scores)
    embeddings = victim.model.get_input_embeddings()
    assert not embeddings._forward_hooks
    assert all(parameter.grad is None and parameter.requires_grad for parameter in victim.model.parameters())
    assert not any(module.training for module in victim.model.modules())
    victim.model.requires_grad_(False)
    np.testing.assert_allclose(victim.get_grad(texts[0][0])["gradient"], first, atol=1e-7)
    with torch.no_grad():
        np.testing.assert_allclose(victim.get_grad(texts[0][0])["gradient"], first, atol=1e-7)


def test_order_of_the_tasks_labels_changes_no_gradient(checkpoint: Path, bert: HuggingFaceVictim) -> None:
    turned = word_pieces(checkpoint, make_task(label_names=("positive", "negative")))
    text = STRINGS["plain words"]
    np.testing.assert_array_equal(turned.get_grad(text)["gradient"], bert.get_grad(text)["gradient"])


def test_a_model_that_does_not_use_its_embedding_layer_is_refused(tokenizer_dir: Path) -> None:
    from transformers import BartConfig

    tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir, model_input_names=["input_ids", "attention_mask"])
    sizes = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    config = BartConfig(vocab_size=len(tokenizer), d_model=16, max_position_embeddings=LIMIT, eos_token_id=3, **sizes)
    victim = HuggingFaceVictim(
        "bart", Scorer(AutoModelForSequenceClassification.from_config(config), tokenizer), [0, 1, 2], ""
    )
    with pytest.raises(UserError, match="No gradient can be taken of BartForSequenceClassification"):
        victim.get_grad("the film")


# Words and their tokens


@pytest.mark.parametrize("text", [*((text,) for text in STRINGS.values()), *PAIRS.values()], ids=[*STRINGS, *PAIRS])
def test_words_get_their_own_tokens(text: tuple[str, ...], victim: HuggingFaceVictim) -> None:
    words = attacked(*text)
    ids = victim.get_grad(words.tokenizer_input)["ids"][0].tolist()
    found = word_tokens(words, victim.token_spans(words.tokenizer_input))
    assert len(found) == len(words.words)
    used = [position for positions in found for position in positions]
    assert used == sorted(used)
    # Only where a token is a letter shared by two words may it be used twice; here words are apart.
    assert len(used) == len(set(used))
    for word, positions in zip(words.words, found, strict=True):
        tokens = victim.tokenizer.convert_ids_to_tokens([ids[position] for position in positions])
        if victim.tokenizer.unk_token not in tokens and len(ids) < LIMIT:
            assert _plain(victim.tokenizer.convert_tokens_to_string(tokens)) == _plain(word)
        assert positions or len(ids) == LIMIT


def _plain(text: str) -> str:
    """Without spaces, accents and case, which tokenizers may drop."""
    letters = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in letters if not letter.isspace() and not unicodedata.combining(letter))


def test_words_that_were_cut_off_have_no_tokens(victim: HuggingFaceVictim) -> None:
    text = attacked("the unwatchable film was awful " * 40)
    found = word_tokens(text, victim.token_spans(text.tokenizer_input))
    read = sum(map(bool, found))
    assert 0 < read < len(found) == 200
    assert all(found[:read])
    # All but the special tokens at the ends.
    assert [position for positions in found[:read] for position in positions] == list(range(1, LIMIT - 1))


def test_whole_words_of_word_pieces(bert: HuggingFaceVictim) -> None:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    known = {"the", "was", "it", *SUBJECTS, *ADVERBS, *GOOD, *BAD, *letters}
    assert whole_words(bert.tokenizer).keys() == known


def test_whole_words_are_one_token_inside_a_text(victim: HuggingFaceVictim) -> None:
    words = whole_words(victim.tokenizer)
    assert {"film", "was", "really"} <= words.keys()
    assert len(set(words.values())) == len(words)
    for word, token in words.items():
        assert word.isalpha()
        assert token not in victim.tokenizer.all_special_ids
        text = attacked(f"the {word} was")
        positions = word_tokens(text, victim.token_spans(text.text))[1]
        assert victim.get_grad(text.text)["ids"][0, positions].tolist() == [token]
