"""The newcomer's command, on real reviews and the real encoder, at its smallest scale."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from embedded_packages import needs_embedded

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, TrainingRecord

pytestmark = needs_embedded


def smoke(where: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "robustbench_mt", "quickstart", "--smoke"]
    return subprocess.run(command, capture_output=True, text=True, cwd=where, timeout=400, check=False)


def test_smoke_ends_with_results_and_the_path_of_the_report(tmp_path: Path) -> None:
    first = smoke(tmp_path)
    assert first.returncode == 0, first.stderr
    *_, last = first.stdout.strip().splitlines()
    assert last == "report: quickstart-smoke/report/index.html"
    assert (tmp_path / "quickstart-smoke/report/index.html").is_file()
    for word in ("vanilla", "match", "deepwordbug", "clean"):
        assert word in first.stdout
    out = tmp_path / "quickstart-smoke"
    trained = list(read_records(out / "train.jsonl", TrainingRecord))
    assert [record.method for record in trained] == ["vanilla", "match"]
    assert trained[1].matching is not None
    assert trained[1].matching.mass[0][1] == pytest.approx(0.8, abs=0.01)
    attacked = sorted(out.glob("attacks/*/*/*.jsonl"))
    assert len(attacked) == 4
    assert all(len(list(read_records(path, AttackRecord))) == 4 for path in attacked)
    assert len(list(read_records(out / "imbalance.jsonl", ImbalanceRecord))) == 4
    started = time.monotonic()
    again = smoke(tmp_path)
    assert time.monotonic() - started < 60, "run again, it trains and attacks nothing"
    assert again.stdout == first.stdout
