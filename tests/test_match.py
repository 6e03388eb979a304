"""Match-Tuning: where its hook sits, when it matches, and what it refuses."""

from typing import Any

import numpy as np
import pytest
import torch
from method_samples import attached, batch, small_model
from two_processes import Outcome, examples, train_in_two_processes, train_step

from robustbench_mt.errors import UserError
from robustbench_mt.methods.across_devices import gather_rows
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import HEAD_DENSE, find_head_dense, find_head_output
from robustbench_mt.methods.match import MatchSettings
from robustbench_mt.methods.matching import schedule_factor
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import fine_tune
from robustbench_mt.training_settings import TrainingSettings


def matched_in_steps(spec: str, passes: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """For each step of a training (whose weights stay), what came out of the dense layer and what was made of it."""
    model, method = attached("bert", spec, passes=passes)
    dense = find_head_dense(model)
    seen: dict[str, torch.Tensor] = {}
    dense.register_forward_pre_hook(lambda _module, inputs: seen.update(h=inputs[0]))
    dense.register_forward_hook(lambda _module, _inputs, output: seen.update(mixed=output))
    model.train()
    steps = []
    for _ in range(passes):
        method.before_step(batch())
        with torch.no_grad():
            model(**batch())
            steps.append((seen["h"] @ dense.weight.T + dense.bias, seen["mixed"]))
    return steps


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_every_architecture_mixes_what_its_head_sees(architecture: str) -> None:
    model, method = attached(architecture, "match:temperature=0.5")
    dense = find_head_dense(model)
    seen: dict[str, torch.Tensor] = {}
    before = dense.register_forward_pre_hook(lambda _module, inputs: seen.update(h=inputs[0]))
    after = dense.register_forward_hook(lambda _module, _inputs, output: seen.update(mixed=output))
    model.train()
    inputs = batch()
    method.before_step(inputs)
    model(**inputs)
    before.remove()
    after.remove()
    method.detach()
    z = dense(seen["h"])
    assert z.shape == (4, 16)
    torch.testing.assert_close(seen["mixed"], torch.softmax(z @ z.T / 0.5, dim=1) @ z)
    assert not torch.allclose(seen["mixed"], z)


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_every_architecture_mixes_what_its_output_layer_reads(architecture: str) -> None:
    # ModernBERT's head ends in a normalization, so its rows are long.
    model, method = attached(architecture, "match:temperature=5,after=activation")
    output = find_head_output(model)
    seen: dict[str, torch.Tensor] = {}
    output.register_forward_pre_hook(lambda _module, inputs: seen.update(z=inputs[0]), prepend=True)
    output.register_forward_pre_hook(lambda _module, inputs: seen.update(mixed=inputs[0]))
    model.train()
    method.before_step(batch())
    logits = model(**batch()).logits
    z = seen["z"]
    torch.testing.assert_close(seen["mixed"], torch.softmax(z @ z.T / 5, dim=1) @ z)
    torch.testing.assert_close(logits, seen["mixed"] @ output.weight.T + output.bias)
    assert not torch.allclose(seen["mixed"], z)
    method.detach()
    torch.testing.assert_close(output(z), z @ output.weight.T + output.bias)


@pytest.mark.parametrize("after", ["dense", "activation"])
@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_nothing_is_matched_in_evaluation(architecture: str, after: str) -> None:
    model, _ = attached(architecture, f"match:temperature=0.5,after={after}")
    model.eval()
    with torch.no_grad():
        hooked = model(**batch()).logits
        plain = small_model(architecture).eval()(**batch()).logits
    assert torch.equal(hooked, plain)


def test_detaching_leaves_an_ordinary_model() -> None:
    model, method = attached("bert", "match:temperature=0.5")
    method.detach()
    assert not find_head_dense(model)._forward_hooks


def test_gradient_through_the_hook_against_finite_differences() -> None:
    model, method = attached("bert", "match:temperature=3")
    # Training mode for the hook alone: dropout would make two passes differ.
    model.eval().double()
    dense = find_head_dense(model)
    dense.training = True
    inputs = batch()
    method.before_step(inputs)
    parameter = dense.weight

    # The matrix is computed in float32, so the step is large and the tolerance is float32's.
    def loss() -> torch.Tensor:
        return model(**inputs).loss

    loss().backward()
    gradient = parameter.grad.clone()
    step = 1e-2
    for row, column in [(0, 0), (3, 7), (15, 2)]:
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter[row, column] += sign * step
                values.append(loss().item())
                parameter[row, column] -= sign * step
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[row, column].item(), rel=2e-2, abs=2e-5)


