"""What the cells of a run share: tasks, records and one victim, kept in memory until :func:`forget` is called.

What was given by :func:`give_task` stays, as it cannot be read again.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

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
    "check_recipe",
    "drop_victim",
    "forget",
    "give_task",
    "kept",
    "loaded_task",
    "loaded_victim",
    "recorded",
]

T = TypeVar("T")
R = TypeVar("R", bound=Record)
P = ParamSpec("P")

_given: dict[tuple[str, TaskOptions], Task] = {}
_forget: list[Callable[[], None]] = []


def kept(most: int = 128) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """What a function gives for the last so many different arguments is kept until :func:`forget` is called."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        cached = lru_cache(maxsize=most)(function)
        _forget.append(cached.cache_clear)
        return cast("Callable[P, T]", cached)

    return decorate


@kept(most=8)
def loaded_task(name: str, options: TaskOptions) -> Task:
    """As :func:`robustbench_mt.tasks.load_task`."""
    return _given.get((name, options)) or load_task(name, options)


def give_task(name: str, options: TaskOptions, task: Task) -> None:
    """From here on, this process has a task whose data may be on another machine."""
    _given[name, options] = task


@kept()
def base_directory(name: str, allow_network: bool) -> Path:
    """As :func:`robustbench_mt.bases.find_base`."""
    return find_base(name, allow_network)


@kept()
def check_recipe(name: str, options: RecipeOptions) -> None:
    """Find and read once all that a recipe uses.

    Raises:
        UserError: something is not here, or the word vectors cannot be read.
    """
    from attacks.recipes import RECIPES, needed, resources_used
    from robustbench_mt.resources import require

    recipe = RECIPES[name]
    require(needed(recipe, options), f"The recipe {name}")
    resources_used(recipe, options)


@lru_cache(maxsize=1)
def loaded_victim(checkpoint: Path, task: str, options: TaskOptions) -> "Victim":
    """The last checkpoint that was asked for, with the scores that it remembers."""
    from attacks.victim import load_victim

    return load_victim(str(checkpoint), loaded_task(task, options))


def drop_victim() -> None:
    """Make room in memory for another model."""
    loaded_victim.cache_clear()


def recorded(directory: Path, record_type: type[R]) -> list[R]:
    """A run's records of a kind that has one file, read again only when that has changed."""
    path = inside(directory, record_type.file)
    try:
        state = path.stat()
    except FileNotFoundError:
        return []
    return _recorded(path, record_type, (state.st_mtime_ns, state.st_size))


@kept(most=4)
def _recorded(path: Path, record_type: type[Any], _state: object) -> list[Any]:
    return list(read_records(path, record_type))


def forget() -> None:
    """Forget all of it: before a run, as files may have changed since the last one."""
    drop_victim()
    for forget_one in _forget:
        forget_one()
