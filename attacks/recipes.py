"""The catalogue of recipes, and building one for a victim. Importing this imports nothing heavy."""

import re
from collections.abc import Sequence
from typing import Any

from attacks.catalogue import RECIPES, Recipe
from robustbench_mt.errors import UserError
from robustbench_mt.resources import find, prepare

__all__ = ["RECIPES", "Recipe", "availability", "build", "describe", "resources_used"]


def availability(recipe: Recipe) -> tuple[bool, str]:
    """Whether a recipe can run here now, and why not, or with what standing in for what; by a look at files alone."""
    if recipe.not_applicable:
        return False, recipe.not_applicable
    found = {name: find(name) for name in recipe.needs}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        return False, f"not here: {', '.join(missing)}"
    return True, ", ".join(f"{name}: {place.source}" for name, place in found.items() if place and place.fallback)


def resources_used(recipe: Recipe) -> dict[str, str]:
    """What a recipe that can run here uses, and where from: ``{"stop words": "scikit-learn (fallback)"}``."""
    found = {name: find(name) for name in recipe.needs}
    return {name: place.source for name, place in found.items() if place is not None}


def build(recipe: Recipe, victim: Any, protected_fields: Sequence[str], fields: Sequence[str]) -> Any:
    """Build a recipe for a victim.

    Args:
        recipe: from :data:`RECIPES`.
        victim: takes a list of texts, or of tuples where there are two fields, and returns scores: a row a text; with
            the attributes ``model`` and ``tokenizer``, which may be ``None``.
        protected_fields: fields that the attack leaves as they are, whatever they are called; what the recipe itself
            protects (fields called ``premise``) is not.
        fields: of the task, in their order; the attacked texts must be dictionaries with these keys.

    Returns:
        A ``textattack.Attack``, ready to attack.

    Raises:
        UserError: a resource is missing, or the recipe cannot attack these fields, or any victim.
    """
    from attacks.textattack_import import import_textattack, no_downloads, quiet

    _refuse_unfit(recipe, fields)
    prepare(recipe.needs, f"The recipe {recipe.name}")
    textattack = import_textattack()
    with quiet(), no_downloads():
        attack = getattr(textattack.attack_recipes, recipe.class_name).build(victim, **recipe.arguments)
        if isinstance(attack.goal_function, textattack.goal_functions.TargetedClassification):
            # Success means another label than the true one here, not a certain one.
            attack = textattack.Attack(
                textattack.goal_functions.UntargetedClassification(victim),
                attack.constraints + attack.pre_transformation_constraints,
                attack.transformation,
                attack.search_method,
            )
    _protect(attack, protected_fields, fields)
    return attack


def describe(attack: Any) -> str:
    """What was built, constraint by constraint; the same text for the same build in any process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(attack))


def _refuse_unfit(recipe: Recipe, fields: Sequence[str]) -> None:
    problem = recipe.not_applicable
    if not problem and recipe.single_field and len(fields) > 1:
        problem = f"it cannot attack sentence pairs: {recipe.single_field}"
    if problem:
        raise UserError(
            f"The recipe {recipe.name} cannot be used here: {problem}. Choose another (robustbench-mt list recipes)."
        )


def _protect(attack: Any, protected_fields: Sequence[str], fields: Sequence[str]) -> None:
    from textattack.constraints.pre_transformation import InputColumnModification

    kept = [
        constraint
        for constraint in attack.pre_transformation_constraints
        if not isinstance(constraint, InputColumnModification)
    ]
    if protected_fields:
        # Lists, as a set of names would be described in another order by another process.
        kept.append(InputColumnModification(list(fields), list(protected_fields)))
    attack.pre_transformation_constraints = kept