@pytest.mark.parametrize(("calibrate", "stays"), [("once", False), ("always", True)])
def test_always_calibrated_the_self_mass_stays_whatever_the_scale(calibrate: str, stays: bool) -> None:
    spec = f"match:self_mass=0.6,similarity=distance,calibrate={calibrate}"
    model, method = attached("bert", spec, passes=4)
    model.train()
    for scale in (1, 3):
        find_head_dense(model).weight.data.mul_(scale)
        method.before_step(batch())
        model(**batch())
    (_, at_first, *_), (_, at_last, *_) = method.trace.mass
    assert at_first == pytest.approx(0.6, abs=1e-3)
    assert (at_last == pytest.approx(0.6, abs=1e-3)) is stays


def test_rows_that_become_equal_keep_the_last_temperature() -> None:
    model, method = attached("bert", "match:calibrate=always", passes=3)
    model.train()
    method.before_step(batch())
    model(**batch())
    calibrated = method.temperature
    find_head_dense(model).weight.data.zero_()
    method.before_step(batch())
    model(**batch())
    assert method.temperature == calibrated


def test_always_calibrated_the_temperature_kept_is_of_whole_batches() -> None:
    model, method = attached("bert", "match:calibrate=always,similarity=distance", passes=4)
    model.train()
    kept = []
    for n in (4, 6, 2, 1, 6):
        method.before_step(batch(n))
        model(**batch(n))
        kept.append(method.temperature)
    assert kept[1] == kept[2] == kept[3]
    assert len(set(kept)) == 3


def test_cosine_weighs_the_rows_as_they_are() -> None:
    (z, mixed), *_ = matched_in_steps("match:similarity=cosine,temperature=0.2", 1)
    directions = torch.nn.functional.normalize(z, dim=1)
    torch.testing.assert_close(mixed, torch.softmax(directions @ directions.T / 0.2, dim=1) @ z)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant", [1, 1, 1, 1, 1]),
        ("linear", [1, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", [1, 0.6 + 0.4 * 0.5**0.5, 0.6, 0.6 - 0.4 * 0.5**0.5, 0.2]),
    ],
)
def test_schedules_of_the_temperature(schedule: Any, factors: list[float]) -> None:
    final = 1.0 if schedule == "constant" else 0.2
    assert [schedule_factor(schedule, final, step / 4) for step in range(5)] == pytest.approx(factors)
    steps = matched_in_steps(f"match:temperature=0.5,schedule={schedule},final={final}", 5)
    for (z, mixed), factor in zip(steps, factors, strict=True):
        torch.testing.assert_close(mixed, torch.softmax(z @ z.T / (0.5 * factor), dim=1) @ z, rtol=1e-4, atol=1e-5)


def test_matching_is_off_for_the_first_share_of_steps() -> None:
    steps = matched_in_steps("match:temperature=0.5,start=0.5,schedule=linear,final=3", 6)
    for z, output in steps[:3]:
        torch.testing.assert_close(output, z)
    # The schedule runs over the steps that match.
    for (z, mixed), factor in zip(steps[3:], [1, 2, 3], strict=True):
        torch.testing.assert_close(mixed, torch.softmax(z @ z.T / (0.5 * factor), dim=1) @ z, rtol=1e-4, atol=1e-5)


def test_the_temperature_is_calibrated_when_matching_begins() -> None:
    model, method = attached("bert", "match:start=0.5,similarity=cosine", passes=4)
    model.train()
    for step in range(1, 5):
        method.before_step(batch())
        model(**batch())
        assert (method.temperature is None) == (step <= 2)
    method.detach()
    assert [row[0] for row in method.trace.mass] == [3, 4]
    assert method.trace.mass[0][1] == pytest.approx(0.8, abs=1e-3)
    assert [snapshot.step for snapshot in method.trace.snapshots] == [3, 4]


def test_of_several_passes_a_step_the_first_is_told() -> None:
    once, twice = attached("bert", "match", passes=3), attached("bert", "match", passes=3)
    for model, method in (once, twice):
        # Training mode for the hook alone: dropout would make two passes differ.
        model.eval()
        find_head_dense(model).training = True
        for n in (6, 5, 6):
            method.before_step(batch(n))
            model(**batch(n))
            if method is twice[1]:
                other = {**batch(n), "input_ids": batch(n)["input_ids"].flip(1)}
                model(**other)
        method.detach()
    assert len(twice[1].trace.mass) == 3
    assert twice[1].trace == once[1].trace


