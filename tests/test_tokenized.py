"""What is kept between cells (token ids, the base) changes nothing but the time they take."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from robustbench_mt import base_model
from robustbench_mt import tokenized as module
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.scoring import encode_texts
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.tokenized import tokenized
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of token ids on disk, empty; and nothing in memory."""
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(tmp_path / "cache"))
    forget()
    return tmp_path / "cache" / "tokenized"


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any set is worth a file."""
    monkeypatch.setattr(module, "_WORTH_A_FILE", 1)


@pytest.fixture
def tokenizer(tokenizer_dir: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tokenizer_dir)


def forget() -> None:
    """What a fresh process does not know."""
    module._kept.clear()
    base_model._read_base.cache_clear()


def rows(data: module.TokenizedExamples) -> list[dict[str, object]]:
    return [{name: np.asarray(values).tolist() for name, values in example.items()} for example in data]


def expected(tokenizer: PreTrainedTokenizerBase, examples: Examples, max_length: int) -> list[dict[str, object]]:
    encoded = encode_texts(tokenizer, examples.texts, max_length)
    return [{**text, "labels": label} for text, label in zip(encoded, examples.labels, strict=True)]


@pytest.mark.usefixtures("large")
def test_ids_are_the_tokenizers_cold_from_disk_and_from_memory(
    tokenizer: PreTrainedTokenizerBase, pair_task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHUNK", 7)
    examples = pair_task.split("test")
    wanted = expected(tokenizer, examples, 9)
    cold = tokenized(tokenizer, examples, 9)
    assert rows(cold) == wanted
    assert tokenized(tokenizer, examples, 9).tokens is cold.tokens
    forget()
    from_disk = tokenized(tokenizer, examples, 9)
    assert from_disk.tokens is not cold.tokens
    assert rows(from_disk) == wanted


@pytest.mark.usefixtures("large")
def test_what_is_on_disk_is_used(tokenizer: PreTrainedTokenizerBase, task: Task, cache: Path) -> None:
    examples = task.split("test")
    tokens = tokenized(tokenizer, examples, 64).tokens
    (path,) = cache.iterdir()
    np.savez(path, starts=tokens.starts, **{name: values + 1 for name, values in tokens.inputs.items()})
    forget()
    again = tokenized(tokenizer, examples, 64).tokens
    assert np.array_equal(again.inputs["input_ids"], tokens.inputs["input_ids"] + 1)


@pytest.mark.usefixtures("large")
def test_other_content_is_another_file(tokenizer: PreTrainedTokenizerBase, task: Task, cache: Path) -> None:
    examples = task.split("test")
    tokenized(tokenizer, examples, 64)
    tokenized(tokenizer, examples, 63)
    tokenized(tokenizer, examples.select(range(99)), 64)
    tokenizer.add_tokens(["unheard"])
    tokenized(tokenizer, examples, 64)
    assert len(list(cache.iterdir())) == 4
    tokenized(tokenizer, Examples(list(examples.texts), list(examples.labels)), 64)
    assert len(list(cache.iterdir())) == 4


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("damage", ["cut", "empty", "text", "of other texts", "bits"])
def test_a_broken_file_is_made_anew(damage: str, tokenizer: PreTrainedTokenizerBase, task: Task, cache: Path) -> None:
    examples = task.split("test")
    wanted = rows(tokenized(tokenizer, examples, 64))
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    if damage == "of other texts":
        np.savez(path, starts=np.arange(5), input_ids=np.arange(4))
    else:
        middle = len(whole) // 2
        flipped = whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 8]) + whole[middle + 8 :]
        path.write_bytes({"cut": whole[:-40], "empty": b"", "text": b"not an archive", "bits": flipped}[damage])
    forget()
    assert rows(tokenized(tokenizer, examples, 64)) == wanted
    assert path.read_bytes() == whole
    assert list(cache.iterdir()) == [path]


@pytest.mark.usefixtures("large")
def test_a_cache_that_cannot_be_written_is_done_without(
    tokenizer: PreTrainedTokenizerBase, task: Task, cache: Path
) -> None:
    cache.parent.write_text("a file", encoding="utf-8")
    assert rows(tokenized(tokenizer, task.split("test"), 64)) == expected(tokenizer, task.split("test"), 64)


def test_small_sets_and_slow_tokenizers_leave_no_file(
    tokenizer: PreTrainedTokenizerBase, tokenizer_dir: Path, task: Task, cache: Path
) -> None:
    slow = AutoTokenizer.from_pretrained(tokenizer_dir, use_fast=False)
    examples = task.split("test")
    assert rows(tokenized(slow, examples, 64)) == rows(tokenized(tokenizer, examples, 64))
    assert not cache.exists()


@pytest.mark.usefixtures("large")
def test_room_is_bounded(
    tokenizer: PreTrainedTokenizerBase, task: Task, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = task.split("test")
    tokenized(tokenizer, examples, 64)
    (oldest,) = cache.iterdir()
    monkeypatch.setattr(module, "_BYTES_ON_DISK", 3 * oldest.stat().st_size + 100)
    for length in range(40, 60):
        tokenized(tokenizer, examples, length)
    assert len(module._kept) == 8
    assert len(list(cache.iterdir())) == 3
    assert not oldest.exists()


def test_scores_are_32_bit_numbers(tokenizer: PreTrainedTokenizerBase) -> None:
    data = tokenized(tokenizer, Examples([("good",), ("",)], [0.5, 4.25]), 64)
    assert data.labels.dtype == np.float32
    assert [example["labels"] for example in data] == [0.5, 4.25]


@pytest.mark.usefixtures("large")
def test_cells_are_what_they_are_in_fresh_processes(task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    short = replace(settings, epochs=1, train_examples=48, max_length=16)
    cells = [("vanilla", 0), ("match", 1), ("vanilla", 1)]
    together = [fine_tune(task, parse_method(method), short, seed) for method, seed in cells]
    for number, (method, seed) in enumerate(cells):
        forget()
        shutil.rmtree(tmp_path / "cache")
        alone = fine_tune(task, parse_method(method), short, seed)
        assert _files(alone, tmp_path / f"alone{number}") == _files(together[number], tmp_path / f"together{number}")


def test_a_base_that_changed_is_read_again(
    task: Task, settings: TrainingSettings, tiny_base: Path, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    shutil.copytree(tiny_base, base)
    short = replace(settings, base=str(base), epochs=1, train_examples=16)
    before = fine_tune(task, parse_method("vanilla"), short)
    encoder = AutoModel.from_pretrained(base)
    torch.nn.init.normal_(encoder.embeddings.word_embeddings.weight)
    encoder.save_pretrained(base)
    after = fine_tune(task, parse_method("vanilla"), short)
    forget()
    fresh = fine_tune(task, parse_method("vanilla"), short)
    assert _files(after, tmp_path / "after") == _files(fresh, tmp_path / "fresh")
    assert _files(after, tmp_path / "again") != _files(before, tmp_path / "before")


def _files(tuned: FineTuned, path: Path) -> dict[str, bytes]:
    """Everything but the file that says how long it took."""
    tuned.save(path)
    return {file.name: file.read_bytes() for file in path.iterdir() if file.name != "training.json"}
