"""Which module may import which: data flows one way, and no import runs back up."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("robustbench_mt", "attacks", "imbalance")
# What each may not import, at the top of a file or within a function.
FORBIDDEN = {
    "attacks": ("imbalance", "robustbench_mt.trainer", "robustbench_mt.methods", "robustbench_mt.reporting"),
    "imbalance": ("attacks", "robustbench_mt.reporting"),
    "robustbench_mt.tasks": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.methods"),
    "robustbench_mt.methods": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.reporting"),
    "robustbench_mt.trainer": ("attacks", "imbalance", "robustbench_mt.reporting"),
    "robustbench_mt.reporting": (
        *("attacks", "imbalance", "robustbench_mt.batch_dependence", "robustbench_mt.methods"),
        *("robustbench_mt.tasks", "robustbench_mt.trainer", "robustbench_mt.training_settings"),
    ),
    "robustbench_mt.records": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.reporting"),
}
# But for these, which describe and do nothing: a report has methods in their order, says which settings are not the
# default ones, and takes a task's score from its metrics as GLUE does.
DESCRIPTIONS = {
    "robustbench_mt.reporting": {
        "robustbench_mt.methods",
        "robustbench_mt.tasks.glue_scores",
        "robustbench_mt.training_settings",
    }
}
HEAVY = {"torch", "transformers", "textattack", "datasets"}


def modules() -> dict[str, Path]:
    files = {path: path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__"): path for path, name in files.items()}


MODULES = modules()


def parts(node: ast.AST, within_functions: bool) -> Iterator[ast.AST]:
    """What a file consists of, but for what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        for_types = isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"
        if not for_types and (within_functions or not isinstance(child, ast.FunctionDef)):
            yield child
            yield from parts(child, within_functions)


def imported(path: Path, *, within_functions: bool = True) -> set[str]:
    """What a file imports: modules, and the names from them."""
    names: set[str] = set()
    for node in parts(ast.parse(path.read_text(encoding="utf-8")), within_functions):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


IMPORTED = {name: (imported(path) & MODULES.keys()) - {name} for name, path in MODULES.items()}
IMPORTED_AT_ONCE = {name: imported(path, within_functions=False) for name, path in MODULES.items()}


def test_no_import_runs_in_a_circle() -> None:
    # It raises CycleError, which names the circle.
    list(TopologicalSorter(IMPORTED).static_order())


def inside(name: str, of: str) -> bool:
    return name == of or name.startswith(f"{of}.")


@pytest.mark.parametrize("room", FORBIDDEN)
def test_rooms_know_what_they_may(room: str) -> None:
    wrong = {
        (name, other)
        for name, others in IMPORTED.items()
        for other in others - DESCRIPTIONS.get(room, set())
        if inside(name, room) and any(inside(other, forbidden) for forbidden in FORBIDDEN[room])
    }
    assert not wrong


def test_nothing_imports_the_command_line() -> None:
    commands = ("robustbench_mt.cli", "robustbench_mt.commands")
    above = {name for name, others in IMPORTED.items() for other in others if other.startswith(commands)}
    assert all(name.startswith((*commands, "robustbench_mt.__main__")) for name in above)


def test_nothing_that_reporting_imports_imports_a_model() -> None:
    """Whatever a report shows: neither its modules nor any that these import, and so on, begin with importing torch."""
    found, left = set(), [name for name in MODULES if inside(name, "robustbench_mt.reporting")]
    while left:
        name = left.pop()
        found.add(name)
        above = {name.rpartition(".")[0]} & MODULES.keys()
        left += ((IMPORTED_AT_ONCE[name] & MODULES.keys()) | above) - found
    assert "robustbench_mt.methods.match" in found
    assert not {name for name in found if {other.split(".")[0] for other in IMPORTED_AT_ONCE[name]} & HEAVY}


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in ("embedded", "ray") for line in project["optional-dependencies"][extra]]
    plain, optional = (
        {canonical(re.split("[<>=]", line)[0]) for line in lines} for lines in (project["dependencies"], extras)
    )
    declared = plain | optional
    roots = {name.split(".")[0] for path in MODULES.values() for name in imported(path)}
    brought_by = packages_distributions()
    for root in roots - set(ROOMS) - sys.stdlib_module_names:
        # What is not installed here is an extra that has its own name.
        assert declared & {canonical(name) for name in brought_by.get(root, [root])}, root
    # And no more than that is declared, but for the one whose range says which of textattack's can be built.
    used = {canonical(name) for root in roots for name in brought_by.get(root, [root])}
    assert plain - used == {"flair"}


def canonical(name: str) -> str:
    return name.lower().replace("_", "-")
