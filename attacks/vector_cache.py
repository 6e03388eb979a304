"""Word vectors in the form in which they are used, on disk: made once for a file, whole, and mapped into memory.

A folder of the cache belongs to a file as it is now: by its path, size and time of change. It holds

- ``about.json``: what the file was, and how many words and numbers there are;
- ``words.json``: the words, in the file's order, but for what TextAttack does not take for one word;
- ``vectors.f32``: their vectors, n x d little-endian 32-bit numbers;
- ``neighbours.i32``: the table of nearest neighbours, n x 50 or less, little-endian, see :class:`CachedVectors`.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from attacks.vector_files import files_of, read_vectors
from robustbench_mt.errors import BadWordVectorsError, CannotWriteError
from robustbench_mt.progress import note
from robustbench_mt.resources.places import cache_folder
from robustbench_mt.tasks.files.text import reading

__all__ = ["NEIGHBOURS", "CachedVectors", "cached_folder", "open_folder"]

NEIGHBOURS = 50
"""How many neighbours of a word are kept: no recipe asks for more."""

_LAYOUT = 2
"""Raised when the layout of the folder changes."""

# As texts are cut into words by TextAttack. To put "--" or "3.5" in a word's place would delete it or make it two,
# which its constraints are not made for; no text has such a word to look up either.
_is_one_word = re.compile(r"[^\W_](?:[\w'*@-]*[^\W_])?").fullmatch


@dataclass(frozen=True)
class _About:
    file: str
    sha256: str
    words: int
    dimension: int
    list_bytes: int

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of each of the other files."""
        return {
            "words.json": self.list_bytes,
            "vectors.f32": self.words * self.dimension * 4,
            "neighbours.i32": self.words * self.neighbours * 4,
        }

    @property
    def neighbours(self) -> int:
        return min(NEIGHBOURS, self.words - 1)


@dataclass(frozen=True)
class CachedVectors:
    """What a folder of the cache holds.

    Attributes:
        folder: the folder.
        file: the name of the file that it was made from.
        sha256: of that file's content; for an ``.npy`` matrix, of the matrix and its word list, one after the other.
        words: each once.
        vectors: n x d.
        neighbours: n x 50 or less. A row holds the indices of a word's nearest neighbours plus 1, in their order, and
            counts once it has no 0: it was computed and written whole. Rows that are not known yet are zeros, and take
            no space on disk. Every process writes the same numbers, so there is nothing to lock.
    """

    folder: Path
    file: str
    sha256: str
    words: list[str]
    vectors: NDArray[np.float32]
    neighbours: NDArray[np.int32]

    def keep_neighbours(self, index: int, nearest: Sequence[int]) -> None:
        """Fill the row of a word, here and on disk."""
        row = self.neighbours[index]
        row[:] = np.asarray(nearest, np.int32) + 1
        try:
            # Not through the mapping: on a full disk that would kill the process.
            with (self.folder / "neighbours.i32").open("r+b", buffering=0) as table:
                table.seek(index * row.nbytes)
                table.write(row.astype("<i4").tobytes())
        except OSError:
            pass  # a full disk, or one that may not be written: the row is kept in memory


def cached_folder(path: Path) -> Path:
    """The folder of the cache for a file of word vectors, made if it is not there.

    Raises:
        UserError: the file cannot be read or is broken, or the cache cannot be written.
    """
    files = files_of(path)
    digest = hashlib.sha256(f"{_LAYOUT}".encode())
    for file in files:
        with reading(file):
            status = file.stat()
        digest.update(f"\0{file.absolute()}\0{status.st_size}\0{status.st_mtime_ns}".encode())
    folder = cache_folder() / "word_vectors" / digest.hexdigest()[:16]
    if _about(folder) is None:
        try:
            _make(path, files, folder)
        except OSError as error:
            raise CannotWriteError(
                f"The index of {path} cannot be written to {folder.parent} ({error.strerror or error}): "
                "name a folder with ROBUSTBENCH_MT_CACHE."
            ) from None
    return folder


def open_folder(folder: Path) -> CachedVectors:
    """What a folder from :func:`cached_folder` holds."""
    about = _about(folder)
    assert about is not None, folder
    words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    vectors = np.memmap(folder / "vectors.f32", "<f4", "r", shape=(about.words, about.dimension))
    neighbours = np.memmap(folder / "neighbours.i32", "<i4", "c", shape=(about.words, about.neighbours))
    # Plain arrays on the same memory: rows of a memmap are slow to take.
    return CachedVectors(folder, about.file, about.sha256, words, np.asarray(vectors), np.asarray(neighbours))


def _about(folder: Path) -> _About | None:
    """What the folder is about, if it is there and whole."""
    try:
        about = _About(**json.loads((folder / "about.json").read_text(encoding="utf-8")))
        sizes = {name: (folder / name).stat().st_size for name in about.sizes}
    except (OSError, ValueError, TypeError):
        return None
    return about if sizes == about.sizes else None


def _make(path: Path, files: tuple[Path, ...], folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        # Workers that start side by side wait for the one that is first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _about(folder) is not None:
            return
        note(f"Indexing the word vectors {path.name}; this is done once.")
        partial = folder.with_name(f".{folder.name}.partial")
        for remains in (partial, folder):  # of a process that was killed, or damaged
            shutil.rmtree(remains, ignore_errors=True)
        partial.mkdir(mode=0o700)
        try:
            _fill(path, files, partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _fill(path: Path, files: tuple[Path, ...], folder: Path) -> None:
    words: dict[str, None] = {}
    again = others = dimension = 0
    with (folder / "vectors.f32").open("wb") as stream:
        for some, vectors in read_vectors(path):
            kept = []
            for position, word in enumerate(some):
                if word in words:
                    again += 1
                elif _is_one_word(word):
                    words[word] = None
                    kept.append(position)
                else:
                    others += 1
            stream.write(vectors[kept].astype("<f4").tobytes())
            dimension = vectors.shape[1]
        _sync(stream)
    if len(words) < 2:
        raise BadWordVectorsError(f"{path} holds {len(words)} word(s): word vectors are for finding others near one.")
    if again:
        note(f"{path.name} has {again} words twice or more: the first vector of each is used.")
    if others:
        note(f"{path.name} has {others} entries that are not one word, such as punctuation: they are left out.")
    digest = hashlib.sha256()
    for file in files:
        with reading(file), file.open("rb") as content:
            while some_bytes := content.read(2**20):
                digest.update(some_bytes)
    with (folder / "words.json").open("w", encoding="utf-8") as stream_of_words:
        json.dump(list(words), stream_of_words)
        _sync(stream_of_words)
    list_bytes = (folder / "words.json").stat().st_size
    about = _About(path.name, digest.hexdigest(), len(words), dimension, list_bytes)
    with (folder / "neighbours.i32").open("wb") as table:
        table.truncate(about.sizes["neighbours.i32"])
    (folder / "about.json").write_text(json.dumps(asdict(about)), encoding="utf-8")


def _sync(stream: IO[Any]) -> None:
    stream.flush()
    os.fsync(stream.fileno())
