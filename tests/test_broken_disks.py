"""Disks that are full, slow or may not be written, clocks that go backwards, two processes on one run."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from command_line import mistake
from run_directory import write_run
from small_disks import disk, mounted
from vector_samples import write_text

from attacks.vector_cache import cached_folder
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import Ledger, read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord, TrainingRecord
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    with disk(tmp_path / "disk", "1m") as path:
        yield path


def fill(disk: Path, leave: int) -> None:
    """Take all of the room but so many bytes."""
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "other").write_bytes(b"x" * (free - leave))


def refused(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    capsys.readouterr()
    assert main([str(part) for part in command]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("robustbench-mt: Cannot")]
    assert len(lines) == 1, "one line says it"
    return lines[0]


def partials(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if "partial" in path.name]


def test_no_room_for_a_checkpoint(
    data: Path, checkpoint: Path, tiny_base: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the weights, at the tokenizer, at ``training.json``: none of it stays, and with room it is made."""
    room = {path.name: -(-path.stat().st_size // 4096) * 4096 for path in checkpoint.iterdir()}
    weights, record = room["model.safetensors"], room["training.json"]
    train = ["train", "--task", data, "--method", "vanilla", "--base", tiny_base, "--steps", 1, "--out", small_disk]
    for leave in (weights - 4096, weights + 4096, sum(room.values()) - record):
        fill(small_disk, leave)
        assert "disk is full" in refused(capsys, *train)
        assert partials(small_disk) == []
        assert not list((small_disk / "checkpoints").iterdir())
        assert list(read_records(small_disk / "train.jsonl", TrainingRecord)) == []
        (small_disk / "other").unlink()
    assert main([str(part) for part in train]) == 0
    assert len(list(read_records(small_disk / "train.jsonl", TrainingRecord))) == 1


def test_no_room_for_the_best_epoch(
    data: Path,
    tiny_base: Path,
    small_disk: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The trainer keeps it in the folder for temporary files."""
    fill(small_disk, 65_536)
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    train = ["train", "--task", data, "--method", "vanilla", "--base", tiny_base, "--epochs", 1, "--keep", "best"]
    line = refused(capsys, *train, "--train-examples", 16, "--out", tmp_path / "out")
    assert "No space left" in line
    assert list((tmp_path / "out").rglob("*.*")) == []


def test_no_room_for_an_attack(
    data: Path, checkpoint: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attack = ["attack", checkpoint, "--task", data, "--recipe", "deepwordbug", "--examples", 40, "--out", small_disk]
    fill(small_disk, 20_480)
    assert "disk is full" in refused(capsys, *attack)
    (path,) = small_disk.glob("attacks/*/*/*.jsonl")
    whole = path.read_bytes()
    assert whole.endswith(b"\n")
    count = len(list(read_records(path, AttackRecord)))
    assert 0 < count < 40
    (small_disk / "other").unlink()
    assert main([str(part) for part in attack]) == 0
    assert path.read_bytes().startswith(whole), "what was recorded stays"
    assert len(list(read_records(path, AttackRecord))) == 40


def test_no_room_for_a_report(tmp_path: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", (0,), 6)
    before = {path: path.read_bytes() for path in run.rglob("*.json*")}
    assert "disk is full" in refused(capsys, "report", run, "--out", small_disk)
    assert partials(small_disk) == []
    assert {path: path.read_bytes() for path in run.rglob("*.json*")} == before


def test_no_room_for_caches(
    task: Task, tiny_base: Path, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens are done without; word vectors need theirs, and nothing of them stays."""
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(small_disk))
    monkeypatch.setattr("robustbench_mt.tokenized._WORTH_A_FILE", 1)
    fill(small_disk, 0)
    fine_tune(task, parse_method("vanilla"), TrainingSettings(base=str(tiny_base), steps=1, batch_size=8))
    with pytest.raises(UserError, match="No space left on device"):
        cached_folder(write_text(tmp_path / "vectors.txt"))
    assert [path.name for path in small_disk.rglob("*") if path.is_file() and path.stat().st_size] == ["other"]


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A run's directory that may not be written, not by root either."""
    run = write_run(tmp_path / "run", (0,), 6)
    with mounted(tmp_path / "locked", "--bind", str(run)) as path:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield path


def test_a_directory_that_may_not_be_written(
    read_only: Path,
    data: Path,
    checkpoint: Path,
    tiny_base: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ["--task", data, "--out", read_only]
    training = ["--method", "vanilla", "--base", tiny_base, "--steps", 1]
    for command in (
        ["train", *out, *training],
        ["evaluate", checkpoint, *out],
        ["attack", checkpoint, *out, "--recipe", "deepwordbug", "--examples", 1],
        ["imbalance", *out, *training, "--ratio", 1, "--seed", 0],
        ["report", read_only],
    ):
        assert str(read_only) in refused(capsys, *command)
    assert main(["report", str(read_only), "--out", str(tmp_path / "page")]) == 0, "elsewhere it can be"


def test_a_clock_that_goes_backwards(
    data: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No duration is negative, and nothing that is recorded is done again."""
    now = [time.time()]

    def backwards() -> float:
        now[0] -= 3600
        return now[0]

    monkeypatch.setattr(time, "time", backwards)
    train = ["train", "--task", data, "--method", "vanilla", "--base", tiny_base, "--steps", 2, "--out", tmp_path]
    for _ in range(2):
        assert main([str(part) for part in train]) == 0
    checkpoint = capsys.readouterr().out.split()[-1]
    attack = ["attack", checkpoint, "--task", data, "--recipe", "deepwordbug", "--out", tmp_path, "--examples"]
    for examples in (2, 3):
        assert main([str(part) for part in [*attack, examples]]) == 0
    (trained,) = read_records(tmp_path / "train.jsonl", TrainingRecord)
    (path,) = tmp_path.glob("attacks/*/*/*.jsonl")
    attacked = list(read_records(path, AttackRecord))
    assert sorted(record.index for record in attacked) == [0, 1, 2]
    assert 0 < trained.seconds < 60
    assert all(0 <= record.seconds < 60 for record in attacked)


class SlowFile(FileIO):
    """A file on a disk that takes some bytes at a time, and its time."""

    def write(self, content: Any) -> int:
        time.sleep(0.001)
        return super().write(bytes(content[:50]))


def test_a_slow_disk(data: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records come out whole, and the disk's time is not the attack's."""
    attack = ["attack", str(checkpoint), "--task", str(data), "--recipe", "deepwordbug", "--examples", "4", "--out"]
    assert main([*attack, str(tmp_path / "fast")]) == 0
    fsync = os.fsync

    def slow(handle: int) -> None:
        time.sleep(0.3)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", slow)
    monkeypatch.setattr("robustbench_mt.locking.FileIO", SlowFile)
    assert main([*attack, str(tmp_path / "slow")]) == 0
    fast, slowly = (
        {record.index: record for path in (tmp_path / run).glob("attacks/*/*/*.jsonl") for record in read(path)}
        for run in ("fast", "slow")
    )
    assert {index: record.perturbed_texts for index, record in slowly.items()} == {
        index: record.perturbed_texts for index, record in fast.items()
    }
    assert len(slowly) == 4
    assert sum(record.seconds for record in slowly.values()) < 1


def read(path: Path) -> list[AttackRecord]:
    return list(read_records(path, AttackRecord))


def test_two_processes_on_one_run(
    data: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of them attacks, the other is refused with one line; reports meanwhile see whole records."""
    out = tmp_path / "out"
    attack = ["attack", str(checkpoint), "--task", str(data), "--split", "train", "--recipe", "deepwordbug"]
    attack += ["--examples", "200", "--in-flight", "1", "--out", str(out)]
    command = [sys.executable, "-m", "robustbench_mt", *attack]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as other:
        while not (paths := list(out.glob("attacks/*/*/*.jsonl"))) or not read(paths[0]):
            assert other.poll() is None, other.communicate()[1]
            time.sleep(0.05)
        assert mistake(capsys, *attack).count("is open in another run") == 1
        assert other.poll() is None, "it had ended before it was met"
        while other.poll() is None:
            read(paths[0])
            time.sleep(0.05)
        said = other.communicate()[1]
    assert other.returncode == 0, said
    assert sorted(record.index for record in read(paths[0])) == list(range(200))


def test_the_lock_goes_with_its_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from robustbench_mt.ledger import Ledger; "
        "from robustbench_mt.records import AttackRecord; ledger = Ledger(Path(sys.argv[1]), AttackRecord); "
        "print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "a.jsonl")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(UserError, match="is open in another run"):
            Ledger(tmp_path / "a.jsonl", AttackRecord)
        holder.kill()
        holder.wait()
    Ledger(tmp_path / "a.jsonl", AttackRecord).__exit__(None, None, None)
