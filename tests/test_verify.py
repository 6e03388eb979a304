"""Verifying: an honest run has no finding, and each way of tampering with it gives exactly its own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from available_recipes import needs
from conftest import make_task
from tampering import tamper

from attacks.engine import attack, attack_path
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.verify import Finding, verify
from attacks.victim import load_victim
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

TWENTY = AttackSettings(examples=20)
NAME = "toy-vanilla-seed0"


@pytest.fixture(scope="module")
def attacked(checkpoint: Path, task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's directory with a checkpoint and what deepwordbug and pruthi did to it."""
    out = tmp_path_factory.mktemp("attacked")
    shutil.copytree(checkpoint, out / "checkpoints" / NAME)
    victim = load_victim(str(checkpoint), task)
    for recipe in ("deepwordbug", "pruthi"):
        attack(victim, task, RECIPES[recipe], TWENTY, out)
    return out


@pytest.fixture
def run(attacked: Path, tmp_path: Path) -> Path:
    """A copy to tamper with."""
    return shutil.copytree(attacked, tmp_path / "run")


def findings(directory: Path, victim: str | None = None) -> list[Finding]:
    return [finding for verified in verify(directory, victim) for finding in verified.findings]


def whats(directory: Path) -> list[str]:
    return [finding.what for finding in findings(directory)]


def scored(directory: Path, task: Task, record: AttackRecord, **texts: list[str]) -> AttackRecord:
    """The record with other texts, and scores that are true of them."""
    record = replace(record, **texts)  # type: ignore[arg-type]
    victim = load_victim(str(directory / "checkpoints" / NAME), task)
    before, after = victim.probabilities([tuple(record.texts), tuple(record.perturbed_texts or ())])
    return replace(record, scores=before.tolist(), perturbed_scores=after.tolist())


