"""Imbalanced subsets have the counts asked for and are nested; the sweep records each point once."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import make_task
from datasets import Dataset
from numpy.typing import NDArray
from report_tables import on_terminal

from imbalance.class_ratios import ImbalanceCurve
from imbalance.sampling import class_counts, make_imbalanced
from imbalance.sweep import Point, curve_points, sweep
from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.metrics import minority_metrics
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.statistics import Estimate
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.training_settings import TrainingSettings

POINT = Point(parse_method("vanilla"), 1, 0)
LABELS = [int(label) for label in np.random.default_rng(0).choice(3, size=900, p=[0.5, 0.2, 0.3])]


def counts(indices: list[int]) -> list[int]:
    return class_counts([LABELS[index] for index in indices])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("minority", range(3))
def test_ratios_are_nested_and_exact(minority: int, seed: int) -> None:
    ratios = [1, 2, 5, 10, 20, 50]
    subsets = [make_imbalanced(LABELS, ratio, minority=minority, majority_size=100, seed=seed) for ratio in ratios]
    for ratio, subset in zip(ratios, subsets, strict=True):
        assert counts(subset) == [100 // ratio if index == minority else 100 for index in range(3)]
        assert subset == sorted(set(subset))
    for larger, smaller in pairwise(subsets):
        assert set(smaller) < set(larger)


def test_only_the_minority_differs_between_ratios() -> None:
    one, ten = (make_imbalanced(LABELS, ratio, minority=2, seed=5) for ratio in (1, 10))
    assert {LABELS[index] for index in set(one) - set(ten)} == {2}


def test_seeds_draw_other_subsets() -> None:
    assert make_imbalanced(LABELS, 4, seed=0) != make_imbalanced(LABELS, 4, seed=1)
    assert make_imbalanced(LABELS, 4, seed=0) == make_imbalanced(LABELS, 4, seed=0)


def test_labels_may_be_names_in_whatever_people_keep_them_in() -> None:
    names = [["a", "b", "c"][label] for label in LABELS]
    asked = make_imbalanced(LABELS, 4, minority=1)
    frame = pd.DataFrame({"label": names})
    data = Dataset.from_pandas(frame)
    for labels in (names, np.array(names), frame["label"], frame["label"].astype("category"), data["label"]):
        assert make_imbalanced(labels, 4, minority="b") == asked
        assert make_imbalanced(labels, 4) == make_imbalanced(LABELS, 4) == make_imbalanced(LABELS, 4, minority=2)


@pytest.mark.parametrize(
    ("labels", "minority", "message"),
    [
        (["a", "b"], "x", "Unknown class 'x': there are: a, b"),
        ([0, 1], "b", "Unknown class 'b': the labels are indices, so give one of 0 to 1"),
        ([0, 1], 2, "There is no class 2"),
        ([0, 0, 2, 2], None, "There is no example of class 1"),
        (["a", 1], None, "A label is 'a': give class indices"),
        ([0, -1], None, "A label is -1"),
        ([0.0, 1.0], None, r"A label is 0\.0"),
        ([None, "a"], None, "A label is None"),
        ({"label": [0, 1]}, None, "The labels are a dict: give a column"),
        (pd.DataFrame({"label": ["a", "b"]}), None, "The labels are a DataFrame"),
        ("abab", None, "The labels are a str"),
        (Dataset.from_dict({"label": [0, 1]}), None, "A label is {'label': 0}"),
    ],
)
def test_labels_that_are_none(labels: Any, minority: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make_imbalanced(labels, 2, minority=minority)


def test_default_size_is_the_smallest_class() -> None:
    assert counts(make_imbalanced(LABELS, 1, minority=0)) == [min(Counter(LABELS).values())] * 3


@pytest.fixture(scope="module")
def short(settings: TrainingSettings) -> TrainingSettings:
    return replace(settings, epochs=2, train_examples=64)


def test_sweep_records_each_point_once(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    path = tmp_path / "imbalance.jsonl"
    methods = [parse_method("vanilla"), parse_method("match")]
    first = sweep(ImbalanceCurve(task, short), curve_points(methods[:1], [1, 4], [0]), path)
    points = curve_points(methods, [1, 4], [0])
    records = sweep(ImbalanceCurve(task, short), points, path)
    assert [(record.method, record.ratio) for record in records] == [
        ("vanilla", 1.0),
        ("match", 1.0),
        ("vanilla", 4.0),
        ("match", 4.0),
    ]
    assert [record for record in records if record.method == "vanilla"] == first, (
        "what is recorded is not trained again"
    )
    assert len(list(read_records(path, ImbalanceRecord))) == 4
    for record in records:
        assert record.train_counts == [32, 32 // int(record.ratio)]
        assert (record.minority, record.settings["train_examples"]) == ("positive", 64)
        assert (record.n, sum(record.test_counts)) == (100, 100)
        decided = {"minority_precision", "minority_recall", "minority_f1", "macro_f1", "balanced_accuracy", "accuracy"}
        free = {"minority_average_precision", "calibration_error"}
        assert record.metrics.keys() == decided | free | {f"{name}_tuned" for name in decided}
        assert record.intervals.keys() == record.interval_kinds.keys() <= record.metrics.keys() - {"calibration_error"}
        assert all(low <= record.metrics[name] <= high for name, (low, high) in record.intervals.items())
        assert record.threshold is not None and 0 < record.threshold < 1
        # Of 40 examples 8 are positive; of 64 half are, as many as of the other class.
        few = (
            "8 of 40 training examples are positive: about 49% of the batches of 8 have fewer than 2 of them, and were "
        )
        assert record.remarks == ([f"{few}trained on as they came."] if record.ratio == 4 else [])
    with pytest.raises(UserError, match=r"learning_rate is 0\.005 there and 0\.1 now"):
        sweep(ImbalanceCurve(task, replace(short, learning_rate=0.1)), points, path)


def test_two_tasks_share_a_file(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    path = tmp_path / "i.jsonl"
    points = curve_points([parse_method("vanilla")], [2], [0])
    first = sweep(ImbalanceCurve(task, short), points, path)
    second = sweep(ImbalanceCurve(make_task("other"), replace(short, learning_rate=1e-3)), points, path)
    assert [record.task for record in (*first, *second)] == ["toy", "other"]
    assert sweep(ImbalanceCurve(task, short), points, path) == first


def test_minority_can_be_named(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    points = curve_points([parse_method("vanilla")], [4], [0])
    record = sweep(ImbalanceCurve(task, short, "negative"), points, tmp_path / "i.jsonl")[0]
    assert record.train_counts == [8, 32]
    with pytest.raises(UserError, match="did you mean positive"):
        ImbalanceCurve(task, short, "postive")


def test_everything_is_checked_before_anything_is_trained(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    points = curve_points([parse_method("vanilla")], [1, 500], [0])
    with pytest.raises(UserError, match="ratio 500"):
        sweep(ImbalanceCurve(task, short), points, tmp_path / "i.jsonl")
    assert not (tmp_path / "i.jsonl").exists()


def test_what_the_data_cannot_give_is_told_by_the_classes_names(task: Task, short: TrainingSettings) -> None:
    with pytest.raises(UserError, match="500 examples of class negative are asked for"):
        ImbalanceCurve(task, replace(short, train_examples=1000)).training_set(POINT)
    with pytest.raises(UserError, match="9 examples of class a are asked for, but there are 2: ask for fewer"):
        make_imbalanced(["b", "a", "b", "a"], 1, majority_size=9)
    with pytest.raises(UserError, match="The seed -1 is out of range"):
        make_imbalanced(LABELS, 2, seed=-1)


def test_regression_is_refused(short: TrainingSettings) -> None:
    with pytest.raises(UserError, match="regression task"):
        ImbalanceCurve(make_task(label_names=()), short)


def test_minority_metrics_by_hand() -> None:
    labels, positive = [1, 1, 1, 1, 0, 0, 0, 0], np.asarray([0.9, 0.8, 0.4, 0.3, 0.7, 0.1, 0.1, 0.1])
    probabilities = np.stack([1 - positive, positive], axis=1)
    metrics = {
        name: estimate.value for name, estimate in minority_metrics(labels, probabilities, 1, threshold=0.3).items()
    }
    assert metrics["minority_precision"] == pytest.approx(2 / 3)
    assert metrics["minority_recall"] == pytest.approx(2 / 4)
    assert metrics["minority_f1"] == pytest.approx(4 / 7)
    assert metrics["macro_f1"] == pytest.approx((4 / 7 + 6 / 9) / 2)
    assert metrics["accuracy"] == pytest.approx(5 / 8)
    assert metrics["balanced_accuracy"] == pytest.approx((2 / 4 + 3 / 4) / 2)
    # Ranked: right, right, wrong, right, right.
    assert metrics["minority_average_precision"] == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 4)
    assert (metrics["minority_recall_tuned"], metrics["minority_precision_tuned"]) == (1, pytest.approx(4 / 5))
    assert minority_metrics(labels, np.eye(2)[[0] * 8], 1)["minority_f1"].value == 0


def test_threshold_is_the_best_on_validation(task: Task, short: TrainingSettings) -> None:
    curve = ImbalanceCurve(task, short, "positive")
    seen = []

    def probabilities(examples: Examples) -> NDArray[np.float64]:
        seen.append(examples.fingerprint)
        # Right at a threshold of 0.2, with which the likeliest class is always the first.
        positive = np.where(np.asarray(examples.labels) == 1, 0.2, 0.1)
        return np.stack([1 - positive, positive], axis=1)

    train = curve.training_set(POINT)
    metrics, fields = curve.measures(POINT, train, probabilities)
    assert seen == [task.split("validation").fingerprint], "the test set is not looked at"
    assert fields == {"threshold": 0.2, "remarks": []}
    test = task.split("test")
    found = metrics(np.asarray(test.labels), probabilities(test))
    assert [found[name].value for name in ("minority_f1", "minority_f1_tuned", "accuracy_tuned")] == [0, 1, 1]


def test_no_threshold_without_a_minority_to_validate_on(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    validation = task.split("validation")
    negative = validation.select([i for i, label in enumerate(validation.labels) if label == 0])
    one_sided = replace(task, splits={**task.splits, "validation": negative})
    points = curve_points([parse_method("vanilla")], [4], [0])
    (record,) = sweep(ImbalanceCurve(one_sided, short), points, tmp_path / "imbalance.jsonl")
    assert record.threshold is None
    assert record.remarks[-1] == "No validation example is positive: no threshold was tuned."
    assert "minority_f1" in record.metrics and not any("tuned" in name for name in record.metrics)
    summary = summarize([tmp_path])
    assert all(f"toy: vanilla trained at 4:1: {remark}" in summary.doubts for remark in record.remarks)
    assert [table.name for table in result_tables(summary) if "imbalance" in table.name] == ["imbalance"]


def test_report_shows_both_thresholds(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    points = curve_points([parse_method("vanilla"), parse_method("oversample")], [4], [0])
    records = sweep(ImbalanceCurve(task, short), points, tmp_path / "imbalance.jsonl")
    tables = {table.name: table for table in result_tables(summarize([tmp_path]))}
    for name, suffix in (("imbalance", ""), ("imbalance_tuned", "_tuned")):
        keys = [column.key for column in tables[name].columns]
        for record, row in zip(records, tables[name].rows, strict=True):
            cells = dict(zip(keys, row, strict=True))
            shown = cells[f"minority_f1{suffix}"]
            assert cells["method"] == record.method
            assert isinstance(shown, Estimate) and shown.value == record.metrics[f"minority_f1{suffix}"]
    assert [row[6] for row in tables["imbalance_tuned"].rows] == [f"{record.threshold:.3g}" for record in records]
    assert records[1].data["resampled_examples"] == 64
    lines = [line.split() for line in on_terminal(summarize([tmp_path]), 120).splitlines()]
    for method, record in zip(("vanilla", "oversample"), records, strict=True):
        start = lines.index([method, "1", f"{record.metrics['minority_f1']:.3f}"])
        tuned = lines.index([method, "1", f"{record.metrics['minority_f1_tuned']:.3f}"], start + 1)
        assert lines[tuned + 1][:2] == ["tuned", "threshold"]
