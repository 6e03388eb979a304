"""A real Ray on this machine: the same results as without it, whatever dies."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import outcome, reviews
from small_experiments import small_experiment, written
from toy_work import threads, toy_work, visible_gpus

from attacks.engine import attack
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.shards import Shards, shard_sizes
from attacks.travelling import travelling
from attacks.victim import load_victim
from attacks.workers import GivenUp
from robustbench_mt.backend import BackendOptions
from robustbench_mt.cli import main
from robustbench_mt.cluster import Cluster
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Task

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra ray)")
RAY = BackendOptions("ray")
MACHINE = {"num_cpus": 1}


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A cluster as Ray's own tests make one: of two machines of one core each, which this machine plays."""
    with pytest.MonkeyPatch.context() as patch:
        # Its workers find what tests do in their own folder.
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # A machine counts as lost after 1 second of silence, not after 15.
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "2")
        from ray.cluster_utils import Cluster as Machines

        machines = Machines(initialize_head=True, head_node_args={**MACHINE, "include_dashboard": False})
        try:
            machines.add_node(**MACHINE)
            yield machines
        finally:
            machines.shutdown()


@pytest.fixture(scope="module")
def cluster(machines: Any) -> Iterator[Cluster]:
    with Cluster(replace(RAY, ray_address=machines.address)) as cluster:
        yield cluster


# What shards are, and options, need no Ray.


@pytest.mark.parametrize(("jobs", "places"), [(1, 1), (100, 2), (3, 50), (5000, 7), (1_000_000, 1000)])
def test_shards_hold_every_job_and_shrink(jobs: int, places: int) -> None:
    sizes = shard_sizes(jobs, places)
    assert sum(sizes) == jobs
    assert sizes == sorted(sizes, reverse=True)
    assert max(sizes) <= 128
    assert sizes[-1] == 1, "the last is what workers wait for at the end"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"backend": "slurm"}, "must be 'local' or 'ray'"),
        ({"ray_address": "auto"}, "add --backend ray"),
        ({"task_cores": 0}, "task_cores"),
        ({"task_gpus": float("nan")}, "task_gpus"),
        ({"shard": 0}, "shard"),
    ],
)
def test_options_are_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        BackendOptions(**given)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'robustbench-mt\[ray\]'"):
        Cluster(RAY)


@pytest.mark.parametrize(
    ("address", "message"), [("127.0.0.1:1", "No Ray answers at 127.0.0.1:1"), ("ray://head", "is not HOST:PORT")]
)
def test_an_address_that_does_not_answer(address: str, message: str) -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=message):
        Cluster(replace(RAY, ray_address=address))
    assert time.monotonic() - began < 10


