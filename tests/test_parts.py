"""Experiments of several parts and scales: one file, one run directory, cells that have names."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from small_experiments import written

from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.experiment import Experiment
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.experiment_run import run_experiment
from robustbench_mt.ledger import read_records
from robustbench_mt.records import TrainingRecord
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import choose_cells, unfold

PARTS = {
    "name": "two",
    "seeds": [0, 1],
    "training": {"epochs": 2, "batch_size": 8},
    "parts": {
        "glue": {"tasks": ["cola", "stsb"], "methods": ["vanilla", "supcon"], "keep_checkpoints": False},
        "imbalance": {
            "tasks": ["rotten_tomatoes"],
            "methods": ["match"],
            "checkpoints": False,
            "training": {"epochs": 1},
            "imbalance": {"ratios": [1, 10], "seeds": [1], "control": True},
        },
        "robustness": {"tasks": ["cola"], "methods": ["vanilla"], "attack": {"recipes": ["deepwordbug"]}},
    },
    "scales": {
        "small": {"seeds": [3], "parts": {"glue": {"tasks": ["cola"]}, "robustness": {"attack": {"examples": 7}}}},
        "wide": {"training": {"batch_size": 64}, "parts": {"imbalance": {"imbalance": {"ratios": [5]}}}},
    },
}


def names(experiment: Experiment) -> list[str]:
    return [cell.name for cell in unfold(experiment, TaskOptions())]


def test_a_scale_is_merged_into_the_file_and_a_part_into_what_is_for_all(tmp_path: Path) -> None:
    path = written(tmp_path / "e.yaml", PARTS)
    small, wide = load_experiment(path), load_experiment(path, "wide")
    assert (small.scale, wide.scale) == ("small", "wide")
    assert names(small) == [
        "glue/train/cola/vanilla/seed3",
        "glue/train/cola/supcon/seed3",
        "imbalance/rotten_tomatoes/match/ratio1/seed1",
        "imbalance/rotten_tomatoes/match/ratio1/control/seed1",
        "imbalance/rotten_tomatoes/match/ratio10/seed1",
        "imbalance/rotten_tomatoes/match/ratio10/control/seed1",
        "robustness/train/cola/vanilla/seed3",
        "robustness/attack/cola/vanilla/seed3/deepwordbug",
    ]
    assert "glue/train/stsb/supcon/seed0" not in names(wide), "it has no classes"
    assert small.parts["robustness"].attack is not None
    assert small.parts["robustness"].attack.examples == 7
    assert wide.parts["imbalance"].training.epochs == 1
    assert {part.training.batch_size for part in wide.parts.values()} == {64}


def test_cells_can_be_pickled_and_know_their_needs(tmp_path: Path) -> None:
    cells = unfold(load_experiment(written(tmp_path / "e.yaml", PARTS)), TaskOptions())
    assert pickle.loads(pickle.dumps(cells)) == cells
    assert cells[-1].needs == ("robustness/train/cola/vanilla/seed3",)
    assert cells[0].work == cells[-2].work, "two parts name one checkpoint"


def change(*where: str, value: Any) -> dict[str, Any]:
    """The experiment with one entry changed."""
    content = json.loads(json.dumps(PARTS))
    inner = content
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    return dict(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (change("parts", "glue", "method", value=["match"]), r"parts\.glue\.method: .*did you mean methods"),
        (change("parts", "glue", "tasks", value=[]), r"parts\.glue, names no tasks"),
        (change("parts", "imbalance", value=[1]), r"parts\.imbalance, is not a mapping"),
        (change("parts", value=["glue"]), "at parts, is not a mapping"),
        ({"name": "none", "parts": {}}, "has no parts"),
        (change("scales", "wide", "training", "batchsize", value=3), "scale wide, at .*did you mean batch_size"),
        (change("scales", "wide", "parts", "gleu", value={}), "did you mean glue"),
        (change("scales", "wide", value=[1]), r"scales\.wide, is not a mapping"),
        (change("name", value=None), "has no name"),
    ],
)
def test_mistakes_in_any_part_and_scale(content: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        load_experiment(written(tmp_path / "e.yaml", content))


def test_scales_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean small"):
        load_experiment(written(tmp_path / "e.yaml", PARTS), "smal")
    without = {name: value for name, value in PARTS.items() if name != "scales"}
    with pytest.raises(UserError, match="has no scales"):
        load_experiment(written(tmp_path / "e.yaml", without), "small")


def test_parts_that_would_leave_the_same_records_with_other_settings(tmp_path: Path) -> None:
    path = written(tmp_path / "e.yaml", change("parts", "robustness", "training", value={"epochs": 5}))
    with pytest.raises(UserError, match=r"glue/train/cola/vanilla/seed3 and robustness/train/.* differ in their sett"):
        names(load_experiment(path))


def test_a_part_that_scores_fewer_test_examples(tmp_path: Path) -> None:
    fewer = {**PARTS, "test_examples": 50}
    cells = unfold(load_experiment(written(tmp_path / "e.yaml", fewer)), TaskOptions(test_examples=99))
    assert {cell.data.test_examples for cell in cells} == {50}
    path = written(tmp_path / "e.yaml", change("parts", "robustness", "test_examples", value=50))
    with pytest.raises(UserError, match=r"glue/train/cola/vanilla/seed3 and robustness/train/.* differ in their sett"):
        names(load_experiment(path))


def test_patterns(tmp_path: Path) -> None:
    cells = unfold(load_experiment(written(tmp_path / "e.yaml", PARTS)), TaskOptions())
    chosen = choose_cells(cells, ["glue/*", "*/deepwordbug"], ["*/supcon/*"])
    assert [cell.name for cell in chosen] == ["glue/train/cola/vanilla/seed3", cells[-1].name]
    with pytest.raises(UserError, match=r"No cell's name matches '\*/bert': there are glue/train/.*imbalance/rotten"):
        choose_cells(cells, [], ["*/bert"])
    with pytest.raises(UserError, match="leave no cell"):
        choose_cells(cells, ["glue/*"], ["glue/*"])


@pytest.fixture
def shared(content: dict[str, Any], tmp_path: Path) -> Path:
    """An experiment whose parts share checkpoints, of which one part keeps none."""
    common = {name: content[name] for name in ("name", "tasks", "training")}
    parts = {
        "table": {"methods": ["vanilla", "match"], "keep_checkpoints": False},
        "robustness": {"methods": ["match"], "attack": {"recipes": ["deepwordbug"], "examples": 2}},
    }
    return written(tmp_path / "shared.yaml", {**common, "parts": parts})


def test_what_two_parts_share_is_done_once_and_kept_if_one_of_them_keeps_it(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    outcome = run_experiment(load_experiment(shared), out)
    assert (outcome.missing, outcome.left_out) == ([], 0)
    trained = [record.method for record in read_records(out / "train.jsonl", TrainingRecord)]
    assert trained == ["vanilla", "match"]
    (kept,) = (out / "checkpoints").iterdir()
    assert "match" in kept.name


def test_an_attack_whose_checkpoint_was_left_out_is_missing(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", str(shared), "--out", str(tmp_path / "run")]
    assert main([*command, "--only", "*/attack/*", "--only", "*/vanilla/*"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert "which was left out by --only or --skip" in told
    assert "2 cells that --only and --skip leave out are not done" in told
    assert main([*command, "--skip", "*/attack/*"]) == 0
    assert "1 cells that" in " ".join(capsys.readouterr().err.split())
    assert main(command) == 0
    assert main([*command, "--only", "nothing/*"]) == 2
