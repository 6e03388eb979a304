"""Training: what must be equal is equal, and the checkpoint is an ordinary one."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_task
from method_samples import short

from robustbench_mt.cells import train_cell
from robustbench_mt.checkpoints import load_classifier, read_training
from robustbench_mt.errors import UserError
from robustbench_mt.evaluation import evaluate
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.match import MatchSettings
from robustbench_mt.records import TrainingRecord
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import checkpoint_name, fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.mark.parametrize("method", ["vanilla", "match"])
def test_classifies_what_it_has_not_seen(method: str, task: Task, settings: TrainingSettings) -> None:
    tuned = fine_tune(task, parse_method(method), settings)
    history = tuned.record.history
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    record = evaluate(Scorer(tuned.model, tuned.tokenizer), "toy", task)
    assert record.metrics["accuracy"] is not None
    assert record.metrics["accuracy"] > 0.9
    assert len(history) == 6


@pytest.mark.parametrize("method", ["vanilla", "match"])
def test_scores_what_it_has_not_seen(method: str, settings: TrainingSettings) -> None:
    plain = make_task()
    splits = {
        name: Examples(split.texts, [4.0 * label + 0.5 for label in split.labels])
        for name, split in plain.splits.items()
    }
    task = Task("toy-scores", ("text",), (), splits, metric="spearman")
    tuned = fine_tune(task, parse_method(method), replace(settings, epochs=12, learning_rate=3e-3))
    metrics = evaluate(Scorer(tuned.model, tuned.tokenizer), "scores", task).metrics
    assert metrics["pearson"] is not None
    assert metrics["pearson"] > 0.8
    assert metrics.keys() == {"pearson", "spearman"}


def test_training_file_says_how_it_was_made(task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    tuned = fine_tune(task, parse_method("match:self_mass=0.6"), short(settings), seed=5)
    tuned.save(tmp_path / "made")
    record = read_training(tmp_path / "made")
    assert record == tuned.record
    assert record is not None
    assert (record.task, record.method, record.seed) == ("toy", "match:self_mass=0.6", 5)
    assert record.settings["method"] == {"name": "match", **asdict(MatchSettings(self_mass=0.6))}
    assert record.temperature is not None
    assert record.temperature > 0
    assert record.label_names == ["negative", "positive"]
    assert record.versions.keys() == {"python", "robustbench-mt", "torch", "transformers"}
    assert {"step", "epoch", "loss", "validation_loss", "validation_accuracy"} <= record.history[-1].keys()
    matching = record.matching
    assert matching is not None
    assert [row[0] for row in matching.mass] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert matching.mass[0][1] == pytest.approx(0.6, abs=1e-3)
    for _, *shares in matching.mass:
        assert sum(shares) == pytest.approx(1, abs=1e-4)
    assert [snapshot.step for snapshot in matching.snapshots] == [1, 2, 4, 6, 8]
    first = matching.snapshots[0]
    assert len(first.labels) == 8
    np.testing.assert_allclose(np.sum(first.matrix, axis=1), 1, atol=2e-3)


def test_checkpoint_gives_the_same_logits_without_this_package(
    task: Task, settings: TrainingSettings, tmp_path: Path
) -> None:
    tuned = fine_tune(task, parse_method("match"), short(settings))
    tuned.save(tmp_path / "made")
    texts = [text[0] for text in task.split("test").texts[:8]]
    program = """
import json, sys, torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
path, texts = sys.argv[1], json.loads(sys.argv[2])
model = AutoModelForSequenceClassification.from_pretrained(path)
inputs = AutoTokenizer.from_pretrained(path)(texts, padding=True, return_tensors="pt")
with torch.no_grad():
    logits = model(**inputs).logits
assert not any(name.split(".")[0] in ("robustbench_mt", "attacks", "imbalance") for name in sys.modules)
print(json.dumps([logits.tolist(), model.config.id2label]))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "made"), json.dumps(texts)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    logits, id2label = json.loads(answer.stdout)
    inputs = tuned.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        expected = tuned.model.eval()(**inputs).logits
    assert torch.equal(torch.tensor(logits), expected)
    assert id2label == {"0": "negative", "1": "positive"}


def test_round_trip_through_disk(task: Task, checkpoint: Path) -> None:
    model, tokenizer = load_classifier(checkpoint)
    again, _ = load_classifier(checkpoint)
    texts = task.split("test").texts
    assert np.array_equal(Scorer(model, tokenizer)(texts), Scorer(again, tokenizer)(texts))


def test_best_epoch_is_kept(task: Task, settings: TrainingSettings) -> None:
    # A learning rate that spoils the last epochs, so that the best is not the last.
    wild = replace(settings, keep="best", learning_rate=2e-2, epochs=5)
    tuned = fine_tune(task, parse_method("vanilla"), wild)
    validation = evaluate(Scorer(tuned.model, tuned.tokenizer, wild.max_length), "toy", task, "validation")
    best = max(entry["validation_accuracy"] for entry in tuned.record.history if "validation_accuracy" in entry)
    assert validation.metrics["accuracy"] == pytest.approx(best, abs=1e-4)


def test_checkpoints_have_names_of_a_hundred_characters_at_most() -> None:
    method = parse_method("match:self_mass=0.5")
    whole = f"{'t' * 60}-match_self_mass_0.5-seed0-{'a' * 13}"
    assert len(whole) == 100 and checkpoint_name("t" * 60, method, 0, "a" * 13) == whole
    digits = "0" * 300
    long = {
        checkpoint_name("t" * 60, method, 0, "a" * 14),
        checkpoint_name("t" * 60, method, 1, "a" * 14),
        checkpoint_name("toy", method, 0, f"base=/{digits}"),
        *(checkpoint_name("toy", parse_method(f"match:self_mass=0.5{digits}{end}"), 0) for end in (1, 2)),
    }
    assert len(long) == 5 and {len(name) for name in long} == {100}


def test_a_trained_cell_is_not_trained_again(task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    method = parse_method("match")
    path = train_cell(task, method, short(settings), 0, tmp_path)
    weights = (path / "model.safetensors").stat().st_mtime_ns
    # Killed between the checkpoint and its line.
    (tmp_path / "train.jsonl").write_text("", encoding="utf-8")
    assert train_cell(task, method, short(settings), 0, tmp_path) == path
    assert (path / "model.safetensors").stat().st_mtime_ns == weights
    assert [record.checkpoint for record in read_records(tmp_path / "train.jsonl", TrainingRecord)] == [
        "toy-match-seed0"
    ]
    with pytest.raises(UserError, match=r"learning_rate is 0\.005 there and 0\.1 now"):
        train_cell(task, method, short(settings, learning_rate=0.1), 0, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "/no/such/base"}, "no directory /no/such/base"),
        ({"base": "no-such-model"}, "--allow-network"),
        ({"train_examples": 10**6}, "has only 240"),
    ],
)
def test_bad_settings(changes: dict[str, object], message: str, task: Task, settings: TrainingSettings) -> None:
    with pytest.raises(UserError, match=message):
        fine_tune(task, parse_method("vanilla"), replace(settings, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"epochs": 0}, {"learning_rate": -1}, {"steps": 0}, {"warmup": 1}, {"keep": "worst"}, {"batch_size": 0}],
)
def test_settings_out_of_range(changes: dict[str, object]) -> None:
    with pytest.raises(UserError, match=r"must|share"):
        TrainingSettings(**changes)  # type: ignore[arg-type]
