"""The leaderboard: each checkpoint once, with what the records say of it and of nothing else."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_directory import attack_run, fallen, imbalance_point, training, write, write_attack

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.leaderboard_table import leaderboard_table
from robustbench_mt.reporting.summary import summarize


def test_the_leaderboard_holds_what_the_records_say(run: Path) -> None:
    summary = summarize([run])
    assert len(summary.leaderboard) == 6
    for row in summary.leaderboard:
        assert row.training is not None
        (record,) = [
            evaluated.record
            for evaluated in summary.runs.evaluations
            if evaluated.record.checkpoint == row.checkpoint and evaluated.record.split == "test"
        ]
        assert (row.clean["accuracy"].value, row.clean["accuracy"].n) == (record.metrics["accuracy"], 1000)
        assert set(row.under_attack) == {"textfooler", "deepwordbug", "pwws", "worst case of 3 recipes"}
        for recipe in ("textfooler", "deepwordbug", "pwws"):
            lines = [json.loads(line) for line in (run / f"attacks/{row.checkpoint}/reviews/{recipe}.jsonl").open()]
            counted = [line for line in lines if line["status"] != "error"]
            left = [line for line in counted if line["status"] == "failed"]
            assert row.under_attack[recipe].value == len(left) / len(counted)
        (point,) = [
            point
            for point in summary.runs.imbalance
            if (point.method, point.seed, point.ratio) == (row.training.method, row.seed, 10.0)
        ]
        assert row.minority_f1 is not None
        assert row.minority_f1.value == point.metrics["minority_f1"]
        assert row.seconds_per_step == 61.5 / 300
    worst = [row.under_attack["worst case of 3 recipes"].value or 0 for row in summary.leaderboard]
    assert worst == sorted(worst, reverse=True)
    caption = leaderboard_table(summary.leaderboard).caption
    assert "Wilson of accuracy; percentile bootstrap of minority f1 in earlier versions' records." in caption


@pytest.mark.parametrize(
    ("trained", "swept", "joined"),
    [
        ({}, {}, True),
        ({"batch_size": 8}, {"batch_size": 32}, False),
        ({"batch_size": 32}, {"batch_size": 32}, True),
        ({"epochs": 2.0}, {"epochs": 3.0}, False),
        # What an older version did not know had its default.
        ({}, {"accumulation": 1, "precision": "auto"}, True),
        ({}, {"accumulation": 2}, False),
        ({"train_examples": 1000}, {"train_examples": None}, True),
        ({"compile": True}, {"compile": False}, True),
        ({"validation_examples": 200}, {"validation_examples": 100}, True),
        # They choose the weights.
        ({"keep": "best", "validation_examples": 200}, {"keep": "best", "validation_examples": 100}, False),
        ({"method": {"name": "match", "self_mass": 0.8}}, {"method": {"name": "match", "self_mass": 0.5}}, False),
    ],
)
def test_the_minoritys_f1_is_of_a_training_with_the_same_settings(
    trained: dict[str, Any], swept: dict[str, Any], joined: bool, tmp_path: Path
) -> None:
    shared = {"learning_rate": 1e-4, "method": {"name": "match"}}
    point = replace(imbalance_point("match", 10.0, 0), settings={**shared, **swept})
    write(tmp_path / "train.jsonl", TrainingRecord, [training("match", 0, settings={**shared, **trained})])
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [point])
    (row,) = summarize([tmp_path]).leaderboard
    assert (row.minority_f1 is not None) == joined


def test_of_curves_of_several_sizes_the_minoritys_f1_is_of_the_trainings(tmp_path: Path) -> None:
    settings = [{"learning_rate": 1e-4, "train_examples": size} for size in (500, 2000, 1000)]
    points = [replace(imbalance_point("match", 10.0, 0), settings=each) for each in settings[:2]]
    points[1] = replace(points[1], metrics={**points[1].metrics, "minority_f1": 0.25})
    trainings = [training("match", 0, checkpoint=str(each["train_examples"]), settings=each) for each in settings[1:]]
    write(tmp_path / "train.jsonl", TrainingRecord, trainings)
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, points)
    found = {row.checkpoint: row.minority_f1 and row.minority_f1.value for row in summarize([tmp_path]).leaderboard}
    assert found == {"2000": 0.25, "1000": None}


def test_checkpoints_of_one_name_have_rows_of_their_own(tmp_path: Path) -> None:
    for name, rate in (("a", 1e-4), ("b", 2e-5)):
        made = training("vanilla", 0, settings={"learning_rate": rate})
        write(tmp_path / name / "train.jsonl", TrainingRecord, [made])
        write_attack(tmp_path / name, attack_run(made.checkpoint, "textfooler", victim=name), [fallen(index=len(name))])
    elsewhere = attack_run("mine", "textfooler")
    write_attack(tmp_path / "a", elsewhere, [fallen()])
    rows = summarize([tmp_path / "a", tmp_path / "b"]).leaderboard
    assert [(row.checkpoint, row.seed, len(row.attacks)) for row in rows] == [
        ("mine", None, 1),
        ("reviews-vanilla-seed0", 0, 1),
        ("reviews-vanilla-seed0", 0, 1),
    ]
    assert rows[1].key != rows[2].key
