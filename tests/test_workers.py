"""Workers: every job done once, also when processes die; and attacks that come out the same through them."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from available_recipes import needs
from conftest import outcome
from toy_work import dies_at_once, results_of, threads, toy_work

from attacks.engine import attack
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.victim import FunctionVictim, Victim, load_victim
from attacks.work import prepare_work
from attacks.workers import GivenUp, Workers
from robustbench_mt.errors import BadVictimError, UserError
from robustbench_mt.tasks.task import Task

pytestmark = pytest.mark.usefixtures("interrupts_arrive")

DEADLY = 10
"""An example that kills; not one of the first 8, with which the victim is probed."""


def done(words: list[str], marks: Path, count: int = 2, width: int = 3) -> dict[int, Any]:
    with Workers(partial(toy_work, marks, width), count, 1) as workers:
        results, scored = results_of(workers.run, words)
    assert scored > 0 or len(words) < 3
    return results


@pytest.mark.parametrize(("count", "width"), [(1, 1), (2, 4), (3, 32)])
def test_every_job_is_done_once(count: int, width: int, tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(50)]
    assert done(words, tmp_path, count, width) == {number: word * 2 for number, word in enumerate(words)}
    assert len(list(tmp_path.iterdir())) == 50


@pytest.mark.parametrize(
    ("killer", "how"), [("kills", "SIGKILL"), ("exits", "exit status 9"), ("raises", "ZeroDivisionError: broken")]
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_job_that_kills_twice_is_given_up_and_no_other(killer: str, how: str, count: int, tmp_path: Path) -> None:
    words = ["a", "b", killer, "c", "d", "e", "f"]
    results = done(words, tmp_path, count)
    expected: dict[int, Any] = {number: word * 2 for number, word in enumerate(words)}
    expected[2] = GivenUp(f"killed two workers, the second one with nothing else in hand ({how})")
    assert results == expected
    assert len(list(tmp_path.glob(f"{killer}.*"))) == 2


def test_a_job_that_kills_once_gets_its_result(tmp_path: Path) -> None:
    assert done(["a", "kills-once", "b"], tmp_path) == {0: "aa", 1: "kills-oncekills-once", 2: "bb"}


def test_several_killers(tmp_path: Path) -> None:
    words = ["kills", "a", "exits", "b", "c"]
    results = done(words, tmp_path, width=6)
    assert [number for number, result in results.items() if isinstance(result, GivenUp)] in ([0, 2], [2, 0])


def test_no_worker_is_idle_at_the_end(tmp_path: Path) -> None:
    done(["slow"] * 8, tmp_path, count=2, width=32)
    by_process = [path.suffix for path in tmp_path.iterdir()]
    assert sorted(by_process.count(process) for process in set(by_process)) == [4, 4]


def test_workers_do_one_run_after_another(tmp_path: Path) -> None:
    with Workers(partial(toy_work, tmp_path, 2), 1, 1) as workers:
        first = dict(workers.run([(0, "kills")], lambda _: None))
        assert isinstance(first[0], GivenUp)
        assert dict(workers.run([(0, "a"), (1, "b")], lambda _: None)) == {0: "aa", 1: "bb"}


def test_a_users_mistake_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(BadVictimError, match="The victim failed: mend it"):
        done(["a", "mistake"], tmp_path)


def test_workers_that_cannot_begin_end_the_run() -> None:
    with (
        pytest.raises(UserError, match=r"before they take their first example \(exit status 3\)"),
        Workers(dies_at_once, 2, 1) as workers,
    ):
        list(workers.run([(0, "a")], lambda _: None))


def test_threads_are_set_and_interrupts_are_the_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with Workers(threads, 1, 2) as workers:
        assert dict(workers.run([(0, "")], lambda _: None)) == {0: (2, True)}
    assert os.environ["OMP_NUM_THREADS"] == "7"


PROGRAM = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from attacks.workers import Workers
from toy_work import toy_work
if __name__ == "__main__":
    with Workers(partial(toy_work, Path(sys.argv[2]), 4), 2, 1) as workers:
        for number, _ in workers.run(enumerate(["slow"] * 1000), lambda _: None):
            print(number, flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_parent(how: signal.Signals, killing: ModuleType, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    assert killing.living(parent.pid) >= 3
    sent = time.monotonic()
    parent.send_signal(how)
    while killing.living(parent.pid) and time.monotonic() - sent < 10:
        parent.poll()
        time.sleep(0.01)
    assert time.monotonic() - sent < 2
    parent.stdout.close()
    parent.wait()


@pytest.mark.parametrize(("recipe", "workers", "in_flight"), [needs("pwws", 2, 3)])
def test_any_number_of_workers_gives_the_same_outcomes(
    recipe: str, workers: int, in_flight: int, checkpoint: Path, task: Task, tmp_path: Path
) -> None:
    victim = load_victim(str(checkpoint), task)
    one = AttackSettings(examples=30)
    alone = attack(victim, task, RECIPES[recipe], one, tmp_path / "alone")
    several = replace(one, workers=workers, in_flight=in_flight)
    reload = partial(load_victim, str(checkpoint))
    records = attack(victim, task, RECIPES[recipe], several, tmp_path / "several", reload=reload)
    assert [outcome(record) for record in records] == [outcome(record) for record in alone]


def deadly_victim(text: str, task: Task) -> Victim:
    def scores(texts: list[str]) -> list[list[float]]:
        if text in texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return [[len(text) % 7 / 7, 1 - len(text) % 7 / 7] for text in texts]

    return FunctionVictim("deadly", scores, 2, "")


def test_an_example_that_kills_is_an_error_and_the_others_get_their_outcomes(task: Task, tmp_path: Path) -> None:
    text = task.split("test").texts[DEADLY][0]
    assert [texts[0] for texts in task.split("test").texts].index(text) == DEADLY
    victim, reload = deadly_victim(text, task), partial(deadly_victim, text)
    settings = AttackSettings(examples=14, workers=2)
    records = attack(victim, task, RECIPES["deepwordbug"], settings, tmp_path, reload=reload)
    assert [record.index for record in records if record.status == "error"] == [DEADLY]
    assert "killed two workers" in records[DEADLY].message
    assert "SIGKILL" in records[DEADLY].message
    others = replace(task, splits={"test": task.split("test").select([i for i in range(14) if i != DEADLY])})
    alone = attack(victim, others, RECIPES["deepwordbug"], AttackSettings(examples=13), tmp_path / "alone")
    assert [record.status for record in records if record.index != DEADLY] == [record.status for record in alone]


def test_several_workers_need_to_load_the_victim(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = FunctionVictim("deadly", lambda texts: [[1.0, 0.0]] * len(texts), 2, "")
    with pytest.raises(UserError, match="need reload"):
        attack(victim, task, RECIPES["deepwordbug"], AttackSettings(workers=2), tmp_path)
    # Preparing silences the process, which is this one here.
    monkeypatch.setattr("robustbench_mt.progress._console.quiet", False)
    reload = partial(other_victim, "x")
    with pytest.raises(UserError, match="another one in a worker process"):
        prepare_work(reload, victim.fingerprint, task, RECIPES["deepwordbug"], AttackSettings(), None)


def other_victim(fingerprint: str, task: Task) -> Victim:
    return FunctionVictim("deadly", lambda texts: [[1.0, 0.0]] * len(texts), 2, fingerprint)
