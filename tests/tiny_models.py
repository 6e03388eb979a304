"""Tiny models for recipes: masked and causal language models, a sentence encoder, taggers, an RNN.

Each is of the real one's kind, read by the same code.
"""

import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["make_models", "tiny_rnn"]

TaggedSentence = list[tuple[str, str]]


def make_models(root: Path, lexicon: Mapping[str, Sequence[str]], sentences: Sequence[TaggedSentence]) -> Path:
    """Make every model that PyTorch reads, in the caches of their libraries below ``root``.

    Returns:
        The directory of the sentence encoder.
    """
    words = [word for part in lexicon.values() for word in part]
    state = torch.get_rng_state()
    torch.manual_seed(0)
    _make_bert(_snapshot(root / "hub", "bert-base-uncased"), words)
    _make_roberta(_snapshot(root / "hub", "distilroberta-base"), words)
    _make_gpt2(_snapshot(root / "hub", "gpt2"), words)
    encoder = _snapshot(root / "hub", "sentence-transformers/stsb-distilbert-base")
    _make_sentence_bert(encoder, words, root / "parts")
    _make_taggers(root / "flair/models", lexicon, sentences)
    _make_rnn(root / "textattack/constraints/grammaticality/language-models/learning-to-write", words)
    torch.set_rng_state(state)
    return encoder


def _snapshot(cache: Path, name: str) -> Path:
    """A folder of a Hugging Face cache where the main revision of a model belongs."""
    repository = cache / f"models--{name.replace('/', '--')}"
    revision = "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(revision, encoding="ascii")
    folder = repository / "snapshots" / revision
    folder.mkdir(parents=True)
    return folder


