"""Victims whose tokenizers cut words into pieces, of three kinds, and what tests of gradients need beside them.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ADVERBS, BAD, GOOD, SUBJECTS, reviews
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase

from attacks.textattack_import import import_textattack
from attacks.victim import HuggingFaceVictim, load_victim
from robustbench_mt.checkpoints import load_classifier
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Task

LIMIT = 64
"""Tokens that each can read."""

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def word_pieces(checkpoint: Path, task: Task) -> HuggingFaceVictim:
    """A trained BERT."""
    victim = load_victim(str(checkpoint), task)
    assert isinstance(victim, HuggingFaceVictim)
    return victim


@cache
def byte_pairs() -> HuggingFaceVictim:
    """An untrained RoBERTa with a tokenizer of its kind."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([text for (text,), _ in reviews()], vocab_size=400, special_tokens=SPECIAL)
    with TemporaryDirectory() as folder:
        tokenizer = RobertaTokenizerFast(*trained.save_model(folder), model_max_length=LIMIT)
    return _untrained(RobertaConfig, tokenizer)


@cache
def sentence_pieces() -> HuggingFaceVictim:
    """An untrained XLM-RoBERTa with a tokenizer of its kind."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.processors import TemplateProcessing
    from transformers import XLMRobertaConfig, XLMRobertaTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyzé."
    words = ["the", "was", "it", *SUBJECTS, *ADVERBS, *GOOD, *BAD, "w", "un", "don"]
    pieces = [*((f"▁{word}", -5.0) for word in words), ("able", -6.0), ("▁", -7.0), *((one, -8.0) for one in letters)]
    trained = Tokenizer(models.Unigram([*((name, 0.0) for name in SPECIAL), *pieces], unk_id=SPECIAL.index("<unk>")))
    trained.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    trained.pre_tokenizer, trained.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trained.post_processor = TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return _untrained(XLMRobertaConfig, XLMRobertaTokenizerFast(tokenizer_object=trained, model_max_length=LIMIT))


def _untrained(config: Any, tokenizer: PreTrainedTokenizerBase) -> HuggingFaceVictim:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = AutoModelForSequenceClassification.from_config(
        config(vocab_size=len(tokenizer), max_position_embeddings=LIMIT + 2, initializer_range=0.2, **sizes)
    )
    return HuggingFaceVictim("untrained", Scorer(model, tokenizer), [0, 1], "")


def less_sure(checkpoint: Path, path: Path) -> Path:
    """A copy of a checkpoint with probabilities that are not next to 0 or 1, where gradients vanish."""
    model, tokenizer = load_classifier(checkpoint)
    with torch.no_grad():
        model.classifier.weight *= 0.2
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def without_dropout(checkpoint: Path) -> Any:
    """TextAttack's own wrapper, whose gradients are random but for this: it sets the model to training."""
    import_textattack()
    from textattack.models.wrappers import HuggingFaceModelWrapper

    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint, **dropout)
    return HuggingFaceModelWrapper(model, AutoTokenizer.from_pretrained(checkpoint))


def attacked(*texts: str, fields: Sequence[str] = ("premise", "hypothesis")) -> Any:
    """TextAttack's text of one field or two."""
    import_textattack()
    from textattack.shared import AttackedText

    return AttackedText(texts[0] if len(texts) == 1 else OrderedDict(zip(fields, texts, strict=True)))


def toy_vectors(*groups: list[str]) -> Any:
    """TextAttack's word vectors, in which words are near to those of their group and to no others.

    Args:
        groups: subjects, adverbs and judgements by default.
    """
    import_textattack()
    from textattack.shared import WordEmbedding

    groups = groups or (SUBJECTS, ADVERBS, GOOD + BAD)
    words = [word for group in groups for word in group]
    kinds = np.repeat(np.eye(len(groups)), [len(group) for group in groups], axis=0)
    matrix = np.hstack([kinds, 0.1 * np.random.default_rng(0).standard_normal((len(words), 4))]).astype(np.float32)
    distances = ((matrix[:, None] - matrix[None]) ** 2).sum(axis=2)
    index = {word: place for place, word in enumerate(words)}
    return WordEmbedding(matrix, index, {i: word for word, i in index.items()}, distances.argsort(axis=1))


@pytest.fixture(scope="module")
def bert(checkpoint: Path, task: Task) -> HuggingFaceVictim:
    return word_pieces(checkpoint, task)


@pytest.fixture(params=["word pieces", "byte pairs", "sentence pieces"])
def victim(request: pytest.FixtureRequest, bert: HuggingFaceVictim) -> HuggingFaceVictim:
    return {"word pieces": lambda: bert, "byte pairs": byte_pairs, "sentence pieces": sentence_pieces}[request.param]()


@pytest.fixture(scope="module")
def embedding() -> Any:
    return toy_vectors()


@pytest.fixture
def near(embedding: Any) -> Any:
    from textattack.constraints.semantics import WordEmbeddingDistance

    return WordEmbeddingDistance(embedding=embedding, min_cos_sim=0.8)
