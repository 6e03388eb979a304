"""Attacks that are killed or interrupted at any moment, and go on: no record lost, none twice."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from conftest import write_reviews

from robustbench_mt.cli import main
from robustbench_mt.interrupt import INTERRUPTED, MESSAGE

pytestmark = pytest.mark.usefixtures("interrupts_arrive")

EXAMPLES = 40


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are counted in /proc")
def test_killed_and_interrupted_equals_uninterrupted(
    killing: ModuleType, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One run that is killed in one process, with its two workers left alone, and interrupted as a terminal does it."""
    data = write_reviews(tmp_path / "toy.csv")
    attack = ["attack", str(checkpoint), "--task", str(data), "--split", "train", "--recipe", "deepwordbug"]
    attack += ["--examples", str(EXAMPLES), "--in-flight", "2", "--out"]
    assert main([*attack, str(tmp_path / "whole")]) == 0
    capsys.readouterr()
    out = tmp_path / "run"
    moments = random.Random(0)
    for number, (workers, whole_group, how) in enumerate(
        [
            (1, False, signal.SIGKILL),
            (2, False, signal.SIGKILL),
            (2, True, signal.SIGINT),
        ]
    ):
        moment = killing.Moment(len(killing.recorded(out)) + moments.randint(1, 8), 0, whole_group)
        seen = killing.kill_at(moment, [*attack, str(out), "--workers", str(workers)], out, how)
        assert seen, f"it ended before moment {number}"
        assert how != signal.SIGINT or float(seen.split("gone in ")[1].split()[0]) < 2, seen
    survived = len(killing.recorded(out))
    assert 3 <= survived < EXAMPLES
    (path,) = out.glob("attacks/*/*/*.jsonl")
    with path.open("ab") as stream:
        stream.write(b'{"record": "attack", "schema": 1, "index": 19, "see')
    assert main([*attack, str(out)]) == 0
    assert f"{survived} of {EXAMPLES} examples are recorded already" in capsys.readouterr().err
    assert killing.differences(killing.recorded(tmp_path / "whole"), killing.recorded(out)) == []


def test_differences_are_found(killing: ModuleType) -> None:
    record = killing.AttackRecord(0, 1, 1, "success", ["a"], ["b"], [0.25, 0.75], [0.75, 0.25])
    other = killing.AttackRecord(1, 1, 1, "failed", ["c"])
    assert killing.differences([record, other], [other, record]) == []
    assert killing.differences([record, other], [record]) == ["example 1 is lost"]
    assert killing.differences([record], [record, record]) == ["1 records stand twice"]
    assert killing.differences([record], [record, other]) == ["example 1 was not asked for"]
    changed = killing.AttackRecord(0, 1, 1, "success", ["a"], ["b"], [0.25, 0.75], [0.7, 0.3])
    assert "perturbed_scores" in killing.differences([record], [changed])[0]


BUSY = """
import hashlib, sys
from robustbench_mt.interrupt import ends_soon_when_interrupted
with ends_soon_when_interrupted():
    print("begun", flush=True)
    if sys.argv[1] == "busy":
        # In C, and so long that no Python code runs before the deadline.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
    while sys.argv[1] == "swallows":
        try:
            hashlib.pbkdf2_hmac("sha256", b"", b"", 1000)
        except BaseException:
            pass
"""


@pytest.mark.parametrize("library", ["busy", "swallows"])
def test_ctrl_c_ends_what_does_not_listen(library: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, library], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.2)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1] == f"{MESSAGE}\n"
        assert time.monotonic() - sent < 2
        assert process.returncode == INTERRUPTED
    finally:
        process.kill()


def test_what_listens_to_ctrl_c_ends_as_ever() -> None:
    from robustbench_mt.interrupt import ends_soon_when_interrupted

    before = signal.set_wakeup_fd(-1)
    with pytest.raises(KeyboardInterrupt), ends_soon_when_interrupted(0.5):
        os.kill(os.getpid(), signal.SIGINT)
        hashlib.sha256(b"")
    time.sleep(0.7)
    assert signal.set_wakeup_fd(before) == before == -1


IN_EXEC = """
import os, signal, sys
from robustbench_mt.interrupt import ends_soon_when_interrupted
try:
    with ends_soon_when_interrupted():
        exec("os.kill(os.getpid(), signal.SIGINT)\\nwhile True: pass")
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_the_exit_status_is_ours_wherever_ctrl_c_strikes(tmp_path: Path) -> None:
    (tmp_path / "in_exec.py").write_text(IN_EXEC, encoding="utf-8")
    command = [sys.executable, "-m", "in_exec"]
    assert subprocess.run(command, cwd=tmp_path, timeout=30, check=False).returncode == INTERRUPTED
