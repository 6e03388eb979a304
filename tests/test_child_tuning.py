"""Child-Tuning: which gradients it keeps, and where it is vanilla fine-tuning."""

from typing import Any

import pytest
import torch
from method_samples import (
    attached,
    batch,
    check_half_precision_of_gradients,
    check_model_without_numbered_layers_is_refused,
    check_not_vanilla_but_repeatable_and_ordinary,
    check_setting_is_refused,
    check_torchs_generator_is_left_alone,
    check_vanilla_to_the_bit,
    plan,
    short,
    small_model,
)

from robustbench_mt.methods.child_tuning import fisher_information, fisher_masks
from robustbench_mt.methods.llrd import layer_number
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


@pytest.mark.parametrize("spec", ["child-tuning-f:probability=1", "child-tuning-d:share=1"])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_limits_are_vanilla_to_the_bit(spec: str, accumulation: int, task: Task, settings: TrainingSettings) -> None:
    check_vanilla_to_the_bit(spec, task, short(settings, accumulation=accumulation))


@pytest.mark.parametrize("spec", ["child-tuning-f", "child-tuning-d", "match+child-tuning-f", "match+child-tuning-d"])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_not_vanilla_but_repeatable_and_ordinary(spec, task, settings)


@pytest.mark.parametrize("spec", ["child-tuning-f", "child-tuning-d", "match+child-tuning-f", "match+child-tuning-d"])
def test_half_precision_passes_give_float32_gradients(spec: str) -> None:
    check_half_precision_of_gradients(spec)


@pytest.mark.parametrize("spec", ["child-tuning-f", "child-tuning-d"])
def test_torchs_generator_is_left_alone(spec: str) -> None:
    check_torchs_generator_is_left_alone(spec)


def masked(spec: str) -> tuple[Any, dict[str, torch.Tensor]]:
    """A model of which the method has masked a batch's gradients, and these as they were before."""
    model, method = attached("bert", spec)
    model.eval()
    model(**batch()).loss.backward()
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    method.before_update(model)
    return model, before


def test_child_tuning_f_keeps_a_share_and_scales_it() -> None:
    model, before = masked("child-tuning-f:probability=0.25")
    kept = total = 0
    for name, parameter in model.named_parameters():
        on = parameter.grad != 0
        torch.testing.assert_close(parameter.grad[on], before[name][on] / 0.25, rtol=0, atol=0)
        kept, total = kept + int(on.sum()), total + int((before[name] != 0).sum())
    assert kept / total == pytest.approx(0.25, abs=0.03)
    assert (model.classifier.weight.grad == 0).any()


def test_fisher_information_is_the_mean_squared_gradient() -> None:
    model = small_model("bert").train()
    batches = [batch(4), batch(3)]
    information = fisher_information(model, plan(batches=batches))
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert information.keys() == {name for name, _ in model.named_parameters() if "encoder.layer." in name}
    name = "bert.encoder.layer.0.output.dense.weight"
    weight = dict(model.named_parameters())[name]
    model.eval()
    gradients = [torch.autograd.grad(model(**shown).loss, weight)[0] for shown in batches]
    gradients = [gradient / max(1.0, float(gradient.norm())) for gradient in gradients]
    torch.testing.assert_close(information[name], (gradients[0] ** 2 + gradients[1] ** 2) / 2)


def test_fisher_masks_have_one_threshold() -> None:
    information = {"low": torch.arange(6.0).reshape(2, 3), "high": torch.arange(4.0) + 10}
    masks = fisher_masks(information, 0.5)
    assert masks["low"].tolist() == [[False, False, False], [False, False, True]]
    assert masks["high"].all()
    assert all(mask.all() for mask in fisher_masks(information, 1).values())


def test_child_tuning_d_always_trains_embeddings_and_head() -> None:
    model, before = masked("child-tuning-d:share=0.2")
    kept = total = 0
    for name, parameter in model.named_parameters():
        if layer_number(name) is None:
            assert torch.equal(parameter.grad, before[name])
        else:
            kept, total = kept + int((parameter.grad != 0).sum()), total + parameter.numel()
    assert kept / total == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("child-tuning-f:probability=0", "above 0"),
        ("child-tuning-f:probability=True", "above 0"),
        ("child-tuning-d:share=1.5", "above 0"),
        ("child-tuning-d:share=some", "above 0"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    check_setting_is_refused(spec, message)


def test_models_without_numbered_layers_are_refused() -> None:
    check_model_without_numbered_layers_is_refused("child-tuning-d")
