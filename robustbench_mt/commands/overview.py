"""What there is: tasks, methods, recipes, and the resources that recipes need."""

from typing import Annotated, Literal

from attacks.settings import RecipeOptions
from robustbench_mt.commands.parameters import FLAT

__all__ = ["list_names", "resources"]


def list_names(
    what: Literal["tasks", "methods", "recipes"], *, recipe_options: Annotated[RecipeOptions | None, FLAT] = None
) -> None:
    """Show the tasks, methods or recipes at hand; of recipes also whether they can run, with the options given."""
    from robustbench_mt.listing import print_methods, print_recipes, print_tasks

    if what == "recipes":
        print_recipes(recipe_options)
    else:
        {"tasks": print_tasks, "methods": print_methods}[what]()


def resources(action: Literal["show", "fetch"] = "show", *, name: tuple[str, ...] = ()) -> None:
    """Show what recipes need and where it was found; fetch downloads what is missing.

    Args:
        action: show (the default) or fetch.
        name: fetch this resource; give it several times for several.
    """
    from robustbench_mt.listing import print_resources

    if action == "fetch":
        from robustbench_mt.resources import fetch

        fetch(name)
    print_resources()
