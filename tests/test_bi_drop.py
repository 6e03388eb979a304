"""Bi-Drop: its scores, which gradients it keeps, and where it is vanilla fine-tuning."""

from pathlib import Path

import numpy as np
import pytest
import torch
from method_samples import (
    attached,
    batch,
    check_half_precision_of_gradients,
    check_not_vanilla_but_repeatable_and_ordinary,
    check_setting_is_refused,
    check_torchs_generator_is_left_alone,
    same_weights,
    short,
    small_model,
    trained,
    without_dropout,
)

from robustbench_mt.methods.bi_drop import selection_scores, selection_threshold
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


def test_everything_without_dropout_is_vanilla_to_the_bit(
    task: Task, settings: TrainingSettings, tiny_base: Path, tmp_path: Path
) -> None:
    # A half is exact in binary; a third, or another order of summing, is not, and AdamW makes much of a last bit where
    # a gradient should be 0.
    brief = short(settings, base=without_dropout(tiny_base, tmp_path / "still"))
    tuned, vanilla = (trained(task, spec, brief) for spec in ("bi-drop:share=1", "vanilla"))
    assert same_weights(tuned, vanilla)
    assert tuned.record.history == vanilla.record.history


@pytest.mark.parametrize("spec", ["bi-drop", "match+bi-drop"])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_not_vanilla_but_repeatable_and_ordinary(spec, task, settings)


@pytest.mark.parametrize("spec", ["bi-drop", "match+bi-drop"])
def test_half_precision_passes_give_float32_gradients(spec: str) -> None:
    check_half_precision_of_gradients(spec)


def test_torchs_generator_is_left_alone() -> None:
    check_torchs_generator_is_left_alone("bi-drop")


def test_selection_scores_are_the_papers_factors() -> None:
    generator = np.random.default_rng(0)
    first, second, weights = generator.normal(size=(3, 4, 2))
    mean = (first + second) / 2
    perturbation = np.abs(mean) / np.sqrt((first - mean) ** 2 + (second - mean) ** 2)
    expected = perturbation * np.abs(mean / weights)
    scores = selection_scores([torch.tensor(first), torch.tensor(second)], torch.tensor(weights))
    np.testing.assert_allclose(scores.numpy(), expected, rtol=1e-6)


def test_selection_threshold_counts_only_what_has_a_gradient() -> None:
    scores = [torch.tensor([[0.0, 0.0], [3.0, 1.0]]), torch.tensor([0.0, 4.0, 2.0])]
    assert [selection_threshold(scores, share) for share in (0.25, 0.5, 0.6, 1)] == [4, 3, 2, 1]
    assert selection_threshold([torch.zeros(3)], 0.5) == 0


def test_updates_with_the_mean_gradient_where_scores_are_high() -> None:
    accumulation, passes = 2, 3

    def backward(loss: torch.Tensor) -> None:
        (loss / accumulation).backward()

    batches = [batch(4), batch(3)]
    twin = small_model("bert").train()
    torch.manual_seed(5)
    names = [name for name, _ in twin.named_parameters()]
    sums = [{name: torch.zeros(()) for name in names} for _ in range(passes)]
    losses = []
    for shown in batches:
        for gradients in sums:
            loss = twin(**shown).loss
            losses.append(loss.item())
            found = torch.autograd.grad(loss / accumulation, list(twin.parameters()), allow_unused=True)
            for name, gradient in zip(names, found, strict=True):
                gradients[name] = gradients[name] + gradient
    model, method = attached("bert", f"bi-drop:share=0.3,passes={passes}", backward=backward)
    model.train()
    torch.manual_seed(5)
    for number, shown in enumerate(batches):
        loss = method.loss(model, shown)
        assert loss.item() == pytest.approx(np.mean(losses[passes * number : passes * (number + 1)]), rel=1e-6)
        backward(loss)
    # As a clipping trainer would.
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
    clipped = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    means = {name: sum(gradients[name] for gradients in sums) / passes for name in names}
    norm = torch.cat([mean.flatten() for mean in means.values()]).norm()
    scores = {
        name: selection_scores([gradients[name] for gradients in sums], parameter)
        for name, parameter in twin.named_parameters()
    }
    everything = np.concatenate([values.flatten() for values in scores.values()])
    everything = np.sort(everything[everything > 0])
    threshold = everything[-int(np.ceil(0.3 * len(everything)))]
    method.before_update(model)
    method.detach()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(clipped[name], means[name] * 0.01 / norm, rtol=1e-4, atol=1e-8)
        # Scores at the threshold itself hang on the last bit.
        clear = (scores[name] / float(threshold) - 1).abs() > 1e-3
        expected = torch.where(scores[name] > threshold, clipped[name], 0.0)
        assert torch.equal(parameter.grad[clear], expected[clear])
    assert not any(parameter._backward_hooks for parameter in model.parameters())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("bi-drop:passes=1", "whole number from 2"),
        ("bi-drop:passes=2.5", "whole number from 2"),
        ("bi-drop:share=0", "above 0"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    check_setting_is_refused(spec, message)
