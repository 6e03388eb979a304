"""What an experiment would cost: counted from the data, calibrated on this machine, and nothing written."""

import json
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_experiments import written
from transformers import AutoConfig, AutoModel

from robustbench_mt.calibration import calibrate
from robustbench_mt.cli import main
from robustbench_mt.costs import Cost
from robustbench_mt.dry_run import DryRun, dry_run
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, TrainingRecord
from robustbench_mt.shapes import SHAPES, RandomBases
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings


def found(path: Path, out: Path, **options: Any) -> DryRun:
    return dry_run(load_experiment(path), out, TaskOptions(), **options)


def test_counts_what_is_missing_and_writes_nothing(
    content: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "e.yaml", content)
    before = sorted(tmp_path.iterdir())
    first = found(path, tmp_path / "run")
    assert sorted(tmp_path.iterdir()) == before
    counted = {row.what: (row.cells, row.done, row.steps) for row in first.rows}
    # Two methods and two seeds, three steps each; two recipes on each of these; curves of one seed.
    assert counted == {
        "train": (4, 0, 12),
        "attack": (8, 0, 0),
        "imbalance": (4, 0, 12),
        "label_noise": (4, 0, 12),
    }
    assert all(row.tokens and row.seconds for row in first.rows)
    assert len(first.missing) == 20
    assert "train/reviews.jsonl/vanilla/seed0" in [re.sub("-[0-9a-f]{8}", ".jsonl", name) for name in first.missing]
    said = " ".join(first.remarks)
    assert "deepwordbug" in said
    assert "from 1.5 a word" in said

    run_experiment(load_experiment(path), tmp_path / "run", only=["train/*", "attack/*/vanilla/seed0/deepwordbug"])
    second = {row.what: row for row in found(path, tmp_path / "run").rows}
    assert [(row.what, row.done) for row in second.values()] == [
        ("train", 4),
        ("attack", 1),
        ("imbalance", 0),
        ("label_noise", 0),
    ]
    assert (second["train"].steps, second["train"].seconds) == (0, 0)
    assert set(found(path, tmp_path / "run").missing) < set(first.missing)
    capsys.readouterr()
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--dry-run", "--only", "imbalance/*"]) == 0
    printed = capsys.readouterr().out.splitlines()
    curve = found(path, tmp_path / "run", only=["imbalance/*"]).missing
    assert [line for line in printed if line.startswith("imbalance/")] == curve


def test_changed_data_are_counted_anew(content: dict[str, Any], tmp_path: Path) -> None:
    plain = {name: content[name] for name in ("name", "tasks", "training")} | {"methods": ["vanilla"]}
    path, data = written(tmp_path / "e.yaml", plain), Path(content["tasks"][0])
    (before,) = found(path, tmp_path / "run").rows
    lines = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    data.write_text("\n".join(json.dumps({**line, "text": line["text"] * 3}) for line in lines), encoding="utf-8")
    (after,) = found(path, tmp_path / "run").rows
    assert after.tokens > 2 * before.tokens


def test_queries_are_those_recorded_where_there_are_some(content: dict[str, Any], tmp_path: Path) -> None:
    path, out = written(tmp_path / "e.yaml", content), tmp_path / "run"
    run_experiment(load_experiment(path), out, only=["train/*/vanilla/seed0", "attack/*/vanilla/seed0/deepwordbug"])
    (file,) = out.glob("attacks/*/*/*.jsonl")
    attacked = [r.queries for r in read_records(file, AttackRecord) if r.status in ("success", "failed")]
    said = [remark for remark in found(path, out).remarks if "deepwordbug" in remark]
    if attacked:
        assert f"{sum(attacked) / len(attacked):.0f} on " in said[0]
        assert "as recorded in this run" in said[0]


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 1.5, "steps": None},
        {"epochs": 0.5, "steps": None},
        {"accumulation": 3, "epochs": 2, "steps": None},
        {"accumulation": 4, "epochs": 0.5, "steps": None},
    ],
)
def test_steps_are_those_that_the_trainer_takes(
    change: dict[str, Any],
    content: dict[str, Any],
    tmp_path: Path,
) -> None:
    plain = {name: content[name] for name in ("name", "tasks")} | {"methods": ["vanilla"]}
    path = written(tmp_path / "e.yaml", {**plain, "training": {**content["training"], **change}})
    (row,) = found(path, tmp_path / "run").rows
    run_experiment(load_experiment(path), tmp_path / "run")
    (record,) = read_records(tmp_path / "run" / "train.jsonl", TrainingRecord)
    assert row.steps == record.history[-1]["step"]


def test_hours_grow_with_passes_and_tokens(task: Task, settings: TrainingSettings) -> None:
    speed = calibrate(task, settings, 20.0)
    assert min(speed.trained, speed.scored, speed.setup) > 0
    plain = Cost(steps=10, trained=1000, passes=1, scored=0)
    double = Cost(steps=10, trained=1000, passes=2, scored=0)
    assert double.seconds(speed) - plain.seconds(speed) == pytest.approx(1000 * speed.trained)


def test_what_is_not_here_is_told(
    content: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    part = {"methods": ["vanilla"], "training": {"base": "nobody/has-this-base", "steps": 5}}
    # Names are text: neither rich's markup, nor what turns a terminal's line around.
    away = "a[b]\u202eway"
    parts = {"here": {"tasks": content["tasks"], **part}, away: {"tasks": ["cola", "stsb"], **part}}
    path = written(tmp_path / "e.yaml", {"name": away, "parts": parts})
    there = {row.part: row for row in found(path, tmp_path / "run").rows}
    assert there["here"].steps == 5
    assert there["here"].seconds is None
    assert (there[away].cells, there[away].steps, there[away].tokens) == (2, None, None)
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "cannot be calibrated here: There is no directory nobody/has-this-base" in printed
    assert "Task cola needs the folder CoLA" in printed
    assert "\u202e" not in printed
    shown = "a[b]⟨U+202E⟩way"
    for line in (f"{shown}/train/cola/vanilla/seed0", f"{shown}: what is missing in", f"{shown} train 2 0 ? ? ?"):
        assert line in printed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("bert-base-uncased", 109_482_240),
        ("bert-large-uncased", 335_141_888),
        ("distilbert-base-uncased", 66_362_880),
        ("roberta-base", 124_645_632),
        ("roberta-large", 355_359_744),
    ],
)
def test_known_shapes_have_as_many_parameters_as_the_bases_themselves(name: str, parameters: int) -> None:
    values = dict(SHAPES[name])
    with torch.device("meta"):
        model = AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values))
    assert model.num_parameters() == parameters
    assert [other for other in SHAPES if other.endswith(f"/{name}")]


_SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
_SMALL_DISTILBERT = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}


@pytest.mark.parametrize(
    ("known", "small"),
    [("bert-base-uncased", _SMALL), ("distilbert-base-uncased", _SMALL_DISTILBERT), ("roberta-base", _SMALL)],
)
def test_a_shape_of_each_kind_is_timed_on_pairs(
    known: str,
    small: dict[str, int],
    pair_task: Task,
    settings: TrainingSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SHAPES, "nobody/small", {**SHAPES[known], **small})
    base = RandomBases(tmp_path).in_place_of("nobody/small", False)
    speed = calibrate(pair_task, replace(settings, base=base), 5.0)
    assert min(speed.trained, speed.scored, speed.setup) > 0


def test_a_known_base_that_is_not_here_is_timed_by_its_shape(
    content: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setitem(SHAPES, "nobody/small", {**SHAPES["bert-base-uncased"], **_SMALL})
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    plain = {"name": "away", "methods": ["vanilla"], "training": {"base": "nobody/small", "steps": 5}}
    path = written(tmp_path / "e.yaml", {**plain, "tasks": content["tasks"]})
    (row,) = found(path, tmp_path / "run").rows
    assert row.seconds
    assert main(["run", str(path), "--out", str(tmp_path / "run"), "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "?" not in printed
    assert re.search(
        r"Hours with the base nobody/small, whose weights are not here, were calibrated on a model of its shape with "
        r"random weights \([\d,]+ parameters\), which is as fast, on (?:the CPU \(1 thread\)|.+?); on another device ",
        printed,
    )
    assert not list(scratch.iterdir())
    # Without a task's data there is nothing to calibrate on, and with too little memory nothing to calibrate with.
    elsewhere = written(tmp_path / "glue.yaml", {**plain, "tasks": ["cola"]})
    (row,) = found(elsewhere, tmp_path / "run").rows
    assert (row.tokens, row.seconds) == (None, None)
    monkeypatch.setattr("robustbench_mt.shapes._BYTES_A_PARAMETER", 10**12)
    there = found(path, tmp_path / "run")
    assert (there.rows[0].steps, there.rows[0].seconds) == (5, None)
    assert "cannot be calibrated here: training takes about" in " ".join(there.remarks)


def test_a_base_that_is_here_is_timed_itself(tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SHAPES, str(tiny_base), SHAPES["bert-large-uncased"])
    bases = RandomBases(tmp_path)
    assert bases.in_place_of(str(tiny_base), False) == str(tiny_base)
    assert not bases.parameters


@pytest.mark.parametrize(("seconds", "sizes"), [(0.0, [2, 8]), (60.0, [2, 2, 8, 4, 20])])
def test_a_slow_base_is_timed_once_less(
    seconds: float, sizes: list[int], task: Task, settings: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def counted(*args: Any, train: Examples, **options: Any) -> FineTuned:
        trained.append(len(train))
        return fine_tune(*args, train=train, **options)

    monkeypatch.setattr("robustbench_mt.calibration.fine_tune", counted)
    assert calibrate(task, replace(settings, batch_size=4), seconds).trained > 0
    assert trained == sizes


def test_mistakes_are_still_mistakes(content: dict[str, Any], tmp_path: Path) -> None:
    path = written(tmp_path / "e.yaml", content)
    with pytest.raises(UserError, match=r"No cell's name matches 'glue/\*'"):
        found(path, tmp_path / "run", only=["glue/*"])
