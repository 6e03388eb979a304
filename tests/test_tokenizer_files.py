"""A tokenizer is read from the files of its directory, and runs none of them."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from attacks.victim import load_victim
from robustbench_mt.base_tokenizer import load_tokenizer
from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


def configured(checkpoint: Path, directory: Path, **entries: Any) -> Path:
    """A copy of a checkpoint with other entries in its tokenizer's configuration."""
    shutil.copytree(checkpoint, directory)
    file = directory / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **entries}), encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("vocab_file", "../secret.txt"),
        ("tokenizer_file", "/etc/x.json"),
        ("fast_tokenizer_files", ["tokenizer.4.json"]),
    ],
)
def test_no_files_are_named(entry: str, named: Any, checkpoint: Path, task: Task, tmp_path: Path) -> None:
    """A training would save a copy of them with its checkpoint, and no fingerprint is of them."""
    usual = configured(checkpoint, tmp_path / "usual", special_tokens_map_file="/old/place", vocab_file=None)
    load_victim(str(usual), task)
    directory = configured(checkpoint, tmp_path / "other", **{entry: named})
    for read in (
        lambda: load_victim(str(directory), task),
        lambda: load_tokenizer(directory),
        lambda: fine_tune(task, parse_method("vanilla"), TrainingSettings(base=str(directory), steps=1)),
    ):
        with pytest.raises(UserError, match=rf"other/tokenizer_config\.json has .* as '{entry}'"):
            read()


def test_no_question_is_asked_whether_to_run_code(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing but the tokenizer is needed, as in a dry run."""
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    base = configured(
        tiny_base, tmp_path / "base", auto_map={"AutoTokenizer": ["evil.T", "evil.T"]}, tokenizer_class="T"
    )
    (base / "evil.py").write_text("raise AssertionError('it ran')", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be loaded"):
        load_tokenizer(base)
