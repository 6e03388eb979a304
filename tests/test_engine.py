"""The engine: TextAttack's own results, the same whatever the order, and none lost."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from available_recipes import needs
from conftest import make_task, outcome

from attacks.engine import attack, attack_path, choose_examples
from attacks.example import example_seed
from attacks.recipes import RECIPES, availability
from attacks.settings import AttackSettings
from attacks.textattack_import import no_downloads
from attacks.victim import FunctionVictim, Victim, load_victim
from robustbench_mt.checkpoints import load_classifier
from robustbench_mt.comparisons import what_can_be_shown
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, AttackRun, from_json
from robustbench_mt.tasks.task import Examples, Task

TWENTY = AttackSettings(examples=20)


@pytest.fixture(scope="module")
def victim(checkpoint: Path, task: Task) -> Victim:
    return load_victim(str(checkpoint), task)


@pytest.fixture(scope="module")
def outcomes(victim: Victim, task: Task, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[AttackRecord]]:
    out = tmp_path_factory.mktemp("run")
    return out, attack(victim, task, RECIPES["deepwordbug"], TWENTY, out)


@pytest.mark.parametrize("recipe", [needs("deepwordbug"), needs("pwws")])
def test_same_results_as_textattack(recipe: str, checkpoint: Path, victim: Victim, task: Task, tmp_path: Path) -> None:
    """Adversarial texts, statuses and query counts through TextAttack's own wrapper, as its recipe is built by it."""
    ours = attack(victim, task, RECIPES[recipe], TWENTY, tmp_path)
    import textattack

    wrapper = textattack.models.wrappers.HuggingFaceModelWrapper(*load_classifier(checkpoint))
    with no_downloads():
        theirs = getattr(textattack.attack_recipes, RECIPES[recipe].class_name).build(wrapper)
    statuses = set()
    for record in ours:
        seed = example_seed(0, record.index)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        text, label = task.split("test").texts[record.index][0], task.split("test").labels[record.index]
        result = theirs.attack(text, label)
        assert (
            record.status
            == {
                "SuccessfulAttackResult": "success",
                "FailedAttackResult": "failed",
                "SkippedAttackResult": "skipped",
            }[type(result).__name__]
        )
        assert record.queries == result.num_queries
        if record.status != "skipped":
            assert record.perturbed_texts == [result.perturbed_result.attacked_text.text]
            np.testing.assert_allclose(record.perturbed_scores, result.perturbed_result.raw_output, atol=5e-6)
        statuses.add(record.status)
    assert "success" in statuses


def test_records_say_what_happened(outcomes: tuple[Path, list[AttackRecord]], victim: Victim, task: Task) -> None:
    out, records = outcomes
    assert [record.index for record in records] == list(range(20))
    path = attack_path(out, victim.name, task.name, "deepwordbug")
    assert recorded(path) == records
    run = from_json(AttackRun, json.loads(path.with_suffix(".settings.json").read_text(encoding="utf-8")))
    assert (run.recipe, run.split, run.seed, run.sample) == ("deepwordbug", "test", 0, "first")
    assert "LevenshteinEditDistance" in run.build
    for record in records:
        assert record.texts == list(task.split("test").texts[record.index])
        assert record.label == task.split("test").labels[record.index]
        assert record.words == 5
        assert record.scores is not None
        assert sum(record.scores) == pytest.approx(1, abs=1e-5)
        if record.status == "success":
            assert record.perturbed_scores is not None
            assert np.argmax(record.perturbed_scores) != record.label == np.argmax(record.scores)
            assert 1 <= record.words_changed <= record.words
            assert record.queries > 1


def test_two_orders_give_the_same_outcomes(
    outcomes: tuple[Path, list[AttackRecord]], victim: Victim, task: Task, tmp_path: Path
) -> None:
    # The same examples, among others and in another order.
    shuffled = attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=40, sample="random"), tmp_path)
    order = [record.index for record in shuffled]
    assert order != sorted(order)
    first = {record.index: outcome(record) for record in outcomes[1]}
    common = [record for record in shuffled if record.index in first]
    assert len(common) >= 4
    assert all(first[record.index] == outcome(record) for record in common)


@pytest.mark.parametrize("in_flight", [1, 2, 8, 64])
@pytest.mark.parametrize("recipe", [needs("deepwordbug"), needs("pwws"), needs("pruthi")])
def test_any_number_in_flight_gives_the_same_outcomes(
    recipe: str, in_flight: int, victim: Victim, task: Task, tmp_path: Path
) -> None:
    settings = replace(TWENTY, in_flight=in_flight)
    records = attack(victim, task, RECIPES[recipe], settings, tmp_path / "some")
    alone = attack(victim, task, RECIPES[recipe], replace(settings, in_flight=1), tmp_path / "alone")
    assert [outcome(record) for record in records] == [outcome(record) for record in alone]


