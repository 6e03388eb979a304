"""HotFlip's swap for victims whose tokens are pieces: the right word, by the word that should raise the loss most."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import ADVERBS, BAD, GOOD, SUBJECTS, reviews
from subword_victims import (
    attacked,
    less_sure,
    toy_vectors,
    word_pieces,
)

from attacks.textattack_import import import_textattack
from attacks.victim import HuggingFaceVictim
from robustbench_mt.errors import UserError
from robustbench_mt.tasks.task import Task


@pytest.fixture(scope="module", autouse=True)
def textattack() -> Any:
    return import_textattack()


@pytest.fixture
def swap(bert: HuggingFaceVictim, near: Any) -> Any:
    from attacks.gradient_recipes import SubwordGradientSwap

    return SubwordGradientSwap(bert, near)


def flips(swap: Any, text: Any, *indices: int) -> list[list[str]]:
    """What becomes of the words at these indices (all by default)."""
    swapped = swap(text, indices_to_modify=indices or None)
    assert all(len(after.words) == len(text.words) for after in swapped)
    changed = [[i for i, (a, b) in enumerate(zip(after.words, text.words, strict=True)) if a != b] for after in swapped]
    assert all(len(places) == 1 for places in changed)
    return [
        [after.words[places[0]] for after, places in zip(swapped, changed, strict=True) if places[0] == index]
        for index in range(len(text.words))
    ]


def test_estimate_is_the_equation_of_the_paper_summed_over_tokens(bert: HuggingFaceVictim, swap: Any) -> None:
    matrix = bert.model.get_input_embeddings().weight.detach().numpy()
    gradients = bert.get_grad("unwatchable film")
    ids, gradient = gradients["ids"][0, 1:12], gradients["gradient"][1:12]
    candidates = torch.tensor(bert.tokenizer.convert_tokens_to_ids(["plot", "awful", "the"]))
    expected = [sum(g @ (matrix[v] - matrix[i]) for i, g in zip(ids, gradient, strict=True)) for v in candidates]
    np.testing.assert_allclose(swap.estimates(candidates, ids, torch.from_numpy(gradient)), expected, rtol=1e-3)


def test_estimate_of_a_small_step_is_its_effect(checkpoint: Path, task: Task, near: Any, tmp_path: Path) -> None:
    from attacks.gradient_recipes import SubwordGradientSwap

    victim = word_pieces(less_sure(checkpoint, tmp_path), task)
    film, plot = victim.tokenizer.convert_tokens_to_ids(["film", "plot"])
    text = "the film was really awful"
    with torch.no_grad():
        matrix = victim.model.get_input_embeddings().weight
        matrix[plot] = matrix[film] + 0.01 * (matrix[plot] - matrix[film])
    gradients = victim.get_grad(text)
    swap = SubwordGradientSwap(victim, near)
    (estimate,) = swap.estimates(
        torch.tensor([plot]), gradients["ids"][0, 2:3], torch.from_numpy(gradients["gradient"][2:3])
    )
    before, after = torch.log_softmax(torch.from_numpy(victim.score([(text,), (text.replace("film", "plot"),)])), dim=1)
    label = before.argmax()
    assert float(estimate) == pytest.approx(float(before[label] - after[label]), rel=0.05)


def test_a_flip_raises_the_loss_more_often_than_a_random_one(bert: HuggingFaceVictim, swap: Any) -> None:
    generator = np.random.default_rng(0)
    better = worse = 0
    for (text,), _ in reviews()[300:]:
        words = attacked(text)
        for index, group in ((1, SUBJECTS), (3, ADVERBS), (4, GOOD + BAD)):
            ((chosen,),) = (found for found in flips(swap, words, index) if found)
            random = generator.choice([word for word in group if word not in (chosen, words.words[index])])
            texts = [(words.replace_word_at_index(index, word).text,) for word in (chosen, random)]
            label = bert.score([(text,)]).argmax()
            losses = -torch.log_softmax(torch.from_numpy(bert.score(texts)), dim=1)[:, label]
            better, worse = better + int(losses[0] > losses[1]), worse + int(losses[0] < losses[1])
    assert better > 2 * worse


def test_candidates_are_near_whole_words(swap: Any, embedding: Any) -> None:
    text = attacked("the Film was really unwatchable , wonderful")
    swap.top_n = 100
    found = flips(swap, text)
    kinds = {1: SUBJECTS, 3: ADVERBS, 5: GOOD + BAD}
    for index, words in enumerate(found):
        # Words without a vector stay; a word in another case is no other word.
        allowed = {word for word in kinds.get(index, []) if word != text.words[index].lower()}
        assert len(words) == len(set(words))
        assert {word for word in allowed if embedding.get_cos_sim(word, text.words[index].lower()) >= 0.81} <= set(
            words
        )
        assert set(words) <= allowed


def test_the_best_candidate_comes_first_and_must_be_allowed(bert: HuggingFaceVictim, near: Any) -> None:
    from textattack.constraints import Constraint

    from attacks.gradient_recipes import SubwordGradientSwap

    class NoLetterE(Constraint):
        def __init__(self) -> None:
            super().__init__(compare_against_original=False)

        def _check_constraint(self, transformed_text: Any, reference_text: Any) -> bool:
            (index,) = transformed_text.attack_attrs["newly_modified_indices"]
            return "e" not in transformed_text.words[index]

    text = attacked("the plot was truly dreadful")
    ranked = flips(SubwordGradientSwap(bert, near, top_n=100), text, 1, 4)
    allowed = flips(SubwordGradientSwap(bert, near, [NoLetterE()]), text, 1, 4)
    one = flips(SubwordGradientSwap(bert, near), text, 1, 4)
    for index in (1, 4):
        assert one[index] == ranked[index][:1]
        assert allowed[index] == [word for word in ranked[index] if "e" not in word][:1]
    assert allowed != one


@pytest.mark.parametrize("prefix", ["", "naïve unwatchable don't ☃ ", "the film of the "])
def test_the_right_word_is_changed(prefix: str, victim: HuggingFaceVictim, near: Any) -> None:
    from attacks.gradient_recipes import SubwordGradientSwap

    text = attacked(f"{prefix}film was really awful film")
    index = text.words.index("really")
    found = flips(SubwordGradientSwap(victim, near), text, index)
    assert [place for place, words in enumerate(found) if words] == [index]
    assert found[index][0] in ADVERBS


@pytest.mark.parametrize(("protected", "open_words"), [("premise", [5, 6, 7]), ("hypothesis", [0, 1, 2, 3, 4])])
def test_pairs_are_changed_in_the_open_field(
    protected: str, open_words: list[int], victim: HuggingFaceVictim, near: Any
) -> None:
    from textattack.constraints.pre_transformation import InputColumnModification

    from attacks.gradient_recipes import SubwordGradientSwap

    text = attacked("the film was really awful", "unwatchable awful film")
    swap = SubwordGradientSwap(victim, near)
    kept = InputColumnModification(["premise", "hypothesis"], [protected])
    swapped = swap(text, pre_transformation_constraints=[kept])
    changed = [after.all_words_diff(text) for after in swapped]
    if protected == "premise":
        assert [sorted(places) for places in changed] == [[6], [7]]
        assert swapped[1]._text_input["hypothesis"].split()[:2] == ["unwatchable", "awful"]
    else:
        assert [sorted(places) for places in changed] == [[1], [3], [4]]
    assert all(places <= set(open_words) for places in changed)
    assert all(after._text_input[protected] == text._text_input[protected] for after in swapped)


def test_vectors_of_none_of_the_words_are_refused(bert: HuggingFaceVictim) -> None:
    from textattack.constraints.semantics import WordEmbeddingDistance

    from attacks.gradient_recipes import SubwordGradientSwap

    foreign = toy_vectors(["Wein", "Weib"], ["Gesang"])
    with pytest.raises(UserError, match="None of the 52 whole words"):
        SubwordGradientSwap(bert, WordEmbeddingDistance(embedding=foreign, min_cos_sim=0.8))
