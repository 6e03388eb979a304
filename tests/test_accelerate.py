"""Training in two processes, as ``accelerate launch`` starts them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import mistake
from conftest import write_reviews
from test_methods import SPECS

from robustbench_mt.cli import main
from robustbench_mt.distributed import leave
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.across_devices import gather_rows
from robustbench_mt.records import TrainingRecord

# With --cpu accelerate launches a single process wherever there is no MPI. Port 0: whichever is free.
LAUNCH = ["--multi_gpu", "--num_processes=2", "--num_machines=1", "--mixed_precision=no", "--dynamo_backend=no"]
LAUNCH += ["--main_process_port=0"]

# Each process writes what became of its own copy of the weights. The command that is given at last is run in both, too.
EVERY_METHOD = """
import gc, hashlib, json, os, sys
sys.path.insert(0, sys.argv[1])
from dataclasses import replace
import torch
from conftest import make_task
from robustbench_mt.cli import main
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

torch.set_num_threads(1)
base, specs, out, *command = sys.argv[2], json.loads(sys.argv[3]), *sys.argv[4:]
few = TrainingSettings(base=base, steps=3, learning_rate=5e-3, batch_size=4, train_examples=32, validation_examples=6)
results = {}
for spec in specs:
    try:
        tuned = fine_tune(make_task(), parse_method(spec), few)
        weights = tuned.model.state_dict()
        digest = hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in weights.values())).hexdigest()
        results[spec] = {"digest": digest, "finite": all(bool(weight.isfinite().all()) for weight in weights.values())}
        results[spec]["temperature"] = tuned.record.temperature
    except Exception as error:
        results[spec] = {"error": repr(error)}
    # Each training collects garbage, which would go through all that was imported each time.
    gc.freeze()
# 40 examples in batches of 4 on two processes: an epoch is an update of four batches and one of a single batch.
ended = replace(few, steps=None, epochs=1, accumulation=4, train_examples=40)
matching = fine_tune(make_task(), parse_method("match:start=0.7"), ended).record.matching
results["matched"] = [row[0] for row in matching.mass]
assert torch.distributed.get_world_size() == 2
# It leaves the other process in the end.
assert main(command) == 0
with open(f"{out}/{os.environ['RANK']}.json", "w") as stream:
    json.dump(results, stream)
"""


def launch(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", *LAUNCH, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def train(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A small training as a command, but for ``--out``."""
    data = write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")
    options = ["--task", data, "--base", tiny_base, "--method", "match+lora", "--keep", "best", "--epochs", 2]
    options += ["--train-examples", 32, "--validation-examples", 8, "--batch-size", 8]
    return ["train", *map(str, options)]


@dataclass
class Launched:
    """Two processes that trained together with every method, then by the command.

    Attributes:
        results: what each of them holds: for each method, its weights' digest and its temperature.
        run: where the command left its checkpoint.
        printed: by both.
    """

    results: list[dict[str, Any]]
    run: Path
    printed: list[str]


@pytest.fixture(scope="module")
def launched(tiny_base: Path, train: list[str], tmp_path_factory: pytest.TempPathFactory) -> Launched:
    path = tmp_path_factory.mktemp("every-method")
    script, run = path / "every_method.py", path / "run"
    script.write_text(EVERY_METHOD, encoding="utf-8")
    arguments = [str(Path(__file__).parent), str(tiny_base), json.dumps(SPECS), str(path), *train, "--out", str(run)]
    ended = launch(str(script), *arguments, cwd=Path(__file__).parents[1])
    assert ended.returncode == 0, ended.stderr
    results = [json.loads((path / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]
    return Launched(results, run, ended.stdout.splitlines())


@pytest.mark.parametrize("spec", SPECS)
def test_processes_end_with_the_same_weights(spec: str, launched: Launched) -> None:
    first, second = (results[spec] for results in launched.results)
    assert first == second
    assert first["finite"]
    assert (first["temperature"] is not None) == spec.startswith("match")


def test_matching_begins_after_its_share_of_the_batches(launched: Launched) -> None:
    assert [results["matched"] for results in launched.results] == [[4, 5], [4, 5]]


def test_one_checkpoint_and_one_record(launched: Launched) -> None:
    (checkpoint,) = (launched.run / "checkpoints").iterdir()
    assert launched.printed == [str(checkpoint)]
    assert (checkpoint / "training.json").is_file()
    (record,) = read_records(launched.run / "train.jsonl", TrainingRecord)
    assert record.checkpoint == checkpoint.name
    # 32 examples in batches of 8 on two processes are two steps an epoch.
    assert record.history[-1]["step"] == 4
    assert sorted(path.name for path in launched.run.iterdir()) == ["checkpoints", "train.jsonl"]


@pytest.mark.parametrize(("rank", "lines"), [(0, 1), (1, 0)])
def test_a_mistake_is_told_once(
    rank: int,
    lines: int,
    train: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As one of two processes that are launched together; the other is not there."""
    monkeypatch.setenv("RANK", str(rank))
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main([*train, "--out", str(tmp_path), "--seed", "-1"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == lines


def test_a_pytorch_that_knows_no_groups_trains_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_available", lambda: False)
    monkeypatch.delattr(torch.distributed, "is_initialized")
    leave()
    rows = torch.eye(2)
    assert gather_rows(rows)[0] is rows


def test_other_commands_run_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "only train" in mistake(capsys, "quickstart", "--smoke", "--out", tmp_path)
    assert not list(tmp_path.iterdir())
