"""Files of word vectors: every format, and every way to be broken."""

import gzip

import numpy as np
import pytest
from vector_samples import VECTORS, WORDS, text_of, write_array, write_parquet, write_text

from attacks.vector_cache import cached_folder
from attacks.vector_files import read_vectors
from robustbench_mt.errors import UserError

pytestmark = pytest.mark.usefixtures("vector_cache")


def read(path):
    blocks = list(read_vectors(path))
    return [word for words, _ in blocks for word in words], np.concatenate([vectors for _, vectors in blocks])


TEXTS = {
    "glove": text_of(WORDS, VECTORS),
    "word2vec": text_of(WORDS, VECTORS, before="6 3\n"),
    "word2vec of the C tool": text_of(WORDS, VECTORS, before="6 3\n", end=" \n"),
    "tabs": text_of(WORDS, VECTORS, gap="\t"),
    "tab after the word": text_of(WORDS, VECTORS).replace(b" ", b"\t", 1),
    "windows": text_of(WORDS, VECTORS, before="\ufeff", end="\r\n"),
    "blank lines": text_of(WORDS, VECTORS, before="\n", end="\n\n"),
    "no last line break": text_of(WORDS, VECTORS).rstrip(),
    "gzip": gzip.compress(text_of(WORDS, VECTORS, before="6 3\n")),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_text_formats(tmp_path, content):
    (tmp_path / "vectors.vec").write_bytes(content)
    words, vectors = read(tmp_path / "vectors.vec")
    assert words == WORDS
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VECTORS)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f8"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("list_name", ["vectors.txt", "wordlist.txt", "vocab.txt"])
def test_array_with_word_list(tmp_path, dtype, order, list_name):
    write_array(tmp_path / "vectors.npy", np.asarray(VECTORS, dtype, order=order), list_name=list_name)
    words, vectors = read(tmp_path / "vectors.npy")
    assert words == WORDS
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VECTORS)


def test_array_with_parquet_list_and_the_nearest_list_wins(tmp_path):
    path = write_parquet(tmp_path / "vectors.npy", {"index": WORDS})
    assert read(path)[0] == WORDS
    (tmp_path / "vectors.txt").write_text("\r\n".join("abcdef"))
    assert read(path)[0] == list("abcdef")


