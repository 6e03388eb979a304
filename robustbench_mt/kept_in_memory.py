"""What the cells of a run share: tasks, records and one victim, kept in memory until :func:`forget` is called."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attacks.settings import RecipeOptions
from robustbench_mt.bases import find_base
from robustbench_mt.inside import inside
from robustbench_mt.ledger import read_records
from robustbench_mt.records import Record
from robustbench_mt.tasks import TaskOptions, load_task
from robustbench_mt.tasks.task import Task

if TYPE_CHECKING:
    from attacks.victim import Victim

__all__ = [
    "base_directory",
    "drop_victim",
    "forget",
    "give_task",
    "loaded_task",
    "loaded_victim",
    "recorded",
    "resources_of_recipe",
]

R = TypeVar("R", bound=Record)

_given: dict[tuple[str, TaskOptions], Task] = {}


@lru_cache(maxsize=8)
def loaded_task(name: str, options: TaskOptions) -> Task:
    """As :func:`robustbench_mt.tasks.load_task`."""
    return _given.get((name, options)) or load_task(name, options)


def give_task(name: str, options: TaskOptions, task: Task) -> None:
    """From here on, this process has a task whose data may be on another machine."""
    _given[name, options] = task


@lru_cache
def base_directory(name: str, allow_network: bool) -> Path:
    """As :func:`robustbench_mt.bases.find_base`."""
    return find_base(name, allow_network)


@lru_cache
def resources_of_recipe(name: str, options: RecipeOptions) -> dict[str, str]:
    """What a recipe uses, all of it found and read once.

    Raises:
        UserError: something is not here, or the word vectors cannot be read.
    """
    from attacks.recipes import RECIPES, needed, resources_used
    from robustbench_mt.resources import require

    recipe = RECIPES[name]
    require(needed(recipe, options), f"The recipe {name}")
    return resources_used(recipe, options)


@lru_cache(maxsize=1)
def loaded_victim(checkpoint: Path, task: str, options: TaskOptions) -> "Victim":
    """The last checkpoint that was asked for, with the scores that it remembers."""
    from attacks.victim import load_victim

    return load_victim(str(checkpoint), loaded_task(task, options))


def drop_victim() -> None:
    """Make room in memory for another model."""
    loaded_victim.cache_clear()


def recorded(path: Path, record_type: type[R]) -> list[R]:
    """The records of a file in a run's directory, read again only when that has changed."""
    try:
        state = inside(path.parent, path.name).stat()
    except FileNotFoundError:
        return []
    # mypy does not see that a class is hashable.
    return _recorded(path, record_type, (state.st_mtime_ns, state.st_size))  # type: ignore[arg-type]


@lru_cache(maxsize=4)
def _recorded(path: Path, record_type: type[Any], _state: object) -> list[Any]:
    return list(read_records(path, record_type))


def forget() -> None:
    """Forget all of it: before a run, as files may have changed since the last one."""
    for cache in (loaded_task, base_directory, resources_of_recipe, loaded_victim, _recorded):
        cache.cache_clear()
