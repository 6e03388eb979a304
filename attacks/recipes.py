"""The catalogue of recipes, and building one for a victim. Importing this imports nothing heavy."""

import io
import re
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from typing import Any

from attacks.catalogue import RECIPES
from attacks.recipe import Recipe
from attacks.settings import RecipeOptions
from robustbench_mt.errors import NotFoundError, UnfitRecipeError
from robustbench_mt.paths import expanded, is_file
from robustbench_mt.progress import note
from robustbench_mt.resources import find, prepare

__all__ = ["RECIPES", "Recipe", "availability", "build", "describe", "needed", "resources_used"]

_VECTORS = "counter-fitted vectors"
_ENCODER = "sentence encoder"
_HOMOGLYPHS = "homoglyph table"


def needed(recipe: Recipe, options: RecipeOptions | None = None) -> list[str]:
    """Names of the resources that must be found for a recipe: all it needs but what the user brings.

    Raises:
        UserError: what the user brings is not there.
    """
    brought = {_VECTORS: _own_vectors(recipe, options), _ENCODER: _own_encoder(recipe, options)}
    return [name for name in recipe.needs if brought.get(name) is None]


def availability(recipe: Recipe, options: RecipeOptions | None = None) -> tuple[bool, str]:
    """Whether a recipe can run here now; and why not, or with which fallbacks. Only files are looked at.

    Raises:
        UserError: what the user brings is not there.
    """
    if recipe.not_applicable:
        return False, recipe.not_applicable
    found = {name: find(name) for name in needed(recipe, options)}
    missing = [name for name, place in found.items() if place is None]
    if missing:
        return False, f"not here: {', '.join(missing)}"
    return True, ", ".join(f"{name}: {place.source}" for name, place in found.items() if place and place.fallback)


def resources_used(recipe: Recipe, options: RecipeOptions | None = None) -> dict[str, str]:
    """What a recipe that can run here uses, and where from: ``{"stop words": "scikit-learn (fallback)"}``.

    Raises:
        UserError: what the user brings is not there, or the word vectors cannot be read.
    """
    found = {name: find(name) for name in needed(recipe, options)}
    sources = {name: place.source for name, place in found.items() if place is not None}
    path = _own_vectors(recipe, options)
    if path is not None:
        from attacks.word_vectors import open_word_vectors

        sources[_VECTORS] = open_word_vectors(path).source
    encoder = _own_encoder(recipe, options)
    if encoder is not None:
        sources[_ENCODER] = encoder
    return sources


def build(
    recipe: Recipe,
    victim: Any,
    protected_fields: Sequence[str],
    fields: Sequence[str],
    options: RecipeOptions | None = None,
) -> Any:
    """Build a recipe for a victim.

    Args:
        recipe: from :data:`RECIPES`.
        victim: takes a list of texts, or of tuples where there are two fields, and returns scores: a row a text; with
            the attributes ``model`` and ``tokenizer``, which may be ``None``.
        protected_fields: fields that the attack leaves as they are, whatever they are called, in place of those that
            the recipe itself protects (called ``premise``).
        fields: of the task, in their order; the attacked texts must be dictionaries with these keys.
        options: what to build it with in place of what it would look for.

    Returns:
        A ``textattack.Attack``, ready to attack.

    Raises:
        UserError: a resource is missing, or what the user brings cannot be read, or the recipe cannot attack these
            fields, or this victim.
    """
    from attacks.quick_wordnet import english_wordnet
    from attacks.textattack_import import homoglyphs_from, import_textattack, no_downloads, quiet

    _refuse_unfit(recipe, victim, fields)
    prepare(needed(recipe, options), f"The recipe {recipe.name}")
    textattack = import_textattack()
    with ExitStack() as within:
        within.enter_context(quiet())
        within.enter_context(no_downloads())
        within.enter_context(english_wordnet())
        path = _own_vectors(recipe, options)
        if path is not None:
            from attacks.word_vectors import in_place_of_textattacks, open_word_vectors

            vectors = open_word_vectors(path)
            within.enter_context(in_place_of_textattacks(vectors))
        if _HOMOGLYPHS in recipe.needs and (table := find(_HOMOGLYPHS)):
            within.enter_context(homoglyphs_from(Path(table.where)))
        if recipe.compose is not None:
            attack = recipe.compose(victim)
        else:
            with redirect_stderr(io.StringIO()):  # the one-billion-words model tells there how it is loaded
                attack = getattr(textattack.attack_recipes, recipe.class_name).build(victim, **recipe.arguments)
        if isinstance(attack.goal_function, textattack.goal_functions.TargetedClassification):
            # Success means another label than the true one here, not a certain one.
            attack = textattack.Attack(
                textattack.goal_functions.UntargetedClassification(victim),
                attack.constraints + attack.pre_transformation_constraints,
                attack.transformation,
                attack.search_method,
            )
        if recipe.adapt is not None:
            attack = recipe.adapt(attack, victim, options or RecipeOptions())
    _protect(attack, protected_fields, fields)
    if path is not None:
        _doubt_distances(attack, recipe, vectors)
    return attack


def describe(attack: Any) -> str:
    """What was built, constraint by constraint; the same text for the same build in any process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(attack))


def _own_vectors(recipe: Recipe, options: RecipeOptions | None) -> Path | None:
    """The user's word vectors, if they are given and the recipe uses any."""
    if options is None or options.word_vectors is None or _VECTORS not in recipe.needs:
        return None
    path = expanded(options.word_vectors)
    if not is_file(path):
        raise NotFoundError(f"There is no file of word vectors {options.word_vectors}: check --word-vectors.")
    return path


def _own_encoder(recipe: Recipe, options: RecipeOptions | None) -> str | None:
    """What records call the user's sentence encoder, if one is given and the recipe uses it."""
    if options is None or options.sentence_encoder == RecipeOptions.sentence_encoder or _ENCODER not in recipe.needs:
        return None
    from attacks.sentence_encoder import encoder_name, find_encoder

    find_encoder(options.sentence_encoder)
    return encoder_name(options)


def _doubt_distances(attack: Any, recipe: Recipe, vectors: Any) -> None:
    """Warn of a limit on distances that lets next to nothing pass: it would look like a robust victim."""
    from textattack.constraints.semantics import WordEmbeddingDistance

    length = vectors.typical_length
    for constraint in attack.constraints:
        # Counter-fitted vectors are of length 1.
        if isinstance(constraint, WordEmbeddingDistance) and constraint.max_mse_dist and not 0.8 < length < 1.25:
            note(
                f"Warning: {recipe.name} allows a squared distance of {constraint.max_mse_dist} between words, which "
                f"is meant for vectors of length 1; those of {vectors.source} have a length of about {length:.2g}."
            )


def _refuse_unfit(recipe: Recipe, victim: Any, fields: Sequence[str]) -> None:
    if recipe.gradients and not hasattr(victim, "get_grad"):
        raise UnfitRecipeError(
            f"The recipe {recipe.name} reads the victim's gradients, and the victim {getattr(victim, 'name', '')} "
            "gives scores only: attack a Hugging Face checkpoint, or choose another recipe (robustbench-mt list "
            "recipes)."
        )
    problem = recipe.not_applicable
    if not problem and recipe.single_field and len(fields) > 1:
        problem = f"it cannot attack sentence pairs: {recipe.single_field}"
    if problem:
        raise UnfitRecipeError(
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
