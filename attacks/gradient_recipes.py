"""Recipes that read the victim's gradients, made right for victims whose tokens are pieces of words.

Importing this imports TextAttack, see :func:`attacks.textattack_import.import_textattack`.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from textattack import Attack
from textattack.constraints.grammaticality import PartOfSpeech
from textattack.constraints.overlap import MaxWordsPerturbed
from textattack.constraints.pre_transformation import RepeatModification, StopwordModification
from textattack.constraints.semantics import WordEmbeddingDistance
from textattack.goal_functions import UntargetedClassification
from textattack.search_methods import BeamSearch, GreedyWordSwapWIR
from textattack.transformations import WordSwap

from attacks.gradients import whole_words, word_tokens
from attacks.victim import HuggingFaceVictim
from robustbench_mt.errors import BadWordVectorsError, UnfitRecipeError

__all__ = ["GradientRanking", "SubwordGradientSwap", "build_hotflip", "rank_by_gradients"]


class GradientRanking(GreedyWordSwapWIR):
    """TextAttack's greedy search with ``wir_method="gradient"``: a word's weight is the L1 norm of its mean gradient.

    Two things differ from TextAttack's, both errors there. A word's tokens are found by where they stand (see
    :func:`attacks.gradients.word_tokens`). And the gradient is of the whole text as the victim reads it, where
    TextAttack cuts a single text behind the last word that may change, so that all that follows has no say in it.

    Args:
        victim: whose gradients decide.
        truncate_words_to: of the words that may change, only so many are changed; those that the victim does not read
            weigh 0.

    Raises:
        UserError: the victim's tokenizer does not tell where its tokens stand.
    """

    def __init__(self, victim: HuggingFaceVictim, truncate_words_to: int | None) -> None:
        super().__init__(wir_method="gradient", truncate_words_to=truncate_words_to)
        _require_spans(victim)
        self._victim = victim

    def _get_index_order(self, initial_text: Any, max_len: int = -1) -> tuple[NDArray[np.int64], bool]:
        _, indices = self.get_indices_to_order(initial_text)
        indices = np.array(sorted(indices)[: self.truncate_words_to], np.int64)
        gradient = self._victim.get_grad(initial_text.tokenizer_input)["gradient"]
        tokens = word_tokens(initial_text, self._victim.token_spans(initial_text.tokenizer_input))
        weights = [float(np.abs(gradient[tokens[i]].mean(axis=0)).sum()) if tokens[i] else 0.0 for i in indices]
        return indices[np.argsort(-np.array(weights), kind="stable")], False


class SubwordGradientSwap(WordSwap):
    """HotFlip's word swap for victims whose tokens are pieces of words: the swap that should raise the loss most.

    For word w of tokens i with embeddings e_i and gradients g_i, putting the one token v in place of each of them
    changes the loss, to first order, by sum_i g_i . (e_v - e_i) = (sum_i g_i) . e_v - sum_i g_i . e_i. For a word of
    one token this is equation 1 of the paper. For others it is an estimate of a text that is also shorter.

    TextAttack's ``WordSwapGradientBased`` takes the index of a word for that of a token, and any token for a word. It
    returns the ``top_n`` best pairs of word and candidate of a text, and constraints are asked afterwards; with its
    recipe's ``top_n`` of 1 and vectors that must be near, next to nothing is left, and a beam of 10 never holds more
    than one text. In the paper constraints limit what is chosen from. So here the ``top_n`` best candidates of each
    word (which is how TextAttack documents ``top_n``) are chosen from those that the constraints allow.

    Args:
        victim: whose gradients and vocabulary are used. Candidates are its tokens that are whole words inside a text,
            of letters alone; also where a word at a text's beginning would be another token.
        near: word and candidate must both have a vector, and these must be so near. As a constraint it lets words
            without a vector pass; one of the many in a vocabulary would nearly always have the best estimate.
        constraints: others that a swap must keep.
        top_n: candidates for each word.

    Raises:
        UserError: the victim's tokenizer does not tell where its tokens stand, or there is no candidate at all.
    """

    def __init__(
        self, victim: HuggingFaceVictim, near: WordEmbeddingDistance, constraints: Sequence[Any] = (), top_n: int = 1
    ) -> None:
        super().__init__()
        _require_spans(victim)
        self.top_n = top_n
        self.is_black_box = False
        self._victim = victim
        self._near = near
        self._constraints = list(constraints)
        found = [(*entry, self._vector(entry[0])) for entry in whole_words(victim.tokenizer).items()]
        known = [(word, token, vector) for word, token, vector in found if vector is not None]
        if not known:
            raise BadWordVectorsError(
                f"None of the {len(found)} whole words in the vocabulary of {victim.name} has a word vector: give "
                "vectors of its language."
            )
        self._words = [word for word, _, _ in known]
        self._tokens = torch.tensor([token for _, token, _ in known], dtype=torch.long)
        self._vectors = np.array([vector for _, _, vector in known], np.float32)

    def _get_transformations(self, current_text: Any, indices_to_modify: set[int]) -> list[Any]:
        if not indices_to_modify:
            return []
        gradients = self._victim.get_grad(current_text.tokenizer_input)
        tokens = word_tokens(current_text, self._victim.token_spans(current_text.tokenizer_input))
        swapped = []
        for index in sorted(indices_to_modify):
            if tokens[index]:
                gradient = torch.from_numpy(gradients["gradient"][tokens[index]])
                ids = gradients["ids"][0, tokens[index]]
                allowed = self._allowed(
                    current_text, index, self._by_estimate(current_text.words[index], ids, gradient)
                )
                swapped += list(islice(allowed, self.top_n))
        return swapped

    def estimates(self, candidates: torch.Tensor, ids: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """By how much the loss should rise with each candidate in a word's place.

        Args:
            candidates: token ids.
            ids: of the word's tokens.
            gradient: of the word's tokens, tokens x dimensions.
        """
        with torch.no_grad():
            embedded = self._victim.model.get_input_embeddings()(torch.cat([candidates.to(ids.device), ids])).cpu()
        new, old = embedded.float().split([len(candidates), len(ids)])
        changes: torch.Tensor = new @ gradient.sum(dim=0) - (old * gradient).sum()
        return changes

    def _by_estimate(self, word: str, ids: torch.Tensor, gradient: torch.Tensor) -> Iterator[str]:
        """Candidates for a word that are near it, the best first."""
        vector = self._vector(word)
        if vector is None:
            return
        near = np.flatnonzero(self._vectors @ vector >= self._near.min_cos_sim)
        # In another case it is the same word.
        near = near[[self._words[i].lower() != word.lower() for i in near]]
        order = self.estimates(self._tokens[near], ids, gradient).argsort(descending=True, stable=True)
        yield from (self._words[i] for i in near[order.numpy()])

    def _allowed(self, text: Any, index: int, words: Iterator[str]) -> Iterator[Any]:
        for word in words:
            swapped = text.replace_word_at_index(index, word)
            swapped.attack_attrs["last_transformation"] = self
            if all(constraint(swapped, text) for constraint in self._constraints):
                yield swapped

    def _vector(self, word: str) -> NDArray[np.float32] | None:
        """The word's vector, of length 1."""
        vector = self._near.embedding[word if self._near.cased else word.lower()]
        return None if vector is None else vector / np.linalg.norm(vector)

    def extra_repr_keys(self) -> list[str]:
        """What ``repr`` tells."""
        return ["top_n"]


