"""Names that are longer than a file's may be: a mistake like any other, and never a lost training."""

import json
from pathlib import Path

import pytest
from command_line import QUICK, file_of, mistake, run
from run_directory import write_run

from robustbench_mt.cli import app
from robustbench_mt.ledger import read_records
from robustbench_mt.records import EvaluationRecord, TrainingRecord

LONG = "x" * 300
TAKE_PATHS = [
    "report {long}",
    "report {run} --out {long}",
    "verify {long}",
    "verify {run} --victim {long}",
    "verify {run} --victim sklearn:{long}",
    "transfer {long}",
    "transfer {run} --victim {long}",
    "evaluate {long} --task {data}",
    "evaluate ./{long} --task {data}",
    "evaluate sklearn:{long} --task {data}",
    "evaluate {checkpoint} --task {long}",
    "evaluate {checkpoint} --task {long}.csv",
    "evaluate {checkpoint} --task {long}/",
    "evaluate {checkpoint} --task ~{long}/x.csv",
    "evaluate {checkpoint} --task rte --data-dir {long}",
    "evaluate {checkpoint} --task rte --data-dir ~{long}",
    "evaluate {checkpoint} --task {data} --static {long}.jsonl",
    "evaluate {checkpoint} --task {data} --out {long}",
    "attack {long} --task {data} --recipe pruthi --out out",
    "attack {checkpoint} --task {data} --recipe pruthi --out {long}",
    "attack {checkpoint} --task {data} --recipe textfooler --word-vectors {long} --out out",
    "attack {checkpoint} --task {data} --recipe textfooler --word-vectors ~{long}/x --out out",
    "attack {checkpoint} --task {data} --recipe textfooler-sbert --sentence-encoder {long} --out out",
    "train --task {long}.csv --method vanilla --out out",
    "train --task {data} --method vanilla --base {long} --out out",
    "train --task {data} --method vanilla --base {base} --out {long}",
    "imbalance --task {data} --method vanilla --ratio 1 --seed 0 --base {long} --out out",
    "imbalance --task {data} --method vanilla --ratio 1 --seed 0 --base {base} --out {long}",
    "label-noise --task {data} --method vanilla --share 0 --seed 0 --base {long} --out out",
    "label-noise --task {data} --method vanilla --share 0 --seed 0 --base {base} --out {long}",
    "run {long} --out out",
    "run {experiment} --out {long}",
    "run {experiment} --out out",
    "quickstart --smoke --out {long}",
    "records export {long} --out out.parquet",
    "records export {run} --out {long}.parquet",
    "list recipes --word-vectors {long}",
    "list recipes --sentence-encoder {long}",
]


def test_all_commands_that_take_paths_are_tried() -> None:
    names = {name for name in app if not name.startswith("-")}
    assert names - {"resources"} == {command.split()[0] for command in TAKE_PATHS}


@pytest.mark.parametrize("command", TAKE_PATHS)
def test_a_name_that_is_too_long_is_told_of(
    command: str,
    data: Path,
    tiny_base: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    made = {"name": "one", "tasks": [str(data)], "methods": ["vanilla"], "training": {"base": LONG}}
    experiment = file_of(tmp_path / "one.yaml", json.dumps(made).encode())
    places = {"data": data, "base": tiny_base, "checkpoint": checkpoint, "experiment": experiment, "long": LONG}
    words = command.format(run=write_run(tmp_path / "run", (0,), 4), **places).split()
    assert LONG in mistake(capsys, *words)
    assert not list(tmp_path.glob("out/**/*.jsonl"))


@pytest.mark.parametrize("variable", ["ROBUSTBENCH_MT_RESOURCES", "ROBUSTBENCH_MT_CACHE", "NLTK_DATA", "TA_CACHE_DIR"])
def test_a_folder_whose_name_is_too_long_has_no_resources(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, f"/{LONG}")
    assert run("resources") == run("list", "recipes") == 0


def test_a_method_of_many_digits_is_trained_and_evaluated(
    data: Path, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, method = tmp_path / "run", f"match:self_mass=0.5{'0' * 300}"
    command = ["train", "--task", data, "--method", method, "--base", tiny_base, "--out", out, *QUICK]
    assert run(*command) == 0
    checkpoint = Path(capsys.readouterr().out.strip())
    assert run("evaluate", checkpoint, "--task", data, "--out", out) == 0
    (training,) = read_records(out / "train.jsonl", TrainingRecord)
    (evaluation,) = read_records(out / "evaluate.jsonl", EvaluationRecord)
    assert training.checkpoint == evaluation.checkpoint == checkpoint.name
    assert training.method == method
    assert run(*command) == 0
    assert len(list(read_records(out / "train.jsonl", TrainingRecord))) == 1
    assert run("report", out) == 0
