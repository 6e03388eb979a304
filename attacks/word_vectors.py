"""Word vectors of the user's in place of TextAttack's counter-fitted ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from attacks.vector_cache import CachedVectors, cached_folder, open_folder

__all__ = ["WordVectors", "in_place_of_textattacks", "open_word_vectors"]


def open_word_vectors(path: Path) -> "WordVectors":
    """The word vectors of a file; see :func:`attacks.vector_files.read_vectors` for its formats.

    A file is read once and kept in the cache in the form in which it is used; a process opens it once.

    Raises:
        UserError: the file cannot be read or is broken, or the cache cannot be written.
    """
    return _opened(cached_folder(path))


@lru_cache(maxsize=4)
def _opened(folder: Path) -> "WordVectors":
    return WordVectors(open_folder(folder))


class WordVectors:
    """A ``textattack.shared.AbstractWordEmbedding``: near words, by Euclidean distance as TextAttack has it.

    A word's nearest neighbours are those that TextAttack 0.3.11's ``WordEmbedding`` finds among the same vectors, in
    the same order; words at the same distance, to rounding, come in the order of the file. That is: the neighbours that
    its precomputed table would hold, as without a table its own search ends in an ``AttributeError`` (it asks a tuple
    for ``tolist``). Where other words have the very same vector, TextAttack leaves out the first of these as "the
    word itself"; here it is the word itself.

    Neighbours are computed when they are first asked for, and from then on read from disk.

    Args:
        cached: words and vectors.
    """

    def __init__(self, cached: CachedVectors) -> None:
        self._cached = cached
        self._indices = {word: index for index, word in enumerate(cached.words)}
        vectors = cached.vectors
        self._squares = np.einsum("nd,nd->n", vectors, vectors)
        # By how much d operations on 32-bit numbers may be off, in shares of the squared lengths; twice that, to be
        # safe.
        self._error = np.float32(2 * (vectors.shape[1] + 8) * np.finfo(np.float32).eps)

    def __repr__(self) -> str:
        return f"WordVectors({Path(self._cached.file).stem}, {self.fingerprint})"

    def __len__(self) -> int:
        return len(self._cached.words)

    @property
    def fingerprint(self) -> str:
        """The first 16 digits of the SHA-256 of the file; of an ``.npy`` matrix and its word list together."""
        return self._cached.sha256[:16]

    @property
    def source(self) -> str:
        """The file in a few words and with no path of this machine, for records."""
        return f"{self._cached.file} (SHA-256 {self.fingerprint})"

    @property
    def typical_length(self) -> float:
        """The median Euclidean length of the vectors."""
        return float(np.sqrt(np.median(self._squares)))

    def __getitem__(self, index: str | int) -> NDArray[np.float32] | None:
        """The vector (d) of a word or index; ``None`` where there is none."""
        try:
            found: NDArray[np.float32] = self._cached.vectors[self._index(index)]
        except (KeyError, IndexError):
            return None
        return found

    def word2index(self, word: str) -> int:
        """The word's index; ``KeyError`` for a word that is not among them."""
        return self._indices[word]

    def index2word(self, index: int) -> str:
        """The word; ``KeyError`` for an index that is not one of theirs."""
        if not 0 <= index < len(self):
            raise KeyError(index)
        return self._cached.words[index]

    def get_mse_dist(self, a: str | int, b: str | int) -> float:
        """The squared Euclidean distance of two words, which TextAttack calls so; ``KeyError`` for unknown words."""
        first, second = self._pair(a, b)
        return torch.sum((first - second) ** 2).item()

    def get_cos_sim(self, a: str | int, b: str | int) -> float:
        """The cosine similarity of two words; ``KeyError`` for unknown words."""
        return torch.cosine_similarity(*self._pair(a, b), dim=0).item()

    def nearest_neighbours(self, index: str | int, topn: int) -> list[int]:
        """Indices of the ``topn`` words nearest to a word, the nearest first and the word itself not among them.

        Raises:
            KeyError: an unknown word.
        """
        index = self._index(index)
        row = self._cached.neighbours[index]
        if topn > len(row):
            return self._search(index, topn)
        if not row.all():
            self._cached.keep_neighbours(index, self._search(index, len(row)))
        found: list[int] = (row[:topn] - 1).tolist()
        return found

    def _index(self, word: str | int) -> int:
        return self._indices[word] if isinstance(word, str) else word

    def _pair(self, a: str | int, b: str | int) -> tuple[torch.Tensor, torch.Tensor]:
        # TextAttack's order: rounding may depend on it.
        first, second = sorted((self._index(a), self._index(b)))
        return torch.tensor(self._cached.vectors[first]), torch.tensor(self._cached.vectors[second])

    def _search(self, index: int, count: int) -> list[int]:
        """A word's nearest neighbours, among all words.

        One product with the matrix says of all words about how far they are, and within which error. Only those that
        may be among the nearest are measured as TextAttack does.
        """
        vectors = self._cached.vectors
        count = min(count, len(vectors) - 1)
        about = self._squares - 2 * (vectors @ vectors[index])
        error = self._error * (self._squares + self._squares[index])
        # So many words and the word itself are no farther than this.
        enough = np.partition(about + error, count)[count]
        candidates = np.flatnonzero(about - error <= enough)
        candidates = candidates[candidates != index]
        distances = torch.norm(torch.tensor(vectors[candidates]) - torch.tensor(vectors[index]), dim=1)
        nearest: list[int] = candidates[torch.argsort(distances, stable=True)[:count].numpy()].tolist()
        return nearest


@contextmanager
def in_place_of_textattacks(vectors: WordVectors) -> Iterator[None]:
    """Within, recipes are built with these vectors where they ask for TextAttack's counter-fitted ones.

    TextAttack must have been imported, see :func:`attacks.textattack_import.import_textattack`.
    """
    from textattack.shared import AbstractWordEmbedding, WordEmbedding

    AbstractWordEmbedding.register(WordVectors)
    name = "counterfitted_GLOVE_embedding"
    own = vars(WordEmbedding)[name]
    setattr(WordEmbedding, name, staticmethod(lambda: vectors))
    try:
        yield
    finally:
        setattr(WordEmbedding, name, own)
