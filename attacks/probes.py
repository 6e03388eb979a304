"""Probing a victim before an attack: what would make the attack's outcome mean less than it seems.

In the manner of AutoAttack's warnings (Croce and Hein 2020, https://arxiv.org/abs/2003.01690, ``checks.py``).
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attacks.victim import Victim

__all__ = ["probe"]

Text = tuple[str, ...]
Probabilities = NDArray[np.float32]

_TEXTS = 8
_WORDS_LEFT_OUT = 6

_REPEATED = 1e-6
# Padding and the packing of layers move a probability by about 4e-6.
_AMONG_OTHERS = 1e-4
# TextAttack ranks words by float32 probabilities, whose steps near 1 are 6e-8.
_BLIND = 1e-6


def probe(victim: Victim, texts: Sequence[Text]) -> list[str]:
    """What to doubt of a victim, one sentence each; nothing for a sound one.

    The first 8 texts are scored, whole and with single words left out; and the 8 of all these that the victim is least
    sure of alone, twice, as a difference shows there most. That takes the scores of 73 texts at most.

    Args:
        victim: a classifier of two or more classes.
        texts: some that are to be attacked.

    Raises:
        UserError: the victim's scores are of the wrong shape or not finite.
    """
    probed = list(dict.fromkeys(texts))[:_TEXTS]
    if not probed:
        return []
    variants = [_with_one_word_left_out(text) for text in probed]
    together = [*probed, *(variant for of_text in variants for variant in of_text)]
    # One text is longer than all, so that texts of one length are padded too.
    longer = tuple(f"{part} {part}" for part in max(probed, key=lambda text: sum(map(len, text))))
    among = victim.probabilities([longer, *together], anew=True)[1:]
    least_sure = np.argsort(among.max(axis=1), kind="stable")[:_TEXTS]
    alone, again = (
        np.concatenate([victim.probabilities([together[row]], anew=True) for row in least_sure]) for _ in range(2)
    )
    # Scores that differ by chance say nothing about batches.
    doubts = _not_deterministic(alone, again) or _depends_on_batch(alone, among[least_sure])
    return doubts + _saturated(among[: len(probed)], among[len(probed) :], [len(of_text) for of_text in variants])


def _not_deterministic(first: Probabilities, second: Probabilities) -> list[str]:
    moved = np.abs(first - second).max(axis=1)
    if not (moved > _REPEATED).any():
        return []
    return [
        f"The same text scored twice got different scores ({(moved > _REPEATED).sum()} of {len(moved)} texts, "
        f"probabilities up to {moved.max():.2g} apart), so no outcome can be repeated: put the model in evaluation "
        "mode, or seed what it draws."
    ]


def _depends_on_batch(alone: Probabilities, among: Probabilities) -> list[str]:
    moved = np.abs(alone - among).max(axis=1)
    if not (moved > _AMONG_OTHERS).any():
        return []
    return [
        f"Scores depend on what else is in the batch ({(moved > _AMONG_OTHERS).sum()} of {len(moved)} texts, "
        f"probabilities up to {moved.max():.2g} apart alone and among others): look for matching or batch "
        "normalization at inference, a missing attention mask, or half precision."
    ]


def _saturated(whole: Probabilities, shortened: Probabilities, counts: Sequence[int]) -> list[str]:
    """Texts whose winning probability stays as it is, whichever of their words is left out."""
    ends = np.cumsum(counts)
    winners = whole.argmax(axis=1)
    tried, blind = 0, []
    for row, winner, end, count in zip(whole, winners, ends, counts, strict=True):
        if count:
            tried += 1
            if np.abs(shortened[end - count : end, winner] - row[winner]).max() <= _BLIND:
                blind.append(float(row[winner]))
    if not blind:
        return []
    return [
        f"Scores of {len(blind)} of {tried} texts are saturated: the winning probability ({np.median(blind):.7f}, the "
        f"median) does not move by more than {_BLIND:g} when a word is left out, so recipes that rank words by it work "
        "in a blind order, and a low success rate may be theirs: have the victim return less extreme probabilities, "
        "or logits, not labels."
    ]


def _with_one_word_left_out(text: Text) -> list[Text]:
    """The text without one of its words, for some words spread evenly; nothing for a text of a single word."""
    words = [(field, match.span()) for field, content in enumerate(text) for match in re.finditer(r"\S+", content)]
    if len(words) < 2:
        return []
    chosen = np.unique(np.linspace(0, len(words) - 1, _WORDS_LEFT_OUT).astype(int))
    variants = []
    for field, (begin, end) in (words[index] for index in chosen):
        variants.append((*text[:field], text[field][:begin] + text[field][end:], *text[field + 1 :]))
    return variants