def recorded(path: Path) -> list[AttackRecord]:
    """The file's records by index; they stand in it in the order in which the attacks ended."""
    return sorted(read_records(path, AttackRecord), key=lambda record: record.index)


def test_more_examples_go_on_from_what_is_there(
    outcomes: tuple[Path, list[AttackRecord]], victim: Victim, task: Task, tmp_path: Path
) -> None:
    few = attack(victim, task, RECIPES["deepwordbug"], replace(TWENTY, examples=7), tmp_path)
    all_twenty = attack(victim, task, RECIPES["deepwordbug"], TWENTY, tmp_path)
    assert all_twenty[:7] == few, "what was recorded is not attacked again"
    assert list(map(outcome, all_twenty)) == list(map(outcome, outcomes[1]))


def test_progress_is_seen_before_the_first_example_has_ended(
    victim: Victim, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("robustbench_mt.progress._SECONDS_BETWEEN_LINES", 0)
    attack(victim, task, RECIPES["deepwordbug"], TWENTY, tmp_path)
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert re.fullmatch(rf"probing {victim.name}: \d+ texts scored", lines[0])
    said = lines.index(what_can_be_shown(20))
    shown = [line for line in lines if line.startswith(f"deepwordbug against {victim.name}: ")]
    assert said < lines.index(shown[0])
    assert re.search(r": 0 of 20, [1-9]\d* texts scored$", shown[0])
    assert re.search(r": 20 of 20, [1-9]\d* texts scored$", shown[-1])


def test_other_settings_are_refused_with_what_differs(victim: Victim, task: Task, tmp_path: Path) -> None:
    two = AttackSettings(examples=2)
    attack(victim, task, RECIPES["deepwordbug"], two, tmp_path)
    with pytest.raises(UserError, match=r"seed is 0 there and 1 now"):
        attack(victim, task, RECIPES["deepwordbug"], replace(two, seed=1), tmp_path)


def test_two_runs_on_one_file_are_refused(victim: Victim, task: Task, tmp_path: Path) -> None:
    from robustbench_mt.ledger import Ledger

    path = attack_path(tmp_path, victim.name, task.name, "deepwordbug")
    with (
        Ledger(path, AttackRecord),
        pytest.raises(UserError, match="is open in another run"),
    ):
        attack(victim, task, RECIPES["deepwordbug"], TWENTY, tmp_path)


@pytest.mark.parametrize("recipe", [needs("deepwordbug"), needs("pwws"), needs("pruthi")])
def test_protected_fields_stay(recipe: str, checkpoint: Path, pair_task: Task, tmp_path: Path) -> None:
    victim = load_victim(str(checkpoint), pair_task)
    records = attack(victim, pair_task, RECIPES[recipe], replace(TWENTY, examples=10), tmp_path)
    for record in records:
        assert record.words == 3
        if record.perturbed_texts is not None:
            assert record.perturbed_texts[0] == record.texts[0]
    assert any(record.perturbed_texts not in (None, record.texts) for record in records)


def test_unprotected_pairs_may_change_in_both_fields(checkpoint: Path, tmp_path: Path) -> None:
    task = make_task("toy-pairs", ("sentence1", "sentence2"))
    victim = load_victim(str(checkpoint), task)
    records = attack(victim, task, RECIPES["deepwordbug"], replace(TWENTY, examples=10), tmp_path)
    assert all(record.words == 8 for record in records)
    changed = [record for record in records if record.perturbed_texts and record.perturbed_texts[0] != record.texts[0]]
    assert changed


def test_input_reduction_runs(victim: Victim, task: Task, tmp_path: Path) -> None:
    records = attack(victim, task, RECIPES["input-reduction"], replace(TWENTY, examples=5), tmp_path)
    for record in records:
        if record.status == "success":
            assert record.perturbed_texts is not None
            assert len(record.perturbed_texts[0].split()) < len(record.texts[0].split())
            assert np.argmax(record.perturbed_scores or []) == record.label


ODD_TEXTS = {
    "empty": "",
    "blank": " \n\t ",
    "punctuation": "... !?",
    "one word": "wonderful",
    "100,000 characters": "wonderful " * 10_000,
    "one word of 100,000 characters": "w" * 100_000,
    "emoji": "the film was wonderful 😀👩‍👩‍👧‍👦 🇩🇪",
    "right to left": "הסרט היה נפלא ומצחיק",
    "arabic": "كان الفيلم رائعا",
    "chinese": "这部电影 非常 wonderful",
    "bidirectional controls": "the \u202efilm\u202c was \u200bwonderful\ufeff",
    "markup": "<script>alert(1)</script> [bold]wonderful[/bold]",
    "lone surrogate": "wonderful \ud800",
}


@pytest.mark.parametrize("recipe", [needs("deepwordbug"), needs("pwws"), needs("pruthi"), needs("input-reduction")])
@pytest.mark.parametrize("kind", ["a function", "a checkpoint"])
def test_odd_texts_are_attacked_or_skipped(
    recipe: str, kind: str, task: Task, checkpoint: Path, tmp_path: Path
) -> None:
    texts = list(ODD_TEXTS.values())
    odd = replace(task, splits={**task.splits, "test": Examples([(text,) for text in texts], [1] * len(texts))})
    function = FunctionVictim("letters", _letters, 2, "")
    victim = function if kind == "a function" else load_victim(str(checkpoint), odd)
    records = attack(victim, odd, RECIPES[recipe], AttackSettings(examples=100), tmp_path)
    by_text = dict(zip(ODD_TEXTS, records, strict=True))
    assert {name: record.message for name, record in by_text.items() if record.status == "error"} == {}
    for name in ("empty", "blank", "punctuation"):
        assert by_text[name].status == "skipped"
        assert by_text[name].message == "not attacked: no word that may change"
    for name in ("100,000 characters", "one word of 100,000 characters"):
        assert "over the limit of 20000" in by_text[name].message
    assert [record.texts[0] for record in records] == texts
    path = attack_path(tmp_path, victim.name, odd.name, recipe)
    assert recorded(path) == records


def _letters(texts: list[str]) -> list[list[float]]:
    shares = [(1 + text.count("w")) / (2 + len(text) / 8 + text.count("w")) for text in texts]
    return [[1 - share, share] for share in shares]


def test_an_exception_of_the_recipe_is_an_error_not_a_defence(
    victim: Victim, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from textattack.search_methods import GreedyWordSwapWIR

    perform = GreedyWordSwapWIR.perform_search

    def breaks(self: Any, initial_result: Any) -> Any:
        if "plot" in initial_result.attacked_text.text:
            raise ZeroDivisionError("broken")
        return perform(self, initial_result)

    monkeypatch.setattr(GreedyWordSwapWIR, "perform_search", breaks)
    records = attack(victim, task, RECIPES["deepwordbug"], TWENTY, tmp_path)
    errors = [record for record in records if record.status == "error"]
    assert errors
    assert all("plot" in record.texts[0] and record.message == "ZeroDivisionError: broken" for record in errors)
    assert any(record.status == "success" for record in records)


@pytest.mark.parametrize(
    "answer", [lambda texts: [[float("nan")] * 2] * len(texts), lambda texts: [[1.0]] * len(texts)]
)
def test_a_bad_victim_ends_the_run(answer: Callable[[Any], Any], task: Task, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="The victim bad returned"):
        attack(FunctionVictim("bad", answer, 2, ""), task, RECIPES["deepwordbug"], TWENTY, tmp_path)


def test_regression_tasks_are_refused(task: Task, victim: Victim, tmp_path: Path) -> None:
    scores = replace(task, label_names=())
    with pytest.raises(UserError, match="regression task"):
        attack(victim, scores, RECIPES["deepwordbug"], TWENTY, tmp_path)


def test_missing_resource_is_refused(victim: Victim, task: Task, tmp_path: Path) -> None:
    missing = [recipe for recipe in RECIPES.values() if not recipe.not_applicable and not availability(recipe)[0]]
    assert missing, "no machine has them all: the language model of alzantot cannot be had any more"
    with pytest.raises(UserError, match=missing[0].name):
        attack(victim, task, missing[0], TWENTY, tmp_path)


def test_seeds_depend_on_run_and_index_alone() -> None:
    seeds = {example_seed(run, index) for run in range(5) for index in range(200)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert example_seed(0, 0) == 2893166218, "the same on every machine"


def test_choosing_examples() -> None:
    assert choose_examples(5, AttackSettings(examples=3)) == [0, 1, 2]
    assert choose_examples(2, AttackSettings(examples=3)) == [0, 1]
    sample = choose_examples(100, AttackSettings(examples=10, sample="random", seed=4))
    assert len(set(sample)) == 10
    longer = choose_examples(100, AttackSettings(examples=20, sample="random", seed=4))
    assert longer[:10] == sample, "a larger sample goes on from a smaller one"
    with pytest.raises(UserError, match="at least 1"):
        AttackSettings(examples=0)
    assert asdict(AttackSettings())["examples"] == 100
