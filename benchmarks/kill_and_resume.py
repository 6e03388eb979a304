"""Kills an attack at random moments, resumes it, and compares with an attack that was left alone.

    python benchmarks/kill_and_resume.py CHECKPOINT --task rotten_tomatoes --recipe deepwordbug --examples 60 --kills 50

Runs the command line as a user does. Half of the moments are a number of recorded examples, half a time after the
start, so that starting and loading are hit too. Half of the kills (SIGKILL) hit the process alone, half its workers
too. After each, no process may be left and every line but the last must be a record. A run that is complete is compared
with the uninterrupted one: the same examples, none lost, none twice, with the same outcomes; then the next one starts.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cyclopts import App

from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord

__all__ = ["Moment", "differences", "kill_at", "living", "recorded", "start"]

app = App(help=__doc__)

_POLL = 0.002
_PATIENCE = 600
_ORPHANS_END_WITHIN = 5.0


@dataclass(frozen=True)
class Moment:
    """When to kill, and what.

    Attributes:
        lines: once the file has this many; or
        seconds: after the start.
        whole_group: the workers too, not the process alone.
    """

    lines: int | None
    seconds: float
    whole_group: bool

    def is_here(self, path: Path, started: float) -> bool:
        """Whether it is time, for the file of a process that was started then."""
        if self.lines is None:
            return time.monotonic() - started >= self.seconds
        return path.exists() and path.read_bytes().count(b"\n") >= self.lines


@app.default
def main(
    checkpoint: Path,
    *,
    task: str = "rotten_tomatoes",
    recipe: str = "deepwordbug",
    examples: int = 60,
    in_flight: int = 4,
    kills: int = 50,
    seed: int = 0,
) -> None:
    """Kill and resume.

    Args:
        checkpoint: a Hugging Face directory.
        task: whose test split is attacked.
        recipe: of the attack.
        examples: of one run.
        in_flight: examples that are attacked side by side.
        kills: in all; half with one worker, half with two.
        seed: of the moments.
    """
    moments = random.Random(seed)
    attack = ["attack", str(checkpoint), "--task", task, "--recipe", recipe, "--examples", str(examples)]
    attack += ["--in-flight", str(in_flight)]
    with tempfile.TemporaryDirectory() as scratch:
        began = time.monotonic()
        _finish(start([*attack, "--out", f"{scratch}/whole"]))
        whole_run = time.monotonic() - began
        reference = recorded(Path(scratch) / "whole")
        print(f"uninterrupted: {len(reference)} records in {whole_run:.0f} s", flush=True)
        for workers in (1, 2):
            killed = run = 0
            wanted = kills // 2 if workers == 1 else kills - kills // 2
            while killed < wanted:
                run += 1
                out = Path(scratch) / f"{workers}-{run}"
                command = [*attack, "--workers", str(workers), "--out", str(out)]
                while killed < wanted and (seen := kill_at(_moment(moments, out, examples, whole_run), command, out)):
                    killed += 1
                    print(f"workers {workers}, run {run}, kill {killed}: {seen}", flush=True)
                _finish(start(command))
                wrong = differences(reference, recorded(out))
                print(f"workers {workers}, run {run}: {'; '.join(wrong) or 'equals the uninterrupted run'}", flush=True)
                if wrong:
                    sys.exit(1)
    print(f"{kills} kills: no record lost, none twice, every outcome as in the uninterrupted run")


def _moment(moments: random.Random, out: Path, examples: int, whole_run: float) -> Moment:
    there = len(recorded(out))
    lines = there + moments.randint(1, max(1, examples // 4)) if moments.random() < 0.5 else None
    return Moment(lines, moments.uniform(0, whole_run), moments.random() < 0.5)


def start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    """Start the command line in a process group of its own."""
    command = [sys.executable, "-m", "robustbench_mt", *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def kill_at(moment: Moment, arguments: Sequence[str], out: Path, how: signal.Signals = signal.SIGKILL) -> str:
    """Start the command line and end it at a moment.

    Args:
        moment: when.
        arguments: of the command line, an attack into ``out``.
        out: the run's directory, with one recipe's attack at most.
        how: the signal.

    Returns:
        What was seen; empty where the process had ended before.

    Raises:
        AssertionError: it failed, it or a worker did not end, or its file cannot be read.
    """
    (path,) = out.glob("attacks/*/*/*.jsonl") if recorded(out) else (None,)
    started = time.monotonic()
    process = start(arguments)
    while process.poll() is None:
        path = path or next(out.glob("attacks/*/*/*.jsonl"), None)
        if moment.is_here(path or out / "none", started):
            break
        assert time.monotonic() - started < _PATIENCE, "it takes too long"
        time.sleep(_POLL)
    if process.poll() is not None:
        assert process.returncode == 0, process.communicate()[1]
        process.communicate()
        return ""
    after = time.monotonic() - started
    (os.killpg if moment.whole_group else os.kill)(process.pid, how)
    killed = time.monotonic()
    process.wait()
    while living(process.pid):
        assert time.monotonic() - killed < _ORPHANS_END_WITHIN, "a worker outlived its parent"
        time.sleep(_POLL)
    process.communicate()
    seconds = time.monotonic() - killed
    whom = "all processes" if moment.whole_group else "the process"
    return f"{how.name} to {whom} after {after:.1f} s, gone in {seconds:.2f} s, {len(recorded(out))} records"


def living(group: int) -> int:
    """Processes of a process group that have not ended."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # After the command, which stands in parentheses: the state, the parent and the group.
            state, _, its_group = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        count += int(its_group) == group and state != "Z"
    return count


def recorded(out: Path) -> list[AttackRecord]:
    """The records of a run with one recipe, in the order in which they were written."""
    return [record for path in out.glob("attacks/*/*/*.jsonl") for record in read_records(path, AttackRecord)]


def differences(reference: Sequence[AttackRecord], records: Sequence[AttackRecord]) -> list[str]:
    """How records differ from an uninterrupted run's; times may, and scores by a rounding error."""
    wanted = {record.index: record for record in reference}
    found = {record.index: record for record in records}
    wrong = [f"{len(records) - len(found)} records stand twice"] if len(found) < len(records) else []
    wrong += [f"example {index} is lost" for index in wanted if index not in found]
    wrong += [f"example {index} was not asked for" for index in found if index not in wanted]
    for index in sorted(wanted.keys() & found.keys()):
        for name, value in vars(wanted[index]).items():
            if name != "seconds" and not _same(value, getattr(found[index], name)):
                wrong.append(f"example {index}: {name} is {getattr(found[index], name)!r}, not {value!r}")
    return wrong


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, list) and value and isinstance(value[0], float):
        return isinstance(other, list) and np.allclose(value, other, rtol=0, atol=5e-6)
    return bool(value == other)


def _finish(process: "subprocess.Popen[str]") -> None:
    errors = process.communicate()[1]
    if process.returncode:
        sys.exit(f"the attack failed: {errors}")


if __name__ == "__main__":
    app()
