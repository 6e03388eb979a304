"""Static sets: every layout is read as it is meant, and what is not of a layout is one line that says so."""

import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import write_reviews
from static_samples import load, log, rows, written

from attacks.engine import attack, attack_path
from attacks.recipes import RECIPES
from attacks.settings import AttackSettings
from attacks.victim import load_victim
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, EvaluationRecord
from robustbench_mt.tasks.task import Task

ADVGLUE = Path(os.environ.get("ROBUSTBENCH_MT_GLUE", "/nowhere")).parent / "advglue" / "dev.json"

DEV = {
    "sst2": [
        {"idx": 0, "sentence": "a gr8 film", "label": 1},
        {"idx": 1, "sentence": "a dul film", "label": 0},
    ],
    "rte": [{"idx": 0, "sentence1": "it rains", "sentence2": "it is w3t", "label": 1}],
    "mnli": [{"idx": 0, "premise": "it rains", "hypothesis": "it is wet", "label": 0}],
    "mnli-mm": [
        {"idx": 0, "premise": "he runs", "hypothesis": "he sits", "label": 2},
        {"idx": 1, "premise": "he runs", "hypothesis": "he moves", "label": 1},
    ],
}


@pytest.mark.parametrize("indent", [None, 2])
def test_advglue(indent: int | None, tmp_path: Path) -> None:
    """A task that has a name needs no data of its own."""
    path = written(tmp_path / "dev.json", json.dumps(DEV, indent=indent))
    static = load(path)
    assert static.split == "static dev"
    assert rows(static) == [(("a gr8 film",), 1), (("a dul film",), 0)]
    assert rows(load(path, "rte")) == [(("it rains", "it is w3t"), 1)]
    assert rows(load(path, "mnli")) == [(("it rains", "it is wet"), 0)]
    mismatched = load(path, "mnli", split="mismatched")
    assert mismatched.split == "static dev mismatched"
    assert rows(mismatched) == [(("he runs", "he sits"), 2), (("he runs", "he moves"), 1)]


def test_rte_is_in_glues_order(tmp_path: Path) -> None:
    static = load(written(tmp_path / "dev.json", DEV), "rte")
    assert static.task.label_names[1] == "not_entailment"
    named = {"rte": [{**DEV["rte"][0], "label": "not_entailment"}]}
    assert rows(load(written(tmp_path / "named.json", named), "rte")) == rows(static)


@pytest.mark.skipif(not ADVGLUE.is_file(), reason="ROBUSTBENCH_MT_GLUE names no folder beside advglue/dev.json")
@pytest.mark.parametrize(
    ("task", "split", "counts"),
    [
        ("sst2", "test", [72, 76]),
        ("qqp", "test", [46, 32]),
        ("mnli", "test", [32, 39, 50]),
        ("mnli", "mismatched", [60, 45, 57]),
        ("qnli", "test", [74, 74]),
        ("rte", "test", [35, 46]),
    ],
)
def test_the_real_advglue(task: str, split: str, counts: list[int]) -> None:
    labels = [label for _, label in rows(load(ADVGLUE, task, split=split))]
    assert [labels.count(label) for label in range(len(counts))] == counts


@pytest.mark.skipif(not ADVGLUE.is_file(), reason="ROBUSTBENCH_MT_GLUE names no folder beside advglue/dev.json")
def test_advglues_labels_mean_what_glues_do() -> None:
    """Each first example's label, read by a person."""
    sst2, rte, qnli = (rows(load(ADVGLUE, task)) for task in ("sst2", "rte", "qnli"))
    assert "an uneven treat" in sst2[0][0][0]
    assert sst2[0][1] == 1
    assert rte[0] == ((rte[0][0][0], "Doctors Without Borders is an international aid organization ."), 0)
    assert "Apollo 1" in qnli[0][0][0]
    assert "North American" in qnli[0][0][1]
    assert qnli[0][1] == 0


