"""Supervised contrast: its formula and gradient, and where it is vanilla fine-tuning."""

from typing import Any

import numpy as np
import pytest
import torch
from method_samples import (
    Seen,
    attach,
    batch,
    check_classifier_of_token_vectors_is_refused,
    check_detaching_takes_the_hook_off_the_head,
    check_far_from_vanilla,
    check_half_precision_of_losses,
    check_torchs_generator_goes_on_as_vanillas,
    check_vanilla_to_the_bit,
    lively_model,
    short,
    task_loss,
)

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.supcon import contrastive_loss
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


def contrast(z: np.ndarray[Any, Any], labels: list[int], temperature: float) -> float:
    """The paper's formula, one anchor after the other."""
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    terms = []
    for i, label in enumerate(labels):
        others = [k for k in range(len(labels)) if k != i]
        total = sum(np.exp(u[i] @ u[k] / temperature) for k in others)
        same = [j for j in others if labels[j] == label]
        if same:
            terms.append(-np.mean([np.log(np.exp(u[i] @ u[j] / temperature) / total) for j in same]))
    return float(np.mean(terms)) if terms else 0.0


@pytest.mark.parametrize("accumulation", [1, 2])
def test_switched_off_is_vanilla_to_the_bit(accumulation: int, task: Task, settings: TrainingSettings) -> None:
    # The last of these batches is short.
    check_vanilla_to_the_bit("supcon:weight=0", task, short(settings, accumulation=accumulation, train_examples=60))


def test_switched_on_is_not_vanilla(task: Task, settings: TrainingSettings) -> None:
    check_far_from_vanilla("supcon", task, settings)


@pytest.mark.parametrize(("spec", "is_vanilla"), [("supcon:weight=0", True), ("supcon", False)])
def test_half_precision(spec: str, is_vanilla: bool) -> None:
    check_half_precision_of_losses(spec, is_vanilla=is_vanilla)


def test_torchs_generator_goes_on_as_vanillas() -> None:
    check_torchs_generator_goes_on_as_vanillas("supcon")


def test_detaching_leaves_an_ordinary_model() -> None:
    check_detaching_takes_the_hook_off_the_head("supcon")


@pytest.mark.parametrize("labels", [[0, 1, 0, 1, 0], [0, 0, 1, 2, 0], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]])
def test_contrast_is_its_formula_and_lone_anchors_are_no_terms(labels: list[int]) -> None:
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = contrastive_loss(z, torch.tensor(labels), 0.3)
    assert loss.item() == pytest.approx(contrast(z.detach().numpy(), labels, 0.3), rel=1e-5)
    loss.backward()
    assert z.grad is not None
    assert z.grad.isfinite().all()
    assert bool(z.grad.any()) == (len(set(labels)) < 5)


def test_contrast_of_one_instance_is_nothing() -> None:
    z = torch.ones(1, 4, requires_grad=True)
    loss = contrastive_loss(z, torch.tensor([1]), 0.3)
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None
    assert not z.grad.any()


def test_contrasts_gradient_against_finite_differences() -> None:
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
    labels = torch.tensor([0, 1, 0, 2, 1, 0])
    contrastive_loss(z, labels, 0.5).backward()
    assert z.grad is not None
    values = z.detach().double().numpy()
    for at in [(0, 0), (3, 1), (5, 2)]:
        step = np.zeros_like(values)
        step[at] = 1e-5
        slope = (contrast(values + step, labels.tolist(), 0.5) - contrast(values - step, labels.tolist(), 0.5)) / 2e-5
        assert z.grad[at].item() == pytest.approx(slope, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_weighs_contrast_of_the_classifiers_input_against_the_tasks_loss(architecture: str) -> None:
    model, inputs = lively_model(architecture=architecture), batch(5)
    method, seen = attach("supcon:weight=0.4,temperature=0.2", model), Seen(model)
    loss = method.loss(model, inputs).item()
    (z,), (logits,) = seen.inputs, seen.outputs
    assert z.shape == (5, 16)
    labels = inputs["labels"]
    assert loss == pytest.approx(0.6 * task_loss(logits, labels) + 0.4 * contrast(z, labels.tolist(), 0.2), rel=1e-5)


def test_learns(task: Task, settings: TrainingSettings) -> None:
    # The paper's weight of 0.9 is for pretrained encoders: a random one stays long where all instances are alike.
    history = fine_tune(task, parse_method("supcon:weight=0.5"), settings).record.history
    assert history[-1]["validation_accuracy"] > 0.9
    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("supcon:weight=1", "supcon: weight is 1: give a number from 0 to below 1"),
        ("supcon:weight=-0.1", "from 0 to below 1"),
        ("supcon:temperature=0", "supcon: temperature is 0: give a number above 0"),
        ("supcon:temperature=warm", "temperature is 'warm'"),
        ("supcon+match", r"match does not combine with supcon: .* mixed each instance"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


def test_a_classifier_of_token_vectors_is_refused() -> None:
    check_classifier_of_token_vectors_is_refused("supcon")
