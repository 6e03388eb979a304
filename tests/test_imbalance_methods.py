"""Methods against class imbalance: their formulas by hand, and that they do nothing where nothing is imbalanced."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from method_samples import same_weights
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn.functional import cross_entropy

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.focal import focal_losses
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings

LOSSES = ["class-weighted", "focal", "focal:alpha=balanced", "logit-adjustment"]
RESAMPLERS = ["oversample", "undersample"]


def logits_of(count: int, classes: int) -> Tensor:
    return torch.randn(count, classes, generator=torch.Generator().manual_seed(3)).requires_grad_()


def attached(spec: str, labels: Sequence[int], classes: int) -> Method:
    """A method that has seen a training set with these labels, in two batches."""

    def batches() -> Iterator[dict[str, Tensor]]:
        yield {"labels": torch.tensor(labels[:1])}
        yield {"labels": torch.tensor(labels[1:])}

    method = parse_method(spec).create()
    model: Any = SimpleNamespace(config=SimpleNamespace(num_labels=classes))
    method.attach(model, Plan(passes=1, updates=1, seed=0, backward=lambda loss: None, batches=batches))
    return method


def loss_of(method: Method, logits: Tensor, labels: Sequence[int]) -> Tensor:
    return method.loss(lambda **batch: SimpleNamespace(logits=logits), {"labels": torch.tensor(labels)})


def test_class_weights_are_scikit_learns() -> None:
    labels = [0, 0, 0, 0, 0, 1, 2, 2]
    logits = logits_of(8, 3)
    weights = compute_class_weight("balanced", classes=np.arange(3), y=np.asarray(labels))
    each = -logits.log_softmax(dim=1)[torch.arange(8), labels]
    expected = sum(weights[label] * loss for label, loss in zip(labels, each, strict=True)) / 8
    torch.testing.assert_close(
        loss_of(attached("class-weighted", labels, 3), logits, labels).double(), expected.double()
    )
    # Over the whole training set each class has a third of the weight, as torch's own weighted mean has it.
    torch_own = cross_entropy(logits, torch.tensor(labels), weight=torch.tensor(weights, dtype=torch.float32))
    torch.testing.assert_close(loss_of(attached("class-weighted", labels, 3), logits, labels), torch_own)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_focal_loss_by_hand(gamma: float) -> None:
    labels = [0, 2, 1, 1]
    logits = logits_of(4, 3)
    p = logits.softmax(dim=1)[torch.arange(4), labels]
    torch.testing.assert_close(focal_losses(logits, torch.tensor(labels), gamma), -((1 - p) ** gamma) * p.log())
    method = attached(f"focal:gamma={gamma}", labels, 3)
    torch.testing.assert_close(loss_of(method, logits, labels), (-((1 - p) ** gamma) * p.log()).mean())
    weights = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=np.asarray(labels))).float()
    weighted = attached(f"focal:gamma={gamma},alpha=balanced", labels, 3)
    expected = (-weights[labels] * (1 - p) ** gamma * p.log()).mean()
    torch.testing.assert_close(loss_of(weighted, logits, labels), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_loss_of_a_certain_prediction_is_finite(gamma: float) -> None:
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    losses = focal_losses(logits, torch.tensor([0, 0]), gamma)
    assert losses.tolist() == [0.0, 400.0]
    losses.sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_logit_adjustment_by_hand() -> None:
    labels = [0] * 6 + [1] * 2
    logits = logits_of(8, 2)
    expected = cross_entropy(logits + 1.5 * torch.tensor([0.75, 0.25]).log(), torch.tensor(labels))
    torch.testing.assert_close(loss_of(attached("logit-adjustment:tau=1.5", labels, 2), logits, labels), expected)


def test_logit_adjustment_turns_the_optimum_to_balanced_classes() -> None:
    # Without any features the best constant logits say how frequent classes are; adjusted, that all are alike.
    labels = [0] * 9 + [1]
    bias = torch.zeros(2, requires_grad=True)
    method = attached("logit-adjustment", labels, 2)
    loss_of(method, bias.expand(10, 2), labels).backward()
    assert bias.grad is not None
    torch.testing.assert_close(bias.grad, torch.zeros(2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("spec", [*LOSSES, "logit-adjustment:tau=0"])
def test_a_class_without_examples_divides_by_nothing(spec: str) -> None:
    labels = [0, 0, 0, 2]
    logits = logits_of(4, 4)
    loss = loss_of(attached(spec, labels, 4), logits, labels)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("spec", ["class-weighted", "focal:alpha=balanced,gamma=0", "logit-adjustment"])
def test_balanced_classes_are_vanilla(spec: str) -> None:
    labels = [0, 1, 2, 0, 1, 2]
    logits = logits_of(6, 3)
    vanilla = cross_entropy(logits, torch.tensor(labels))
    torch.testing.assert_close(loss_of(attached(spec, labels, 3), logits, labels), vanilla, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("focal:gamma=-1", "focal: gamma is -1"),
        ("focal:alpha=0.25", "focal: alpha is 0.25: give 'none' or 'balanced'"),
        ("logit-adjustment:tau=much", "logit-adjustment: tau is 'much'"),
        ("focal+oversample", "only match combines"),
    ],
)
def test_wrong_settings_are_refused(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


LABELS = [0] * 50 + [2] * 20 + [1] * 5


@pytest.mark.parametrize("prefix", ["", "match+"])
def test_resampling_makes_classes_equal(prefix: str) -> None:
    more, fewer = (parse_method(prefix + spec).create().resample(LABELS, 0) for spec in RESAMPLERS)
    assert more is not None and fewer is not None
    assert Counter(LABELS[i] for i in more) == {0: 50, 1: 50, 2: 50}
    assert set(more) == set(range(75)), "nothing is left out"
    assert Counter(more[i] for i in range(150) if LABELS[more[i]] == 0) == dict.fromkeys(range(50), 1)
    assert Counter(LABELS[i] for i in fewer) == {0: 5, 1: 5, 2: 5}
    assert len(set(fewer)) == 15, "nothing is repeated"


@pytest.mark.parametrize("spec", RESAMPLERS)
def test_resampling_hangs_on_the_seed_alone(spec: str) -> None:
    np.random.seed(0)
    state = torch.get_rng_state()
    once = parse_method(spec).create().resample(LABELS, 5)
    assert once == parse_method(spec).create().resample(LABELS, 5)
    assert once != parse_method(spec).create().resample(LABELS, 6)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.random() == np.random.RandomState(0).random()


@pytest.mark.parametrize("spec", RESAMPLERS)
def test_one_class_is_not_resampled(spec: str) -> None:
    assert parse_method(spec).create().resample([1, 1, 1], 0) is None


@pytest.fixture(scope="module")
def skewed(task: Task) -> Task:
    """24 examples of the first class and 6 of the second to train on."""
    train = task.split("train")
    rows = [[i for i, label in enumerate(train.labels) if label == c][:count] for c, count in enumerate((24, 6))]
    return replace(task, name="skewed", splits={**task.splits, "train": train.select([*rows[0], *rows[1]])})


@pytest.fixture(scope="module")
def short(settings: TrainingSettings) -> TrainingSettings:
    return replace(settings, epochs=2, batch_size=6, validation_examples=6)


@pytest.mark.parametrize(("spec", "examples"), [("oversample", 48), ("undersample", 12), ("match+oversample", 48)])
def test_training_sees_the_resampled_examples(spec: str, examples: int, skewed: Task, short: TrainingSettings) -> None:
    tuned = fine_tune(skewed, parse_method(spec), short)
    assert tuned.record.history[-1]["step"] == 2 * examples / 6
    data = tuned.record.data
    assert (data["train_examples"], data["resampled_examples"]) == (30, examples)
    assert data["train"] == skewed.split("train").fingerprint
    # As if the resampled examples had been the training set.
    kept = parse_method(spec).create().resample(skewed.split("train").labels, 0)
    assert kept is not None
    plain = parse_method("match" if "match" in spec else "vanilla")
    by_hand = fine_tune(skewed, plain, short, train=skewed.split("train").select(kept))
    assert same_weights(tuned, by_hand)
    assert "resampled_examples" not in by_hand.record.data


@pytest.mark.parametrize("spec", [*LOSSES, *(f"match+{spec}" for spec in LOSSES)])
def test_losses_train_on_skewed_classes(spec: str, skewed: Task, short: TrainingSettings) -> None:
    plain = "match" if "match" in spec else "vanilla"
    tuned = fine_tune(skewed, parse_method(spec), short)
    assert not same_weights(tuned, fine_tune(skewed, parse_method(plain), short))
    assert (tuned.record.temperature is not None) == ("match" in spec)


@pytest.mark.parametrize("spec", ["class-weighted", "logit-adjustment"])
def test_balanced_training_is_vanilla(spec: str, skewed: Task, short: TrainingSettings) -> None:
    train = skewed.split("train")
    balanced = Examples([*train.texts[:6], *train.texts[24:]], [*train.labels[:6], *train.labels[24:]])
    few = replace(short, steps=4)
    tuned, vanilla = (fine_tune(skewed, parse_method(name), few, train=balanced) for name in (spec, "vanilla"))
    for name, value in vanilla.model.state_dict().items():
        torch.testing.assert_close(tuned.model.state_dict()[name], value, rtol=0, atol=1e-6)