BAD_ADVGLUE = {
    "another task": ({"qqp": DEV["sst2"]}, r"no list 'sst2' for task sst2, but qqp: give another --task"),
    "empty list": ({"sst2": [], "rte": []}, "'sst2' is no list, or an empty one"),
    "no list": ({"sst2": {}, "rte": []}, "'sst2' is no list"),
    "no object": ({"sst2": [1]}, "list sst2, entry 1, is not an object"),
    "missing field": (
        {"sst2": [DEV["sst2"][0], {"label": 1}]},
        "list sst2, entry 2, has no text in column 'sentence'",
    ),
    "other fields": ({"sst2": [{"text": "a", "label": 1}]}, "has text, label, and a static set for task sst2 needs"),
    "field is a number": ({"sst2": [{"sentence": 3, "label": 1}]}, "entry 1, has 3 for a text"),
    "missing label": ({"sst2": [DEV["sst2"][0], {"sentence": "a"}]}, "entry 2, has no label"),
    "label out of range": (
        {"sst2": [{"sentence": "a", "label": 2}]},
        r"entry 1: label '2' is not one of 0 \(negative\), 1 \(positive\), negative, positive",
    ),
    "label is a list": ({"sst2": [{"sentence": "a", "label": [1]}]}, "entry 1, has a label that is neither"),
    "truncated": (json.dumps(DEV)[:60], r"is not valid JSON \(.*line 1 column"),
    "more after it": (json.dumps(DEV) + "\n" + json.dumps(DEV), r"is not valid JSON \(Extra data: line 2"),
    "deep": ('{"sst2": ' + "[" * 100_000, "is not valid JSON"),
    "long number": ('{"sst2": [' + "1" * 10_000 + "]}", "is not valid JSON"),
    "a web page": ("<html>404</html>", "not valid JSON"),
    "empty": ("", "is empty"),
    "blank": ("\n\n", "is empty|not valid"),
    "empty object": ("{}", "needs sentence, label"),
    "settings": ({"record": "attack run", "task": "sst2"}, "has records of kind 'attack run'"),
    "not utf-8": ('{"sst2": [{"sentence": "caf\u00e9", "label": 1}]}'.encode("latin-1"), "line 1, is not UTF-8"),
    "utf-16": (json.dumps(DEV).encode("utf-16"), "is UTF-16"),
    "binary": (b"PK\0\0", "is a binary file"),
}


@pytest.mark.parametrize("name", BAD_ADVGLUE)
def test_bad_advglue(name: str, tmp_path: Path) -> None:
    content, message = BAD_ADVGLUE[name]
    path = written(tmp_path / "dev.json", content)
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_no_such_file_or_task(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no file"):
        load(tmp_path / "none.json")
    path = written(tmp_path / "dev.json", DEV)
    with pytest.raises(UserError, match="did you mean sst2"):
        load(path, "sst3")
    with pytest.raises(UserError, match="regression task"):
        load(path, "stsb")
    with pytest.raises(UserError, match="--split train says nothing"):
        load(path, split="train")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.csv", "sentence,label\na gr8 film,positive\na dul film,negative\n"),
        ("set.tsv", "label\tsentence\n1\ta gr8 film\n0\ta dul film\n"),
        ("set.jsonl", '{"sentence": "a gr8 film", "label": 1}\n{"sentence": "a dul film", "label": "negative"}\n'),
        ("set.json", '[{"sentence": "a gr8 film", "label": 1}, {"sentence": "a dul film", "label": 0}]'),
        ("set", '{"sentence": "a gr8 film", "label": 1}\n{"sentence": "a dul film", "label": 0}\n'),
    ],
)
def test_any_table(name: str, content: str, tmp_path: Path) -> None:
    assert rows(load(written(tmp_path / name, content))) == [(("a gr8 film",), 1), (("a dul film",), 0)]


def test_a_table_of_a_users_own_task(tmp_path: Path) -> None:
    task = write_reviews(tmp_path / "reviews.csv", columns="review,mood")
    path = written(tmp_path / "set.csv", "review,mood\nthe film was gr8,positive\n")
    options = {"text_column": ("review",), "label_column": "mood"}
    static = load(path, str(task), **options)
    assert rows(static) == [(("the film was gr8",), 1)]
    assert len(static.task.split("test")) > 1, "the task's own splits stay"


def test_label_names_that_are_numbers_of_others(tmp_path: Path) -> None:
    """Stars 1 and 2: a label is a name, never an index."""
    task = write_reviews(tmp_path / "stars.csv", ("1", "2"))
    assert rows(load(written(tmp_path / "set.csv", "text,label\na film,1\n"), str(task))) == [(("a film",), 0)]
    with pytest.raises(UserError, match="label '0' is not one of 1, 2"):
        load(written(tmp_path / "bad.csv", "text,label\na film,0\n"), str(task))


def test_names_of_files_are_made_safe(tmp_path: Path) -> None:
    path = written(tmp_path / "a b;c\u202e.json", DEV)
    assert load(path).split == "static a_b_c_"


# --- our own attacks


@pytest.fixture(scope="module")
def user_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")