def _word_pieces(folder: Path, words: Sequence[str]) -> int:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*special, *(word.lower() for word in words), *letters, *(f"##{letter}" for letter in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    return len(pieces)


def _byte_pairs(folder: Path, words: Sequence[str]) -> int:
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    spaced = [f"{space}{word}" for word in words for space in ("", " ")]
    tokenizer.train_from_iterator(spaced, vocab_size=1000, min_frequency=1, show_progress=False, special_tokens=special)
    tokenizer.save_model(str(folder))
    return int(tokenizer.get_vocab_size())


def _make_bert(folder: Path, words: Sequence[str]) -> None:
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    size = _word_pieces(folder, words)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    # The recipes pad every text to 512 pieces.
    config = BertConfig(size, 16, 1, 2, 32, max_position_embeddings=512, initializer_range=0.2)
    BertForMaskedLM(config).save_pretrained(folder)


def _make_roberta(folder: Path, words: Sequence[str]) -> None:
    from transformers import RobertaConfig, RobertaForMaskedLM, RobertaTokenizerFast

    size = _byte_pairs(folder, words)
    RobertaTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    config = RobertaConfig(size, 16, 1, 2, 32, max_position_embeddings=514, initializer_range=0.2)
    RobertaForMaskedLM(config).save_pretrained(folder)


def _make_gpt2(folder: Path, words: Sequence[str]) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    size = _byte_pairs(folder, words)
    config = GPT2Config(size, n_positions=128, n_embd=16, n_layer=1, n_head=2, initializer_range=0.5)
    GPT2LMHeadModel(config).save_pretrained(folder)


def _make_sentence_bert(folder: Path, words: Sequence[str], scratch: Path) -> None:
    from sentence_transformers import SentenceTransformer, models
    from transformers import DistilBertConfig, DistilBertModel, DistilBertTokenizerFast

    size = _word_pieces(scratch, words)
    DistilBertTokenizerFast(str(scratch / "vocab.txt"), model_max_length=128).save_pretrained(scratch)
    config = DistilBertConfig(size, 128, n_layers=1, n_heads=2, dim=16, hidden_dim=32)
    DistilBertModel(config).save_pretrained(scratch)
    encoder = models.Transformer(str(scratch))
    SentenceTransformer(modules=[encoder, models.Pooling(16)], device="cpu").save(str(folder))


def _make_taggers(models: Path, lexicon: Mapping[str, Sequence[str]], sentences: Sequence[TaggedSentence]) -> None:
    from flair.data import Dictionary, Sentence

    texts = [Sentence([word for word, _ in sentence]) for sentence in sentences]
    parts, entities = Dictionary(add_unk=False), Dictionary(add_unk=False)
    for part in lexicon:
        parts.add_item(part)
    for kind in ("LOC", "PER"):
        entities.add_item(kind)
    entities.span_labels = True
    for text, sentence in zip(texts, sentences, strict=True):
        for position, (word, part) in enumerate(sentence):
            text[position].add_label("upos", part)
            if part == "PROPN":
                text[position : position + 1].add_label("ner", "LOC" if word == "Paris" else "PER")
    _make_tagger(_snapshot(models / "upos-english-fast", "flair/upos-english-fast"), "upos", parts, texts)
    _make_tagger(_snapshot(models / "ner-english", "flair/ner-english"), "ner", entities, texts)


def _make_tagger(folder: Path, kind: str, labels: Any, texts: list[Any]) -> None:
    from flair.data import Dictionary
    from flair.embeddings import OneHotEmbeddings
    from flair.models import SequenceTagger

    known = Dictionary()
    for text in texts:
        for token in text:
            known.add_item(token.text)
    embeddings = OneHotEmbeddings(known, embedding_length=16)
    tagger = SequenceTagger(embeddings, labels, kind, use_rnn=False, use_crf=False, reproject_embeddings=False)
    optimizer = torch.optim.Adam(tagger.parameters(), 0.1)
    tagger.train()
    for _ in range(15):
        optimizer.zero_grad()
        loss, count = tagger.forward_loss(texts)
        (loss / count).backward()
        optimizer.step()
        for text in texts:
            text.clear_embeddings()
    tagger.eval()
    tagger.save(folder / "pytorch_model.bin")


def tiny_rnn(size: int) -> Any:
    """The RNN of the learning-to-write model for so many words; TextAttack's code fixes the sizes of the original."""
    from textattack.constraints.grammaticality.language_models.learning_to_write.rnn_model import RNNModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TextAttack asks one layer for dropout
        return RNNModel("GRU", size, 8, 16, 1, [size // 2, size], dropout=0.01, proj=True, lm1b=True)


def _make_rnn(folder: Path, words: Sequence[str]) -> None:
    vocabulary = ["<S>", *words]
    folder.mkdir(parents=True)
    (folder / "word_map.th7").write_bytes(_torch7_strings(vocabulary))
    # The first are the most frequent.
    (folder / "word_freq.th7").write_bytes(_torch7_floats(np.arange(len(vocabulary), 0, -1)))
    torch.save(tiny_rnn(len(vocabulary)).state_dict(), folder / "lm-state-dict.pt")


def _torch7_strings(strings: Sequence[str]) -> bytes:
    """A table of strings, numbered from 1, in the binary format of Lua Torch."""
    number, string, table = 1, 2, 3
    content = struct.pack("iii", table, 1, len(strings))
    for position, text in enumerate(strings, 1):
        encoded = text.encode()
        content += struct.pack("=id", number, position) + struct.pack("ii", string, len(encoded)) + encoded
    return content


def _torch7_floats(values: Any) -> bytes:
    """A vector in the binary format of Lua Torch."""

    def header(index: int, name: bytes) -> bytes:
        version, torch_object = b"V 1", 4
        lengths = [struct.pack("i", len(text)) + text for text in (version, name)]
        return struct.pack("ii", torch_object, index) + b"".join(lengths)

    size, stride, offset = len(values), 1, 1
    tensor = header(1, b"torch.FloatTensor") + struct.pack("i", 1) + struct.pack("lll", size, stride, offset)
    return tensor + header(2, b"torch.FloatStorage") + struct.pack("l", size) + np.asarray(values, np.float32).tobytes()
