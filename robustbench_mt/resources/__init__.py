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


def require(names: Sequence[str], purpose: str) -> dict[str, Found]:
    """Where each resource is.

    Args:
        names: of resources.
        purpose: who needs them, for the message: ``"The recipe pwws"``.

    Raises:
        UserError: one or more are not here; each is named with its remedy.
    """
    found = {name: find(name) for name in names}
    missing = [RESOURCES[name] for name, place in found.items() if place is None]
    if missing:
        names_missing = " and ".join(resource.name for resource in missing)
        remedies = "; ".join(f"for {resource.name}, {resource.remedy}" for resource in missing)
        raise MissingResourceError(f"{purpose} needs what is not here: {names_missing}. To get it: {remedies}.")
    return {name: place for name, place in found.items() if place is not None}


def prepare(names: Sequence[str], purpose: str) -> dict[str, Found]:
    """As :func:`require`, and NLTK reads its packages from there from now on."""
    found = require(names, purpose)
    located = [locate(package) for name in names for package in RESOURCES[name].packages]
    point_nltk_at(item for item in located if item is not None)
    return found