def test_an_honest_run_has_no_finding(attacked: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = list(verify(attacked))
    assert [(verified.path.stem, verified.checked) for verified in files] == [("deepwordbug", 20), ("pruthi", 20)]
    assert all(not verified.findings and not verified.unchecked for verified in files)
    assert main(["verify", str(attacked)]) == 0
    assert capsys.readouterr().out.count("20 checked, 0 findings") == 2


UNCHECKED = {
    "pwws": "RepeatModification",
    "leap": "MaxModificationRate",
    "input-reduction": "RepeatModification, StopwordModification",
}


@pytest.mark.parametrize("recipe", [needs(recipe) for recipe in UNCHECKED])
def test_other_recipes(recipe: str, checkpoint: Path, task: Task, tmp_path: Path) -> None:
    """No finding, and what two texts cannot show is said."""
    attack(load_victim(str(checkpoint), task), task, RECIPES[recipe], TWENTY, tmp_path)
    (verified,) = verify(tmp_path, str(checkpoint))
    assert (verified.checked, verified.findings, verified.unchecked) == (20, [], UNCHECKED[recipe])


def test_an_error_claims_nothing(run: Path) -> None:
    tamper(run, lambda record: replace(record, status="error", perturbed_scores=[1.0, 0.0]))
    assert whats(run) == []
    assert next(verify(run)).checked == 19


def test_a_score(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def change(record: AttackRecord) -> AttackRecord:
        assert record.perturbed_scores is not None
        return replace(record, perturbed_scores=[record.perturbed_scores[0] + 3e-4, record.perturbed_scores[1]])

    index = tamper(run, change)
    (finding,) = findings(run)
    assert (finding.index, finding.what) == (index, "perturbed_scores")
    assert main(["verify", str(run)]) == 1
    assert f"example {index}: perturbed_scores: recorded" in capsys.readouterr().out


def test_a_score_within_the_tolerance(run: Path) -> None:
    tamper(run, lambda record: replace(record, scores=[score + 5e-5 for score in record.scores or ()]))
    assert whats(run) == []


def test_a_status(run: Path) -> None:
    index = tamper(run, lambda record: replace(record, status="failed"))
    (finding,) = findings(run)
    assert (finding.index, finding.what, finding.recorded) == (index, "label", "failed")


def test_a_label(run: Path) -> None:
    tamper(run, lambda record: replace(record, label=1 - record.label))
    assert whats(run) == ["label"]


def test_an_attack_said_to_have_been_needless(run: Path) -> None:
    def change(record: AttackRecord) -> AttackRecord:
        return replace(
            record, status="skipped", message="misclassified before the attack", perturbed_texts=None, words_changed=0
        )

    tamper(run, change)
    assert whats(run) == ["label"]


def test_a_perturbed_text(run: Path) -> None:
    """The text as it was before the attack: other scores, the true label, and no word changed."""
    tamper(run, lambda record: replace(record, perturbed_texts=record.texts))
    assert whats(run) == ["perturbed_scores", "label", "words_changed"]


def test_a_record_that_is_not_whole(run: Path) -> None:
    tamper(run, lambda record: replace(record, perturbed_scores=None))
    assert whats(run) == ["record"]


def test_words_changed(run: Path) -> None:
    tamper(run, lambda record: replace(record, words_changed=record.words_changed + 1))
    assert whats(run) == ["words_changed"]


def with_word(texts: list[str] | None, old: str, new: str) -> list[str]:
    assert texts is not None
    (text,) = texts
    words = text.split()
    assert old in words
    return [" ".join(new if word == old else word for word in words)]


def test_a_stop_word(run: Path, task: Task) -> None:
    def change(record: AttackRecord) -> AttackRecord:
        changed = scored(run, task, record, perturbed_texts=with_word(record.perturbed_texts, "the", "thex"))
        return replace(changed, words_changed=record.words_changed + 1)

    tamper(run, change)
    assert [what for what in whats(run) if what != "label"] == ["StopwordModification"]


def test_a_word_changed_twice(run: Path, task: Task) -> None:
    def change(record: AttackRecord) -> AttackRecord:
        assert record.perturbed_texts is not None
        pairs = zip(record.texts[0].split(), record.perturbed_texts[0].split(), strict=True)
        changed_word = next(after for before, after in pairs if before != after)
        return scored(
            run, task, record, perturbed_texts=with_word(record.perturbed_texts, changed_word, changed_word + "qq")
        )

    tamper(run, change)
    assert [what for what in whats(run) if what != "label"] == ["RepeatModification"]


def test_more_edits_than_allowed(run: Path, task: Task) -> None:
    """Eleven words of three edits each: more than 30, and each more than one."""
    tamper(
        run,
        lambda record: replace(
            scored(
                run, task, record, texts=[" ".join(["superb"] * 11)], perturbed_texts=[" ".join(["superbxyz"] * 11)]
            ),
            words_changed=11,
        ),
    )
    assert [what for what in whats(run) if what != "label"] == ["LevenshteinEditDistance", "RepeatModification"]


def test_more_words_than_allowed_and_a_short_one(run: Path, task: Task) -> None:
    def texts(record: AttackRecord) -> AttackRecord:
        changed = scored(run, task, record, texts=["superb xyz film"], perturbed_texts=["suprb xz film"])
        return replace(changed, words_changed=2)

    tamper(run, texts, recipe="pruthi")
    assert [what for what in whats(run) if what != "label"] == ["MaxWordsPerturbed", "MinWordLength"]


def test_a_protected_field(
    pair_task: Task, settings: TrainingSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine_tune(pair_task, parse_method("vanilla"), settings).save(tmp_path / "checkpoints" / NAME)
    attack(
        load_victim(str(tmp_path / "checkpoints" / NAME), pair_task),
        pair_task,
        RECIPES["deepwordbug"],
        TWENTY,
        tmp_path,
    )
    assert whats(tmp_path) == []

    def change(record: AttackRecord) -> AttackRecord:
        assert record.perturbed_texts is not None
        # Another space is no other word for the recipe, nor for the tokenizer.
        return replace(record, perturbed_texts=[record.texts[0].replace(" ", "\u00a0", 1), record.perturbed_texts[1]])

    tamper(tmp_path, change, task="toy-pairs")
    assert whats(tmp_path) == ["protected field premise"]
    assert main(["verify", str(tmp_path)]) == 1
    assert "\\xa0" in capsys.readouterr().out


def test_another_checkpoint_of_the_same_name(run: Path, task: Task, settings: TrainingSettings) -> None:
    shutil.rmtree(run / "checkpoints" / NAME)
    fine_tune(task, parse_method("vanilla"), settings, seed=1).save(run / "checkpoints" / NAME)
    assert whats(run) == ["victim (texts were not scored)"] * 2


def test_a_checkpoint_that_is_not_there(run: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run / "checkpoints")
    assert main(["verify", str(run)]) == 2
    assert "--victim" in capsys.readouterr().err
    assert main(["verify", str(run), "--victim", str(checkpoint)]) == 0


@pytest.mark.parametrize("name", ["..", ".", "", "../checkpoints/" + NAME])
def test_a_recorded_name_leads_nowhere(run: Path, name: str) -> None:
    settings = attack_path(run, NAME, "toy", "deepwordbug").with_suffix(".settings.json")
    content = json.loads(settings.read_text(encoding="utf-8"))
    settings.write_text(json.dumps({**content, "checkpoint": name}), encoding="utf-8")
    with pytest.raises(UserError, match="--victim"):
        findings(run)


@pytest.mark.parametrize("change", [{"build": "Attack()"}, {"resources": {"stop words": "others"}}])
def test_a_recipe_built_in_another_way(run: Path, change: dict[str, Any]) -> None:
    """Its constraints cannot be checked, and that is said; labels and scores can."""
    settings = attack_path(run, NAME, "toy", "deepwordbug").with_suffix(".settings.json")
    content = json.loads(settings.read_text(encoding="utf-8"))
    settings.write_text(json.dumps({**content, **change}), encoding="utf-8")
    tamper(run, lambda record: replace(record, status="failed"))
    verified = next(verify(run))
    assert verified.unchecked
    assert [finding.what for finding in verified.findings] == ["label"]


def test_no_attacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "has no attacks" in capsys.readouterr().err


def test_words_that_are_hard_to_cut(checkpoint: Path, tmp_path: Path) -> None:
    """Apostrophes and hyphens at a word's border, Chinese script, and a line break."""
    text = "The don't-wonderful film's o'clock-y a-b ab-c plot\nwas 很好 superb--boring 'quoted' _it_ truly awful"
    plain = (
        "The don't-wonderful film's o'clock-y a-b ab-c d-e-f it's rock'n'roll plot\nwas superb--boring 'quoted' awful"
    )
    task = make_task()
    splits = {**task.splits, "test": Examples([(text,), (plain,)] * 8, [0, 0, 1, 1] * 4)}
    hard = replace(task, splits=splits)
    victim = load_victim(str(checkpoint), hard)
    for recipe in ("deepwordbug", "pruthi"):
        attack(victim, hard, RECIPES[recipe], TWENTY, tmp_path)
    assert findings(tmp_path, str(checkpoint)) == []
