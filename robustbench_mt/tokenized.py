"""Token ids of examples: tokenized once, then kept in memory, and of large sets on disk."""

import hashlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from lru import LRU
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from robustbench_mt.resources.places import cache_folder
from robustbench_mt.scoring import encode_texts
from robustbench_mt.tasks.task import Examples
from robustbench_mt.versions import versions

__all__ = ["TokenizedExamples", "Tokens", "keep_tokens", "keyed_tokens", "tokenized"]

_LAYOUT = 1
"""Raised when the layout of the files changes."""

# 2,000 sentences are tokenized in a tenth of a second, so less is not worth a file.
_WORTH_A_FILE = 2000

# The cache's files that were used last; a curve along ratios makes one for each of its samples.
_BYTES_ON_DISK = 2 * 2**30

_SETS_IN_MEMORY = 8

_CHUNK = 10_000


@dataclass(frozen=True)
class Tokens:
    """Token ids of n texts, one after the other.

    Attributes:
        starts: n + 1, where each text starts, and the end.
        inputs: by the names of the model's inputs, each of all texts' tokens, in the smallest type that holds them.
    """

    starts: NDArray[np.int64]
    inputs: Mapping[str, NDArray[Any]]


_kept: "LRU[str, Tokens]" = LRU(_SETS_IN_MEMORY)


@dataclass(frozen=True)
class TokenizedExamples:
    """Examples as a classifier reads them; a data set for PyTorch's loaders.

    An example is a mapping from the names of the model's inputs to arrays of its tokens, and ``labels``, a number.

    Attributes:
        tokens: of all texts.
        labels: n, 64-bit class indices or 32-bit scores.
    """

    tokens: Tokens
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> dict[str, Any]:
        label = self.labels[index]
        start, end = self.tokens.starts[index : index + 2].tolist()
        return {**{name: values[start:end] for name, values in self.tokens.inputs.items()}, "labels": label}


def tokenized(tokenizer: PreTrainedTokenizerBase, examples: Examples, max_length: int) -> TokenizedExamples:
    """Tokenize examples, unless that was done before.

    What was done before is known by the content of the examples and of the tokenizer, not by their names. Tokenizers
    without a serialized form (those in Python) are asked each time. A cache that cannot be written is done without.

    Args:
        tokenizer: the classifier's.
        examples: texts of one or two fields, and labels.
        max_length: tokens; longer texts are cut.
    """
    labels = np.asarray(examples.labels)
    if not np.issubdtype(labels.dtype, np.integer):
        labels = labels.astype(np.float32)
    known = keyed_tokens(tokenizer, examples, max_length)
    if known is None:
        return TokenizedExamples(_tokenize(tokenizer, examples, max_length), labels)
    # Tokenizers are saved with the length that they last cut to, which must not depend on the cache.
    encode_texts(tokenizer, examples.texts[:1], max_length)
    return TokenizedExamples(known[1], labels)


def keyed_tokens(tokenizer: PreTrainedTokenizerBase, examples: Examples, max_length: int) -> tuple[str, Tokens] | None:
    """Token ids as :func:`tokenized` finds or makes them, and the key that it knows them by.

    ``None`` for tokenizers without a serialized form.
    """
    content = _content(tokenizer)
    if content is None:
        return None
    parts = (_LAYOUT, content, max_length, examples.fingerprint)
    key = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:32]
    tokens = _kept.get(key)
    if tokens is None and len(examples) < _WORTH_A_FILE:
        tokens = _tokenize(tokenizer, examples, max_length)
    if tokens is None:
        path = cache_folder() / "tokenized" / f"{key}.npz"
        tokens = _read(path, len(examples))
        if tokens is None:
            tokens = _tokenize(tokenizer, examples, max_length)
            with suppress(OSError):
                _write(path, tokens)
    keep_tokens(key, tokens)
    return key, tokens


def keep_tokens(key: str, tokens: Tokens) -> None:
    """Let :func:`tokenized` find in memory what :func:`keyed_tokens` gave, in another process perhaps."""
    _kept[key] = tokens


def _content(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A digest of whatever token ids depend on, the length apart."""
    if not tokenizer.is_fast:
        return None
    backend = tokenizer.backend_tokenizer
    # What the last call set, and every call sets anew.
    backend.no_truncation()
    backend.no_padding()
    kind = (type(tokenizer).__name__, tokenizer.model_input_names, tokenizer.truncation_side)
    parts = (kind, versions("tokenizers", "transformers"), backend.to_str())
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _tokenize(tokenizer: PreTrainedTokenizerBase, examples: Examples, max_length: int) -> Tokens:
    chunks: dict[str, list[NDArray[Any]]] = {}
    lengths: list[int] = []
    for start in range(0, len(examples), _CHUNK):
        encoded = encode_texts(tokenizer, examples.texts[start : start + _CHUNK], max_length)
        names = list(encoded[0])
        lengths += [len(text[names[0]]) for text in encoded]
        for name in names:
            values = np.fromiter(chain.from_iterable(text[name] for text in encoded), np.int64)
            chunks.setdefault(name, []).append(values.astype(np.min_scalar_type(values.max(initial=0))))
    starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    return Tokens(starts, {name: np.concatenate(parts) for name, parts in chunks.items()})


def _read(path: Path, texts: int) -> Tokens | None:
    """What a file holds, if it is there and whole."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            inputs = {name: arrays[name] for name in arrays.files}
        starts = inputs.pop("starts")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    if starts.shape != (texts + 1,) or any(values.shape != (starts[-1],) for values in inputs.values()):
        return None
    with suppress(OSError):  # another user's cache
        os.utime(path)
    return Tokens(starts, inputs)


def _write(path: Path, tokens: Tokens) -> None:
    """Write a file whole or not at all, and drop those of the cache that were not used for longest."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Processes that train side by side write the same, each a file of its own; the last stays.
    handle, partial = tempfile.mkstemp(".partial", f".{path.stem}.", path.parent)
    arrays: dict[str, Any] = {"starts": tokens.starts, **tokens.inputs}
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
    files = [(file.stat().st_mtime_ns, file.stat().st_size, file) for file in path.parent.glob("*.npz")]
    room = _BYTES_ON_DISK
    for _, size, file in sorted(files, reverse=True):
        room -= size
        if room < 0 and file != path:
            file.unlink(missing_ok=True)
