"""The encoder of the recipes that end in -sbert: its vectors, and its place in a recipe."""

import pickle
import random
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from embedded_packages import needs_minilm

from attacks.recipes import RECIPES, build, describe
from attacks.sentence_encoder import THRESHOLDS, encoder_name, find_encoder
from attacks.settings import RecipeOptions
from attacks.textattack_import import import_textattack, no_downloads, quiet
from attacks.victim import load_victim
from robustbench_mt.errors import UserError

import_textattack()  # in silence, before anything else imports it

from textattack.constraints.semantics.sentence_encoders import (  # noqa: E402
    SBERT,
    SentenceEncoder,
    UniversalSentenceEncoder,
)
from textattack.shared import AttackedText  # noqa: E402

from attacks.sentence_constraint import SentenceSimilarity, TextEncoder  # noqa: E402

pytestmark = needs_minilm

TEXTS = [
    "the film was really wonderful .",
    "",
    "it was dull , and the plot was thin",
    "word " * 600,
    "\ud800 lone surrogate",
    "电影 \u202e\x00 ̈́ 🙂",
    "it was dull , and the plot was slim",
    " ",
]
SENTENCE = (
    "the plot of this film is thin and its ending dull but the cast plays with a rare and honest charm throughout"
)
VARIANTS = [f"{name}-sbert" for name in THRESHOLDS]


@pytest.fixture(scope="module")
def minilm():
    return TextEncoder(find_encoder("minilm"))


@pytest.fixture(scope="module")
def victim(checkpoint, task):
    return load_victim(str(checkpoint), task)


def similarity(encoder, threshold=0.8, metric="cosine", window=None, skip=False):
    return SentenceSimilarity(encoder, "minilm", threshold, metric, True, window, skip)


def swapped(text, index, words):
    """The text with one of its words replaced, once for each of ``words``."""
    found = [text.replace_word_at_index(index, word) for word in words]
    for candidate in found:
        candidate.attack_attrs["last_transformation"] = None
    return found


def cosine(one, other):
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_vectors_are_those_of_sentence_transformers(minilm):
    from sentence_transformers import SentenceTransformer

    plain = SentenceTransformer(str(find_encoder("minilm")), device="cpu", local_files_only=True)
    readable = [text.encode("utf-8", "replace").decode("utf-8") for text in TEXTS]
    np.testing.assert_allclose(minilm(TEXTS), plain.encode(readable), atol=1e-5)


def test_neither_order_nor_company_nor_cache_changes_a_vector(minilm):
    together = minilm(TEXTS)
    alone = np.concatenate([TextEncoder(find_encoder("minilm"))([text]) for text in TEXTS[:3]])
    np.testing.assert_allclose(alone, together[:3], atol=1e-6)
    forgetful = TextEncoder(find_encoder("minilm"), cached_texts=2)
    backwards = [*reversed(TEXTS), TEXTS[0], TEXTS[0]]
    for _ in range(2):
        np.testing.assert_allclose(forgetful(backwards), together[[7, 6, 5, 4, 3, 2, 1, 0, 0, 0]], atol=1e-6)


def test_text_is_encoded_once(minilm):
    class Counting(TextEncoder):
        encoded: list[str] = []  # noqa: RUF012 (one instance)

        def _encode(self, texts):
            self.encoded.extend(texts)
            return minilm(texts)

    encoder = Counting(Path())
    text = AttackedText(SENTENCE)
    constraint = similarity(encoder, window=15)
    constraint.call_many(swapped(text, 3, ["movie", "picture"]), text)
    assert len(encoder.encoded) == 3
    constraint.call_many(swapped(text, 3, ["picture", "story"]), text)
    assert len(encoder.encoded) == 4


def test_loading_draws_no_random_numbers():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    TextEncoder(find_encoder("minilm"))(["a film"])
    assert before == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())


@pytest.mark.parametrize("metric", ["cosine", "angular"])
def test_window_around_the_change_is_compared(minilm, metric):
    text = AttackedText(SENTENCE)
    (candidate,) = swapped(text, 9, ["lively"])
    similarity(minilm, metric=metric, window=5, threshold=-1).call_many([candidate], text)
    vectors = minilm(["and its ending dull but", "and its lively dull but"])
    score = cosine(*vectors)
    expected = 1 - np.arccos(score) / np.pi if metric == "angular" else score
    assert candidate.attack_attrs["similarity_score"] == pytest.approx(expected, abs=1e-5)


def test_threshold_decides_and_one_text_is_judged_as_many_are(minilm):
    text = AttackedText(SENTENCE)
    candidates = swapped(text, 9, ["finale", "end", "bicycle", "xq"])
    scores = {}
    for candidate in candidates:
        similarity(minilm)(candidate, text)
        scores[candidate.text] = float(candidate.attack_attrs["similarity_score"])
    ordered = sorted(scores, key=scores.__getitem__)
    threshold = (scores[ordered[1]] + scores[ordered[2]]) / 2
    constraint = similarity(minilm, threshold)
    passed = {candidate.text for candidate in constraint.call_many(candidates, text)}
    assert passed == set(ordered[2:]) == {one.text for one in candidates if constraint(one, text)}
    for candidate in candidates:
        assert candidate.attack_attrs["similarity_score"] == pytest.approx(scores[candidate.text], abs=1e-5)


