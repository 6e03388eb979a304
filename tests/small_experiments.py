"""An experiment that is done in seconds: the tiny encoder on toy reviews in a file.

A plugin of pytest: see ``pytest_plugins`` in conftest.py.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import reviews

__all__ = ["content", "small_experiment", "written"]


def small_experiment(base: Path, directory: Path) -> dict[str, Any]:
    """What its YAML file holds: all kinds of cells, two methods and two seeds. Its data go into ``directory``."""
    data = directory / "reviews.jsonl"
    lines = [json.dumps({"text": text[0], "label": label}) for text, label in reviews()]
    data.write_text("\n".join(lines), encoding="utf-8")
    training = {"base": str(base), "steps": 3, "batch_size": 8, "train_examples": 40}
    return {
        "name": "small",
        "tasks": [str(data)],
        "methods": ["vanilla", "match:self_mass=0.5"],
        "seeds": [0, 1],
        "training": training,
        "attack": {"recipes": ["deepwordbug", ["textfooler", "pruthi"]], "examples": 3},
        "imbalance": {"ratios": [1, 2], "seeds": [0], "training": training},
        "label_noise": {"shares": [0, 0.2], "seeds": [1]},
    }


@pytest.fixture
def content(tiny_base: Path, tmp_path: Path) -> dict[str, Any]:
    return small_experiment(tiny_base, tmp_path)


def written(path: Path, content: Any) -> Path:
    """``path``, with the content as YAML."""
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path
