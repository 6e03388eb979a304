"""Token ids that the driver of a cluster makes: each set once, and found where trainings look. Ray is not needed."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from lru import LRU
from ray_machines import RAY
from small_experiments import small_experiment, written
from transformers import AutoTokenizer

from robustbench_mt import tokenized
from robustbench_mt.cell import Cell
from robustbench_mt.cells_on_cluster import _share_tokens
from robustbench_mt.cluster import Cluster, Shared
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.unfolding import unfold

T = TypeVar("T")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tokenized yet."""
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tokenized, "_kept", LRU(8))


class Holding(Cluster):
    """Holds here what a cluster would hold."""

    def __init__(self) -> None:
        self.options = RAY
        self._shared = LRU(16)
        self.held: list[Any] = []

    def share(self, value: T) -> Shared[T]:
        self.held.append(value)
        return Shared(len(self.held) - 1)


def from_the_object_store(value: T) -> T:
    """As Ray gives it to a worker: its arrays cannot be written."""
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(value, 5, buffer_callback=buffers.append)
    copied: T = pickle.loads(content, buffers=[bytes(buffer.raw()) for buffer in buffers])
    return copied


def cells(base: Path, directory: Path, **training: Any) -> list[Cell]:
    content = small_experiment(base, directory)
    del content["attack"]
    content["training"] |= training
    content["methods"].append("oversample")
    return unfold(load_experiment(written(directory / "e.yaml", content)), TaskOptions())


@pytest.mark.parametrize("spec", ["vanilla", "match", "oversample"])
def test_a_training_finds_them(
    spec: str, task: Task, settings: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = replace(settings, epochs=1, train_examples=45, max_length=9)
    here = fine_tune(task, parse_method(spec), short)
    sent = [from_the_object_store(known) for known in tokenized._kept.items()]
    assert len(sent) == 2
    tokenized._kept.clear()
    monkeypatch.delattr(tokenized, "_tokenize")
    for key, tokens in sent:
        assert not any(values.flags.writeable for values in (tokens.starts, *tokens.inputs.values()))
        tokenized.keep_tokens(key, tokens)
    away = fine_tune(task, parse_method(spec), short)
    for name, tuned in (("here", here), ("away", away)):
        tuned.save(tmp_path / name)
    for path in (tmp_path / "here").iterdir():
        if path.name != "training.json":
            assert path.read_bytes() == (tmp_path / "away" / path.name).read_bytes(), path.name


def test_each_set_is_tokenized_once(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And they are the very sets that the trainings ask for."""
    cluster = Holding()
    asked = cells(tiny_base, tmp_path)
    for cell in asked:
        assert len(_share_tokens(cell, tiny_base, cluster)) == 2
    assert len(cluster.held) == len(dict(cluster.held)) < len(asked), "of three methods, most sets are the same"
    tokenized._kept.clear()
    monkeypatch.setattr(tokenized, "_kept", LRU(len(cluster.held)))
    for known in cluster.held:
        tokenized.keep_tokens(*known)
    monkeypatch.delattr(tokenized, "_tokenize")
    for cell in asked:
        cell.do(tmp_path / "run")


def test_slow_tokenizers_are_left_to_trainings(
    tiny_base: Path, tokenizer_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = AutoTokenizer.from_pretrained(tokenizer_dir, use_fast=False)
    monkeypatch.setattr("robustbench_mt.cells_on_cluster._tokenizer", lambda _: (slow, 64))
    monkeypatch.delattr(tokenized, "_tokenize")
    cluster = Holding()
    assert _share_tokens(cells(tiny_base, tmp_path)[0], tiny_base, cluster)
    assert cluster.held == [None, None]


def test_what_cannot_be_tokenized_is_left_to_trainings_to_tell(tiny_base: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    assert _share_tokens(cells(tiny_base, tmp_path)[0], tmp_path, Holding()) == []
    assert _share_tokens(cells(tiny_base, tmp_path, train_examples=100_000)[0], tiny_base, Holding()) == []
