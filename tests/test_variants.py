"""Experiments that vary settings of the training."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import reviews

from robustbench_mt.errors import UserError
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.ledger import read_records
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.training_settings import TrainingSettings
from robustbench_mt.variants import variants

PLAIN = TrainingSettings()


def test_all_combinations_with_their_names() -> None:
    made = variants(PLAIN, {"batch_size": (8, 16), "learning_rate": (1e-4,)})
    assert [variant.name for variant in made] == [
        "batch_size=8,learning_rate=0.0001",
        "batch_size=16,learning_rate=0.0001",
    ]
    assert made[1].settings == replace(PLAIN, batch_size=16, learning_rate=1e-4)


def test_nothing_varied_is_one_variant_without_a_name() -> None:
    (only,) = variants(PLAIN, {})
    assert (only.name, only.settings) == ("", PLAIN)


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({"batchsize": (8,)}, "did you mean batch_size"),
        ({"batch_size": ()}, "over no value"),
        ({"batch_size": ("many",)}, "batch_size=many"),
        ({"batch_size": (0,)}, "must be above 0"),
    ],
)
def test_what_cannot_be_varied(vary: dict[str, tuple[object, ...]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        variants(PLAIN, vary)


def test_checkpoints_that_are_not_kept_are_not_trained_again(tiny_base: Path, tmp_path: Path) -> None:
    rows = [{"text": text[0], "label": label} for text, label in reviews()]
    data = tmp_path / "toy.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    content = {
        "name": "toy",
        "tasks": [str(data)],
        "methods": ["vanilla", "match"],
        "keep_checkpoints": False,
        "training": {"base": str(tiny_base), "steps": 3, "train_examples": 32, "validation_examples": 16},
        "vary": {"batch_size": [4, 8]},
    }
    path = tmp_path / "experiment.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    out = tmp_path / "out"
    for _ in range(2):
        run_experiment(load_experiment(path), out)
        trained = list(read_records(out / "train.jsonl", TrainingRecord))
        evaluated = list(read_records(out / "evaluate.jsonl", EvaluationRecord))
        assert [record.variant for record in trained] == ["batch_size=4"] * 2 + ["batch_size=8"] * 2
        assert [record.settings["batch_size"] for record in trained] == [4, 4, 8, 8]
        assert [record.checkpoint for record in evaluated] == [record.checkpoint for record in trained]
        assert len({record.checkpoint for record in trained}) == 4
        assert list((out / "checkpoints").iterdir()) == []
    path.write_text(yaml.safe_dump({**content, "attack": {"recipes": ["deepwordbug"]}}), encoding="utf-8")
    with pytest.raises(UserError, match="does not keep"):
        load_experiment(path)
