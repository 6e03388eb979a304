"""Cells that fail: recorded, told and tried again, while the others go on; and runs that move."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from interrupts import interrupted
from small_experiments import written
from test_experiment import settled

from robustbench_mt.cli import main
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.failure_records import FailureRecord, open_failures
from robustbench_mt.ledger import read_records
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.method_rows import method_rows
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.reporting.summary import summarize


def failures(out: Path) -> dict[str, FailureRecord]:
    return open_failures(read_records(out / FailureRecord.file, FailureRecord))


def test_a_training_that_diverges_does_not_end_the_others(
    content: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    varied = {name: content[name] for name in ("name", "tasks", "methods", "training", "attack")}
    path = written(tmp_path / "e.yaml", {**varied, "vary": {"learning_rate": [1e30, 1e-4]}})
    out = tmp_path / "run"
    assert main(["run", str(path), "--out", str(out)]) == 1
    told = capsys.readouterr()
    assert "report: " in told.out
    assert "DivergenceError: The training of vanilla on" in " ".join(told.err.split())
    assert "To do what is missing: robustbench-mt" in " ".join(told.err.split())
    assert len(list(read_records(out / "train.jsonl", TrainingRecord))) == 2
    assert len(list(out.glob("attacks/*/*/*.jsonl"))) == 4
    failed = failures(out)
    assert [record.diverged for record in failed.values()] == [True, True]
    assert all("learning_rate=1e+30" in cell for cell in failed)
    (first, _) = failed.values()
    assert first.settings["learning_rate"] == 1e30
    logs = sorted((out / "failures").iterdir())
    assert len(logs) == 2
    assert all("Traceback" in log.read_text() and "diverged" in log.read_text() for log in logs)
    # Twice as many lines of missing cells as trainings: the attacks need the checkpoints.
    assert told.err.count("missing: ") >= 6
    assert any("failed: train/" in doubt for doubt in summarize([out]).doubts)


def test_a_failure_that_is_overcome_is_no_longer_shown(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import attacks.engine

    def out_of_memory(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory\x1b[2J\nand more about it")

    small = {**{name: content[name] for name in ("name", "tasks", "training", "attack")}, "methods": ["vanilla"]}
    experiment = load_experiment(written(tmp_path / "e.yaml", small))
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(attacks.engine, "attack", out_of_memory)
        outcome = run_experiment(experiment, out)
    assert [missing.reason for missing in outcome.missing] == ["RuntimeError: out of memory\x1b[2J"] * 2
    assert "out of memory⟨U+001B⟩[2J" in (told := capsys.readouterr().err) and "\x1b" not in told
    assert [(record.diverged, record.what) for record in failures(out).values()] == [(False, "attack")] * 2
    assert len(read_runs([out, out]).failures) == 2
    shutil.copytree(out, moved := tmp_path / "moved")
    outcome = run_experiment(experiment, out)
    assert outcome.missing == []
    assert failures(out) == {}
    assert read_runs([out]).failures == read_runs([out, moved]).failures == read_runs([moved, out]).failures == []
    lines = (out / FailureRecord.file).read_bytes()
    run_experiment(experiment, out)
    assert (out / FailureRecord.file).read_bytes() == lines, "run again, it does nothing"


def test_an_interrupt_is_no_failure(content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_mt.cells.train_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_experiment(load_experiment(written(tmp_path / "e.yaml", content)), tmp_path / "run")
    assert not (tmp_path / "run" / FailureRecord.file).exists()


def test_nothing_done_is_no_report(content: dict[str, Any], tmp_path: Path) -> None:
    small = {**{name: content[name] for name in ("name", "tasks")}, "methods": ["vanilla"]}
    training = {**content["training"], "learning_rate": 1e30}
    path = written(tmp_path / "e.yaml", {**small, "training": training})
    outcome = run_experiment(load_experiment(path), tmp_path / "run")
    assert outcome.report is None
    assert len(outcome.missing) == 1


def test_runs_that_diverged_count_as_failed_to_train(content: dict[str, Any], tmp_path: Path) -> None:
    small = {**{name: content[name] for name in ("name", "tasks", "training")}, "methods": ["vanilla"]}
    out = tmp_path / "run"
    run_experiment(load_experiment(written(tmp_path / "e.yaml", small)), out)
    runs = read_runs([out])
    (row,) = method_rows(runs.evaluations)
    (made,) = runs.trainings
    settings = {name: value for name, value in made.settings.items() if name != "method"}
    failure = FailureRecord(
        "train/x/vanilla/seed1", "train", made.task, made.method, 1, "", settings, "UserError", "diverged", True, {}, ""
    )
    others = [
        replace(failure, seed=0),
        replace(failure, method="match"),
        replace(failure, diverged=False, seed=2),
        replace(failure, what="imbalance", seed=3),
        replace(failure, settings={**settings, "epochs": 9.0}, seed=4),
    ]
    (with_failures,) = method_rows(runs.evaluations, [failure, failure, *others])
    assert (with_failures.failed, with_failures.judged) == (row.failed + 1, row.judged + 1)
    assert asdict(with_failures)["score"] == asdict(row)["score"]


def test_a_run_goes_on_where_it_was_copied_to(content: dict[str, Any], tmp_path: Path) -> None:
    del content["label_noise"]
    content["attack"] = {"recipes": ["deepwordbug"], "examples": 2}
    experiment = load_experiment(written(tmp_path / "e.yaml", {**content, "seeds": [0]}))
    whole, here, there = tmp_path / "whole", tmp_path / "here", tmp_path / "elsewhere" / "there"
    run_experiment(experiment, whole)
    run_experiment(experiment, here, only=["train/*", "attack/*/vanilla/*", "imbalance/*/ratio1/*"])
    shutil.copytree(here, there)
    shutil.rmtree(here)
    outcome = run_experiment(experiment, there)
    assert (outcome.missing, outcome.left_out) == ([], 0)
    files = sorted(path.relative_to(whole) for path in whole.rglob("*.jsonl"))
    assert files == sorted(path.relative_to(there) for path in there.rglob("*.jsonl"))
    for file in files:
        assert settled((whole / file).read_bytes()) == settled((there / file).read_bytes()), file
    assert not [path for path in there.rglob("*.json*") if str(here).encode() in path.read_bytes()]


def test_changed_data_end_a_run_of_curves_at_once(
    content: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {**{name: content[name] for name in ("name", "tasks", "training", "imbalance")}, "methods": ["vanilla"]}
    path, out = written(tmp_path / "e.yaml", {**small, "checkpoints": False}), tmp_path / "run"
    asked = ["run", str(path), "--out", str(out)]
    assert main([*asked, "--only", "imbalance/*/ratio1/*"]) == 0
    before = (out / "imbalance.jsonl").read_bytes()
    data = Path(content["tasks"][0])
    data.write_text(data.read_text(encoding="utf-8").replace("the", "a"), encoding="utf-8")
    capsys.readouterr()
    assert main(asked) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "was made with other settings: train is " in told and told.count("Choose another --out.") == 1
    assert (out / "imbalance.jsonl").read_bytes() == before
    assert failures(out) == {}, "nothing was tried"


def test_a_run_made_by_an_older_version_goes_on(content: dict[str, Any], tmp_path: Path) -> None:
    small = {**{name: content[name] for name in ("name", "tasks", "training")}, "methods": ["vanilla"]}
    experiment, out = load_experiment(written(tmp_path / "e.yaml", small)), tmp_path / "run"
    run_experiment(experiment, out)
    kept = json.loads((out / "experiment.json").read_text())
    del kept["scale"], kept["checkpoints"], kept["training"]["compile"], kept["label_noise"]
    (out / "experiment.json").write_text(json.dumps(kept))
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    for line in lines:
        del line["settings"]["compile"]
    (out / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run_experiment(experiment, out).missing == []
