"""Records as Parquet: the columns of a frame, all of them, or no file."""

import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from run_directory import attack_run, batch_dependence, fallen, outcomes, write, write_attack, write_run

from robustbench_mt import UserError, records_frame
from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.cli import main
from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.ledger import read_records
from robustbench_mt.record_export import export_records
from robustbench_mt.records import AttackRecord, EvaluationRecord, TrainingRecord


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), seeds=(0, 1), n=30)


def test_attacked_examples_have_the_columns_of_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_mt.record_export._A_BATCH", 7)
    settings, records = attack_run("mine", "pwws", max_queries=50), outcomes("pwws", 30, 0.5)
    write_attack(tmp_path / "run", settings, records)
    assert export_records([tmp_path / "run"], tmp_path / "out" / "a.parquet") == 30
    frame = pd.read_parquet(tmp_path / "out" / "a.parquet")
    about = [
        "run",
        "checkpoint",
        "victim",
        "task",
        "split",
        "data",
        "recipe",
        "max_queries",
        "max_seconds",
        "max_words",
    ]
    assert list(frame.columns[: len(about)]) == about
    assert frame.loc[3, about[:7]].tolist() == ["run", "mine", settings.victim, "reviews", "test", "beef", "pwws"]
    assert (frame["max_queries"] == 50).all() and frame["max_words"].isna().all()
    expected = records_frame(records, settings)
    exported = frame[frame.columns[len(about) :]].assign(fallbacks=frame["fallbacks"].map(list))
    assert list(exported.columns) == list(expected.columns)
    for name in ("status", "label", "ended_by"):
        assert name == "ended_by" or isinstance(exported[name].dtype, pd.CategoricalDtype)
        assert exported[name].astype(str).tolist() == expected[name].astype(str).tolist()
    for name in expected.columns.drop(["status", "label", "ended_by"]):
        pd.testing.assert_series_equal(
            exported[name], expected[name], check_dtype=name in ("index", "queries", "seconds")
        )


@pytest.mark.parametrize(
    ("kind", "name", "record_type"),
    [
        ("evaluations", "evaluate.jsonl", EvaluationRecord),
        ("trainings", "train.jsonl", TrainingRecord),
        ("curves", "imbalance.jsonl", ImbalanceRecord),
    ],
)
def test_other_records_have_theirs(run: Path, tmp_path: Path, kind: str, name: str, record_type: type) -> None:
    out = tmp_path / "a.parquet"
    assert main(["records", "export", str(run), "--kind", kind, "--out", str(out)]) == 0
    frame = pd.read_parquet(out)
    records = list(read_records(run / name, record_type))
    expected = records_frame(records)
    assert set(expected.columns) <= set(frame.columns)
    for column in set(expected.columns) - {"history", "matching", "label_names", "remarks", "warnings"}:
        assert frame[column][: len(records)].astype(str).tolist() == expected[column].astype(str).tolist(), column
    if kind == "curves":
        assert frame["curve"].value_counts().to_dict() == {"imbalance": 20, "label noise": 20}
    if kind == "trainings":
        assert json.loads(frame.loc[0, "history"]) == records[0].history
        assert json.loads(frame.loc[0, "matching"])["mass"] == records[0].matching.mass
        assert frame["settings.learning_rate"].dtype == "float64"


def test_dependence_on_batch_mates_is_exported(tmp_path: Path) -> None:
    record = batch_dependence("mine (match-inference, batch 8)", accuracies=[0.7, 0.9])
    write(tmp_path / "run" / "batch_dependence.jsonl", BatchDependenceRecord, [record])
    out = tmp_path / "a.parquet"
    assert main(["records", "export", str(tmp_path / "run"), "--kind", "batch-dependence", "--out", str(out)]) == 0
    (row,) = pd.read_parquet(out).to_dict("records")
    assert (row["checkpoint"], row["n"], row["changed"]) == (record.checkpoint, record.n, record.changed)
    assert json.loads(row["accuracies"]) == [0.7, 0.9]
    assert row["versions.torch"] == record.versions["torch"]


