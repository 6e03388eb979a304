"""The paper in one command, at its smallest scale, on real reviews and the real encoder."""

import os
import shutil
from pathlib import Path

import pytest
from command_line import run
from embedded_packages import needs_embedded
from notebook_runs import NOTEBOOKS, execute

from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import unfold

PAPER = Path(__file__).parents[1] / "experiments" / "paper.yaml"


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by the command, which ended within its time."""
    out, before = tmp_path_factory.mktemp("smoke") / "paper", sum(os.times()[:4])
    assert run("run", PAPER, "--scale", "smoke", "--out", out) == 0
    # Three minutes on two cores; of the processor, so that what else the machine does makes little difference.
    assert sum(os.times()[:4]) - before < 2 * 180
    return out


@needs_embedded
def test_smoke_ends_soon_with_all_tables_and_figures(smoke: Path) -> None:
    for file in (
        "tables/methods.csv",
        "figures/accuracy_under_attack-rotten_tomatoes.png",
        "figures/imbalance-rotten_tomatoes-positive.png",
        "figures/matrix-rotten_tomatoes.png",
    ):
        assert (smoke / "report" / file).is_file(), file
    methods = (smoke / "report/tables/methods.csv").read_text(encoding="utf-8")
    assert "vanilla" in methods
    assert "match" in methods


@needs_embedded
def test_the_notebook_goes_on_with_it(smoke: Path, tmp_path: Path) -> None:
    """As trainings and attacks are the same, they are not done once more; all else is."""
    there = tmp_path / "notebooks" / "runs" / "paper"
    shutil.copytree(smoke, there, ignore=shutil.ignore_patterns("report"))
    before = {path: path.read_bytes() for path in there.rglob("*.jsonl")}
    execute(NOTEBOOKS["03_reproduce_the_paper"], tmp_path)
    assert {path: path.read_bytes() for path in there.rglob("*.jsonl")} == before
    assert (there / "report" / "index.html").is_file()


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
