"""Transfer: the matrix is what scoring by hand gives, is scored once, and refuses what would make it wrong."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import reviews
from tampering import tamper

from attacks.engine import attack, attack_path
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings, VictimOptions
from attacks.transfer import transfer
from attacks.victim import load_victim
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import AttackRecord, TransferRecord, to_json
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

FIRST, SECOND = "toy-vanilla-seed0", "toy-vanilla-seed1"


@pytest.fixture(scope="module")
def attacked(
    checkpoint: Path, task: Task, settings: TrainingSettings, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Two checkpoints of one task, both attacked."""
    out = tmp_path_factory.mktemp("attacked")
    shutil.copytree(checkpoint, out / "checkpoints" / FIRST)
    fine_tune(task, parse_method("vanilla"), settings, 1).save(out / "checkpoints" / SECOND)
    for name, examples in ((FIRST, 20), (SECOND, 10)):
        victim = load_victim(str(out / "checkpoints" / name), task)
        attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=examples), out)
    return out


@pytest.fixture
def run(attacked: Path, tmp_path: Path) -> Path:
    return shutil.copytree(attacked, tmp_path / "run")


def lines(directory: Path) -> list[TransferRecord]:
    return list(read_records(directory / "transfer.jsonl", TransferRecord))


def by_pair(records: list[TransferRecord]) -> dict[tuple[str, str], TransferRecord]:
    return {(record.source, record.target): record for record in records}


def test_the_matrix_is_what_scoring_gives(run: Path, task: Task) -> None:
    matrix = by_pair(transfer(run))
    assert set(matrix) == {(source, target) for source in (FIRST, SECOND) for target in (FIRST, SECOND)}
    assert sorted(map(repr, lines(run))) == sorted(map(repr, matrix.values()))
    for (source, target), record in matrix.items():
        victim = load_victim(str(run / "checkpoints" / target), task)
        found = [
            attacked
            for attacked in read_records(attack_path(run, source, "toy", "deepwordbug"), AttackRecord)
            if attacked.status == "success"
        ]
        right = [victim.score([tuple(one.texts)])[0].argmax() == one.label for one in found]
        wrong = [victim.score([tuple(one.perturbed_texts or ())])[0].argmax() != one.label for one in found]
        assert (record.found, record.n) == (len(found), sum(right))
        assert record.fooled == sum(before and after for before, after in zip(right, wrong, strict=True))
        assert (record.victim, record.split, record.data) == (
            victim.fingerprint,
            "test",
            task.split("test").fingerprint,
        )
    assert matrix[FIRST, FIRST].found >= 10


