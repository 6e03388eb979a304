"""Attacks, trainings and experiments on a real Ray: the same results as without it."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from conftest import outcome, write_reviews
from lru import LRU
from ray_machines import RAY, needs_ray
from small_experiments import small_experiment, written

from attacks.engine import attack
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.travelling import reloading
from attacks.victim import load_victim
from robustbench_mt import tokenized
from robustbench_mt.cli import main
from robustbench_mt.cluster import Cluster
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Task
from robustbench_mt.tokenized import Tokens

# Attacks.


@needs_ray
def test_an_attack_on_ray_equals_one_here(cluster: Cluster, checkpoint: Path, task: Task, tmp_path: Path) -> None:
    victim = load_victim(str(checkpoint), task)
    reload = reloading(str(checkpoint), victim, cluster=cluster)
    # Many beside each other, in other batches than on Ray.
    settings = AttackSettings(examples=30, in_flight=30)
    here = attack(victim, task, RECIPES["deepwordbug"], settings, tmp_path / "here")
    away = attack(victim, task, RECIPES["deepwordbug"], settings, tmp_path / "away", reload=reload, cluster=cluster)
    assert list(map(outcome, away)) == list(map(outcome, here))


@needs_ray
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are counted in /proc")
def test_the_driver_is_killed(
    cluster: Cluster, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has a Ray of its own, which ends with it; started again, it does the rest."""
    data = write_reviews(tmp_path / "toy.csv")
    command = ["attack", str(checkpoint), "--task", str(data), "--split", "train", "--recipe", "deepwordbug"]
    command += ["--examples", "50", "--shard", "2", "--backend", "ray", "--out", str(tmp_path / "run")]
    driver = subprocess.Popen(
        [sys.executable, "-m", "robustbench_mt", *command], stderr=subprocess.PIPE, start_new_session=True
    )
    while not (paths := list(tmp_path.glob("run/attacks/*/*/*.jsonl"))) or paths[0].read_bytes().count(b"\n") < 4:
        assert driver.poll() is None, driver.communicate()[1]
        time.sleep(0.01)
    started = psutil.Process(driver.pid).children(recursive=True)
    assert len(started) > 3
    driver.kill()
    driver.wait()
    assert not psutil.wait_procs(started, timeout=5)[1], "processes outlived the driver"
    survived = list(read_records(paths[0], AttackRecord))
    assert 4 <= len(survived) < 50
    assert main(command) == 0
    assert f"{len(survived)} of 50 examples are recorded already" in capsys.readouterr().err
    records = list(read_records(paths[0], AttackRecord))
    assert records[: len(survived)] == survived
    assert sorted(record.index for record in records) == list(range(50))


# Trainings.


PLACE = ("method", "seed", "ratio", "share", "control", "index")


def left(out: Path) -> dict[str, Any]:
    """What a run leaves, but for times, versions of pages and the order of lines."""
    files: dict[str, Any] = {}
    for path in sorted(path for path in out.rglob("*") if path.is_file() and "report" not in path.parts):
        name, content = path.relative_to(out).as_posix(), path.read_bytes()
        if path.suffix == ".jsonl":
            records = [json.loads(line) for line in content.splitlines()]
            for record in records:
                record |= {"time": None, "seconds": None}
            files[name] = sorted(records, key=lambda record: [str(record.get(name)) for name in PLACE])
        elif path.name == "training.json":
            files[name] = {**json.loads(content), "seconds": None}
        elif path.suffix != ".log":
            files[name] = content
    return files


@needs_ray
def test_an_experiment_on_ray_equals_one_here(cluster: Cluster, tiny_base: Path, tmp_path: Path) -> None:
    content = small_experiment(tiny_base, tmp_path)
    content |= {"methods": ["match:self_mass=0.5"], "seeds": [0]}
    content["attack"] = {"recipes": ["deepwordbug"], "examples": 3, "in_flight": 1}
    # At a ratio of 1 the control is the same training: one of the two is done.
    content["imbalance"] |= {"ratios": [1], "control": True}
    content["label_noise"] = {"shares": [0.2]}
    experiment = load_experiment(written(tmp_path / "e.yaml", content))
    for backend in (None, RAY):
        outcome = run_experiment(experiment, tmp_path / str(backend is RAY), backend=backend)
        assert (outcome.missing, outcome.left_out) == ([], 0)
    here, away = left(tmp_path / "False"), left(tmp_path / "True")
    assert away.keys() == here.keys()
    for name in here:
        assert away[name] == here[name], name


