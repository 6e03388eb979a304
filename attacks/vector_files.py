"""Files of word vectors: word2vec text, GloVe, and .npy with a word list beside it. Nothing is unpickled."""

import gzip
import warnings
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from robustbench_mt.errors import BadWordVectorsError, NotUtf8Error, UserError
from robustbench_mt.tasks.files.parquet import read_parquet
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.wording import first_line

__all__ = ["Block", "files_of", "read_vectors"]

Block = tuple[list[str], NDArray[np.float32]]
"""Some words and their vectors, n x d."""

_ROWS = 4096
_LONGEST_LINE = 2**22
_LARGEST = 1e15
"""Squares of larger numbers, summed, would leave the range of 32-bit numbers."""

_REMEDY = "give a word2vec text or GloVe file, or an .npy matrix with a word list beside it"


def read_vectors(path: Path) -> Iterator[Block]:
    """The words and vectors of a file, in its order, some thousands at a time; the file need not fit into memory.

    Text is UTF-8, a word and its numbers a line, separated by spaces or tabs: word2vec's and fastText's begin with a
    line ``N D``, GloVe's do not. A word may hold spaces, as some of GloVe's do. It may be compressed by gzip. For an
    ``.npy`` matrix see :func:`files_of`.

    Raises:
        UserError: the file cannot be read or is not of such a format; the line or row is named.
    """
    blocks = _read_array(*files_of(path)) if path.suffix == ".npy" else _read_text(path)
    empty = True
    for words, vectors in blocks:
        empty = False
        yield words, vectors
    if empty:
        raise BadWordVectorsError(f"{path} holds no word vectors: {_REMEDY}.")


def files_of(path: Path) -> tuple[Path, ...]:
    """The files that make up a set of word vectors: the file itself, and for an ``.npy`` matrix its word list.

    That is, in its folder, the first of ``<its stem>.txt``, ``wordlist.txt`` and ``vocab.txt`` (UTF-8, one word a line,
    in the order of the rows), else the folder's only ``.parquet`` file (one column of words).

    Raises:
        UserError: there is no such list.
    """
    if path.suffix != ".npy":
        return (path,)
    lists = [path.with_name(name) for name in (f"{path.stem}.txt", "wordlist.txt", "vocab.txt")]
    tables = sorted(path.parent.glob("*.parquet"))
    found = next((file for file in lists if file.is_file()), tables[0] if len(tables) == 1 else None)
    if found is None:
        raise BadWordVectorsError(f"{path} has no word list: put one beside it, one word a line, as {path.stem}.txt.")
    return path, found


def _read_text(path: Path) -> Iterator[Block]:
    with reading(path), path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.open(raw) if compressed else raw as stream:
            try:
                yield from _blocks(path, stream)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise BadWordVectorsError(f"{path} is damaged ({error}): get the file again.") from None


def _blocks(path: Path, stream: BinaryIO | gzip.GzipFile) -> Iterator[Block]:
    rows = _rows(path, stream)
    first = next(rows, None)
    if first is None:
        return
    fields = first[1].split()
    # 18 digits at most, so that int() never meets a number it refuses to read.
    header = len(fields) == 2 and all(field.isdigit() and len(field) <= 18 for field in fields)
    dimension = int(fields[1]) if header else len(fields) - 1
    if dimension < 1:
        raise BadWordVectorsError(f"{path}, line {first[0]}, names no number after the word: {_REMEDY}.")
    if not header:
        rows = chain([first], rows)
    count = 0
    while some := list(islice(rows, _ROWS)):
        count += len(some)
        yield _parse(path, some, dimension)
    if header and count != int(fields[0]):
        raise BadWordVectorsError(
            f"{path} has {count} words and its first line says {int(fields[0])}: get the file again."
        )


def _rows(path: Path, stream: BinaryIO | gzip.GzipFile) -> Iterator[tuple[int, bytes]]:
    """The lines in which something stands, by their numbers."""
    # A few bytes of gzip could hold more than memory does.
    for number, line in enumerate(iter(partial(stream.readline, _LONGEST_LINE), b""), 1):
        if len(line) == _LONGEST_LINE:
            raise BadWordVectorsError(f"{path}, line {number}, has over {_LONGEST_LINE} bytes: {_REMEDY}.")
        if b"\0" in line:
            raise BadWordVectorsError(
                f"{path} is not UTF-8 text: {_REMEDY} (unpacked, and saved as text if it is binary)."
            )
        # Only the break at the end of a line ends it: words may hold others.
        content = (line.removeprefix(BOM_UTF8) if number == 1 else line).rstrip()
        if content:
            yield number, content