def test_the_attacked_checkpoint_is_fooled_by_all(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (FIRST, SECOND):
        record = by_pair(transfer(run))[name, name]
        assert record.found == record.n == record.fooled
    assert "Warning" not in capsys.readouterr().err


def test_texts_that_do_not_fool_their_own_checkpoint_are_said(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, label = reviews()[300]
    tamper(run, lambda record: replace(record, perturbed_texts=list(text), label=label))
    record = by_pair(transfer(run))[FIRST, FIRST]
    assert record.fooled == record.found - 1
    assert f"is fooled by {record.fooled} of the {record.found} texts" in " ".join(capsys.readouterr().err.split())


def test_a_pair_is_scored_once(run: Path) -> None:
    first = transfer(run)
    content = (run / "transfer.jsonl").read_bytes()
    assert transfer(run) == first
    assert (run / "transfer.jsonl").read_bytes() == content


def test_an_attack_that_went_on_is_scored_anew(run: Path, task: Task) -> None:
    before = by_pair(transfer(run))
    attack(
        load_victim(str(run / "checkpoints" / SECOND), task),
        task,
        RECIPES["deepwordbug"],
        AttackSettings(examples=20),
        run,
    )
    after = by_pair(transfer(run))
    assert after[SECOND, FIRST].found > before[SECOND, FIRST].found
    assert after[FIRST, SECOND] == before[FIRST, SECOND]
    assert len(lines(run)) == 6, "two pairs have two lines"
    assert by_pair(lines(run)) == after, "the last line counts"


def test_a_half_written_line_is_scored_again(run: Path) -> None:
    first = transfer(run)
    path = run / "transfer.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert transfer(run) == first
    assert len(lines(run)) == 4


def test_other_victims(run: Path, sklearn_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "transfer_victim.py").write_text(
        "def never(texts):\n    return [[1.0, 0.0]] * len(texts)\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    specs = [f"sklearn:{sklearn_file}", "python:transfer_victim:never"]
    matrix = by_pair(transfer(run, specs, VictimOptions(allow_pickle=True)))
    assert len(matrix) == 8
    assert matrix[FIRST, "bag-of-words"].n == matrix[FIRST, FIRST].n
    constant = matrix[FIRST, "transfer_victim.never"]
    assert 0 < constant.n < constant.found
    assert constant.fooled == 0


def test_a_checkpoint_with_its_labels_in_another_order(run: Path, checkpoint: Path, tmp_path: Path) -> None:
    """The same classifier with its outputs swapped and named accordingly is fooled by the same texts."""
    import torch

    from robustbench_mt.checkpoints import load_classifier

    model, tokenizer = load_classifier(checkpoint)
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight.flip(0))
        model.classifier.bias.copy_(model.classifier.bias.flip(0))
    model.config.id2label = {0: "positive", 1: "negative"}
    model.config.label2id = {"positive": 0, "negative": 1}
    model.save_pretrained(tmp_path / "swapped")
    tokenizer.save_pretrained(tmp_path / "swapped")
    matrix = by_pair(transfer(run, [str(tmp_path / "swapped")]))
    straight, swapped = matrix[FIRST, FIRST], matrix[FIRST, "swapped"]
    assert (swapped.n, swapped.fooled) == (straight.n, straight.fooled)


def test_a_checkpoint_given_twice_is_one(run: Path) -> None:
    assert len(transfer(run, [str(run / "checkpoints" / FIRST)])) == 4


def test_an_attacked_checkpoint_from_elsewhere(run: Path, tmp_path: Path) -> None:
    shutil.move(run / "checkpoints", tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"no checkpoint for task toy .*--victim"):
        transfer(run)
    assert not (run / "transfer.jsonl").exists()
    matrix = by_pair(transfer(run, [str(tmp_path / "elsewhere" / FIRST)]))
    assert set(matrix) == {(FIRST, FIRST), (SECOND, FIRST)}


def test_recipes_that_keep_the_label_are_left_out(attacked: Path, task: Task, tmp_path: Path) -> None:
    victim = load_victim(str(attacked / "checkpoints" / FIRST), task)
    attack(victim, task, RECIPES["input-reduction"], AttackSettings(examples=1), tmp_path)
    with pytest.raises(UserError, match="input-reduction alone, whose texts keep their label"):
        transfer(tmp_path, [str(attacked / "checkpoints" / FIRST)])


@pytest.fixture
def two_tasks(run: Path, checkpoint: Path, pair_task: Task) -> Path:
    """The same run with an attack on another task."""
    victim = load_victim(str(checkpoint), pair_task)
    attack(victim, pair_task, RECIPES["deepwordbug"], AttackSettings(examples=2), run)
    return run


def test_two_tasks(two_tasks: Path, tmp_path: Path, checkpoint: Path) -> None:
    """Each checkpoint scores its own task, and where it was attacked; another says for which it is, or --task does."""
    records = transfer(two_tasks)
    assert {(record.task, record.source, record.target) for record in records} == {
        *(("toy", source, target) for source in (FIRST, SECOND) for target in (FIRST, SECOND)),
        ("toy-pairs", FIRST, FIRST),
    }
    shutil.copytree(checkpoint, tmp_path / "unknown")
    (tmp_path / "unknown" / "training.json").unlink()
    with pytest.raises(UserError, match=r"attacks on toy, toy-pairs, and .*: add --task"):
        transfer(two_tasks, [str(tmp_path / "unknown")])
    more = transfer(two_tasks, [str(tmp_path / "unknown")], task="toy-pairs")
    assert [(record.task, record.target) for record in more] == [("toy-pairs", FIRST), ("toy-pairs", "unknown")]
    with pytest.raises(UserError, match="did you mean toy-pairs"):
        transfer(two_tasks, task="toy-pair")


def test_another_classifier_of_the_same_name(run: Path, attacked: Path, tmp_path: Path) -> None:
    shutil.copytree(attacked / "checkpoints" / SECOND, tmp_path / "namesakes" / FIRST)
    with pytest.raises(UserError, match=f"Two classifiers are called {FIRST}"):
        transfer(run, [str(tmp_path / "namesakes" / FIRST)])
    shutil.rmtree(run / "checkpoints" / FIRST)
    shutil.copytree(attacked / "checkpoints" / SECOND, run / "checkpoints" / FIRST)
    with pytest.raises(UserError, match="is not the one that deepwordbug attacked"):
        transfer(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, r"example \d+, has label 2"),
        ({"perturbed_texts": None}, r"example \d+, has 0 texts after the attack"),
        ({"texts": ["a", "b"]}, r"example \d+, has 2 texts before the attack"),
    ],
)
def test_records_of_another_task(changes: dict[str, Any], message: str, run: Path) -> None:
    tamper(run, lambda record: replace(record, **changes))
    with pytest.raises(UserError, match=message):
        transfer(run)


def test_damaged_runs(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no attacks"):
        transfer(tmp_path / "none")
    path = attack_path(run, FIRST, "toy", "deepwordbug")
    path.with_suffix(".settings.json").unlink()
    with pytest.raises(UserError, match=r"Cannot read .*settings\.json"):
        transfer(run)


def test_no_success_is_no_mistake(run: Path) -> None:
    path = attack_path(run, SECOND, "toy", "deepwordbug")
    failed = [replace(record, status="failed") for record in read_records(path, AttackRecord)]
    path.write_text("".join(json.dumps(to_json(record)) + "\n" for record in failed), encoding="utf-8")
    record = by_pair(transfer(run))[SECOND, FIRST]
    assert (record.found, record.n, record.fooled) == (0, 0, 0)


def test_a_name_from_a_file_does_not_lead_out_of_the_directory(run: Path, attacked: Path) -> None:
    path = attack_path(run, FIRST, "toy", "deepwordbug").with_suffix(".settings.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, "checkpoint": f"../../{attacked.name}/checkpoints/{FIRST}"}), "utf-8")
    assert {record.target for record in transfer(run)} == {FIRST, SECOND}


def test_command(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", str(run)]) == 0
    assert "deepwordbug" in capsys.readouterr().out
    assert len(lines(run)) == 4
    assert main(["transfer", str(run), "--victim", "no-such-model"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("robustbench-mt: ")
    assert "no-such-model" in error
