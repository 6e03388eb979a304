"""Mixup in the head: its formula, its draws, and where it is vanilla fine-tuning."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_task
from method_samples import (
    CLASSES,
    NO_DROPOUT,
    SCORES,
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
from robustbench_mt.methods.head import find_head_output
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.fixture
def scores_task() -> Task:
    splits = {
        name: Examples(split.texts, [4.0 * label + 0.5 for label in split.labels])
        for name, split in make_task().splits.items()
    }
    return Task("toy-scores", ("text",), (), splits, metric="spearman")


@pytest.mark.parametrize("accumulation", [1, 2])
def test_switched_off_is_vanilla_to_the_bit(accumulation: int, task: Task, settings: TrainingSettings) -> None:
    # The last of these batches is short.
    check_vanilla_to_the_bit("mixup:coefficient=1", task, short(settings, accumulation=accumulation, train_examples=60))


def test_regressions_switched_off_are_vanilla_to_the_bit(scores_task: Task, settings: TrainingSettings) -> None:
    check_vanilla_to_the_bit("mixup:coefficient=1", scores_task, short(settings, train_examples=60))


@pytest.mark.parametrize("spec", ["mixup", "mixup:alpha=0.4"])
def test_switched_on_is_not_vanilla(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_far_from_vanilla(spec, task, settings)


@pytest.mark.parametrize(("spec", "is_vanilla"), [("mixup:coefficient=1", True), ("mixup", False)])
def test_half_precision(spec: str, is_vanilla: bool) -> None:
    check_half_precision_of_losses(spec, is_vanilla=is_vanilla)


@pytest.mark.parametrize("spec", ["mixup", "mixup:alpha=0.4"])
def test_torchs_generator_goes_on_as_vanillas(spec: str) -> None:
    check_torchs_generator_goes_on_as_vanillas(spec)


def test_detaching_leaves_an_ordinary_model() -> None:
    check_detaching_takes_the_hook_off_the_head("mixup")


@pytest.mark.parametrize("problem", [CLASSES, SCORES])
@pytest.mark.parametrize("spec", ["mixup", "mixup:coefficient=0.8", "mixup:alpha=0.4"])
def test_is_its_formula(spec: str, problem: str) -> None:
    model, inputs = lively_model(problem, **NO_DROPOUT), batch(5, problem)
    seen = Seen(model)
    model(**inputs)
    method = attach(spec, model)
    draws = np.random.default_rng(7)
    partners = draws.permutation(5)
    share = {"mixup": 0.5, "mixup:coefficient=0.8": 0.8}.get(spec) or draws.beta(0.4, 0.4)
    loss = method.loss(model, inputs).item()
    z, mixed = seen.inputs
    np.testing.assert_allclose(mixed, share * z + (1 - share) * z[partners], rtol=1e-5, atol=1e-6)
    assert not np.allclose(mixed, z)
    labels = inputs["labels"]
    logits = seen.outputs[1]
    expected = share * task_loss(logits, labels) + (1 - share) * task_loss(logits, labels[partners])
    assert loss == pytest.approx(expected, rel=1e-5)


def test_of_regressions_has_the_mixed_targets_gradient() -> None:
    model, inputs = lively_model(SCORES, **NO_DROPOUT), batch(5, SCORES)
    method, output = attach("mixup:coefficient=0.7", model), find_head_output(model)
    seen = Seen(model)
    method.loss(model, inputs).backward()
    partners = np.random.default_rng(7).permutation(5)
    target = 0.7 * inputs["labels"] + 0.3 * inputs["labels"][partners]
    scores = output(torch.tensor(seen.inputs[0])).squeeze(1)
    (expected,) = torch.autograd.grad((scores - target).square().mean(), output.weight)
    torch.testing.assert_close(output.weight.grad, expected)


def test_draws_partners_and_coefficients_anew_for_each_batch() -> None:
    model, inputs = lively_model(**NO_DROPOUT), batch(5)
    method = attach("mixup:alpha=1", model)
    assert len({method.loss(model, inputs).item() for _ in range(4)}) == 4


def test_mixes_nothing_outside_its_own_loss() -> None:
    model, inputs = lively_model().eval(), batch(5)
    plain = model(**inputs).logits
    method = attach("mixup", model.train())
    method.loss(model, inputs)
    assert torch.equal(model.eval()(**inputs).logits, plain)


def test_regressions_are_learnt(scores_task: Task, settings: TrainingSettings) -> None:
    history = fine_tune(scores_task, parse_method("mixup"), replace(settings, learning_rate=3e-3)).record.history
    assert history[-1]["validation_pearson"] > 0.8


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mixup:coefficient=1.1", "mixup: coefficient is 1.1: give a number from 0 to 1"),
        ("mixup:coefficient=half", "coefficient is 'half'"),
        ("mixup:alpha=0", "mixup: alpha is 0: give a number above 0"),
        ("mixup:alpha=0.4,coefficient=0.5", "give one of them"),
        ("match+mixup", r"match does not combine with mixup: both mix .* in the head"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


def test_records_say_which_coefficient_was_used() -> None:
    assert parse_method("mixup").as_dict() == {"name": "mixup", "coefficient": 0.5, "alpha": None}
    assert parse_method("mixup:alpha=0.4").as_dict() == {"name": "mixup", "coefficient": None, "alpha": 0.4}


def test_a_classifier_of_token_vectors_is_refused() -> None:
    check_classifier_of_token_vectors_is_refused("mixup")
