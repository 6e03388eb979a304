"""What there is: tables of tasks, methods, recipes and resources, without importing anything heavy."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from attacks.recipes import RECIPES, availability
from attacks.settings import RecipeOptions
from robustbench_mt.methods import METHODS
from robustbench_mt.resources import RESOURCES
from robustbench_mt.tasks import TASKS

__all__ = ["print_methods", "print_recipes", "print_resources", "print_tasks"]


def print_tasks() -> None:
    """Each task with its fields, labels and source."""
    _print(
        ["task", "what", "fields", "labels", "metric", "data"],
        (
            (
                name,
                task.summary,
                ", ".join(task.fields),
                ", ".join(task.label_names) or "a score",
                task.metric,
                task.source,
            )
            for name, task in TASKS.items()
        ),
    )


def print_methods() -> None:
    """Each method with what it changes, its settings, and the passes a step that it makes beyond vanilla's."""
    _print(
        ["method", "what", "changes", "settings and defaults", "extra passes"],
        (
            (
                name,
                method.summary,
                method.changes,
                ", ".join(f"{setting}={value}" for setting, value in asdict(defaults).items()) or "none",
                _passes(*method(defaults).extra_passes),
            )
            for name, method in METHODS.items()
            for defaults in [method.settings_type()]
        ),
    )


def _passes(forward: int, backward: int) -> str:
    return f"{forward} forward, {backward} backward" if forward or backward else "none"


def print_recipes(options: RecipeOptions | None = None) -> None:
    """Each recipe with its paper and what it needs, and whether it can run here now, with what the user brings."""
    rows = []
    for name, recipe in RECIPES.items():
        runs, remark = availability(recipe, options)
        answer = f"yes {remark}" if runs else f"no: {remark}"
        rows.append((name, recipe.summary, recipe.paper, ", ".join(recipe.needs) or "nothing", answer.strip()))
    _print(["recipe", "what", "paper", "needs", "runs here"], rows)


def print_resources() -> None:
    """Each resource with where it was found, or how to get it."""
    rows = []
    for name, resource in RESOURCES.items():
        found = resource.find()
        rows.append((name, resource.what, found.where if found else f"not here: {resource.remedy}"))
    _print(["resource", "what", "where"], rows)


def _print(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(pad_edge=False, box=None, header_style="bold")
    for position, name in enumerate(header):
        table.add_column(name, no_wrap=position == 0, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(markup=False, highlight=False).print(table)
