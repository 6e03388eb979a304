"""Victims: their scores are the classifier's own, and a bad one is named."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_task

from attacks.settings import VictimOptions
from attacks.victim import FunctionVictim, HuggingFaceVictim, Victim, load_victim
from robustbench_mt.checkpoints import fingerprint, load_classifier
from robustbench_mt.errors import UserError
from robustbench_mt.evaluation import evaluate
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Task


@pytest.fixture(scope="module")
def victim(checkpoint: Path, task: Task) -> Victim:
    return load_victim(str(checkpoint), task)


def test_scores_are_the_models_own_logits(victim: Victim, task: Task) -> None:
    texts = [*task.split("test").texts, ("the film",), ("the film was really wonderful . " * 20,)]
    expected = []
    for text in texts:
        inputs = victim.tokenizer(*text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            expected.append(victim.model(**inputs).logits[0].numpy())
    np.testing.assert_allclose(victim.score(texts), expected, atol=5e-6)


def test_order_and_duplicates_change_nothing(victim: Victim, task: Task) -> None:
    texts = list(task.split("test").texts[:30])
    scores = victim.score(texts)
    np.testing.assert_allclose(victim.score(texts[::-1])[::-1], scores, atol=5e-6)
    np.testing.assert_array_equal(
        victim.score([texts[0], *texts, texts[0]])[[0, -1]], np.tile(victim.score(texts)[0], (2, 1))
    )


def test_a_text_is_scored_once() -> None:
    seen: list[str] = []

    def scores(texts: list[str]) -> list[list[float]]:
        seen.extend(texts)
        return [[0.5, 0.5]] * len(texts)

    assert FunctionVictim("f", scores, 2, "").score([("a",), ("b",), ("a",)]).shape == (3, 2)
    assert seen == ["a", "b"]


@pytest.mark.parametrize("tokens", [16, 64, 4096])
def test_batch_size_changes_nothing(tokens: int, checkpoint: Path, task: Task) -> None:
    scorer = Scorer(*load_classifier(checkpoint))
    texts = task.split("test").texts
    expected = scorer(texts)
    scorer._tokens = tokens
    np.testing.assert_allclose(scorer(texts), expected, atol=5e-6)


def test_no_texts_no_scores(victim: Victim) -> None:
    assert victim.score([]).shape == (0, 2)


def test_is_a_textattack_model_wrapper(victim: Victim) -> None:
    scores = victim(["the film was really wonderful .", "the plot was simply awful ."])
    assert isinstance(scores, torch.Tensor)
    assert scores.argmax(dim=1).tolist() == [1, 0]


def test_two_fields_reach_the_tokenizer_as_two(checkpoint: Path, pair_task: Task) -> None:
    victim = load_victim(str(checkpoint), pair_task)
    pair = ("the film was really wonderful .", "it was awful .")
    inputs = victim.tokenizer(*pair, return_tensors="pt")
    assert inputs["token_type_ids"].max() == 1
    with torch.no_grad():
        expected = victim.model(**inputs).logits
    torch.testing.assert_close(victim([pair]), expected)


def test_labels_in_another_order_are_mapped_by_name(checkpoint: Path, task: Task) -> None:
    straight = load_victim(str(checkpoint), task)
    reversed_task = make_task(label_names=("positive", "negative"))
    turned = load_victim(str(checkpoint), reversed_task)
    texts = task.split("test").texts
    np.testing.assert_array_equal(turned.score(texts)[:, ::-1], straight.score(texts))


def test_names_that_disagree_stop_until_they_are_mapped(checkpoint: Path) -> None:
    task = make_task(label_names=("bad", "good"))
    with pytest.raises(UserError, match="--map-labels"):
        load_victim(str(checkpoint), task)
    mapped = load_victim(str(checkpoint), task, VictimOptions(map_labels="bad=negative,good=positive"))
    assert evaluate(mapped.score, "mapped", task).metrics["accuracy"] > 0.9  # type: ignore[operator]
    crossed = load_victim(str(checkpoint), task, VictimOptions(map_labels="bad=positive,good=negative"))
    record = evaluate(crossed.score, "crossed", task)
    assert "under chance: the labels are probably in another order" in record.warnings[0]


def test_another_number_of_labels_is_refused(checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"3 classes .* the checkpoint has 2"):
        load_victim(str(checkpoint), make_task(label_names=("negative", "neutral", "positive")))


def test_constant_predictions_are_doubted(task: Task) -> None:
    constant = FunctionVictim("c", lambda texts: [[1.0, 0.0]] * len(texts), 2, "")
    warnings = evaluate(constant.score, "c", task).warnings
    assert any("Every example is classified as negative" in warning for warning in warnings)


def test_sklearn_victim(sklearn_file: Path, task: Task) -> None:
    with pytest.raises(UserError, match="--allow-pickle"):
        load_victim(f"sklearn:{sklearn_file}", task)
    victim = load_victim(f"sklearn:{sklearn_file}", task, VictimOptions(allow_pickle=True))
    record = evaluate(victim.score, victim.name, task)
    assert record.metrics["accuracy"] == 1
    assert victim.name == "bag-of-words"


def test_python_victim(tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_victim_module.py").write_text(
        "def score(texts):\n    return [[0.0, 1.0] if 'wonderful' in text else [1.0, 0.0] for text in texts]\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    victim = load_victim("python:my_victim_module:score", task)
    assert victim.score([("wonderful",), ("awful",)]).tolist() == [[0, 1], [1, 0]]


def fails(_: Any) -> Any:
    raise RuntimeError("no such luck\nsecond line")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda texts: [[0.5, 0.5]], r"returned scores of shape \(1, 2\) for 2 texts: it must be \(2, 2\)"),
        (lambda texts: [[0.2, 0.3, 0.5]] * len(texts), r"shape \(2, 3\)"),
        (lambda texts: [0.5] * len(texts), r"shape \(2,\)"),
        (lambda texts: [[math.nan, 0.5]] * len(texts), "not finite"),
        (lambda texts: [[math.inf, 0.5]] * len(texts), "not finite"),
        (lambda texts: [["a", "b"]] * len(texts), "matrix of numbers"),
        (lambda texts: None, "shape|matrix"),
        (fails, "raised RuntimeError: no such luck. Mend"),
    ],
)
def test_bad_functions(function: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        FunctionVictim("mine", function, 2, "").score([("a",), ("b",)])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/no/such/checkpoint", "no directory /no/such/checkpoint"),
        ("no-such-model", "--allow-network"),
        ("sklearn:/no/such/file", "no file"),
        ("python:json", "MODULE:FUNCTION"),
        ("python:no_such_module:score", "cannot be imported: ModuleNotFoundError"),
        ("python:json:no_such_function", "cannot be imported: AttributeError"),
        ("python:json:__name__", "not a function"),
    ],
)
def test_victims_that_are_not_there(spec: str, message: str, task: Task) -> None:
    with pytest.raises(UserError, match=message):
        load_victim(spec, task)


def test_a_base_is_not_a_classifier(tiny_base: Path, task: Task) -> None:
    with pytest.raises(UserError, match=r"not a classifier \(its architecture is BertModel\)"):
        load_victim(str(tiny_base), task)


def test_a_directory_without_a_configuration(tmp_path: Path, task: Task) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        load_victim(str(tmp_path), task)


def copy_of(checkpoint: Path, path: Path) -> Path:
    path.mkdir()
    for file in checkpoint.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


def test_a_pickle_is_not_read_without_the_flag(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    model, _ = load_classifier(checkpoint)
    copy = copy_of(checkpoint, tmp_path / "pickled")
    (copy / "model.safetensors").unlink()
    torch.save(model.state_dict(), copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="--allow-pickle"):
        load_victim(str(copy), task)
    victim = load_victim(str(copy), task, VictimOptions(allow_pickle=True))
    texts = task.split("test").texts
    np.testing.assert_array_equal(victim.score(texts), load_victim(str(checkpoint), task).score(texts))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_broken_files_are_one_line(file: str, checkpoint: Path, task: Task, tmp_path: Path) -> None:
    copy = copy_of(checkpoint, tmp_path / "broken")
    (copy / file).write_bytes(b"<html>404</html>")
    with pytest.raises(UserError) as caught:
        load_victim(str(copy), task)
    assert str(copy) in str(caught.value)


def test_fingerprint_tells_checkpoints_apart(checkpoint: Path, task: Task, tmp_path: Path) -> None:
    same = load_victim(str(copy_of(checkpoint, tmp_path / "same")), task)
    assert same.fingerprint == load_victim(str(checkpoint), task).fingerprint
    other = copy_of(checkpoint, tmp_path / "other")
    model, _ = load_classifier(checkpoint)
    with torch.no_grad():
        model.classifier.bias += 1
    model.save_pretrained(other)
    assert load_victim(str(other), task).fingerprint != same.fingerprint


def test_fingerprint_is_of_what_scores_hang_on(checkpoint: Path, tmp_path: Path) -> None:
    copy = copy_of(checkpoint, tmp_path / "copy")
    before = fingerprint(copy)
    (copy / "eval_results.json").write_text("{}", encoding="utf-8")
    assert fingerprint(copy) == before
    # It has its say in how texts are cut, beside tokenizer.json.
    settings = copy / "tokenizer_config.json"
    settings.write_text(settings.read_text(encoding="utf-8").replace("true", "false", 1), encoding="utf-8")
    assert fingerprint(copy) != before


def test_a_hugging_face_victim_can_be_made_from_a_model_in_memory(checkpoint: Path) -> None:
    model, tokenizer = load_classifier(checkpoint)
    victim = HuggingFaceVictim("in-memory", Scorer(model, tokenizer), [1, 0], "")
    texts = [("the film was really wonderful .",)]
    np.testing.assert_array_equal(victim.score(texts), Scorer(model, tokenizer)(texts)[:, ::-1])
