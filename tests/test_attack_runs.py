"""Finding a run's attacks: whoever reads a run finds the same ones."""

import shutil
from pathlib import Path

import pytest

from attacks.catalogue import RECIPES
from attacks.engine import attack, attack_path
from attacks.settings import AttackSettings
from attacks.transfer import transfer
from attacks.verify import verify
from attacks.victim import load_victim
from robustbench_mt.attack_runs import attack_runs
from robustbench_mt.errors import UserError
from robustbench_mt.record_export import export_records
from robustbench_mt.reporting.attack_rows import RECIPES_THAT_KEEP_THE_LABEL
from robustbench_mt.reporting.runs import read_runs
from robustbench_mt.tasks.task import Task


@pytest.mark.parametrize("begun", ["", '{"record": "att'])
def test_an_attack_that_was_killed_before_its_first_record_is_passed_over(
    begun: str, checkpoint: Path, task: Task, tmp_path: Path
) -> None:
    """Its file is there, and no settings yet."""
    run = tmp_path / "run"
    shutil.copytree(checkpoint, run / "checkpoints" / checkpoint.name)
    victim = load_victim(str(run / "checkpoints" / checkpoint.name), task)
    attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=2), run)
    whole = attack_path(run, checkpoint.name, task.name, "deepwordbug")
    whole.with_name("pwws.jsonl").write_text(begun, encoding="utf-8")
    assert [path for path, _ in attack_runs(run)] == [whole]
    assert [verified.path for verified in verify(run)] == [whole]
    assert [record.recipe for record in transfer(run)] == ["deepwordbug"]
    assert [attacked.run.recipe for attacked in read_runs([run]).attacks] == ["deepwordbug"]
    assert export_records([run], tmp_path / "records.parquet") == 2
    whole.unlink()
    for read in (lambda: list(verify(run)), lambda: transfer(run)):
        with pytest.raises(UserError, match="has no attacks"):
            read()


def test_the_report_knows_which_recipes_keep_the_label() -> None:
    """It shares records with the attacks, and no code."""
    assert {name for name, recipe in RECIPES.items() if recipe.keeps_label} == RECIPES_THAT_KEEP_THE_LABEL
