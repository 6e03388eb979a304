"""What a model is loaded with: its own weights, and random ones for a new head alone."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from attacks.victim import load_victim
from robustbench_mt.base_model import load_base
from robustbench_mt.errors import BadCheckpointError
from robustbench_mt.tasks.task import Task


def rewritten(source: Path, directory: Path, rename: Callable[[str], str | None]) -> Path:
    """A copy whose weights have other names, or lack those that have none."""
    shutil.copytree(source, directory)
    file = directory / "model.safetensors"
    weights = {name: values for old, values in load_file(file).items() if (name := rename(old))}
    save_file(weights, file, {"format": "pt"})
    return directory


def test_a_base_without_a_pooler_is_one(tiny_base: Path, task: Task, tmp_path: Path) -> None:
    base = rewritten(tiny_base, tmp_path / "base", lambda name: None if "pooler" in name else name)
    model, _ = load_base(base, task)
    expected = load_file(tiny_base / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert torch.equal(model.bert.embeddings.word_embeddings.weight, expected)


@pytest.mark.parametrize("lost", ["", "encoder.layer.1."])
def test_a_base_that_lacks_weights_of_its_encoder_is_refused(
    lost: str, tiny_base: Path, task: Task, tmp_path: Path
) -> None:
    base = rewritten(tiny_base, tmp_path / "base", lambda name: f"x.{name}" if lost in name else name)
    with pytest.raises(BadCheckpointError, match=rf"base lacks weights .* 'bert\.{lost or 'emb'}.* be random"):
        load_base(base, task)


def test_a_head_of_other_classes_is_made_anew(checkpoint: Path, task: Task) -> None:
    three = Task("three", task.fields, ("bad", "fair", "good"), task.splits)
    model, _ = load_base(checkpoint, three)
    assert model.classifier.weight.shape[0] == 3
    trained = load_file(checkpoint / "model.safetensors")
    assert torch.equal(model.bert.pooler.dense.weight, trained["bert.pooler.dense.weight"])
    again, _ = load_base(checkpoint, task)
    assert torch.equal(again.classifier.weight, trained["classifier.weight"])


def test_a_classifier_that_lacks_weights_is_refused(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    """transformers would fill it up with random ones, and say so in a warning."""
    copy = rewritten(checkpoint, tmp_path / "copy", lambda name: None if name.startswith("classifier") else name)
    with pytest.raises(BadCheckpointError, match=r"copy lacks weights .* 'classifier\.bias' and 1 more"):
        load_victim(str(copy), task)
