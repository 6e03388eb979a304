"""Mixout: its formula, what it draws, and where it is vanilla fine-tuning."""

from typing import Any

import pytest
import torch
from method_samples import (
    attached,
    batch,
    check_half_precision_of_gradients,
    check_not_vanilla_but_repeatable_and_ordinary,
    check_setting_is_refused,
    check_torchs_generator_is_left_alone,
    check_vanilla_to_the_bit,
    plan,
    short,
    small_model,
)

from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import HEAD_DENSE
from robustbench_mt.methods.mixout import mix_weights
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


@pytest.mark.parametrize("accumulation", [1, 2])
def test_limit_is_vanilla_to_the_bit(accumulation: int, task: Task, settings: TrainingSettings) -> None:
    check_vanilla_to_the_bit("mixout:probability=0", task, short(settings, accumulation=accumulation))


@pytest.mark.parametrize("spec", ["mixout", "match+mixout"])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_not_vanilla_but_repeatable_and_ordinary(spec, task, settings)


@pytest.mark.parametrize("spec", ["mixout", "match+mixout"])
def test_half_precision_passes_give_float32_gradients(spec: str) -> None:
    check_half_precision_of_gradients(spec)


def test_torchs_generator_is_left_alone() -> None:
    check_torchs_generator_is_left_alone("mixout")


def test_mixed_weights_are_the_papers_formula() -> None:
    weight, pretrained = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kept = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    expected = (kept * weight + (1 - kept) * pretrained - 0.7 * pretrained) / 0.3
    torch.testing.assert_close(mix_weights(weight, pretrained, kept, 0.7), expected)


def dropouts(model: torch.nn.Module) -> list[tuple[str, Any]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)]


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_mixes_in_training_only_and_leaves_the_model_as_it_was(architecture: str) -> None:
    model = small_model(architecture)
    keys, dropped = list(model.state_dict()), {name: module.p for name, module in dropouts(model)}
    method = parse_method("mixout:probability=0.6").create()
    method.attach(model, plan())
    assert list(model.state_dict()) == keys
    inputs = batch()
    with torch.no_grad():
        # Dropout is off, and mixing with equal weights changes nothing.
        torch.testing.assert_close(model.train()(**inputs).logits, model.eval()(**inputs).logits)
        for parameter in getattr(model, model.base_model_prefix).parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
        model.train()
        assert not torch.allclose(model(**inputs).logits, model(**inputs).logits)
        model.eval()
        first = model(**inputs).logits
        method.detach()
        assert torch.equal(first, model(**inputs).logits)
    assert not any("forward" in vars(module) for module in model.modules())
    assert {name: module.p for name, module in dropouts(model)} == dropped


def test_draws_for_inputs_of_a_layer() -> None:
    model, _ = attached("bert", "mixout:probability=0.5")
    linear = model.bert.encoder.layer[0].intermediate.dense.train()
    pretrained = linear.weight.detach().clone()
    with torch.no_grad():
        linear.weight += 1
        # What the layer makes of unit vectors is its weights, column by column.
        seen = (linear(torch.eye(16)) - linear.bias).T - pretrained
    for column in seen.T:
        assert torch.allclose(column, torch.zeros(24), atol=1e-6) or torch.allclose(column, torch.full((24,), 2.0))
    assert {round(float(column[0])) for column in seen.T} == {0, 2}
    assert "forward" not in vars(model.classifier)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mixout:probability=1", "0 to below 1"),
        ("mixout:probability=-0.1", "0 to below 1"),
        ("mixout:probability=much", "0 to below 1"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    check_setting_is_refused(spec, message)
