"""Matching at inference, and how much predictions then depend on batch-mates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_task

from attacks.victim import FunctionVictim, load_victim
from robustbench_mt.batch_dependence import batch_dependence
from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.checkpoints import TRAINING_FILE, read_training
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records, write_record
from robustbench_mt.match_inference import MatchedVictim, matched_victim
from robustbench_mt.match_inference_settings import MatchInferenceSettings
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import find_head_dense
from robustbench_mt.methods.matching import batch_temperature, matching_matrix
from robustbench_mt.records import EvaluationRecord
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, task: Task, settings: TrainingSettings) -> Path:
    """A Match-Tuned checkpoint that classifies the toy task well."""
    path = tmp_path_factory.mktemp("matched") / "toy-match-seed0"
    fine_tune(task, parse_method("match"), settings).save(path)
    return path


def as_a_training_would(path: Path, texts: list[tuple[str, ...]], temperature: float) -> Any:
    """Logits of one batch, matched by the formula in the middle of the model."""
    victim: Any = load_victim(str(path), make_task())
    inputs = victim.tokenizer([text[0] for text in texts], padding=True, return_tensors="pt")
    hook = find_head_dense(victim.model).register_forward_hook(
        lambda _module, _inputs, z: torch.softmax(z @ z.T / temperature, dim=1) @ z
    )
    with torch.no_grad():
        logits = victim.model(**inputs).logits.numpy()
    hook.remove()
    return logits


def test_batches_of_the_order_are_matched(trained: Path, task: Task) -> None:
    plain = load_victim(str(trained), task)
    training = read_training(trained)
    assert training is not None
    assert training.temperature is not None
    texts = list(task.split("test").texts[:10])
    # The same text may stand in a batch twice, and counts twice.
    texts[1] = texts[0]
    scores = matched_victim(plain, None, 4).score(texts)
    expected = [as_a_training_would(trained, texts[i : i + 4], training.temperature) for i in (0, 4, 8)]
    np.testing.assert_allclose(scores, np.concatenate(expected), atol=1e-5)
    assert not np.allclose(scores, plain.score(texts), atol=1e-3)
    again = load_victim(str(trained), task)
    np.testing.assert_array_equal(plain.score(texts), again.score(texts))


def test_batches_of_one_are_ordinary_inference(trained: Path, task: Task) -> None:
    plain = load_victim(str(trained), task)
    matched = matched_victim(plain, None, 1)
    texts = task.split("test").texts
    np.testing.assert_array_equal(matched.score(texts).argmax(axis=1), plain.score(texts).argmax(axis=1))
    np.testing.assert_allclose(matched.score(texts), plain.score(texts), atol=1e-5)
    record = batch_dependence(matched, plain, task, "test", shuffles=2, seed=0)
    assert (record.n, record.changed, record.differing, record.deviation) == (100, 0, 0.0, 0.0)
    assert record.accuracies == [record.accuracy_alone] * 2


def test_hot_batches_depend_on_their_mates(trained: Path, task: Task) -> None:
    plain = load_victim(str(trained), task)
    # All rows of a batch are the same, so that its majority decides.
    record = batch_dependence(matched_victim(plain, 1e6, 5), plain, task, "test", shuffles=5, seed=0)
    assert record.changed > 50
    assert record.deviation > 0.01
    assert record.differing > 0.1
    assert max(record.accuracies) < record.accuracy_alone
    again = batch_dependence(matched_victim(plain, 1e6, 5), plain, task, "test", shuffles=5, seed=0)
    assert again == record
    other = batch_dependence(matched_victim(plain, 1e6, 5), plain, task, "test", shuffles=5, seed=1)
    assert other.accuracies != record.accuracies


def test_the_measure_by_hand(trained: Path, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier that looks at nothing but the place in the order, so that all can be counted."""
    chances = np.array([[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.8, 0.2]], np.float32)
    plain = load_victim(str(trained), task)
    matched = matched_victim(plain, 1.0, 2)
    monkeypatch.setattr(MatchedVictim, "_raw_scores", lambda _self, texts: chances[: len(texts)])
    four = Task("four", ("text",), task.label_names, {"test": task.split("test").select([0, 1, 2, 3])})
    labels = four.split("test").labels
    record = batch_dependence(matched, plain, four, "test", shuffles=3, seed=7)
    places = [list(np.random.default_rng([7, shuffle]).permutation(4)) for shuffle in range(3)]
    chance_of = [[chances[order.index(example)] for order in places] for example in range(4)]
    classes = [[int(chance.argmax()) for chance in of_example] for of_example in chance_of]
    assert record.changed == sum(len({*of_example}) > 1 for of_example in classes)
    assert record.changed > 0
    assert record.accuracies == [
        sum(classes[example][shuffle] == labels[example] for example in range(4)) / 4 for shuffle in range(3)
    ]
    alone = plain.score(four.split("test").texts).argmax(axis=1)
    assert record.differing == pytest.approx(np.mean([np.array(classes)[:, shuffle] != alone for shuffle in range(3)]))
    deviations = [
        np.std([chance[labels[example]] for chance in chance_of[example]], ddof=1)  # type: ignore[index]
        for example in range(4)
    ]
    assert record.deviation == pytest.approx(np.mean(deviations), rel=1e-5)


