"""Recipes that read gradients: words are ranked by their own, and the engine runs them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_task, reviews
from subword_victims import (
    LIMIT,
    attacked,
    without_dropout,
    word_pieces,
)

from attacks import engine
from attacks.gradients import word_tokens
from attacks.recipes import RECIPES, Recipe, availability, build, describe
from attacks.settings import AttackSettings, RecipeOptions
from attacks.textattack_import import import_textattack
from attacks.victim import FunctionVictim, HuggingFaceVictim
from robustbench_mt.errors import UserError
from robustbench_mt.records import AttackRecord
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Task


@pytest.fixture(scope="module", autouse=True)
def textattack() -> Any:
    return import_textattack()


# The ranking of A2T


def greedy(wrapper: Any, embedding: Any, limit: int | None = None) -> Any:
    """A2T without its constraints that need resources."""
    from textattack import Attack
    from textattack.constraints.pre_transformation import RepeatModification
    from textattack.goal_functions import UntargetedClassification
    from textattack.search_methods import GreedyWordSwapWIR
    from textattack.transformations import WordSwapEmbedding

    return Attack(
        UntargetedClassification(wrapper),
        [RepeatModification()],
        WordSwapEmbedding(max_candidates=20, embedding=embedding),
        GreedyWordSwapWIR(wir_method="gradient", truncate_words_to=limit),
    )


def order(attack: Any, text: Any) -> list[int]:
    ranked, search_over = attack.search_method._get_index_order(text)
    assert not search_over
    return [int(index) for index in ranked]


def test_ranking_is_textattacks_where_that_is_right(bert: HuggingFaceVictim, checkpoint: Path, embedding: Any) -> None:
    from attacks.gradient_recipes import rank_by_gradients

    theirs = greedy(without_dropout(checkpoint), embedding, LIMIT)
    ours = rank_by_gradients(greedy(bert, embedding, LIMIT), bert)
    for (text,), _ in reviews()[:40]:
        # TextAttack drops what follows the last word.
        words = attacked(text.removesuffix(" ."))
        assert order(ours, words) == order(theirs, words)


def test_ranking_is_by_the_mean_gradient_of_a_words_tokens(bert: HuggingFaceVictim, embedding: Any) -> None:
    from attacks.gradient_recipes import rank_by_gradients

    text = attacked("naïve wonderful film was unwatchable the film was it")
    # Words that are not in the vocabulary fall into letters.
    counts = [5, 1, 1, 1, 11, 1, 1, 1, 1]
    gradient = bert.get_grad(text.text)["gradient"]
    assert len(gradient) == sum(counts) + 2
    weights = [np.abs(part.mean(axis=0)).sum() for part in np.split(gradient[1:-1], np.cumsum(counts)[:-1])]
    ranked = order(rank_by_gradients(greedy(bert, embedding), bert), text)
    assert ranked == sorted(range(9), key=lambda index: -weights[index])


def test_words_that_were_cut_off_come_last(victim: HuggingFaceVictim, embedding: Any) -> None:
    from attacks.gradient_recipes import rank_by_gradients

    text = attacked("the unwatchable film was awful " * 40)
    read = sum(map(bool, word_tokens(text, victim.token_spans(text.text))))
    ranked = order(rank_by_gradients(greedy(victim, embedding), victim), text)
    assert sorted(ranked[:read]) == list(range(read))
    assert ranked[read:] == list(range(read, 200))
    assert sorted(order(rank_by_gradients(greedy(victim, embedding, 5), victim), text)) == [0, 1, 2, 3, 4]


# The recipes


@pytest.fixture
def vectors_file(embedding: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROBUSTBENCH_MT_CACHE", str(tmp_path / "cache"))
    rows = zip(embedding._word2index, embedding.embedding_matrix.tolist(), strict=True)
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, row))}\n" for word, row in rows), encoding="utf-8")
    return path


def test_hotflip_has_the_constraints_and_the_search_of_textattacks(
    bert: HuggingFaceVictim, embedding: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textattack.attack_recipes import HotFlipEbrahimi2017, hotflip_ebrahimi_2017
    from textattack.shared.utils import GLOBAL_OBJECTS

    from attacks.gradient_recipes import build_hotflip

    monkeypatch.setitem(GLOBAL_OBJECTS, "textattack_counterfitted_GLOVE_embedding", embedding)
    ours = build_hotflip(bert)

    def swap_with(_: Any, top_n: int) -> Any:
        assert top_n == ours.transformation.top_n
        return ours.transformation

    monkeypatch.setattr(hotflip_ebrahimi_2017, "WordSwapGradientBased", swap_with)
    assert describe(ours) == describe(HotFlipEbrahimi2017.build(bert))


def outcome(record: AttackRecord) -> tuple[Any, ...]:
    """All that must not depend on what was scored beside it; scores may, by a rounding error."""
    return tuple(value for name, value in vars(record).items() if not name.endswith(("seconds", "scores")))


def outcomes_side_by_side(victim: HuggingFaceVictim, task: Task, recipe: Recipe, out: Path, **more: Any) -> list[Any]:
    """Records of 20 attacks, the same for any number in flight."""
    by_width = []
    for width in (1, 8):
        settings = AttackSettings(examples=20, in_flight=width)
        by_width.append(engine.attack(victim, task, recipe, settings, out / str(width), **more))
    assert list(map(outcome, by_width[0])) == list(map(outcome, by_width[1]))
    assert all(record.status in ("success", "failed", "skipped") for record in by_width[0])
    return by_width[0]


@pytest.mark.parametrize("two_fields", [False, True])
def test_hotflip_in_the_engine_without_its_tagger(
    two_fields: bool, checkpoint: Path, embedding: Any, near: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textattack.constraints.overlap import MaxWordsPerturbed

    from attacks import gradient_recipes

    monkeypatch.setattr(gradient_recipes, "WordEmbeddingDistance", lambda **_: near)
    # The tagger replaced by a constraint that is there already.
    monkeypatch.setattr(gradient_recipes, "PartOfSpeech", lambda: MaxWordsPerturbed(max_num_words=2))
    fields = ("text", "claim") if two_fields else ("text",)
    task = make_task("toy", fields, protected_fields=fields[1:])
    victim = word_pieces(checkpoint, task)
    recipe = replace(RECIPES["hotflip-subword"], needs=("stop words",))
    records = outcomes_side_by_side(victim, task, recipe, tmp_path)
    assert any(record.status == "success" for record in records) or two_fields
    for record in records:
        if record.perturbed_texts is not None:
            changed = attacked(*record.perturbed_texts, fields=fields).all_words_diff(
                attacked(*record.texts, fields=fields)
            )
            assert len(changed) == record.words_changed <= 2
            assert changed <= {1, 3, 4}
            assert record.perturbed_texts[1:] == record.texts[1:]


def test_a2ts_search_in_the_engine(bert: HuggingFaceVictim, task: Task, embedding: Any, tmp_path: Path) -> None:
    def compose(victim: Any) -> Any:
        return greedy(victim, embedding, LIMIT)

    recipe = replace(RECIPES["a2t"], needs=("stop words",), compose=compose)
    records = outcomes_side_by_side(bert, task, recipe, tmp_path)
    assert any(record.status == "success" for record in records)


@pytest.mark.parametrize("recipe", [name for name, recipe in RECIPES.items() if recipe.gradients])
def test_whole_recipes_in_the_engine(
    recipe: str, bert: HuggingFaceVictim, task: Task, vectors_file: Path, tmp_path: Path
) -> None:
    options = RecipeOptions(word_vectors=vectors_file)
    runs, why = availability(RECIPES[recipe], options)
    if not runs:
        pytest.skip(f"{recipe}: {why}")
    records = outcomes_side_by_side(bert, task, RECIPES[recipe], tmp_path, options=options)
    assert any(record.words_changed for record in records)


@pytest.mark.parametrize("recipe", [name for name, recipe in RECIPES.items() if recipe.gradients])
def test_victims_without_gradients_are_refused(recipe: str) -> None:
    scores_only = FunctionVictim("mine", lambda texts: [[0.5, 0.5]] * len(texts), 2, "")
    message = (
        f"The recipe {recipe} reads the victim's gradients, and the victim mine gives scores only: attack a Hugging"
    )
    with pytest.raises(UserError, match=message):
        build(RECIPES[recipe], scores_only, (), ("text",))


def test_slow_tokenizers_are_refused(bert: HuggingFaceVictim, tokenizer_dir: Path, near: Any, embedding: Any) -> None:
    from transformers import BertTokenizer

    from attacks.gradient_recipes import SubwordGradientSwap, rank_by_gradients

    slow = HuggingFaceVictim("slow", Scorer(bert.model, BertTokenizer(str(tokenizer_dir / "vocab.txt"))), [0, 1], "")
    with pytest.raises(UserError, match="tokenizer of slow does not tell"):
        SubwordGradientSwap(slow, near)
    with pytest.raises(UserError, match="tokenizer of slow does not tell"):
        rank_by_gradients(greedy(slow, embedding), slow)
