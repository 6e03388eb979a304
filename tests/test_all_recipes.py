"""The contract that every recipe keeps, on tiny resources made here: TextAttack's outcomes, whatever runs beside it."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_task

from attacks.engine import attack
from attacks.example import example_seed, seed_generators
from attacks.outcomes import with_outcome
from attacks.recipes import RECIPES, Recipe, availability, build, describe
from attacks.settings import AttackSettings, RecipeOptions
from attacks.textattack_import import import_textattack, no_downloads, quiet
from attacks.verify import verify
from attacks.victim import Victim, load_victim
from robustbench_mt.checkpoints import load_classifier
from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord
from robustbench_mt.resources import RESOURCES, find
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

TEXTS = [
    ("the film was really wonderful .", 1),
    ("it was truly awful .", 0),
    ("the story was quite superb .", 0),  # misclassified, so that it is skipped
    # With a place, a person, a number and what can be contracted.
    ("in Paris the film of Anna was not charming . 12 was not brilliant .", 1),
    # Longer than the windows of sentence encoders.
    (
        "the film was really wonderful and the plot was truly charming and the music was simply superb and brilliant .",
        1,
    ),
]
SETTINGS = AttackSettings(examples=len(TEXTS))

Run = Callable[[str], list[AttackRecord]]


def recipes(which: Callable[[Recipe], bool] = lambda _: True) -> pytest.MarkDecorator:
    chosen = [name for name, recipe in RECIPES.items() if not recipe.not_applicable and which(recipe)]
    return pytest.mark.parametrize("name", chosen)


@pytest.fixture(scope="module", autouse=True)
def options(tiny_encoder: Path) -> RecipeOptions:
    """The resources are there, and a tiny encoder for the recipes that take any."""
    return RecipeOptions(sentence_encoder=str(tiny_encoder))


@pytest.fixture(scope="module")
def hard_task(task: Task) -> Task:
    """The toy task with texts that give every recipe something to do."""
    texts, labels = zip(*TEXTS, strict=True)
    return replace(task, splits={**task.splits, "test": Examples([(text,) for text in texts], list(labels))})


@pytest.fixture(scope="module")
def victim(checkpoint: Path, hard_task: Task) -> Victim:
    return load_victim(str(checkpoint), hard_task)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def attacked(victim: Victim, hard_task: Task, out: Path, options: RecipeOptions) -> Run:
    """The records of a recipe that attacks four examples at a time; attacked once, for all tests."""

    @cache
    def run(name: str) -> list[AttackRecord]:
        return attack(victim, hard_task, here(name), replace(SETTINGS, in_flight=4), out / name, options=options)

    return run


@pytest.fixture(scope="module")
def pair_victim(settings: TrainingSettings, out: Path) -> tuple[Victim, Task]:
    """A victim of sentence pairs whose first field is protected, and not called premise."""
    task = make_task("toy-pairs", ("question", "sentence"), protected_fields=("question",))
    fine_tune(task, parse_method("vanilla"), settings).save(out / "pairs")
    return load_victim(str(out / "pairs"), task), task


def here(name: str) -> Recipe:
    """The recipe, if its resources are here; otherwise the test is skipped, and says how to get what is missing."""
    missing = [RESOURCES[need] for need in RECIPES[name].needs if find(need) is None]
    if missing:
        pytest.skip(f"{name}: " + "; ".join(f"no {resource.name}: {resource.remedy}" for resource in missing))
    return RECIPES[name]


def outcome(record: AttackRecord) -> tuple[Any, ...]:
    return record.index, record.status, record.message, record.perturbed_texts, record.queries


@recipes()
def test_is_available_and_built_in_one_way_and_in_silence(
    name: str, victim: Victim, capfd: pytest.CaptureFixture[str]
) -> None:
    recipe = here(name)
    assert availability(recipe)[0]
    first, second = (describe(build(recipe, victim, (), ("text",))) for _ in range(2))
    assert first == second
    assert " at 0x" not in first
    assert capfd.readouterr() == ("", "")


@recipes()
def test_attacks_end_and_change_a_text(name: str, attacked: Run) -> None:
    records = attacked(name)
    assert [record.index for record in records] == list(range(len(TEXTS)))
    assert [record.message for record in records if record.status == "error"] == []
    assert {record.status for record in records} >= {"skipped"}
    assert any(record.words_changed for record in records)


@recipes(lambda recipe: recipe.adapt is None and recipe.compose is None)
def test_outcomes_are_those_of_textattack(name: str, attacked: Run, hard_task: Task, checkpoint: Path) -> None:
    """Its own recipe, as it builds it, with its own model wrapper, one example after another."""
    recipe = here(name)
    textattack = import_textattack()
    wrapper = textattack.models.wrappers.HuggingFaceModelWrapper(*load_classifier(checkpoint))
    with quiet(), no_downloads():
        stock = getattr(textattack.attack_recipes, recipe.class_name).build(wrapper, **recipe.arguments)
        if isinstance(stock.goal_function, textattack.goal_functions.TargetedClassification):
            untargeted = textattack.goal_functions.UntargetedClassification(wrapper)
            stock = textattack.Attack(untargeted, stock.constraints, stock.transformation, stock.search_method)
    theirs = []
    for index, ((text,), label) in enumerate(
        zip(hard_task.split("test").texts, hard_task.split("test").labels, strict=True)
    ):
        seed = example_seed(0, index)
        seed_generators(seed)
        with quiet(), no_downloads():
            result = stock.attack(OrderedDict(text=text), int(label))
        record = AttackRecord(index=index, seed=seed, label=int(label), status="skipped", texts=[text])
        theirs.append(with_outcome(record, result, ()))
    assert [outcome(record) for record in attacked(name)] == [outcome(record) for record in theirs]


@recipes()
def test_outcomes_do_not_depend_on_what_runs_beside(
    name: str, attacked: Run, victim: Victim, hard_task: Task, options: RecipeOptions, tmp_path: Path
) -> None:
    alone = attack(victim, hard_task, here(name), replace(SETTINGS, in_flight=1), tmp_path, options=options)
    assert [outcome(record) for record in alone] == [outcome(record) for record in attacked(name)]


@recipes()
def test_pairs_keep_what_is_protected(
    name: str, pair_victim: tuple[Victim, Task], options: RecipeOptions, tmp_path: Path
) -> None:
    recipe = here(name)
    victim, task = pair_victim
    if recipe.single_field:
        with pytest.raises(UserError, match=f"recipe {name} cannot be used here: it cannot attack sentence pairs"):
            attack(victim, task, recipe, SETTINGS, tmp_path, options=options)
        return
    records = attack(victim, task, recipe, AttackSettings(examples=4), tmp_path, options=options)
    assert [record.message for record in records if record.status == "error"] == []
    assert all(record.perturbed_texts[0] == record.texts[0] for record in records if record.perturbed_texts)


@recipes()
def test_records_are_verified(name: str, attacked: Run, out: Path, checkpoint: Path, options: RecipeOptions) -> None:
    attacked(name)
    (verified,) = verify(out / name, str(checkpoint), recipe_options=options)
    assert "built in another way" not in verified.unchecked
    assert (verified.checked, verified.findings) == (len(TEXTS), [])


@recipes()
@pytest.mark.parametrize("most", [1, 2, 15])
def test_budgets_end_attacks_and_make_no_errors(
    name: str, most: int, victim: Victim, hard_task: Task, tmp_path: Path, options: RecipeOptions
) -> None:
    settings = replace(SETTINGS, max_queries=most, in_flight=4)
    records = attack(victim, hard_task, here(name), settings, tmp_path, options=options)
    assert [record.message for record in records if record.status == "error"] == []
    assert max(record.queries for record in records) <= most
    for record in records:
        if record.status == "failed" and record.queries == most:
            assert record.ended_by == "queries"


@recipes(lambda recipe: not recipe.keeps_label)
def test_success_is_another_label(name: str, attacked: Run) -> None:
    """Also for kuleshov, which is content with a probability below 0.7."""
    for record in attacked(name):
        if record.status in ("success", "failed"):
            assert record.perturbed_scores is not None
            flipped = np.argmax(record.perturbed_scores) != record.label
            assert flipped == (record.status == "success")
