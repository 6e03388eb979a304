"""Which module may import which: data flows one way, and no import runs back up."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from run_directory import write_run

ROOT = Path(__file__).parents[1]
ROOMS = ("robustbench_mt", "attacks", "imbalance")
# What each may not import, at the top of a file or within a function.
FORBIDDEN = {
    "attacks": ("imbalance", "robustbench_mt.trainer", "robustbench_mt.methods", "robustbench_mt.reporting"),
    "imbalance": ("attacks", "robustbench_mt.reporting"),
    "robustbench_mt.tasks": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.methods"),
    "robustbench_mt.methods": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.reporting"),
    "robustbench_mt.trainer": ("attacks", "imbalance", "robustbench_mt.reporting"),
    "robustbench_mt.reporting": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.tasks.task"),
    "robustbench_mt.records": ("attacks", "imbalance", "robustbench_mt.trainer", "robustbench_mt.reporting"),
}


def modules() -> dict[str, Path]:
    files = {path: path.relative_to(ROOT).with_suffix("") for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    return {".".join(name.parts).removesuffix(".__init__"): path for path, name in files.items()}


MODULES = modules()


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports, but for the names of types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & MODULES.keys()


IMPORTED = {name: imported(path) - {name} for name, path in MODULES.items()}


def test_no_import_runs_in_a_circle() -> None:
    # It raises CycleError, which names the circle.
    list(TopologicalSorter(IMPORTED).static_order())


@pytest.mark.parametrize("room", FORBIDDEN)
def test_rooms_know_what_they_may(room: str) -> None:
    def inside(name: str, of: str) -> bool:
        return name == of or name.startswith(f"{of}.")

    wrong = {
        (name, other)
        for name, others in IMPORTED.items()
        for other in others
        if inside(name, room) and any(inside(other, forbidden) for forbidden in FORBIDDEN[room])
    }
    assert not wrong


def test_nothing_imports_the_command_line() -> None:
    commands = ("robustbench_mt.cli", "robustbench_mt.commands")
    above = {name for name, others in IMPORTED.items() for other in others if other.startswith(commands)}
    assert all(name.startswith((*commands, "robustbench_mt.__main__")) for name in above)


def test_reporting_loads_no_model(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", seeds=(0, 1), n=20)
    script = "import sys; from pathlib import Path; from robustbench_mt import report; report([Path(sys.argv[1])])"
    heavy = "print(*{'torch', 'transformers', 'textattack', 'datasets'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; {heavy}", str(run)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