def _parse(path: Path, rows: Sequence[tuple[int, bytes]], dimension: int) -> Block:
    words, numbers = [], []
    for number, line in rows:
        word, _, rest = line.partition(b" ")
        if not word or rest.count(b" ") != dimension - 1:
            word, rest = _split(path, number, line, dimension)
        try:
            words.append(word.decode("utf-8"))
        except UnicodeDecodeError:
            raise NotUtf8Error(
                f"{path}, line {number}, is not UTF-8: save it as UTF-8 (for Latin-1: iconv -f LATIN1 -t UTF-8)."
            ) from None
        numbers.append(rest)
    vectors = _numbers(numbers, dimension)
    if vectors is None:
        bad = next(i for i, row in enumerate(numbers) if _numbers([row], dimension) is None)
        raise _not_a_row(path, *rows[bad], dimension)
    _refuse_unfit(vectors, [f"{path}, line {number}," for number, _ in rows])
    return words, vectors


def _split(path: Path, number: int, line: bytes, dimension: int) -> tuple[bytes, bytes]:
    """Word and numbers of a line that is not simply separated by single spaces."""
    fields = line.split()
    own = len(fields) - dimension
    # Were the last field of the word a number, the line would rather have a number too many.
    if own < 1 or (own > 1 and _numbers(fields[own - 1 : own], 1) is not None):
        raise _not_a_row(path, number, line, dimension)
    return b" ".join(fields[:own]), b" ".join(fields[own:])


def _numbers(rows: Sequence[bytes], dimension: int) -> NDArray[np.float32] | None:
    """The numbers of rows, n x d, or ``None`` where a row does not consist of so many numbers."""
    try:
        with warnings.catch_warnings():
            # NumPy 1 only warns of what is not a number.
            warnings.simplefilter("error", DeprecationWarning)
            numbers = np.fromstring(b" ".join(rows), np.float32, sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return numbers.reshape(len(rows), dimension) if numbers.size == len(rows) * dimension else None


def _not_a_row(path: Path, number: int, line: bytes, dimension: int) -> UserError:
    shown = line[:40].decode("utf-8", "replace")
    return BadWordVectorsError(
        f"{path}, line {number}, is not a word and {dimension} numbers as line 1 announces ({shown!r}): "
        "mend or remove the line."
    )


def _refuse_unfit(vectors: NDArray[np.float32], places: Sequence[str]) -> None:
    # Negated, so that NaN is found too.
    unfit = np.flatnonzero(~(np.abs(vectors) <= _LARGEST).all(axis=1))
    if unfit.size:
        raise BadWordVectorsError(
            f"{places[unfit[0]]} has a number that is NaN, infinite or over {_LARGEST:g}: mend or remove it."
        )


def _read_array(path: Path, word_list: Path) -> Iterator[Block]:
    words = _read_words(word_list)
    with reading(path):
        if path.stat().st_size == 0:
            raise BadWordVectorsError(f"{path} is empty: {_REMEDY}.")
        try:
            # It refuses pickled content.
            with warnings.catch_warnings(action="ignore"):
                matrix = np.lib.format.open_memmap(path, mode="r")
        except Exception as error:  # a damaged header is evaluated, so it may raise anything
            raise BadWordVectorsError(
                f"{path} cannot be read as .npy ({first_line(error)}): save the matrix with numpy.save."
            ) from None
    if matrix.ndim != 2 or matrix.dtype.kind != "f" or matrix.shape[1] < 1:
        raise BadWordVectorsError(
            f"{path} holds {matrix.dtype} of shape {matrix.shape}: save a matrix of floating-point numbers, a row a "
            "word."
        )
    if len(matrix) != len(words):
        raise BadWordVectorsError(
            f"{path} has {len(matrix)} rows and {word_list} {len(words)} words: give the list made for it."
        )
    for start in range(0, len(words), _ROWS):
        with np.errstate(over="ignore"):
            vectors = matrix[start : start + _ROWS].astype(np.float32)
        _refuse_unfit(vectors, [f"{path}, row {start + i + 1}," for i in range(len(vectors))])
        yield words[start : start + _ROWS], vectors


def _read_words(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        table = read_parquet(path)
        words = [row[0] for row in table.rows]
        if len(table.columns) != 1 or not all(isinstance(word, str) for word in words):
            raise BadWordVectorsError(
                f"{path} does not hold one column of words: put a word list beside the matrix, as .txt."
            )
    else:
        with reading(path):
            try:
                text = path.read_bytes().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise NotUtf8Error(f"{path} is not UTF-8 ({error.reason}): save it as UTF-8.") from None
        words = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    if "" in words:
        raise BadWordVectorsError(
            f"{path}, line {words.index('') + 1}, is empty: give one word a line, in the matrix's order."
        )
    return words
