"""Recipes as parameters of tests, which are skipped where a recipe lacks what it needs."""

from typing import Any

import pytest

from attacks.recipes import RECIPES, availability

__all__ = ["needs"]


def needs(recipe: str, *others: Any) -> Any:
    """A parameter set: the recipe's name, and what else a test takes."""
    runs, why = availability(RECIPES[recipe])
    return pytest.param(recipe, *others, marks=pytest.mark.skipif(not runs, reason=f"{recipe}: {why}"))
