"""What every method of fine-tuning must do, and the settings at which each becomes ``vanilla``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SUBJECTS
from method_samples import same_weights, without_dropout
from transformers import AutoModelForSequenceClassification

from robustbench_mt import method_trainer
from robustbench_mt.cli import main
from robustbench_mt.errors import UserError
from robustbench_mt.methods import METHODS
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.scoring import Scorer
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

Train = Callable[..., FineTuned]

SPECS = [*sorted(METHODS), "match+lora", "match+oversample", "match+r-drop", "match+smart"]

# These have no meaning for scores.
NEED_CLASSES = [name for name in sorted(METHODS) if METHODS[name].needs_classes]

# They mix or compare the instances of a batch, draw for each batch, or estimate from batches.
NOT_IN_PARTS = ("match", "mixup", "supcon", "mixout", "child-tuning-d")

# At these settings a method takes itself back. What remains is exactly vanilla, or differs as sums in another order do.
LIMITS = [
    ("bi-drop:share=1", {"dropout": False}, 1e-6),
    ("child-tuning-d:share=1", {}, 0),
    ("child-tuning-f:probability=1", {}, 0),
    ("focal:gamma=0", {}, 1e-6),
    ("freelb:radius=0", {}, 1e-6),
    ("label-smoothing:smoothing=0", {}, 0),
    ("llrd:decay=1", {}, 0),
    ("logit-adjustment:tau=0", {}, 0),
    ("match", {"batch_size": 1}, 0),
    ("match:temperature=0.1", {"batch_size": 1}, 0),
    ("mixout:probability=0", {}, 0),
    ("mixup:coefficient=1", {}, 0),
    ("noisytune:intensity=0", {}, 0),
    ("r-drop", {"dropout": False}, 1e-6),
    ("r3f:noise=0", {}, 0),
    ("smart:weight=0", {}, 0),
    ("supcon:weight=0", {}, 0),
]

# Enough to learn 32 plain sentences by heart.
LONG = {"steps": None, "epochs": 10, "learning_rate": 3e-3, "validation_examples": None}


@pytest.fixture(scope="module")
def few_steps(settings: TrainingSettings) -> TrainingSettings:
    """Enough for every part of a method to have had its turn."""
    return replace(settings, steps=5, train_examples=32, validation_examples=4)


@pytest.fixture(scope="module")
def still_base(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny encoder without dropout."""
    return without_dropout(tiny_base, tmp_path_factory.mktemp("still") / "base")


@pytest.fixture(scope="module")
def train(task: Task, few_steps: TrainingSettings) -> Train:
    """Trains, unless it has done so already."""
    done: dict[tuple[object, ...], FineTuned] = {}

    def run(spec: str, *, on: Task = task, seed: int = 0, **changes: object) -> FineTuned:
        asked = replace(few_steps, **changes)  # type: ignore[arg-type]
        key = (spec, on.name, seed, asked)
        if key not in done:
            done[key] = fine_tune(on, parse_method(spec), asked, seed)
        return done[key]

    return run


def weights(tuned: FineTuned) -> dict[str, torch.Tensor]:
    return tuned.model.state_dict()


def all_finite(tuned: FineTuned) -> bool:
    return all(bool(weight.isfinite().all()) for weight in weights(tuned).values())