@pytest.fixture(scope="module")
def attacked(checkpoint: Path, task: Task, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of an attack."""
    out = tmp_path_factory.mktemp("attacked")
    victim = load_victim(str(checkpoint), task)
    attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=20), out)
    return attack_path(out, victim.name, task.name, "deepwordbug")


def successes(path: Path) -> list[AttackRecord]:
    return [record for record in read_records(path, AttackRecord) if record.status == "success"]


def test_an_attack_scored_on_the_checkpoint_that_it_fooled(
    attacked: Path, checkpoint: Path, user_task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", str(checkpoint), "--task", str(user_task), "--static", str(attacked)]
    assert main([*command, "--out", str(tmp_path)]) == 0
    (record,) = read_records(tmp_path / "evaluate.jsonl", EvaluationRecord)
    assert record.split == "static deepwordbug"
    assert record.n == len(successes(attacked)) > 5
    assert record.metrics["accuracy"] == 0
    low, high = record.intervals["accuracy"]
    assert low == 0 < high < 0.4, "that none is right is no certainty"
    assert record.warnings == [], "an accuracy under chance is what adversarial texts are for"
    first = capsys.readouterr().out
    assert "static deepwordbug" in " ".join(first.split())
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert len(list(read_records(tmp_path / "evaluate.jsonl", EvaluationRecord))) == 1
    assert main(command) == 0, "without --out nothing is kept"
    assert capsys.readouterr().out == first * 2


def test_successes_alone_count(attacked: Path, user_task: Path) -> None:
    static = load(attacked, str(user_task))
    assert rows(static) == [(tuple(record.perturbed_texts or ()), record.label) for record in successes(attacked)]


@pytest.fixture
def own(attacked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(attacked.parent, tmp_path / "own")) / attacked.name


def test_settings_that_do_not_fit(own: Path, user_task: Path) -> None:
    with pytest.raises(UserError, match=r"is of an attack on toy \(text; negative, positive\), not on sst2"):
        load(own)
    settings = own.with_suffix(".settings.json")
    content = json.loads(settings.read_text(encoding="utf-8"))
    written(settings, {**content, "label_names": ["positive", "negative"]})
    with pytest.raises(UserError, match="positive, negative"):
        load(own, str(user_task))
    written(settings, {**content, "recipe": "input-reduction"})
    with pytest.raises(UserError, match="texts of input-reduction keep their label"):
        load(own, str(user_task))
    written(settings, {**content, "task": "rotten_tomatoes"})
    with pytest.raises(UserError, match=r"attack on rotten_tomatoes .* not on imdb"):
        load(own, "imdb")
    settings.unlink()
    assert len(rows(load(own, "sst2"))) == len(successes(own)), "nothing says that it is not"
    with pytest.raises(UserError, match="has 1 texts before the attack, and the task has 2 text fields"):
        load(own, "rte")


def test_damaged_attacks(own: Path, user_task: Path) -> None:
    lines = own.read_text(encoding="utf-8").splitlines()
    written(own, lines[0].replace('"success"', '"failed"') + "\n")
    with pytest.raises(UserError, match="no attack that succeeded"):
        load(own, str(user_task))
    written(own, "\n".join([lines[0], "{", *lines[1:]]) + "\n")
    with pytest.raises(UserError, match="line 2, is not a record"):
        load(own, str(user_task))


def test_a_text_with_a_lone_surrogate_stays_as_it_is(own: Path, user_task: Path) -> None:
    line = json.loads(next(line for line in own.read_text(encoding="utf-8").splitlines() if '"success"' in line))
    written(own, json.dumps({**line, "perturbed_texts": ["the \ud83d film"]}) + "\n")
    assert rows(load(own, str(user_task))) == [(("the \ud83d film",), line["label"])]


def test_doubts_of_the_set_reach_the_record(
    checkpoint: Path, user_task: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(
        tmp_path / "log.csv",
        ("see [[link]]", "see [[new]] [[link]]", 1, "Successful"),
        ("a [[bad]] film", "a [[bda]] film", 0, "Successful"),
    )
    out = tmp_path / "out"
    command = ["evaluate", str(checkpoint), "--task", str(user_task), "--static", str(path), "--out", str(out)]
    assert main(command) == 0
    (record,) = read_records(out / "evaluate.jsonl", EvaluationRecord)
    assert "1 of 2 texts have [[ or ]]" in record.warnings[0]
    assert "1 of 2 texts" in capsys.readouterr().out
    log(path, ("a [[bad]] film", "a [[bda]] film", 0, "Successful"), ("[[b]]", "[[c]]", 0, "Successful"))
    assert main(command) == 2
    assert "data is" in capsys.readouterr().err


def test_a_mistake_is_one_line(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "dev.json", {"rte": DEV["rte"]})
    assert main(["evaluate", str(checkpoint), "--task", "sst2", "--static", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"robustbench-mt: {path} has no list 'sst2'")