@needs_ray
@pytest.mark.parametrize("first", ["", "import ray"])
def test_a_process_starts_one_after_the_other(first: str, tmp_path: Path) -> None:
    """Also where its environment is put back in between, as tests do, and where it has imported Ray before.

    Nothing of them listens but on this machine, and nothing is told to Ray's makers.
    """
    script = f"""
import os
import psutil
{first}
from robustbench_mt.backend import BackendOptions, connected
for _ in range(2):
    before = dict(os.environ)
    with connected(BackendOptions("ray")) as cluster:
        assert cluster.places
        assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
        processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening = [
            connection.laddr
            for process in processes
            for connection in process.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert 8265 not in {{address.port for address in listening}}, "the dashboard"
        print(*{{address.ip for address in listening}})
    os.environ.clear()
    os.environ.update(before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    *_, one, other = done.stdout.splitlines()
    for addresses in (one, other):
        assert {"127.0.0.1"} <= set(addresses.split()) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


# The mechanism, with work that is light.


def done(cluster: Cluster, words: list[str], marks: Path) -> dict[int, Any]:
    results: dict[int, Any] = {}
    scored: list[int] = []
    for number, result in Shards(cluster, partial(toy_work, marks, 3)).run(enumerate(words), scored.append):
        assert number not in results, "no job is done twice"
        results[number] = result
    assert set(results) == set(range(len(words))), "no job is lost"
    assert sum(scored) == sum(not isinstance(result, GivenUp) for result in results.values())
    return results


@needs_ray
def test_killers_are_given_up_and_no_other(cluster: Cluster, tmp_path: Path) -> None:
    words = [*"abcde", "kills", *"fgh", "kills-once", *"ijk", "exits"]
    results = done(cluster, words, tmp_path)
    assert {words[number] for number, result in results.items() if isinstance(result, GivenUp)} == {"kills", "exits"}
    assert all(result == words[number] * 2 for number, result in results.items() if not isinstance(result, GivenUp))
    assert "killed two workers" in results[words.index("kills")].reason


def begun(mark: Path) -> int:
    return mark.stat().st_mtime_ns


def who_has_just_begun(marks: Path) -> int:
    """The process of a worker that has a word in hand."""
    while time.time() - (last := max(marks.iterdir(), key=begun)).stat().st_mtime > 0.05:
        time.sleep(0.01)
    return int(last.suffix[1:])


@needs_ray
def test_a_worker_is_killed_midway(cluster: Cluster, tmp_path: Path) -> None:
    shards = Shards(cluster, partial(toy_work, tmp_path, 1))
    results: list[tuple[int, Any]] = []
    for result in shards.run(enumerate(["slow"] * 16), lambda _: None):
        if not results:
            os.kill(who_has_just_begun(tmp_path), signal.SIGKILL)
        results.append(result)
    assert sorted(results) == [(number, "slowslow") for number in range(16)]
    assert len(list(tmp_path.glob("slow.*"))) > 16, "what it had in hand was begun again"


@needs_ray
def test_a_machine_is_lost_midway(cluster: Cluster, machines: Any, tmp_path: Path) -> None:
    lost = machines.add_node(**MACHINE)
    raylet = psutil.Process(lost.all_processes["raylet"][0].process.pid)
    assert cluster.places == 3
    results: list[tuple[int, Any]] = []
    for result in Shards(cluster, partial(toy_work, tmp_path, 1)).run(enumerate(["slow"] * 48), lambda _: None):
        if not results:
            while who_has_just_begun(tmp_path) not in {worker.pid for worker in raylet.children()}:
                time.sleep(0.01)
            # As when its power fails: all of it at once.
            for process in [raylet, *raylet.children(recursive=True)]:
                process.kill()
        results.append(result)
    assert sorted(results) == [(number, "slowslow") for number in range(48)]
    assert len(list(tmp_path.glob("slow.*"))) > 48, "what it had in hand was begun again"
    while cluster.places == 3:
        time.sleep(0.1)
    assert cluster.places == 2


@needs_ray
def test_a_mistake_ends_the_run_as_what_it_is(cluster: Cluster, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The victim failed: mend it") as caught:
        done(cluster, ["a", "mistake"], tmp_path)
    assert "toy_work.py" in caught.value.__notes__[0]
    with pytest.raises(ZeroDivisionError, match="broken"):
        done(cluster, ["raises"], tmp_path)


@needs_ray
def test_tasks_take_the_cores_and_gpus_that_they_are_given(
    cluster: Cluster, machines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To Ray a GPU is a number, which needs none there to be; that torch would find one is not seen here."""
    monkeypatch.setattr(cluster, "options", replace(RAY, task_cores=2))
    assert cluster.places == 0, "one core of each machine is not two of one"
    larger = machines.add_node(num_cpus=2, num_gpus=1)
    assert cluster.places == 1
    ((_, (count, _)),) = Shards(cluster, threads).run([(0, "")], lambda _: None)
    assert count == 2
    monkeypatch.setattr(cluster, "options", replace(RAY, task_gpus=0.4))
    assert cluster.places == 2, "of the larger machine"
    seen = list(Shards(cluster, visible_gpus).run(enumerate(["", ""]), lambda _: None))
    assert sorted(seen) == [(0, "0"), (1, "0")]
    machines.remove_node(larger)
    monkeypatch.setattr(cluster, "options", replace(RAY, task_gpus=1000))
    assert cluster.places == 0


# Attacks.


@needs_ray
def test_an_attack_on_ray_equals_one_here(cluster: Cluster, checkpoint: Path, task: Task, tmp_path: Path) -> None:
    victim = load_victim(str(checkpoint), task)
    reload = travelling(cluster, str(checkpoint), victim)
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
    data = tmp_path / "toy.csv"
    lines = [f'"{text[0]}",{["negative", "positive"][label]}' for text, label in reviews()]
    data.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    command = ["attack", str(checkpoint), "--task", str(data), "--split", "train", "--recipe", "deepwordbug"]
    command += ["--examples", "100", "--shard", "2", "--backend", "ray", "--out", str(tmp_path / "run")]
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
    assert 4 <= len(survived) < 100
    assert main(command) == 0
    assert f"{len(survived)} of 100 examples are recorded already" in capsys.readouterr().err
    records = list(read_records(paths[0], AttackRecord))
    assert records[: len(survived)] == survived
    assert sorted(record.index for record in records) == list(range(100))


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
