"""The public names: each has an example, each example runs, and importing the package costs nothing."""

import ast
import doctest
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_directory import write_run
from small_experiments import written

import robustbench_mt
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings

# They have no docstring of their own; the package's shows them.
CONSTANTS = ("PROTOCOLS", "RECIPES")
DOCUMENTED = [name for name in robustbench_mt.__all__ if name not in CONSTANTS]


@pytest.fixture(scope="module")
def directory(
    tmp_path_factory: pytest.TempPathFactory, task: Task, settings: TrainingSettings, checkpoint: Path
) -> Path:
    """Where the examples run: a file of reviews, an experiment on it, a checkpoint, and a run with records."""
    path = tmp_path_factory.mktemp("examples")
    for split in task.splits:
        frame = robustbench_mt.examples_frame(task, split)
        frame.to_csv(path / "reviews.csv", mode="a", header=split == "train", index=False)
    training = {"base": settings.base, "steps": 2, "batch_size": 8}
    small = {"name": "small", "tasks": [str(path / "reviews.csv")], "methods": ["vanilla"], "training": training}
    written(path / "small.yaml", small)
    (path / "checkpoints").symlink_to(checkpoint.parent)
    write_run(path / "run", seeds=(0,), n=40)
    return path


@pytest.fixture(scope="module")
def names(task: Task, settings: TrainingSettings, checkpoint: Path) -> dict[str, Any]:
    """What the examples need not say: a task, a base that learns it, and a classifier."""
    return {
        **{name: getattr(robustbench_mt, name) for name in robustbench_mt.__all__},
        "Path": Path,
        "task": task,
        "settings": replace(settings, steps=4),
        "victim": robustbench_mt.load_victim(str(checkpoint), task),
    }


@pytest.mark.parametrize("name", ["robustbench_mt", *DOCUMENTED])
def test_examples_run(
    name: str, directory: Path, names: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(directory)
    thing = robustbench_mt if name == "robustbench_mt" else getattr(robustbench_mt, name)
    globs = {**names, "out": tmp_path}
    found = doctest.DocTestFinder(recurse=name != "robustbench_mt").find(thing, name, globs=globs)
    tests = [test for test in found if test.examples]
    assert tests, f"{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    for test in tests:
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


def test_constants_are_shown() -> None:
    assert robustbench_mt.__doc__ is not None
    for name in CONSTANTS:
        assert f">>> {name}[" in robustbench_mt.__doc__ or f"({name})" in robustbench_mt.__doc__


def test_what_types_see_is_what_there_is() -> None:
    """The names that are imported for type checkers are those that are found when asked for, in the same modules."""
    tree = ast.parse(Path(robustbench_mt.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert imported == robustbench_mt._HOME
    assert set(robustbench_mt.__all__) <= set(dir(robustbench_mt))
    with pytest.raises(AttributeError, match="no attribute 'atack'"):
        robustbench_mt.atack  # noqa: B018


def test_no_module_hides_a_public_name() -> None:
    """Importing a submodule sets it as an attribute of its package, over what is there."""
    modules = {module.name for module in pkgutil.iter_modules(robustbench_mt.__path__)}
    assert not modules & set(robustbench_mt.__all__)


def test_importing_the_package_imports_nothing_else() -> None:
    heavy = "{'torch', 'transformers', 'textattack', 'datasets', 'pandas', 'numpy', 'sklearn', 'matplotlib'}"
    code = f"import sys, robustbench_mt; dir(robustbench_mt); sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_path_may_be_a_string(
    task: Task, settings: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = robustbench_mt
    monkeypatch.chdir(tmp_path)
    few, vanilla = replace(settings, steps=2), api.parse_method("vanilla")
    api.fine_tune(task, vanilla, few).save("run/checkpoints/a")
    victim, recipe = api.load_victim("run/checkpoints/a", task), api.RECIPES["deepwordbug"]
    api.attack(victim, task, recipe, api.AttackSettings(examples=2), "run")
    api.sweep(api.ImbalanceCurve(task, few), api.curve_points([vanilla], [2], [0]), "run/imbalance.jsonl")
    made = api.report("run", "page")
    assert made.page == Path("page/index.html")
    assert (len(made.summary.attacks), len(made.summary.imbalance)) == (1, 1)
