"""Every method trains where the minority is nearly absent, and its record says what was done."""

from dataclasses import replace
from pathlib import Path

import pytest

from imbalance.class_ratios import ImbalanceCurve
from imbalance.sweep import curve_points, sweep
from robustbench_mt.methods import METHODS
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings

AGAINST_IMBALANCE = ("class-weighted", "focal", "logit-adjustment", "oversample", "undersample")
SPECS = [*METHODS, "focal:alpha=balanced", *(f"match+{name}" for name in AGAINST_IMBALANCE)]

UNTUNED = "No validation example is positive: no threshold was tuned"


@pytest.fixture(scope="module")
def short(settings: TrainingSettings) -> TrainingSettings:
    """Twice through 24 examples of the one class and 1 of the other."""
    return replace(settings, epochs=2, batch_size=6, train_examples=48, validation_examples=6)


@pytest.fixture(scope="module")
def unvalidated(task: Task) -> Task:
    """No validation example is of the last class."""
    validation = task.split("validation")
    negative = [index for index, label in enumerate(validation.labels) if label == 0]
    return replace(task, splits={**task.splits, "validation": validation.select(negative)})


def rare(count: int, total: int, lacking: int) -> str:
    return (
        f"{count} of {total} training examples are positive: about {lacking}% of the batches of 6 have fewer than 2 of "
        "them, and were trained on as they came."
    )


@pytest.mark.parametrize("spec", SPECS)
def test_one_example_to_train_on_and_none_to_validate_on(
    spec: str, unvalidated: Task, short: TrainingSettings, tmp_path: Path
) -> None:
    points = curve_points([parse_method(spec)], [24], [0])
    (record,) = sweep(ImbalanceCurve(unvalidated, short), points, tmp_path / "imbalance.jsonl")
    assert record.train_counts == [24, 1]
    assert record.threshold is None
    few = [] if spec.endswith(("oversample", "undersample")) else [rare(1, 25, 100)]
    assert record.remarks == [*few, f"{UNTUNED}."]
    assert {"minority_f1", "macro_f1", "calibration_error"} <= record.metrics.keys()
    told = summarize([tmp_path]).doubts
    assert all(any(doubt.endswith(f"trained at 24:1: {remark}") for doubt in told) for remark in record.remarks)


@pytest.mark.parametrize("spec", ["vanilla", "match"])
def test_the_best_epoch_is_chosen_without_the_minority(
    spec: str, unvalidated: Task, short: TrainingSettings, tmp_path: Path
) -> None:
    curve = ImbalanceCurve(unvalidated, replace(short, keep="best"))
    (record,) = sweep(curve, curve_points([parse_method(spec)], [12], [0]), tmp_path / "imbalance.jsonl")
    # 1 - C(24, 4) / C(26, 6) = 15 of 325 batches have both.
    assert record.remarks == [rare(2, 26, 95), f"{UNTUNED}, and the best epoch was chosen without."]


def test_a_single_validation_example_is_enough_for_a_threshold(
    task: Task, short: TrainingSettings, tmp_path: Path
) -> None:
    validation = task.split("validation")
    rows = [index for index, label in enumerate(validation.labels) if label == 0][:5]
    rows.append(list(validation.labels).index(1))
    one = replace(task, splits={**task.splits, "validation": validation.select(rows)})
    (record,) = sweep(
        ImbalanceCurve(one, short), curve_points([parse_method("match")], [2], [0]), tmp_path / "imbalance.jsonl"
    )
    assert record.threshold is not None
    assert record.metrics.keys() >= {"minority_f1", "minority_f1_tuned"}


def test_enough_of_the_minority_is_no_remark(task: Task, short: TrainingSettings, tmp_path: Path) -> None:
    curve = ImbalanceCurve(task, replace(short, batch_size=24))
    (record,) = sweep(curve, curve_points([parse_method("vanilla")], [2], [0]), tmp_path / "imbalance.jsonl")
    assert record.remarks == []