def test_one_process_gathers_its_own_rows() -> None:
    rows = torch.arange(6).view(3, 2)
    gathered, own = gather_rows(rows)
    assert torch.equal(gathered[own], rows)
    plain, across = matched_in_steps("match", 1), matched_in_steps("match:across_devices=True", 1)
    assert torch.equal(plain[0][1], across[0][1])


ACROSS = [
    MatchSettings(across_devices=True),
    MatchSettings(across_devices=True, similarity="cosine", after="activation"),
]
APART = [MatchSettings(), MatchSettings(calibrate="always")]


@pytest.fixture(scope="module")
def by_process(tmp_path_factory: pytest.TempPathFactory) -> list[list[Outcome]]:
    return train_in_two_processes([*ACROSS, *APART], tmp_path_factory.mktemp("two"))


def test_across_devices_is_one_process_with_the_whole_batch(by_process: list[list[Outcome]]) -> None:
    for outcomes in by_process:
        for each, outcome in zip(ACROSS, outcomes, strict=False):
            whole = train_step(each, examples())
            torch.testing.assert_close(outcome.loss, whole.loss)
            assert all(gradient.abs().max() > 1e-4 for gradient in whole.gradients)
            torch.testing.assert_close(outcome.gradients, whole.gradients)
            assert outcome.temperature == pytest.approx(whole.temperature, rel=1e-6)
            np.testing.assert_allclose(outcome.mass, whole.mass, atol=2e-5)


def test_devices_apart_share_the_temperature_that_is_calibrated_once(by_process: list[list[Outcome]]) -> None:
    halves = [{name: values[part] for name, values in examples().items()} for part in (slice(4), slice(4, 8))]
    found = [train_step(MatchSettings(), half).temperature for half in halves]
    assert found[0] != pytest.approx(found[1], rel=0.1)
    once, always = ([outcomes[-2 + which].temperature for outcomes in by_process] for which in range(2))
    assert once[0] == once[1] == pytest.approx(np.mean(found))
    assert always == pytest.approx(found)
    assert found[0] != pytest.approx(by_process[0][0].temperature, rel=1e-3)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mtach", "did you mean match"),
        ("match:self_mas=0.5", "did you mean self_mass"),
        ("match:self_mass", "not SETTING=VALUE"),
        ("match:self_mass=1", "between 0 and 1"),
        ("match:self_mass=high", "between 0 and 1"),
        ("match:temperature=0", "above 0"),
        ("match:temperature=warm", "above 0"),
        ("match:layer=3", "dotted name"),
        ("match:layer=pooler,after=activation", "leave out after"),
        ("match:calibrate=never", "give 'once' or 'always'"),
        ("match:calibrate=always,temperature=1", "leave out calibrate"),
        ("match:schedule=step", "give 'constant', 'linear' or 'cosine'"),
        ("match:final=0.1", "schedule is constant"),
        ("match:schedule=linear,final=0", "above 0"),
        ("match:similarity=euclidean", "give 'dot', 'cosine' or 'distance'"),
        ("match:after=encoder", "give 'dense' or 'activation'"),
        ("match:start=1", "below 1"),
        ("match:start=-0.1", "below 1"),
        ("match:across_devices=yes", "True or False"),
        ("vanilla:temperature=1", "Unknown setting"),
        ("r-drop+r-drop", "names a method twice: name each once"),
        ("match:self_mass=0.5+match:self_mass=0.9", "names a method twice"),
        ("match+r-drop+match", "names a method twice"),
        ("match+vanilla", "give match alone"),
        ("vanilla+match", "give match alone"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


def test_all_settings_at_once_learn_the_toy_task(task: Task, settings: TrainingSettings) -> None:
    spec = "match:self_mass=0.6,schedule=cosine,final=0.5,similarity=cosine,after=activation,start=0.25"
    tuned = fine_tune(task, parse_method(spec), settings)
    record = tuned.record
    assert record.history[-1]["validation_accuracy"] > 0.9
    assert record.matching is not None
    # 240 examples in batches of 8, six times.
    assert record.matching.mass[0][:2] == [46, pytest.approx(0.6, abs=1e-3)]
    assert record.matching.mass[-1][0] == 180
