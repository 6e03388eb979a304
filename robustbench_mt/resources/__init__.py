"""Data that some recipes need: where it is, how to get it, and making NLTK read it. Importing this reads nothing."""

from collections.abc import Sequence

from robustbench_mt.errors import MissingResourceError
from robustbench_mt.registry import choose
from robustbench_mt.resources.download import fetch
from robustbench_mt.resources.nltk_data import locate
from robustbench_mt.resources.overlay import point_nltk_at
from robustbench_mt.resources.resource import Found, Resource
from robustbench_mt.resources.table import RESOURCES

__all__ = ["RESOURCES", "Found", "Resource", "fetch", "find", "prepare", "require"]


def find(name: str) -> Found | None:
    """Where a resource is, by a look at files alone; ``None`` where it is not here.

    Raises:
        UserError: there is no such resource.
    """
    return choose("resource", name, RESOURCES).find()


def require(names: Sequence[str], purpose: str) -> None:
    """Look for resources.

    Args:
        names: of resources.
        purpose: who needs them, for the message: ``"The recipe pwws"``.

    Raises:
        UserError: one or more are not here; each is named with its remedy.
    """
    if missing := [RESOURCES[name] for name in dict.fromkeys(names) if find(name) is None]:
        names_missing = " and ".join(resource.name for resource in missing)
        remedies = "; ".join(f"for {resource.name}, {resource.remedy}" for resource in missing)
        raise MissingResourceError(f"{purpose} needs what is not here: {names_missing}. To get it: {remedies}.")


def prepare(names: Sequence[str], purpose: str) -> None:
    """As :func:`require`, and NLTK reads its packages from where they were found from now on."""
    require(names, purpose)
    located = [locate(package) for name in names for package in RESOURCES[name].packages]
    point_nltk_at(item for item in located if item is not None)
