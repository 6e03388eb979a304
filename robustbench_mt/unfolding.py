"""An experiment becomes its cells, in the order in which they are done; no data is read for that."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from robustbench_mt.cell import Cell
from robustbench_mt.errors import BadExperimentError, NothingToDoError, UnknownNameError
from robustbench_mt.experiment import Experiment, Part
from robustbench_mt.experiment_cells import AttackCell, CurveCell, TrainCell
from robustbench_mt.kept_in_memory import loaded_task
from robustbench_mt.progress import note
from robustbench_mt.registry import choose
from robustbench_mt.tasks import TASKS, TaskOptions
from robustbench_mt.tasks.names import is_path

__all__ = ["choose_cells", "unfold"]

_SHOWN = 5


def unfold(experiment: Experiment, options: TaskOptions) -> list[Cell]:
    """The cells, part after part; of each checkpoint its training and its attacks, then the points of the curves.

    What is left out or stands in for something else is said.

    Args:
        experiment: what to do.
        options: where the tasks' data are, and whether what is missing may be downloaded.

    Raises:
        UserError: there is no such task, method or recipe, or two parts name one cell with different settings.
    """
    cells = [cell for name, part in experiment.parts.items() for cell in _cells(name, part, _data(part, options))]
    kept = {cell.work for cell in cells if isinstance(cell, TrainCell) and cell.keep}
    cells = [replace(c, keep=c.work in kept) if isinstance(c, TrainCell) else c for c in cells]
    first: dict[str, Cell] = {}
    for cell in cells:
        other = first.setdefault(cell.work, cell)
        if (other.asked, other.data) != (cell.asked, cell.data):
            raise BadExperimentError(
                f"{other.name} and {cell.name} would leave the same records, but differ in their settings: give one of "
                "the two parts other tasks, methods or seeds."
            )
    return list({cell.name: cell for cell in cells}.values())


def choose_cells(cells: Sequence[Cell], only: Sequence[str], skip: Sequence[str]) -> list[Cell]:
    """The cells whose names match a pattern of ``only``, if there is one, and none of ``skip``.

    Args:
        cells: to choose from.
        only, skip: shell patterns: ``*`` is any text, slashes too.

    Raises:
        UserError: a pattern matches nothing, or nothing is left.
    """
    for pattern in (*only, *skip):
        if not any(fnmatchcase(cell.name, pattern) for cell in cells):
            raise UnknownNameError(f"No cell's name matches {pattern!r}: {_some_names(cells)}.")
    chosen = [
        cell
        for cell in cells
        if (not only or any(fnmatchcase(cell.name, pattern) for pattern in only))
        and not any(fnmatchcase(cell.name, pattern) for pattern in skip)
    ]
    if not chosen:
        raise NothingToDoError("--only and --skip leave no cell to do: choose less narrowly.")
    return chosen


def _some_names(cells: Sequence[Cell]) -> str:
    """A few names, of different kinds first."""
    kinds = {(cell.part, cell.what): cell.name for cell in reversed(cells)}
    names = list(dict.fromkeys([*reversed(kinds.values()), *(cell.name for cell in cells)]))[:_SHOWN]
    return f"there are {', '.join(names)}{', ...' if len(cells) > len(names) else ''}"


def _data(part: Part, options: TaskOptions) -> TaskOptions:
    return replace(options, test_examples=part.test_examples) if part.test_examples is not None else options


def _cells(name: str, part: Part, options: TaskOptions) -> Iterator[Cell]:
    recipes = _recipes(part)
    methods = part.method_choices
    for task in part.tasks:
        trained = [method for method in methods if not (method.needs_classes and _is_regression(task, options))]
        if part.checkpoints and len(trained) < len(methods):
            left_out = ", ".join(method.spec for method in methods if method not in trained)
            note(f"{task} is a regression, which {left_out} cannot train: left out there.")
        for seed in part.seeds if part.checkpoints else ():
            for variant in part.variants:
                for method in trained:
                    target = TrainCell(name, task, options, method.spec, variant, seed, part.keep_checkpoints)
                    yield target
                    for recipe in recipes:
                        assert part.attack is not None
                        yield AttackCell(name, task, options, target, recipe, part.attack)
    for task in part.tasks:
        for plan in part.curve_plans:
            for point in plan.points(methods, part.seeds):
                yield CurveCell(name, task, options, plan, plan.training or part.training, point)


def _recipes(part: Part) -> list[str]:
    """The recipes to run: of alternatives, the first that can run on this machine, or the first at all."""
    from attacks.recipes import RECIPES, availability

    if part.attack is None:
        return []
    options = part.attack.recipe_options
    chosen = []
    for names in part.attack.recipes:
        recipes = [choose("recipe", name, RECIPES) for name in ([names] if isinstance(names, str) else names)]
        recipe = next((recipe for recipe in recipes if availability(recipe, options)[0]), recipes[0])
        if recipe is not recipes[0]:
            reason = availability(recipes[0], options)[1]
            note(f"{recipes[0].name} cannot run ({reason}); {recipe.name} stands in for it.")
        chosen.append(recipe.name)
    return chosen


def _is_regression(task: str, options: TaskOptions) -> bool:
    """Whether a task is a regression; of a task that has a name, this is known without its data."""
    if is_path(task):
        return loaded_task(task, options).is_regression
    return not choose("task", task, TASKS).label_names