def _require_spans(victim: HuggingFaceVictim) -> None:
    if not victim.tokenizer.is_fast:
        raise UnfitRecipeError(
            f"The tokenizer of {victim.name} does not tell which tokens make up a word, as it is a slow one: save the "
            "checkpoint with a fast one, or choose a recipe that reads scores alone (robustbench-mt list recipes)."
        )


def rank_by_gradients(attack: Attack, victim: HuggingFaceVictim) -> Attack:
    """An attack that TextAttack built with its gradient ranking, with ours."""
    return Attack(
        attack.goal_function,
        attack.constraints + attack.pre_transformation_constraints,
        attack.transformation,
        GradientRanking(victim, attack.search_method.truncate_words_to),
    )


def build_hotflip(victim: HuggingFaceVictim) -> Attack:
    """HotFlip's word-level attack, as ``HotFlipEbrahimi2017`` has it, with a swap that fits tokens that are pieces.

    Built from parts, as ``HotFlipEbrahimi2017.build`` takes no victim but TextAttack's own LSTM.
    """
    near = WordEmbeddingDistance(min_cos_sim=0.8)
    same_part_of_speech = PartOfSpeech()
    return Attack(
        UntargetedClassification(victim),
        [RepeatModification(), StopwordModification(), MaxWordsPerturbed(max_num_words=2), near, same_part_of_speech],
        SubwordGradientSwap(victim, near, [same_part_of_speech]),
        BeamSearch(beam_width=10),
    )