def test_runs_of_other_tasks_stand_in_one_file(tmp_path: Path) -> None:
    pairs = {"task": "pairs", "fields": ["premise", "hypothesis"], "label_names": ["a", "b", "c"]}
    record = fallen(texts=["one", "two"], perturbed_texts=["one", "three"], scores=[0.1, 0.8, 0.1])
    write_attack(tmp_path / "a", attack_run("mine", "pwws"), [fallen()])
    write_attack(
        tmp_path / "b", attack_run("mine", "pwws", **pairs), [replace(record, perturbed_scores=[0.5, 0.3, 0.2])]
    )
    assert export_records([tmp_path / "a", tmp_path / "b"], tmp_path / "out.parquet") == 2
    frame = pd.read_parquet(tmp_path / "out.parquet")
    assert frame["text"].isna().tolist() == frame["hypothesis"].notna().tolist() == [False, True]
    assert frame.loc[1, ["run", "label", "score_b", "perturbed_hypothesis"]].tolist() == ["b", "b", 0.8, "three"]


def test_a_field_may_be_called_as_another_column(tmp_path: Path) -> None:
    """As SMS data have it: the texts stay, and so does what is recorded of the attack."""
    settings = attack_run("mine", "pwws", fields=["message", "task"])
    record = fallen(texts=["one", "two"], perturbed_texts=["one", "three"], message="why")
    write_attack(tmp_path, settings, [record])
    export_records([tmp_path], tmp_path / "a.parquet")
    (row,) = pd.read_parquet(tmp_path / "a.parquet").to_dict("records")
    assert (row["text_message"], row["perturbed_text_task"], row["message"]) == ("one", "three", "why")
    assert (row["task"], row["run"]) == ("reviews", tmp_path.name)
    assert records_frame([record], settings).loc[0, ["text_message", "message"]].tolist() == ["one", "why"]


def test_hostile_text_is_data(tmp_path: Path) -> None:
    hostile = "=cmd|' \u202e \x00 \u200b </script>"
    record = fallen(texts=[hostile], perturbed_texts=["lone \ud800 surrogate"], fallbacks=["\udfff"], message=hostile)
    write_attack(tmp_path, attack_run("mine", "pwws", label_names=["\ud800", "b\udc00"]), [record])
    export_records([tmp_path], tmp_path / "a.parquet")
    (row,) = pd.read_parquet(tmp_path / "a.parquet").to_dict("records")
    assert (row["text"], row["message"]) == (hostile, hostile)
    assert (row["perturbed_text"], list(row["fallbacks"])) == ("lone \ufffd surrogate", ["\ufffd"])
    assert (row["label"], row["score_\ufffd"]) == ("b\ufffd", 0.1)


def test_a_damaged_line_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustbench_mt.record_export._A_BATCH", 2)
    path = write_attack(tmp_path, attack_run("mine", "pwws"), outcomes("pwws", 10, 0.5))
    out = tmp_path / "a.parquet"
    export_records([tmp_path], out)
    before = out.read_bytes()
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(UserError, match=r"pwws\.jsonl, line 11, is not a record"):
        export_records([tmp_path], out)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_leaves_the_file_as_it_was(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.parquet"
    out.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(UserError, match=r"a\.parquet, as the disk is full"):
            export_records([run], out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert out.read_bytes() == b"before"


def test_mistakes_are_told(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run directory"):
        export_records([tmp_path / "none"], tmp_path / "a.parquet")
    with pytest.raises(UserError, match="no records of attacks"):
        export_records([tmp_path], tmp_path / "a.parquet")
    (tmp_path / "d.parquet").mkdir()
    with pytest.raises(UserError, match="Cannot write"):
        export_records([run], tmp_path / "d.parquet")
    misfit = fallen(scores=[0.2, 0.3, 0.5])
    write_attack(tmp_path, attack_run("mine", "pwws"), [fallen(), misfit])
    with pytest.raises(UserError, match="3 values of score_, where negative, positive are expected"):
        export_records([tmp_path], tmp_path / "a.parquet")
    write(tmp_path / "b" / "attacks" / "x.jsonl", AttackRecord, [fallen(label=7)], attack_run("mine", "pwws"))
    with pytest.raises(UserError, match="of class 7, but there are 2 classes"):
        export_records([tmp_path / "b"], tmp_path / "a.parquet")
    assert not os.path.lexists(tmp_path / "a.parquet")


@pytest.mark.parametrize("name", ["train.jsonl", "new.csv", "new", "parquet"])
def test_another_ending_is_refused_and_nothing_replaced(name: str, tmp_path: Path) -> None:
    run = write_run(tmp_path, seeds=(0,), n=4)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=rf"{name} does not end in \.parquet: give --out a name that does"):
        export_records([run], run / name)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    assert export_records([run], run / "NEW.PARQUET") > 0
