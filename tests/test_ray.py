"""A real Ray on this machine: how it is started, and that no job is lost or done twice, whatever dies."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_machines import MACHINE, RAY, needs_ray
from toy_work import results_of, threads, toy_work, visible_gpus

from attacks.shards import Shards, shard_sizes
from attacks.workers import GivenUp
from robustbench_mt.backend import BackendOptions
from robustbench_mt.cluster import Cluster
from robustbench_mt.errors import NoClusterError, UserError

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


STARTS = 2


@needs_ray
def test_a_process_starts_one_after_the_other(tmp_path: Path) -> None:
    """Also where its environment is put back in between, as tests do, and where it has imported Ray before.

    Nothing of them listens but on this machine, and nothing is told to Ray's makers.
    """
    script = f"""
import os
import psutil
import ray
from robustbench_mt.backend import BackendOptions, connected
for _ in range({STARTS}):
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
    told = done.stdout.splitlines()[-STARTS:]
    assert len(told) == STARTS
    for addresses in told:
        assert {"127.0.0.1"} <= set(addresses.split()) <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


# The mechanism, with work that is light.


def done(cluster: Cluster, words: list[str], marks: Path) -> dict[int, Any]:
    results, scored = results_of(Shards(cluster, partial(toy_work, marks, 3)).run, words)
    assert scored == sum(not isinstance(result, GivenUp) for result in results.values())
    return results


@needs_ray
def test_killers_are_given_up_and_no_other(cluster: Cluster, tmp_path: Path) -> None:
    words = [*"abcde", "kills", *"fgh", "kills-once", *"ijk", "exits"]
    results = done(cluster, words, tmp_path)
    assert {words[number] for number, result in results.items() if isinstance(result, GivenUp)} == {"kills", "exits"}
    assert all(result == words[number] * 2 for number, result in results.items() if not isinstance(result, GivenUp))
    assert "killed two workers" in results[words.index("kills")].reason
    assert dict(os.environ).get("RAY_task_oom_retries") == "3", "else what memory cannot hold is done without end"


@needs_ray
@pytest.mark.parametrize("silent", [2, 3])
def test_a_head_that_is_gone_ends_the_run_and_a_restarted_one_does_not(
    silent: int, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([NoClusterError("No Ray answers")] * silent)

    def look(address: str) -> None:
        assert address.rpartition(":")[2].isdecimal()
        for error in looks:
            raise error

    monkeypatch.setattr("robustbench_mt.cluster._SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr("robustbench_mt.cluster.refuse_silence", look)
    run = cluster.run(cluster.share(time.sleep), [(0, 2)])
    if silent == 3:
        with pytest.raises(NoClusterError, match="No Ray answers"):
            list(run)
    else:
        assert list(run) == [(0, None)]


@needs_ray
def test_no_room_in_the_object_store(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.exceptions import ObjectStoreFullError

    def full(_: object) -> None:
        raise ObjectStoreFullError

    monkeypatch.setattr("ray.put", full)
    with pytest.raises(UserError, match="object store cannot take what tasks need"):
        cluster.share("a base")


@needs_ray
def test_jobs_are_made_when_there_is_room_for_them(cluster: Cluster) -> None:
    made: list[int] = []
    jobs = ((number, made.append(number)) for number in range(9))
    done = []
    for number, result in cluster.run(cluster.share(str), jobs, ahead=1):
        assert len(made) <= len(done) + cluster.places + 1
        assert result == "None"
        done.append(number)
    assert sorted(done) == made == list(range(9))


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