def by_heart(name: str, labels: tuple[float, float], **changes: object) -> Task:
    """Sentences whose label hangs on one of two words; what is trained on is what the loss is measured on."""
    texts = [(f"{SUBJECTS[i // 2 % len(SUBJECTS)]} {('awful', 'superb')[i % 2]}",) for i in range(32)]
    examples = Examples(texts, [labels[i % 2] for i in range(32)])
    splits = dict.fromkeys(("train", "validation", "test"), examples)
    return Task(name, ("text",), splits=splits, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def class_task() -> Task:
    return by_heart("by-heart", (0, 1), label_names=("negative", "positive"))


@pytest.fixture(scope="module")
def score_task() -> Task:
    return by_heart("by-heart-scores", (-1.0, 1.0), label_names=(), metric="spearman")


def lowers_the_tasks_loss(tuned: FineTuned) -> bool:
    # Of the validation set: the loss that a method trains with may have a part that cannot shrink.
    losses = [epoch["validation_loss"] for epoch in tuned.record.history]
    assert len(losses) == 10
    return losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("spec", SPECS)
def test_learns(spec: str, class_task: Task, train: Train) -> None:
    assert lowers_the_tasks_loss(train(spec, on=class_task, **LONG))


@pytest.mark.parametrize("spec", SPECS)
def test_same_seed_same_weights(spec: str, task: Task, few_steps: TrainingSettings, train: Train) -> None:
    once = train(spec)
    assert same_weights(once, fine_tune(task, parse_method(spec), few_steps))
    assert not same_weights(once, train(spec, seed=1))


@pytest.mark.parametrize("spec", sorted(METHODS.keys() - {"vanilla"}))
def test_is_not_vanilla(spec: str, train: Train) -> None:
    assert not same_weights(train(spec), train("vanilla"))


@pytest.mark.parametrize("spec", SPECS)
def test_checkpoint_is_an_ordinary_one(spec: str, train: Train, tmp_path: Path) -> None:
    tuned = train(spec)
    tuned.save(tmp_path / "made")
    loaded, report = AutoModelForSequenceClassification.from_pretrained(tmp_path / "made", output_loading_info=True)
    assert not any(report.values())
    assert type(loaded) is type(train("vanilla").model)
    assert list(loaded.state_dict()) == list(weights(train("vanilla")))
    assert all(torch.equal(value, weights(tuned)[name]) for name, value in loaded.state_dict().items())


@pytest.mark.parametrize("spec", ["match", "match:calibrate=always", "mixup", "freelb", "supcon"])
def test_compiled_is_as_ever(
    spec: str, task: Task, few_steps: TrainingSettings, still_base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was compiled for one training may not stand in for the next, which has other hooks, or is not compiled."""
    # Dynamo finds out what to compile; to make machine code of it would take a minute.
    monkeypatch.setattr(method_trainer, "_COMPILER", "eager")
    still = replace(few_steps, base=still_base)
    fine_tune(task, parse_method("vanilla"), replace(still, compile=True))
    plain, compiled, after = (
        fine_tune(task, parse_method(spec), replace(still, compile=compile)) for compile in (False, True, False)
    )
    assert weights(plain).keys() == weights(compiled).keys()
    torch.testing.assert_close(weights(compiled), weights(plain), rtol=0, atol=1e-6)
    assert same_weights(plain, after)


@pytest.mark.parametrize("spec", SPECS)
def test_gradient_accumulation(spec: str, class_task: Task, train: Train, still_base: str) -> None:
    """Two batches of four are one of eight, unless the method asks who shares a batch or how many batches there are."""
    parts = train(spec, on=class_task, base=still_base, accumulation=2, batch_size=4)
    assert parts.record.history[-1]["step"] == 5
    assert all_finite(parts)
    whole = weights(train(spec, on=class_task, base=still_base))
    differences = [
        (value - whole[name]).abs().max().item()
        for name, value in weights(parts).items()
        # A softmax does not see them. Their gradients are roundings, of which Adam makes steps like others.
        if not name.endswith("key.bias")
    ]
    if spec.partition("+")[0] in NOT_IN_PARTS:
        assert max(differences) > 1e-3
    # Without dropout its passes differ by roundings alone, and by these it chooses what to update.
    elif spec != "bi-drop":
        assert max(differences) < 1e-5


@pytest.mark.parametrize("spec", SPECS)
def test_bf16(spec: str, train: Train) -> None:
    tuned = train(spec, precision="bf16")
    assert all(weight.dtype == torch.float32 for weight in weights(tuned).values() if weight.is_floating_point())
    assert all_finite(tuned)
    assert not same_weights(tuned, train(spec))


@pytest.mark.parametrize("spec", SPECS)
def test_two_fields(spec: str, pair_task: Task, train: Train) -> None:
    tuned = train(spec, on=pair_task)
    scores = Scorer(tuned.model, tuned.tokenizer)(pair_task.split("test").texts)
    assert scores.shape == (100, 2)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.removeprefix("match+") not in NEED_CLASSES])
def test_regression(spec: str, score_task: Task, train: Train) -> None:
    assert lowers_the_tasks_loss(train(spec, on=score_task, **LONG))


@pytest.mark.parametrize("spec", NEED_CLASSES)
def test_what_needs_classes_says_so(spec: str, score_task: Task, train: Train) -> None:
    with pytest.raises(UserError, match=rf"a regression task and has no classes.*the method {spec}\."):
        train(spec, on=score_task)


@pytest.mark.parametrize("spec", ["vanilla", "match", "lora", "match+lora"])
def test_best_epoch_is_kept(spec: str, train: Train, task: Task) -> None:
    # A learning rate that spoils the last epochs, so that the best is not the last.
    wild = {"steps": None, "epochs": 4, "train_examples": None, "validation_examples": None, "learning_rate": 2e-2}
    kept = train(spec, keep="best", **wild)
    validation = task.split("validation")
    predictions = Scorer(kept.model, kept.tokenizer)(validation.texts).argmax(axis=1)
    accuracy = float(np.mean(predictions == np.asarray(validation.labels)))
    assert accuracy == pytest.approx(max(entry["validation_accuracy"] for entry in kept.record.history), abs=1e-4)


@pytest.mark.parametrize(("spec", "changes", "tolerance"), LIMITS, ids=[limit[0] for limit in LIMITS])
def test_limit_is_vanilla(
    spec: str, changes: dict[str, object], tolerance: float, train: Train, still_base: str
) -> None:
    changes = dict(changes)
    if not changes.pop("dropout", True):
        changes["base"] = still_base
    limit, vanilla = weights(train(spec, **changes)), weights(train("vanilla", **changes))
    for name, expected in vanilla.items():
        torch.testing.assert_close(
            limit[name], expected, rtol=0, atol=tolerance, msg=lambda why, name=name: f"{name}: {why}"
        )


def test_lora_leaves_all_but_queries_values_and_head(train: Train, tiny_base: Path) -> None:
    base = AutoModelForSequenceClassification.from_pretrained(tiny_base).state_dict()
    tuned = train("lora")
    changed = {name for name, value in weights(tuned).items() if not torch.equal(value, base[name])}
    head = {"bert.pooler.dense.weight", "bert.pooler.dense.bias", "classifier.weight", "classifier.bias"}
    attention = {
        f"bert.encoder.layer.{i}.attention.self.{which}.weight" for i in (0, 1) for which in ("query", "value")
    }
    assert changed == head | attention
    difference = weights(tuned)["bert.encoder.layer.0.attention.self.query.weight"]
    difference = difference - base["bert.encoder.layer.0.attention.self.query.weight"]
    assert torch.linalg.matrix_rank(difference, rtol=1e-4) <= 8


def test_list_shows_every_method(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert main(["list", "methods"]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split("  ")[0] == "method"
    assert "extra passes" in header
    rows = {line.split()[0]: line for line in lines}
    assert rows.keys() == METHODS.keys()
    for name, method in METHODS.items():
        settings = method.settings_type()
        forward, backward = method(settings).extra_passes
        assert method.summary in rows[name]
        assert f" {method.changes} " in rows[name]
        assert (f"{forward} forward, {backward} backward" if forward or backward else "none") in rows[name]
        for field, value in vars(settings).items():
            assert f"{field}={value}" in rows[name]