@needs_ray
def test_what_is_trained_on_is_tokenized_here_alone(
    cluster: Cluster, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the order of all token ids is reversed, of which workers know nothing: had they tokenized, they would learn
    something else."""

    def reversed_tokens(*arguments: Any) -> Tokens:
        tokens = tokenize(*arguments)
        return replace(tokens, inputs={name: np.flip(values) for name, values in tokens.inputs.items()})

    tokenize = tokenized._tokenize
    content = small_experiment(tiny_base, tmp_path)
    del content["attack"], content["label_noise"]
    content |= {"methods": ["vanilla"], "seeds": [0], "imbalance": {"ratios": [2], "training": content["training"]}}
    experiment = load_experiment(written(tmp_path / "e.yaml", content))
    runs = {}
    for name, make, backend in (
        ("plain", tokenize, None),
        ("reversed here", reversed_tokens, None),
        ("reversed away", reversed_tokens, RAY),
    ):
        monkeypatch.setattr(tokenized, "_tokenize", make)
        monkeypatch.setattr(tokenized, "_kept", LRU(8))
        assert run_experiment(experiment, tmp_path / name, backend=backend).missing == []
        runs[name] = left(tmp_path / name)
    assert runs["reversed away"] == runs["reversed here"]
    for name in ("train.jsonl", "imbalance.jsonl"):
        assert runs["plain"][name] != runs["reversed here"][name]


@needs_ray
def test_a_training_that_fails_stops_no_other(cluster: Cluster, tiny_base: Path, tmp_path: Path) -> None:
    content = small_experiment(tiny_base, tmp_path)
    fails = {**content["training"], "learning_rate": 1e30}
    content = {"name": "fails", "tasks": content["tasks"], "methods": ["vanilla"], "seeds": [0]} | {
        "training": fails,
        "imbalance": {**content["imbalance"], "ratios": [1]},
    }
    outcome = run_experiment(load_experiment(written(tmp_path / "e.yaml", content)), tmp_path / "run", backend=RAY)
    (missing,) = outcome.missing
    assert missing.reason.startswith("DivergenceError: The training of vanilla")
    (failure,) = [json.loads(line) for line in (tmp_path / "run/failures.jsonl").read_text().splitlines()]
    assert (failure["error"], failure["diverged"]) == ("DivergenceError", True)
    (log,) = (tmp_path / "run/failures").iterdir()
    assert "fine_tune" in log.read_text(), "the traceback of the task"
    assert len((tmp_path / "run/imbalance.jsonl").read_text().splitlines()) == 1


@needs_ray
def test_a_run_was_killed_between_the_two_records_of_a_training(
    cluster: Cluster, tiny_base: Path, tmp_path: Path
) -> None:
    content = small_experiment(tiny_base, tmp_path)
    content = {name: content[name] for name in ("tasks", "training")}
    content |= {"name": "killed", "methods": ["vanilla"], "seeds": [0], "keep_checkpoints": False}
    experiment, run = load_experiment(written(tmp_path / "e.yaml", content)), tmp_path / "run"
    for _ in range(2):
        assert run_experiment(experiment, run, backend=RAY).missing == []
        assert len((run / "train.jsonl").read_text().splitlines()) == 1
        (run / "evaluate.jsonl").unlink()


@needs_ray
def test_curves_on_ray_equal_those_here(cluster: Cluster, tiny_base: Path, tmp_path: Path) -> None:
    data = small_experiment(tiny_base, tmp_path)["tasks"][0]
    command = ["imbalance", "--task", data, "--method", "vanilla", "--ratio", "2", "--seed", "0"]
    command += ["--base", str(tiny_base), "--steps", "3", "--batch-size", "8"]
    assert main([*command, "--out", str(tmp_path / "here")]) == 0
    assert main([*command, "--out", str(tmp_path / "away"), "--backend", "ray"]) == 0
    assert left(tmp_path / "away") == left(tmp_path / "here")