@pytest.mark.parametrize("spec", ["match", "match+r-drop"])
def test_where_and_how_is_read_from_the_checkpoint(
    spec: str, task: Task, settings: TrainingSettings, tmp_path: Path
) -> None:
    own = "temperature=0.2,schedule=linear,final=0.5,similarity=cosine,after=activation"
    method = parse_method(spec.replace("match", f"match:{own}"))
    path = tmp_path / "made"
    fine_tune(task, method, replace(settings, steps=4)).save(path)
    plain: Any = load_victim(str(path), task)
    matched = matched_victim(plain, None, 6)
    assert matched.temperature == pytest.approx(0.1)
    assert matched_victim(plain, 3.0, 6).temperature == 3.0
    assert matched.fingerprint != matched_victim(plain, 3.0, 6).fingerprint
    texts = task.split("test").texts[:6]
    inputs = plain.tokenizer([text[0] for text in texts], padding=True, return_tensors="pt")
    with torch.no_grad():
        z = plain.model.bert(**inputs).pooler_output
        expected = plain.model.classifier(matching_matrix(z, 0.1, "cosine") @ z)
    np.testing.assert_allclose(matched.score(texts), expected.numpy(), atol=1e-5)


def test_always_calibrated_each_batch_is_matched_by_its_own_temperature(
    task: Task, settings: TrainingSettings, tmp_path: Path
) -> None:
    path = tmp_path / "made"
    method = parse_method("match:self_mass=0.7,similarity=distance,calibrate=always,schedule=linear,final=0.5")
    fine_tune(task, method, replace(settings, steps=4)).save(path)
    plain: Any = load_victim(str(path), task)
    matched = matched_victim(plain, None, 6)
    texts = task.split("test").texts[:13]
    scores = matched.score(texts)
    for start, n in ((0, 6), (6, 6), (12, 1)):
        inputs = plain.tokenizer([text[0] for text in texts[start : start + n]], padding=True, return_tensors="pt")
        with torch.no_grad():
            z = plain.model.bert.pooler.dense(plain.model.bert(**inputs).last_hidden_state[:, 0])
            temperature = 1.0 if n == 1 else batch_temperature(z, "distance", 0.7, None) * 0.5
            mixed = torch.tanh(matching_matrix(z, temperature, "distance") @ z)
            expected = plain.model.classifier(mixed)
        np.testing.assert_allclose(scores[start : start + n], expected.numpy(), atol=1e-5)
    given = matched_victim(plain, matched.temperature, 6)
    assert given.fingerprint != matched.fingerprint
    assert not np.allclose(given.score(texts), scores)


def test_a_checkpoint_of_an_earlier_version(trained: Path, task: Task, tmp_path: Path) -> None:
    training = read_training(trained)
    assert training is not None
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    for file in trained.iterdir():
        (earlier / file.name).write_bytes(file.read_bytes())
    method = {name: training.settings["method"][name] for name in ("name", "temperature", "self_mass", "layer")}
    write_record(earlier / TRAINING_FILE, replace(training, settings={**training.settings, "method": method}))
    texts = task.split("test").texts
    scores = [matched_victim(load_victim(str(path), task), None, 8).score(texts) for path in (trained, earlier)]
    np.testing.assert_array_equal(*scores)


def test_two_fields(pair_task: Task, settings: TrainingSettings, tmp_path: Path) -> None:
    path = tmp_path / "pairs"
    fine_tune(pair_task, parse_method("match"), replace(settings, steps=4)).save(path)
    plain = load_victim(str(path), pair_task)
    record = batch_dependence(matched_victim(plain, None, 8), plain, pair_task, "test", shuffles=2, seed=0)
    assert record.n == 100
    assert record.deviation > 0


def test_what_does_not_match_is_refused(checkpoint: Path, task: Task) -> None:
    vanilla = load_victim(str(checkpoint), task)
    with pytest.raises(UserError, match="give a --match-temperature"):
        matched_victim(vanilla, None, 8)
    assert matched_victim(vanilla, 0.5, 8).score(task.split("test").texts).shape == (100, 2)
    function = FunctionVictim("mine", lambda texts: [[0.5, 0.5] for _ in texts], 2, "unknown")
    with pytest.raises(UserError, match="mine has no layer to match"):
        matched_victim(function, 0.5, 8)
    scores = Task("scores", ("text",), (), {"test": Examples([("a",)], [0.5])})
    with pytest.raises(UserError, match="regression task"):
        batch_dependence(matched_victim(vanilla, 0.5, 8), vanilla, scores, "test", shuffles=2, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "at least 1"),
        ({"shuffles": 1}, "2 to see a difference"),
        ({"match_temperature": 0}, "above 0"),
        ({"shuffle_seed": -1}, "out of range"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        MatchInferenceSettings(match_inference=True, **settings)


def test_the_command(trained: Path, task: Task, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "reviews.csv", tmp_path / "run"
    test = task.split("test")
    rows = [f'"{text[0]}",{task.label_names[int(label)]}' for text, label in zip(test.texts, test.labels, strict=True)]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    evaluate = ["evaluate", str(trained), "--task", str(data), "--out", str(out)]
    matched = [*evaluate, "--match-inference", "--batch-size", "8"]
    assert main(matched) == 0
    shown = capsys.readouterr().out
    assert "Dependence on batch-mates" in shown
    assert "5 shuffles" in " ".join(shown.split())
    # Plain and matched evaluations stand beside each other, and neither is done again.
    assert main(evaluate) == 0
    assert "batch-mates" not in capsys.readouterr().out
    assert main(matched) == 0
    names = [record.checkpoint for record in read_records(out / "evaluate.jsonl", EvaluationRecord)]
    assert names == ["toy-match-seed0 (match-inference, batch 8)", "toy-match-seed0"]
    (record,) = read_records(out / "batch_dependence.jsonl", BatchDependenceRecord)
    assert record.checkpoint == names[0]
    assert len(record.accuracies) == 5
    capsys.readouterr()
    assert main([*matched, "--match-temperature", "9"]) == 2
    assert "other settings: victim is" in capsys.readouterr().err
    assert main([*evaluate, "--batch-size", "8"]) == 2
    assert "not --match-inference: add it" in capsys.readouterr().err
