"""What a recipe promises of its texts, checked on the text before and the text after the attack.

TextAttack's own constraints do the checking. Two texts do not show everything, so these are named and not checked:
constraints on single steps (part of speech, embedding distance, sentence encoders, language models); where a step is
more than the edit of one character, whether a word was changed twice; and LEAP's rate of changed words, which holds for
its mutations alone: moves of TextAttack's particle swarm exceed it (4 of 29 texts of one run ended above it).
"""

from collections.abc import Collection, Sequence
from typing import Any

from attacks.shortcuts import CUT_IN_CONTEXT

__all__ = ["broken_promises", "unchecked_promises"]


def broken_promises(attack: Any, before: Any, after: Any) -> list[str]:
    """Names of the constraints of a recipe that an adversarial text does not keep.

    Checked are edit distance and word budgets and, for recipes that swap words, which words must stay (stop words,
    short words). A recipe that edits single characters and changes no word twice must leave each word one edit away.
    Words of texts with Chinese script cannot be aligned; there only distances and budgets are checked.

    Args:
        attack: a ``textattack.Attack``.
        before, after: ``AttackedText`` of the same fields.
    """
    after.attack_attrs["last_transformation"] = attack.transformation
    aligned = not (CUT_IN_CONTEXT.search(before.text) or CUT_IN_CONTEXT.search(after.text))
    kept = [
        *((constraint, constraint(after, before)) for constraint in attack.constraints if _compares_texts(constraint)),
        *(
            (constraint, _kept_by_swaps(constraint, attack.transformation, before, after))
            for constraint in attack.pre_transformation_constraints
            if aligned and _names_words(constraint, attack.transformation)
        ),
    ]
    return [type(constraint).__name__ for constraint, holds in kept if not holds]


def unchecked_promises(attack: Any) -> list[str]:
    """Names of the constraints of a recipe that :func:`broken_promises` does not check, protected fields aside."""
    from textattack.constraints.pre_transformation import InputColumnModification

    unchecked = [constraint for constraint in attack.constraints if not _compares_texts(constraint)]
    unchecked += [
        constraint
        for constraint in attack.pre_transformation_constraints
        if not (isinstance(constraint, InputColumnModification) or _names_words(constraint, attack.transformation))
    ]
    return [type(constraint).__name__ for constraint in unchecked]


def _compares_texts(constraint: Any) -> bool:
    """Whether the constraint is on the last text and the first, and on nothing between."""
    from textattack.constraints.overlap import LevenshteinEditDistance, MaxWordsPerturbed

    return isinstance(constraint, LevenshteinEditDistance | MaxWordsPerturbed) and constraint.compare_against_original


def _names_words(constraint: Any, transformation: Any) -> bool:
    """Whether the words of the first text alone say which of them may change, and how the last text shows it."""
    from textattack.constraints import pre_transformation
    from textattack.shared.validators import transformation_consists_of_word_swaps

    if isinstance(constraint, pre_transformation.RepeatModification):
        return _edits_one_character(transformation)
    by_word = pre_transformation.StopwordModification | pre_transformation.MinWordLength
    return isinstance(constraint, by_word) and bool(transformation_consists_of_word_swaps(transformation))


def _kept_by_swaps(constraint: Any, transformation: Any, before: Any, after: Any) -> bool:
    from textattack.constraints.pre_transformation import RepeatModification

    if isinstance(constraint, RepeatModification):
        return _each_edited_once(before.words, after.words)
    return _only_changed(before.words, after.words, constraint(before, transformation))


def _only_changed(before: Sequence[str], after: Sequence[str], modifiable: Collection[int]) -> bool:
    """Whether ``after`` is ``before`` with modifiable words swapped, each for one word or more, and the others kept."""
    surplus = len(after) - len(before)
    # How many words of `after` the words of `before` so far may have become.
    ends = {0}
    for index, word in enumerate(before):
        if index in modifiable:
            ends = set(range(min(ends) + 1, index + surplus + 2))
        else:
            ends = {end + 1 for end in ends if end < len(after) and after[end] == word}
        if not ends:
            return False
    return len(after) in ends


def _edits_one_character(transformation: Any) -> bool:
    from textattack import transformations
    from textattack.shared.validators import transformation_consists_of

    single = (
        transformations.WordSwapNeighboringCharacterSwap,
        transformations.WordSwapQWERTY,
        transformations.WordSwapRandomCharacterDeletion,
        transformations.WordSwapRandomCharacterInsertion,
        transformations.WordSwapRandomCharacterSubstitution,
    )
    consists: bool = transformation_consists_of(transformation, single)
    return consists


def _each_edited_once(before: Sequence[str], after: Sequence[str]) -> bool:
    return len(before) == len(after) and all(a == b or _is_one_edit(a, b) for a, b in zip(before, after, strict=True))


def _is_one_edit(before: str, after: str) -> bool:
    """Whether a character was put in, left out or replaced, or two neighbours swapped."""
    from textattack.shared.utils import words_from_text

    if len(after) > len(before):
        return before in _shortened(after)
    if len(after) == len(before) and sum(a != b for a, b in zip(before, after, strict=True)) == 1:
        return True
    swapped = [before[:i] + before[i + 1] + before[i] + before[i + 2 :] for i in range(len(before) - 1)]
    # An apostrophe or hyphen that comes to stand at the border is not part of the word any more.
    return any(words_from_text(edited) == [after] for edited in [*_shortened(before), *swapped])


def _shortened(word: str) -> list[str]:
    return [word[:i] + word[i + 1 :] for i in range(len(word))]
