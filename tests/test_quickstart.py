"""The newcomer's command, on real reviews and the real encoder, at its smallest scale."""

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run
from embedded_packages import needs_embedded

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, TrainingRecord

pytestmark = needs_embedded


def test_smoke_ends_with_results_and_the_path_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "robustbench_mt", "quickstart", "--smoke"]
    first = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=400, check=False)
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
    before = {path: path.read_bytes() for path in out.rglob("*.jsonl")}
    monkeypatch.chdir(tmp_path)
    assert run("quickstart", "--smoke") == 0
    assert {path: path.read_bytes() for path in out.rglob("*.jsonl")} == before, "run again, it does nothing once more"
    assert capsys.readouterr().out == first.stdout