def test_words_with_spaces_as_in_glove(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("good 1 2\n. . . 3 4\nat name@domain.com 5 6\nno\xa0break 7 8\nline\u2028break 9 1e1\n")
    words, vectors = read(path)
    assert words == ["good", ". . .", "at name@domain.com", "no\xa0break", "line\u2028break"]
    np.testing.assert_array_equal(vectors, np.arange(1, 11).reshape(5, 2))


def test_many_rows_come_in_their_order(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(9000, 2)).astype(np.float32)
    words = [f"w{i}" for i in range(9000)]
    assert read(write_text(tmp_path / "many.txt", words, vectors))[0] == words
    np.testing.assert_array_equal(read(tmp_path / "many.txt")[1], vectors)
    np.testing.assert_array_equal(read(write_array(tmp_path / "many.npy", vectors, words))[1], vectors)


BROKEN_TEXTS = {
    "empty": (b"", r"x\.txt holds no word vectors: give a word2vec"),
    "blank": (b"\n \n", "holds no word vectors"),
    "header alone": (b"2 3\n", "has 0 words and its first line says 2"),
    "word alone": (b"good\n", "line 1, names no number after the word"),
    "header without a dimension": (b"2 0\ngood\nbad\n", "line 1, names no number"),
    "a number too few": (b"a 1 2\n\nb 1\n", "line 3, is not a word and 2 numbers as line 1 announces .'b 1'."),
    "a number too many": (b"a 1 2\nb 1 2 3\n", "line 2, is not a word and 2 numbers"),
    "header with another dimension": (b"2 3\na 1 2\nb 1 2\n", "line 2, is not a word and 3 numbers"),
    "header with fewer words": (b"1 2\na 1 2\nb 1 2\n", "has 2 words and its first line says 1: get the file again"),
    "header of any length": (b"9" * 5000 + b" 2\na 1 2\n", "line 2, is not a word and 1 numbers"),
    "header with more words": (b"3 2\na 1 2\nb 1 2\n", "has 2 words and its first line says 3"),
    "not a number": (b"a 1 2\nb 1 2\nc 1 two\n", "line 3, is not a word and 2 numbers"),
    "numbers in one": (b"a 1 2\nb 1 2-3\n", "line 2, is not a word and 2 numbers"),
    "nan": (b"a 1 2\nb nan 2\n", "line 2, has a number that is NaN"),
    "infinite": (b"a 1 2\nb 1 -inf\n", "line 2, has a number that is NaN, infinite"),
    "too large for 32 bits": (b"a 1 2\nb 1 1e99\n", "line 2, has a number that is NaN, infinite or over 1e.15"),
    "latin-1": ("a 1 2\nnaïve 1 2\n".encode("latin-1"), "line 2, is not UTF-8: .*iconv -f LATIN1"),
    "utf-16": ("a 1 2\nb 1 2\n".encode("utf-16"), "is not UTF-8 text"),
    "word2vec binary": (b"2 2\na \0\0\x80?\0\0\0@\nb \0\0\x80?\0\0\0@\n", "is not UTF-8 text: .*unpacked"),
    "zip": (b"PK\x03\x04\x14\0\0\0\x08\0", "is not UTF-8 text: .*unpacked"),
    "a bomb": (gzip.compress(b"a" * 2**23), "line 1, has over 4194304 bytes"),
    "half a gzip": (gzip.compress(text_of(WORDS, VECTORS))[:40], "is damaged .*: get the file again"),
    "one word": (b"a 1 2\n", r"holds 1 word\(s\)"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_TEXTS.values(), ids=BROKEN_TEXTS)
def test_broken_text(tmp_path, vector_cache, content, message):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        cached_folder(path)
    assert str(path) in str(error.value)
    assert [entry.suffix for entry in vector_cache.iterdir()] == [".lock"]


def broken_array(content, words="a\nb\n"):
    def write(path):
        path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content, allow_pickle=True)
        if words is not None:
            path.with_suffix(".txt").write_bytes(words if isinstance(words, bytes) else words.encode())

    return write


TWO = np.ones((2, 3), np.float32)
NAN = np.array([[1, 2], [3, np.nan]])
BROKEN_ARRAYS = {
    "empty file": (broken_array(b""), "is empty"),
    "no rows": (broken_array(TWO[:0], ""), "holds no word vectors"),
    "no columns": (broken_array(TWO[:, :0]), r"holds float32 of shape \(2, 0\)"),
    "not npy": (broken_array(b"good 1 2 3\n" * 9), "cannot be read as .npy .*numpy.save"),
    "cut short": (broken_array(b"\x93NUMPY\x01\0"), "cannot be read as .npy"),
    "one dimension": (broken_array(TWO[0]), r"holds float32 of shape \(3,\)"),
    "integers": (broken_array(TWO.astype(int)), "holds int64 of shape"),
    "pickled": (broken_array(np.array([[{}], [{}]])), "cannot be read as .npy .*objects"),
    "pickle": (broken_array(b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}\x94."), "cannot be read as .npy"),
    "nan": (broken_array(NAN), "row 2, has a number that is NaN"),
    "too large for 32 bits": (broken_array(NAN.clip(max=1) * 1e300), "row 1, has a number that is NaN, infinite"),
    "no word list": (broken_array(TWO, None), "has no word list: put one beside it, .* as x.txt"),
    "fewer words": (broken_array(TWO, "a\n"), "has 2 rows and .*x.txt 1 words"),
    "blank word": (broken_array(TWO, "\nb\n"), "x.txt, line 1, is empty"),
    "latin-1 words": (broken_array(TWO, "naïve\nb".encode("latin-1")), "x.txt is not UTF-8"),
    "parquet of numbers": (
        lambda path: write_parquet(path, {"i": list(range(6))}),
        "does not hold one column of words",
    ),
    "parquet of two": (lambda path: write_parquet(path, {"a": WORDS, "b": WORDS}), "does not hold one column of words"),
}


@pytest.mark.parametrize(("write", "message"), BROKEN_ARRAYS.values(), ids=BROKEN_ARRAYS)
def test_broken_array(tmp_path, write, message):
    write(tmp_path / "x.npy")
    with pytest.raises(UserError, match=message) as error:
        cached_folder(tmp_path / "x.npy")
    assert str(tmp_path) in str(error.value)


def test_matrix_cut_short(tmp_path):
    path = write_array(tmp_path / "x.npy")
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match=r"cannot be read as \.npy"):
        cached_folder(path)


@pytest.mark.parametrize("name", ["none.txt", "none.npy"])
def test_no_such_file(tmp_path, name):
    (tmp_path / "vocab.txt").write_text("a\n")
    with pytest.raises(UserError, match=rf"no file or directory .*{name}"):
        cached_folder(tmp_path / name)
