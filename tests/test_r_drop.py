"""R-Drop: its formula, its two masks, and where it is vanilla fine-tuning."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from method_samples import (
    CLASSES,
    SCORES,
    Seen,
    attach,
    batch,
    check_far_from_vanilla,
    check_half_precision_of_losses,
    check_torchs_generator_goes_on_as_vanillas,
    largest_difference,
    lively_model,
    short,
    task_loss,
    trained,
    without_dropout,
)
from scipy.special import rel_entr, softmax

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import find_head_dense
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


@pytest.mark.parametrize("accumulation", [1, 2])
def test_without_dropout_is_vanilla(
    accumulation: int, task: Task, settings: TrainingSettings, tiny_base: Path, tmp_path: Path
) -> None:
    still = without_dropout(tiny_base, tmp_path / "still")
    brief = short(settings, base=still, accumulation=accumulation, train_examples=60)
    r_drop, vanilla = (trained(task, spec, brief) for spec in ("r-drop:weight=1", "vanilla"))
    assert largest_difference(r_drop, vanilla) <= 1e-6


def test_switched_on_is_not_vanilla(task: Task, settings: TrainingSettings) -> None:
    check_far_from_vanilla("r-drop", task, settings)


def test_half_precision_without_dropout_is_vanillas() -> None:
    check_half_precision_of_losses("r-drop", is_vanilla=True)


def test_torchs_generator_goes_on_as_vanillas() -> None:
    check_torchs_generator_goes_on_as_vanillas("r-drop")


@pytest.mark.parametrize("problem", [CLASSES, SCORES])
def test_is_its_formula_on_two_passes(problem: str) -> None:
    model, inputs = lively_model(problem), batch(5, problem)
    method, seen = attach("r-drop:weight=0.7", model), Seen(model)
    loss = method.loss(model, inputs).item()
    first, second = seen.outputs
    if problem == CLASSES:
        p, q = softmax(first, axis=1), softmax(second, axis=1)
        apart = np.mean(np.sum(rel_entr(p, q) + rel_entr(q, p), axis=1)) / 2
    else:
        apart = np.mean((first - second) ** 2)
    assert apart > 1e-4
    expected = (task_loss(first, inputs["labels"]) + task_loss(second, inputs["labels"])) / 2 + 0.7 * apart
    assert loss == pytest.approx(expected, rel=1e-5)


def test_the_first_pass_is_vanillas_and_no_two_masks_are_equal() -> None:
    model, inputs = lively_model(), batch(5)
    seen = Seen(model)
    torch.manual_seed(3)
    for _ in range(3):
        model(**inputs)
    method = attach("r-drop", model)
    torch.manual_seed(3)
    for _ in range(3):
        method.loss(model, inputs)
    vanilla, firsts, seconds = seen.inputs[:3], seen.inputs[3::2], seen.inputs[4::2]
    assert np.array_equal(vanilla, firsts)
    passes = [*firsts, *seconds]
    assert not any(np.array_equal(passes[i], passes[j]) for i in range(6) for j in range(i))


def test_on_top_of_match_matches_each_pass_by_itself(task: Task, settings: TrainingSettings) -> None:
    model, inputs = lively_model(), batch(5)
    before: list[torch.Tensor] = []
    after: list[torch.Tensor] = []
    dense = find_head_dense(model)
    dense.register_forward_hook(lambda _module, _inputs, output: before.append(output.detach()))
    method = attach("match:temperature=0.5+r-drop", model)
    dense.register_forward_hook(lambda _module, _inputs, output: after.append(output.detach()))
    method.before_step(inputs)
    method.loss(model, inputs).backward()
    assert [len(z) for z in before] == [5, 5]
    for z, mixed in zip(before, after, strict=True):
        torch.testing.assert_close(mixed, torch.softmax(z @ z.T / 0.5, dim=1) @ z)
    method.detach()
    history = fine_tune(task, parse_method("match+r-drop:weight=1"), replace(settings, epochs=4)).record.history
    assert history[-1]["validation_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("r-drop:weight=-1", "r-drop: weight is -1: give a number of 0 or more"),
        ("r-drop:weight=1e999", "weight is inf"),
        ("r-drop:weight=True", "weight is True"),
        ("r-drop:weight=much", "weight is 'much'"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)
