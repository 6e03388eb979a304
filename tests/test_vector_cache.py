"""The cache of word vectors: made once, whole, and told from what it is not."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from vector_samples import VECTORS, WORDS, opened_anew, write_array, write_text

from attacks.vector_cache import cached_folder, open_folder
from attacks.word_vectors import open_word_vectors
from robustbench_mt.errors import UserError

pytestmark = pytest.mark.usefixtures("vector_cache")

ROOT = Path(__file__).parent.parent


def test_first_of_equal_words_counts_and_it_is_said(tmp_path, capfd):
    path = write_text(tmp_path / "x.txt", ["a", "b", "a", "a"], np.eye(4))
    vectors = open_word_vectors(path)
    assert [vectors.index2word(i) for i in range(len(vectors))] == ["a", "b"]
    assert vectors["a"].tolist() == [1, 0, 0, 0]
    assert "x.txt has 2 words twice or more: the first vector of each is used." in capfd.readouterr().err


def test_a_file_is_read_once(tmp_path, capfd):
    path = write_text(tmp_path / "x.txt")
    first = opened_anew(path)
    assert capfd.readouterr().err == "Indexing the word vectors x.txt; this is done once.\n"
    status = path.stat()
    path.write_bytes(b"?" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = opened_anew(path)
    assert (repr(again), again.source) == (repr(first), first.source)
    assert again.nearest_neighbours("good", 3) == [1, 2, 5]
    assert capfd.readouterr().err == ""
    assert open_word_vectors(path) is open_word_vectors(path)


def test_a_changed_file_is_read_again(tmp_path):
    path = write_text(tmp_path / "x.txt")
    first = open_word_vectors(path)
    write_text(path, WORDS, VECTORS[::-1] + 1)
    second = open_word_vectors(path)
    np.testing.assert_array_equal(second[0], VECTORS[-1] + 1)
    assert first.fingerprint != second.fingerprint
    array = write_array(tmp_path / "y.npy")
    assert open_word_vectors(array).index2word(5) == "movie"
    write_array(array, words=[*WORDS[:5], "pictures"])
    assert open_word_vectors(array).index2word(5) == "pictures"


def test_fingerprint_is_of_the_content(tmp_path):
    digests = set()
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        digests.add(open_word_vectors(write_text(tmp_path / folder / "glove.6B.txt")).source)
    sha256 = subprocess.run(["sha256sum", tmp_path / "one/glove.6B.txt"], capture_output=True, text=True, check=True)
    assert digests == {f"glove.6B.txt (SHA-256 {sha256.stdout[:16]})"}


def cut_vectors(folder):
    with (folder / "vectors.f32").open("r+b") as stream:
        stream.truncate(10)


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda folder: (folder / "about.json").unlink(),
        lambda folder: (folder / "about.json").write_text('{"file": "x'),
        lambda folder: (folder / "about.json").write_text("{}"),
        lambda folder: (folder / "words.json").unlink(),
        lambda folder: (folder / "words.json").write_text(""),
        lambda folder: (folder / "neighbours.i32").unlink(),
        cut_vectors,
        lambda folder: folder.rename(folder.with_name(f".{folder.name}.partial")),  # killed before it was whole
    ],
)
def test_damaged_folder_is_made_again(tmp_path, vector_cache, damage):
    path = write_text(tmp_path / "x.txt")
    folder = cached_folder(path)
    damage(folder)
    assert opened_anew(path).nearest_neighbours("good", 3) == [1, 2, 5]
    assert sorted(entry.name for entry in vector_cache.iterdir()) == sorted([f".{folder.name}.lock", folder.name])


def test_neighbours_are_kept_on_disk(tmp_path):
    path = write_text(tmp_path / "x.txt")
    folder = cached_folder(path)
    assert not open_folder(folder).neighbours.any()
    opened_anew(path).nearest_neighbours("good", 2)
    table = open_folder(folder).neighbours
    assert (table[0] - 1).tolist() == [1, 2, 5, 3, 4]
    assert not table[1:].any()
    # What is kept is what is used, but for a row of which a crash left only a part.
    rows = np.array(table)
    rows[0] = [5, 4, 3, 2, 6]
    rows[1] = [1, 3, 0, 0, 0]
    (folder / "neighbours.i32").write_bytes(rows.astype("<i4").tobytes())
    again = opened_anew(path)
    assert again.nearest_neighbours(0, 3) == [4, 3, 2]
    assert again.nearest_neighbours(1, 5) == [0, 2, 5, 3, 4]
    assert open_folder(folder).neighbours[1].all()


def test_neighbours_are_found_when_the_cache_goes_away(tmp_path, vector_cache):
    vectors = opened_anew(write_text(tmp_path / "x.txt"))
    shutil.rmtree(vector_cache)
    assert [vectors.nearest_neighbours(0, 3) for _ in range(2)] == [[1, 2, 5]] * 2
    assert not vector_cache.exists()


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", "/proc/none")
    with pytest.raises(UserError, match=r"index of .*x\.txt cannot be written to /proc/none.*ROBUSTBENCH_MT_CACHE"):
        open_word_vectors(write_text(tmp_path / "x.txt"))


def test_processes_that_start_together_make_one_folder(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32)
    path = write_text(tmp_path / "x.txt", [f"w{i}" for i in range(20_000)], vectors)
    code = "import sys, pathlib; from attacks.vector_cache import *; print(cached_folder(pathlib.Path(sys.argv[1])))"
    started = [
        subprocess.Popen([sys.executable, "-c", code, path], cwd=ROOT, text=True, stdout=-1, stderr=-1) for _ in "abc"
    ]
    said = [process.communicate() for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert {out for out, _ in said} == {f"{cached_folder(path)}\n"}
    assert sum(err.count("Indexing") for _, err in said) == 1
    np.testing.assert_array_equal(opened_anew(path)[19_999], vectors[-1])


def test_many_may_ask_at_once(tmp_path):
    generator = np.random.default_rng(0)
    words = [f"w{i}" for i in range(500)]
    path = write_array(tmp_path / "x.npy", generator.normal(size=(500, 10)).astype(np.float32), words)
    vectors = opened_anew(path)
    asked = generator.integers(500, size=2000).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: vectors.nearest_neighbours(index, 20), asked))
    shutil.rmtree(cached_folder(path))
    alone = opened_anew(path)
    assert found == [alone.nearest_neighbours(index, 20) for index in asked]


def test_layout_of_the_cache(tmp_path, vector_cache):
    """What others may read: a change of this needs another number of the layout."""
    folder = cached_folder(write_text(tmp_path / "x.txt"))
    assert folder.parent == vector_cache
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "about.json",
        "neighbours.i32",
        "vectors.f32",
        "words.json",
    ]
    about = json.loads((folder / "about.json").read_text())
    assert about.pop("sha256")[:16] == open_word_vectors(tmp_path / "x.txt").fingerprint
    assert about == {"file": "x.txt", "words": 6, "dimension": 3, "list_bytes": (folder / "words.json").stat().st_size}
    assert np.fromfile(folder / "vectors.f32", "<f4").tolist() == VECTORS.ravel().tolist()


def test_entries_that_are_not_one_word_are_left_out(tmp_path, capfd):
    words = ["good", "--", "fine", "3.5", "well-known", "don't", ".", "new york", "_", "café", "o'", "2nd"]
    vectors = np.arange(len(words) * 2, dtype=np.float32).reshape(-1, 2)
    opened = open_folder(cached_folder(write_array(tmp_path / "x.npy", vectors, words)))
    assert opened.words == ["good", "fine", "well-known", "don't", "café", "2nd"]
    np.testing.assert_array_equal(opened.vectors, vectors[[words.index(word) for word in opened.words]])
    assert "6 entries that are not one word" in " ".join(capfd.readouterr().err.split())
    from attacks.textattack_import import import_textattack

    cut = import_textattack().shared.utils.words_from_text
    assert [word for word in words if cut(word) == [word]] == opened.words
