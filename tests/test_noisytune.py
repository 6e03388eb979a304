"""NoisyTune: its formula, what gets noise and what does not, and where it is vanilla fine-tuning."""

import math

import pytest
import torch
from method_samples import (
    attach,
    check_not_vanilla_but_repeatable_and_ordinary,
    check_setting_is_refused,
    check_torchs_generator_is_left_alone,
    check_vanilla_to_the_bit,
    plan,
    short,
    small_model,
)

from robustbench_mt.methods.head import HEAD_DENSE
from robustbench_mt.methods.noisytune import relative_noise
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


def seeded(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_by_hand() -> None:
    weight = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    draws = torch.rand(2, 2, generator=seeded())
    # (1.5^2 + 0.5^2 + 0.5^2 + 1.5^2) / 3 = 5 / 3
    torch.testing.assert_close(relative_noise(weight, 0.3, seeded()), (draws - 0.5) * 0.3 * math.sqrt(5 / 3))


def test_noise_is_uniform_and_as_wide_as_the_weights_spread() -> None:
    weight = 0.02 * torch.randn(400, 500, generator=seeded(1)) + 7
    noise = relative_noise(weight, 0.5, seeded()) / weight.std()
    assert float(noise.abs().max()) == pytest.approx(0.25, rel=1e-3)
    assert float(noise.mean()) == pytest.approx(0, abs=1e-3)
    assert float(noise.std()) == pytest.approx(0.5 / math.sqrt(12), rel=1e-2)


@pytest.mark.parametrize("shape", [(3, 4), (5,), (1,), ()])
def test_equal_entries_get_none(shape: tuple[int, ...]) -> None:
    assert not relative_noise(torch.ones(shape), 0.15, seeded()).any()


def test_it_is_the_published_loop_over_the_encoders_parameters() -> None:
    model, noisy = small_model("bert"), small_model("bert")
    attach("noisytune", noisy)
    generator = seeded(plan().seed)
    expected = {
        f"bert.{name}": weight + (torch.rand(weight.shape, generator=generator) - 0.5) * 0.15 * weight.std()
        for name, weight in model.bert.state_dict().items()
    }
    found = noisy.state_dict()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-8)


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_the_encoder_gets_noise_and_the_head_none(architecture: str) -> None:
    model, noisy = small_model(architecture), small_model(architecture)
    method = attach("noisytune", noisy)
    method.detach()
    assert list(noisy.state_dict()) == list(model.state_dict())
    before = dict(model.named_parameters())
    for name, weight in noisy.named_parameters():
        varies = before[name].unique().numel() > 1
        has_noise = varies and name.startswith(f"{model.base_model_prefix}.")
        assert torch.equal(weight, before[name]) != has_noise, name


@pytest.mark.parametrize("accumulation", [1, 2])
def test_limit_is_vanilla_to_the_bit(accumulation: int, task: Task, settings: TrainingSettings) -> None:
    check_vanilla_to_the_bit("noisytune:intensity=0", task, short(settings, accumulation=accumulation))


@pytest.mark.parametrize("spec", ["noisytune", "match+noisytune"])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_not_vanilla_but_repeatable_and_ordinary(spec, task, settings)


def test_torchs_generator_is_left_alone() -> None:
    check_torchs_generator_is_left_alone("noisytune")


@pytest.mark.parametrize("value", ["-0.1", "inf", "nan", "much", "True"])
def test_what_is_no_intensity_is_refused(value: str) -> None:
    check_setting_is_refused(f"noisytune:intensity={value}", "give a number of 0 or more")
