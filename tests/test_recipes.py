"""The catalogue of recipes agrees with TextAttack, and building one neither fetches, nor prints, nor leaves a trace."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
import textwrap
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import pytest

from attacks import recipes
from attacks.recipes import RECIPES, availability, build, describe
from attacks.settings import RecipeOptions
from attacks.textattack_import import import_textattack, no_downloads
from robustbench_mt.errors import UserError
from robustbench_mt.registry import choose
from robustbench_mt.resources import RESOURCES, find

ROOT = Path(__file__).parent.parent
NO_NETWORK = """
import os, socket

def refuse(*address, **_):
    with open(os.environ["ATTEMPTS"], "a") as attempts:
        print(address, file=attempts)
    raise OSError("no network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


class BagOfWords:
    """A victim of two classes: each kind word speaks for the second."""

    model = None
    tokenizer = None

    def __call__(self, texts):
        kind = [sum(text.count(word) for word in ("good", "great", "fine")) for text in map(str, texts)]
        return [[1 / (2 + count), 1 - 1 / (2 + count)] if count else [0.9, 0.1] for count in kind]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ROBUSTBENCH_MT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def textattack():
    return import_textattack()


def recipe_names(**chosen):
    return [name for name, recipe in RECIPES.items() if all(bool(getattr(recipe, k)) == v for k, v in chosen.items())]


def in_a_bare_home(home: Path, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run code as a user with an empty home and no network; ``home/attempts`` lists attempts to use one."""
    (home / "site").mkdir()
    (home / "site/sitecustomize.py").write_text(NO_NETWORK)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "NLTK_DATA": str(home / "none"),
        "PYTHONPATH": f"{home / 'site'}{os.pathsep}{ROOT}",
        "ATTEMPTS": str(home / "attempts"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        cwd=home,
    )


def test_catalogue_has_all_of_textattacks_classification_recipes(textattack):
    base = textattack.attack_recipes.AttackRecipe
    classes = {
        name
        for name, value in vars(textattack.attack_recipes).items()
        if inspect.isclass(value) and issubclass(value, base) and value is not base
    }
    translation = {"MorpheusTan2020", "Seq2SickCheng2018BlackBox"}
    assert {recipe.class_name for recipe in RECIPES.values()} == classes - translation


@pytest.mark.parametrize("name", RECIPES)
def test_catalogue_entries_are_whole(name):
    recipe = RECIPES[name]
    assert recipe.name == name
    assert recipe.url.startswith("https://")
    assert re.search(r"[( ]20\d\d\)", recipe.paper)
    assert set(recipe.needs) <= RESOURCES.keys()
    runs, why = availability(recipe)
    assert runs or why


def test_unknown_recipe_names_the_nearest():
    with pytest.raises(UserError, match="Unknown recipe 'text-fooler': did you mean textfooler"):
        choose("recipe", "text-fooler", RECIPES)


def test_catalogue_is_light():
    code = """
        import sys
        from attacks.recipes import RECIPES, availability
        for recipe in RECIPES.values():
            availability(recipe)
        heavy = {"torch", "transformers", "textattack", "nltk", "sklearn", "numpy", "flair", "tensorflow"}
        print(sorted(heavy & sys.modules.keys()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout == "[]\n"


def test_bare_install_without_network_prints_nothing_and_leaves_no_mark(tmp_path):
    code = """
        import json, logging, os
        from collections import OrderedDict
        before = dict(os.environ)
        mine = logging.getLogger("another package")
        from attacks.recipes import RECIPES, availability, build, describe, resources_used

        class Victim:
            model = tokenizer = None
            def __call__(self, texts):
                return [[0.1, 0.9] if "good" in text else [0.9, 0.1] for text in texts]

        told = {}
        for name in ("deepwordbug", "pruthi", "input-reduction"):
            recipe = RECIPES[name]
            attack = build(recipe, Victim(), (), ("text",))
            result = attack.attack(OrderedDict(text="a good film, 电影"), 1)
            told[name] = [availability(recipe), resources_used(recipe), type(result).__name__, describe(attack)]
        textattacks = ("TOKENIZERS_PARALLELISM", "WANDB_SILENT", "HF_HOME", "XDG_CACHE_HOME", "TA_CACHE_DIR")
        told["changed"] = [name for name in textattacks if os.environ.get(name) != before.get(name)]
        told["disabled"] = mine.disabled
        with open("told.json", "w") as stream:
            json.dump(told, stream)
    """
    done = in_a_bare_home(tmp_path, code)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert not (tmp_path / "attempts").exists(), (tmp_path / "attempts").read_text()
    assert not (tmp_path / ".cache/textattack").exists()
    assert not (tmp_path / "nltk_data").exists()
    told = json.loads((tmp_path / "told.json").read_text())
    assert (told.pop("changed"), told.pop("disabled")) == ([], False)
    for name, ((runs, why), used, outcome, description) in told.items():
        assert runs, why
        # NLTK's own list may be installed for all users of this machine.
        assert used["stop words"] in ("NLTK", "scikit-learn (fallback)")
        assert why == ("stop words: scikit-learn (fallback)" if "fallback" in used["stop words"] else "")
        assert outcome == ("MaximizedAttackResult" if RECIPES[name].keeps_label else "SuccessfulAttackResult")
        assert "StopwordModification" in description


def test_import_works_where_nothing_can_be_written(tmp_path):
    code = """
        from attacks.textattack_import import import_textattack
        import_textattack()
        import huggingface_hub.constants, textattack.shared.utils.install
        assert textattack.shared.utils.install.TEXTATTACK_CACHE_DIR == "/proc/none/textattack"
        assert huggingface_hub.constants.HF_HUB_CACHE == "/proc/none/.cache/huggingface/hub"
    """
    done = in_a_bare_home(tmp_path, code, HOME="/proc/none", TA_CACHE_DIR="/proc/none/textattack")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_textattacks_install_module_still_downloads_in_a_bare_call(textattack):
    """The import leaves bare calls out; were the download another statement, it would run."""
    tree = ast.parse(Path(textattack.shared.utils.install.__file__).read_text(encoding="utf-8"))
    calls = [ast.unparse(statement) for statement in tree.body if isinstance(statement, ast.Expr)]
    assert calls[-1] == "_post_install_if_needed()"
    assert all(
        call.split("(")[0].split(".")[0] in ("logging", "stream_handler", "logger", "_post_install_if_needed")
        for call in calls
    )


def test_no_downloads_is_undone(textattack):
    import nltk
    from huggingface_hub import constants

    before = nltk.download, constants.HF_HUB_OFFLINE
    with pytest.raises(ValueError, match="within"), no_downloads(), no_downloads():
        assert nltk.download("stopwords") is False
        assert constants.HF_HUB_OFFLINE is True
        raise ValueError("within")
    assert (nltk.download, constants.HF_HUB_OFFLINE) == before


@pytest.mark.parametrize("name", recipe_names(not_applicable=True))
def test_recipe_that_is_not_applicable_says_why(name):
    with pytest.raises(UserError, match=f"recipe {name} cannot be used here: .*list recipes"):
        build(RECIPES[name], BagOfWords(), (), ("text",))


@pytest.mark.skipif(find("wordnet") is None, reason="WordNet is not installed")
@pytest.mark.parametrize(
    ("name", "error"), [("french", "Language fra not one of"), ("spanish", "Language esp not one of")]
)
def test_recipe_that_cannot_be_built_still_cannot(textattack, name, error):
    """When this fails, TextAttack or NLTK has mended it and the catalogue may let it run."""
    build(RECIPES["pwws"], BagOfWords(), (), ("text",))  # so that NLTK finds WordNet
    with no_downloads(), pytest.raises(ValueError, match=error):
        getattr(textattack.attack_recipes, RECIPES[name].class_name).build(BagOfWords())


@pytest.mark.skipif(find("wordnet") is None, reason="WordNet is not installed")
def test_pwws_swaps_synonyms():
    attack = build(RECIPES["pwws"], BagOfWords(), (), ("text",))
    result = attack.attack(OrderedDict(text="a good film"), 1)
    assert type(result).__name__ == "SuccessfulAttackResult"
    first, word, last = result.perturbed_text().split()
    assert (first, last) == ("a", "film")
    from nltk.corpus import wordnet

    assert word in {name for synset in wordnet.synsets("good") for name in synset.lemma_names()}


def test_missing_resource_is_named_with_its_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv("TA_CACHE_DIR", str(tmp_path))
    with pytest.raises(
        UserError, match=r"The recipe iga needs .*: counter-fitted vectors\. .*paragramcf.*--word-vectors"
    ):
        build(RECIPES["iga"], BagOfWords(), (), ("text",))


@pytest.mark.parametrize("protected", [("question",), ("sentence",)])
def test_protected_field_stays_as_it_is(protected):
    attack = build(RECIPES["deepwordbug"], BagOfWords(), protected, ("question", "sentence"))
    texts = OrderedDict(question="is the wine good", sentence="it tastes great")
    result = attack.attack(texts, 1)
    after = result.perturbed_result.attacked_text._text_input
    assert {name for name in texts if after[name] != texts[name]} == texts.keys() - set(protected)


def test_recipes_own_protection_by_column_name_is_replaced(textattack):
    constraints = textattack.constraints.pre_transformation
    own = constraints.InputColumnModification(["premise", "hypothesis"], {"premise"})
    attack = textattack.Attack(
        textattack.goal_functions.UntargetedClassification(BagOfWords()),
        [own, constraints.RepeatModification()],
        textattack.transformations.WordSwapRandomCharacterDeletion(),
        textattack.search_methods.GreedyWordSwapWIR(),
    )

    def open_words(*fields):
        text = textattack.shared.AttackedText(OrderedDict(zip(fields, ("one two", "three four"), strict=True)))
        return attack.get_indices_to_order(text)[1]

    assert open_words("premise", "hypothesis") == [2, 3]
    recipes._protect(attack, (), ("premise", "hypothesis"))
    assert open_words("premise", "hypothesis") == [0, 1, 2, 3]
    recipes._protect(attack, ("sentence2",), ("sentence1", "sentence2"))
    assert open_words("sentence1", "sentence2") == [0, 1]
    recipes._protect(attack, ("sentence1",), ("sentence1", "sentence2"))
    assert open_words("sentence1", "sentence2") == [2, 3]


def test_pruthi_2_changes_two_words_once_each():
    texts = OrderedDict(text="good film great")
    assert type(build(RECIPES["pruthi"], BagOfWords(), (), ("text",)).attack(texts, 1)).__name__ == "FailedAttackResult"
    result = build(RECIPES["pruthi-2"], BagOfWords(), (), ("text",)).attack(texts, 1)
    assert type(result).__name__ == "SuccessfulAttackResult"
    first, second, third = result.perturbed_text().split()
    assert first != "good" and second == "film" and third != "great"


def test_targeted_recipe_becomes_untargeted():
    attack = build(RECIPES["bad-characters-deletions"], BagOfWords(), (), ("text",))
    assert type(attack.goal_function).__name__ == "UntargetedClassification"
    # TextAttack's target is class 0: a text of class 0 would count as a success without a change.
    result = attack.attack(OrderedDict(text="a film"), 0)
    assert type(result).__name__ == "FailedAttackResult"


def test_adapted_recipe_is_what_its_adapter_returns(textattack):
    asked = []

    def adapt(attack, victim, options):
        asked.append((victim, options))
        # Within it, as within TextAttack's own build, nothing is downloaded.
        import nltk

        assert nltk.download("stopwords") is False
        return textattack.Attack(
            attack.goal_function,
            [textattack.constraints.pre_transformation.InputColumnModification(["premise"], {"premise"})],
            attack.transformation,
            attack.search_method,
        )

    victim, options = BagOfWords(), RecipeOptions(sentence_encoder="another")
    recipe = replace(RECIPES["pruthi"], adapt=adapt)
    adapted = [build(recipe, victim, ("text",), ("text",), given) for given in (options, None)]
    assert asked == [(victim, options), (victim, RecipeOptions())]
    # Fields are protected as in any other recipe.
    assert [list(attack.pre_transformation_constraints[0].columns_to_ignore) for attack in adapted] == [["text"]] * 2
    assert "MinWordLength" not in describe(adapted[0])


@pytest.mark.parametrize("name", recipe_names(single_field=True))
def test_recipe_for_single_texts_refuses_pairs(name):
    with pytest.raises(UserError, match=f"recipe {name} cannot be used here: it cannot attack sentence pairs"):
        build(RECIPES[name], BagOfWords(), (), ("premise", "hypothesis"))
