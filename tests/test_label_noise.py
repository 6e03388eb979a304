"""Flipped labels have the share asked for, are nested and hit all classes alike; the sweep flips nothing but training.

The shared loop of all curves is tested in test_imbalance.py.
"""

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import make_task

from imbalance.label_noise import LabelNoiseCurve, flip_labels
from imbalance.sweep import Point, curve_points, sweep
from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import from_json
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune, training_data
from robustbench_mt.training_settings import TrainingSettings

LABELS = [int(label) for label in np.random.default_rng(0).choice(3, size=900, p=[0.5, 0.2, 0.3])]
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.5, 1.0)


def flips(share: float, seed: int = 0) -> dict[int, int]:
    """The new label of each position that has one."""
    noisy = flip_labels(LABELS, share, 3, seed=seed)
    return {i: after for i, (before, after) in enumerate(zip(LABELS, noisy, strict=True)) if before != after}


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_exact_and_nested(seed: int) -> None:
    flipped = [flips(share, seed) for share in SHARES]
    assert [len(wrong) for wrong in flipped] == [round(900 * share) for share in SHARES]
    for fewer, more in pairwise(flipped):
        assert fewer.items() < more.items(), "what is wrong stays wrong in the same way"


def test_every_label_and_every_other_class_is_hit_alike() -> None:
    labels = [0] * 6000 + [1] * 3000 + [2] * 3000
    noisy = flip_labels(labels, 0.4, 3, seed=3)
    moves = Counter((before, after) for before, after in zip(labels, noisy, strict=True) if before != after)
    # 40% of each class, half of them to each other class; four standard deviations of the binomial.
    for (before, _), count in moves.items():
        n = labels.count(before)
        assert abs(count - 0.2 * n) < 4 * np.sqrt(n * 0.2 * 0.8)
    assert len(moves) == 6


def test_seeds_flip_others_and_the_input_stays() -> None:
    before = np.array(LABELS)
    assert flips(0.2, 0) != flips(0.2, 1)
    flip_labels(before, 0.5, 3)  # type: ignore[arg-type]
    assert before.tolist() == LABELS


def test_flips_do_not_follow_the_order_of_the_training_sample(task: Task, settings: TrainingSettings) -> None:
    few = replace(settings, train_examples=100)
    clean, noisy = training_data(task, few, 0), LabelNoiseCurve(task, few).training_set(point(0.2))
    wrong = [i for i, pair in enumerate(zip(clean.labels, noisy.labels, strict=True)) if pair[0] != pair[1]]
    order = np.random.default_rng(0).permutation(100)[:20]
    assert len(wrong) == 20
    assert wrong != sorted(order.tolist())
    assert noisy.texts == clean.texts


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan"), float("inf")])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(UserError, match="is out of range"):
        flip_labels(LABELS, share, 3)


def test_a_single_class_is_refused() -> None:
    with pytest.raises(UserError, match="single class"):
        flip_labels([0, 0], 0.5, 1)


def test_regression_is_refused(settings: TrainingSettings) -> None:
    with pytest.raises(UserError, match="not used for label noise curves"):
        LabelNoiseCurve(make_task(label_names=()), settings)


def point(share: float, seed: int = 0) -> Point:
    return Point(parse_method("vanilla"), share, seed)


def test_sweep_flips_training_labels_alone(task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    path = tmp_path / "label_noise.jsonl"
    points = curve_points([parse_method("vanilla")], [0, 0.05, 1], [4])
    records = sweep(LabelNoiseCurve(task, settings), points, path)
    assert list(read_records(path, LabelNoiseRecord)) == records
    assert [(record.share, record.flipped) for record in records] == [(0.0, 0), (0.05, 12), (1.0, 240)]
    clean, _, all_wrong = (record.train_counts for record in records)
    assert all_wrong == clean[::-1]
    for record in records:
        assert sum(record.train_counts) == 240
        assert record.data["validation"] == task.split("validation").fingerprint
        assert record.test_counts == np.bincount(task.split("test").labels).tolist()
        low, high = record.intervals["accuracy"]
        assert low <= record.metrics["accuracy"] <= high
    assert records[2].metrics["accuracy"] < 0.5 < records[0].metrics["accuracy"], "it learned what it was told"


def test_without_noise_it_is_the_training_of_a_checkpoint(
    task: Task, settings: TrainingSettings, tmp_path: Path
) -> None:
    from robustbench_mt.evaluation import evaluate
    from robustbench_mt.scoring import Scorer

    short = replace(settings, epochs=1, train_examples=60)
    (record,) = sweep(LabelNoiseCurve(task, short), [point(0.0, 2)], tmp_path / "n.jsonl")
    tuned = fine_tune(task, parse_method("vanilla"), short, 2)
    assert record.data == tuned.record.data
    assert record.metrics == evaluate(Scorer(tuned.model, tuned.tokenizer), "", task).metrics


def test_everything_is_checked_before_anything_is_trained(
    task: Task, settings: TrainingSettings, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"share 1\.5 is out of range"):
        sweep(LabelNoiseCurve(task, settings), [point(0.0), point(1.5)], tmp_path / "n.jsonl")
    assert not (tmp_path / "n.jsonl").exists()


def test_imbalance_records_of_earlier_versions_are_read() -> None:
    line = (
        '{"record": "imbalance", "schema": 1, "task": "t", "base": "minilm", "method": "vanilla", "ratio": 5.0, '
        '"seed": 0, "label_names": ["a", "b"], "minority": "b", "train_counts": [10, 2], "n": 4, "test_counts": [2, 2],'
        ' "metrics": {"minority_f1": 0.5}, "intervals": {"minority_f1": [0.1, 0.9]}, "settings": {}, "data": {}, '
        '"seconds": 1.0, "versions": {}}'
    )
    record = from_json(ImbalanceRecord, json.loads(line))
    assert (record.level, record.minority, record.intervals["minority_f1"]) == (5.0, "b", (0.1, 0.9))
