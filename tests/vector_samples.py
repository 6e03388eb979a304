"""Six words and their vectors, writing them to files, and a cache of a test's own.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from attacks.vector_cache import cached_folder, open_folder
from attacks.word_vectors import WordVectors

WORDS = ["good", "great", "decent", "film", "naïve", "movie"]
VECTORS = np.array(
    [[1, 0, 0], [0.98, 0.2, 0], [0.96, 0, 0.28], [0, 1, 0], [0, -0.6, -0.8], [0.1, 0.99, 0.05]], np.float32
)


@pytest.fixture
def vector_cache(tmp_path, monkeypatch):
    """The folder of word vectors in an empty cache."""
    folder = tmp_path / "the cache"
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(folder))
    return folder / "word_vectors"


def text_of(words, vectors, before="", gap=" ", end="\n"):
    rows = [gap.join([word, *(repr(float(x)) for x in row)]) for word, row in zip(words, vectors, strict=True)]
    return (before + "".join(row + end for row in rows)).encode()


def write_text(path, words=WORDS, vectors=VECTORS):
    path.write_bytes(text_of(words, vectors))
    return path


def write_array(path, vectors=VECTORS, words=WORDS, list_name=None):
    np.save(path, vectors)
    path.with_name(list_name or f"{path.stem}.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return path


def write_parquet(path, columns):
    np.save(path, VECTORS)
    pyarrow.parquet.write_table(pyarrow.table(columns), path.with_name("index.parquet"))
    return path


def opened_anew(path):
    """As another process would open it."""
    return WordVectors(open_folder(cached_folder(path)))