def test_texts_shorter_than_the_window_pass_where_the_recipe_says_so(minilm):
    text = AttackedText("a dull film")
    (candidate,) = swapped(text, 1, ["wonderful"])
    assert similarity(minilm, 1.1, window=15, skip=False).call_many([candidate], text) == []
    assert similarity(minilm, 1.0, window=15, skip=True).call_many([candidate], text) == [candidate]


def test_fields_of_a_pair_are_compared_together(minilm):
    text = AttackedText(OrderedDict(premise="A man is asleep.", hypothesis="A man sleeps."))
    (candidate,) = swapped(text, len(text.words) - 1, ["dances"])
    similarity(minilm).call_many([candidate], text)
    whole = [f"A man is asleep.\nA man {verb}" for verb in ("sleeps", "dances")]
    assert candidate.attack_attrs["similarity_score"] == pytest.approx(cosine(*minilm(whole)), abs=1e-5)


@pytest.mark.parametrize("name", THRESHOLDS)
def test_published_recipe_needs_its_own_encoder(name):
    own = "sentence-bert" if name == "a2t" else "universal sentence encoder"
    assert own in RECIPES[name].needs
    variant = RECIPES[f"{name}-sbert"]
    assert set(variant.needs) == {*RECIPES[name].needs, "sentence encoder"} - {own}
    for same in ("class_name", "paper", "url", "gradients", "single_field"):
        assert getattr(variant, same) == getattr(RECIPES[name], same)


def test_published_recipe_is_not_built_without_its_encoder(tiny_encoder, victim, monkeypatch, tmp_path):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
    with pytest.raises(UserError, match="textfooler needs what is not here: universal sentence encoder"):
        build(RECIPES["textfooler"], victim, (), ("text",), RecipeOptions(sentence_encoder=str(tiny_encoder)))


@pytest.mark.parametrize("name", THRESHOLDS)
def test_variant_differs_from_the_published_recipe_in_the_encoder_alone(name, tiny_encoder, victim):
    textattack = import_textattack()
    with quiet(), no_downloads():
        published = getattr(textattack.attack_recipes, RECIPES[name].class_name).build(victim)
    variant = build(RECIPES[f"{name}-sbert"], victim, (), ("text",), RecipeOptions(sentence_encoder="minilm"))
    assert len(variant.constraints) == len(published.constraints)
    for theirs, ours in zip(published.constraints, variant.constraints, strict=True):
        if not isinstance(theirs, SentenceEncoder):
            assert repr(theirs) == repr(ours)
            continue
        assert isinstance(theirs, UniversalSentenceEncoder | SBERT)
        assert type(ours) is SentenceSimilarity
        for kept in ("metric", "window_size", "skip_text_shorter_than_window", "compare_against_original"):
            assert getattr(ours, kept) == getattr(theirs, kept)
        known = THRESHOLDS[name]
        assert (known.metric, known.published) == (theirs.metric, theirs.threshold)
        assert theirs.window_size == (known.window or float("inf"))
        assert ours.threshold == known.ours
    assert repr(variant.transformation) == repr(published.transformation)
    assert f"threshold):  {known.ours}" in describe(variant)
    assert "(encoder):  minilm, " in describe(variant)
    assert "UniversalSentenceEncoder" not in describe(variant)


def test_encoder_is_not_loaded_before_it_is_asked(tiny_encoder, victim, model_copy):
    variant = build(RECIPES["bae-sbert"], victim, (), ("text",), RecipeOptions(sentence_encoder=str(model_copy)))
    text = AttackedText("the film was really wonderful and the plot was truly charming and the music was superb")
    candidates = swapped(text, 1, ["story"])
    (constraint,) = (one for one in variant.constraints if isinstance(one, SentenceSimilarity))
    with pytest.raises(UserError, match=r"The sentence encoder .* cannot be loaded"):
        constraint.call_many(candidates, text)


def test_another_encoder_is_named_without_its_path(tiny_encoder, victim):
    options = RecipeOptions(sentence_encoder=str(tiny_encoder))
    assert encoder_name(options) == f"{tiny_encoder.resolve().name} (thresholds calibrated for minilm)"
    described = describe(build(RECIPES["textfooler-sbert"], victim, (), ("text",), options))
    assert f"{encoder_name(options)}, " in described
    assert str(tiny_encoder.parent) not in described


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_can_be_sent_to_a_worker(name):
    assert pickle.loads(pickle.dumps(RECIPES[name])).needs == RECIPES[name].needs
