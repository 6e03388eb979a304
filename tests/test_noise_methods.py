"""Methods that perturb word embeddings: their limits, their arithmetic, and dropout masks that stay."""

from copy import deepcopy
from pathlib import Path

import pytest
import torch
from method_samples import same_weights, short
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.divergence import symmetric_kl
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

SPECS = ["r3f", "smart", "freelb"]
Batch = dict[str, torch.Tensor]


@pytest.fixture
def model(tiny_base: Path) -> PreTrainedModel:
    torch.manual_seed(0)
    classifier = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=3)
    # Predictions of an untrained head hardly differ; double, so that small differences can be checked.
    torch.nn.init.normal_(classifier.classifier.weight)
    return classifier.double().train()


@pytest.fixture
def batch(tiny_base: Path) -> Batch:
    """Two texts, the first of them padded."""
    texts = ["the film was awful .", "it was the truly charming story , it was simply superb ."]
    encoded = AutoTokenizer.from_pretrained(tiny_base)(texts, padding=True, return_tensors="pt")
    return {**encoded, "labels": torch.tensor([0, 2])}


def attached(spec: str, model: PreTrainedModel, updates: int = 100) -> Method:
    method = parse_method(spec).create()
    method.attach(model, Plan(updates, updates, seed=7, backward=torch.Tensor.backward, batches=lambda: iter(())))
    return method


def run(model: PreTrainedModel, batch: Batch, delta: torch.Tensor | float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Loss and logits with dropout on, masks from seed 3; by another way in than a hook."""
    torch.manual_seed(3)
    rest = {name: values for name, values in batch.items() if name != "input_ids"}
    output = model(inputs_embeds=model.get_input_embeddings()(batch["input_ids"]) + delta, **rest)
    return output.loss, output.logits


def gradients(model: PreTrainedModel) -> list[torch.Tensor]:
    found = [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]
    model.zero_grad()
    return found


def draws(distribution: str, batch: Batch) -> torch.Tensor:
    """What a method attached with seed 7 draws first."""
    generator = torch.Generator().manual_seed(7)
    drawn = torch.empty(*batch["input_ids"].shape, 32)
    if distribution == "normal":
        drawn.normal_(generator=generator)
    else:
        drawn.uniform_(-1, 1, generator=generator)
    return drawn * batch["attention_mask"][:, :, None]


def apart(one: FineTuned, other: FineTuned) -> float:
    """The largest difference of two weights.

    Left out are the biases of attention's keys: softmax does not see them, their gradient is a rounding error, and Adam
    makes a whole step of it.
    """
    left, right = one.model.state_dict(), other.model.state_dict()
    return max((left[name] - right[name]).abs().max().item() for name in left if not name.endswith("key.bias"))


@pytest.mark.parametrize("spec", ["r3f:noise=0", "r3f:weight=0", "smart:weight=0", "freelb:radius=0"])
def test_limits_are_vanilla_to_the_bit(spec: str, task: Task, settings: TrainingSettings) -> None:
    tuned, vanilla = (fine_tune(task, parse_method(each), short(settings), 3) for each in (spec, "vanilla"))
    assert same_weights(tuned, vanilla)


@pytest.mark.parametrize(("steps", "accumulation"), [(2, 1), (3, 1), (3, 2)])
def test_freelb_in_a_vanishing_ball_is_vanilla(
    steps: int, accumulation: int, task: Task, settings: TrainingSettings
) -> None:
    slow = short(settings, accumulation=accumulation, learning_rate=1e-4, train_examples=32)
    specs = (f"freelb:radius=1e-12,steps={steps}", "vanilla", "freelb")
    tuned, vanilla, noised = (fine_tune(task, parse_method(spec), slow, 3) for spec in specs)
    assert apart(tuned, vanilla) < 1e-6
    assert apart(noised, vanilla) > 1e-4
    assert tuned.record.history[-1]["loss"] == pytest.approx(vanilla.record.history[-1]["loss"], abs=2e-5)


@pytest.mark.parametrize("spec", ["r3f:noise=0.1", "smart:radius=0.1,step_size=0.1,proximal=0", "smart:radius=0"])
def test_every_term_changes_the_weights(spec: str, task: Task, settings: TrainingSettings) -> None:
    tuned, vanilla = (fine_tune(task, parse_method(each), short(settings), 3) for each in (spec, "vanilla"))
    assert apart(tuned, vanilla) > 1e-4


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_r3f_is_its_formula(distribution: str, model: PreTrainedModel, batch: Batch) -> None:
    method = attached(f"r3f:weight=2,noise=0.05,masks=same,distribution='{distribution}'", model)
    torch.manual_seed(3)
    loss = method.loss(model, batch)
    after = torch.rand(1)
    loss.backward()
    ours = gradients(model)
    method.detach()

    clean_loss, clean = run(model, batch)
    assert torch.equal(after, torch.rand(1))
    _, noised = run(model, batch, 0.05 * draws(distribution, batch))
    p, q = clean.softmax(1), noised.softmax(1)
    expected = clean_loss + 2 * ((p * (p / q).log()).sum() + (q * (q / p).log()).sum()) / 2
    assert expected > clean_loss + 1e-4
    torch.testing.assert_close(loss, expected)
    expected.backward()
    torch.testing.assert_close(ours, gradients(model))


def test_smart_is_its_formula(model: PreTrainedModel, batch: Batch) -> None:
    method = attached("smart:masks=same,weight=2,proximal=3,steps=2,step_size=0.02,noise=0.01,radius=0.03", model)
    start = {name: weights.detach().clone() for name, weights in model.named_parameters()}
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.sign(weights), alpha=0.01)
    method.after_update(model)
    torch.manual_seed(3)
    loss = method.loss(model, batch)
    after = torch.rand(1)
    loss.backward()
    ours = gradients(model)

    clean_loss, clean = run(model, batch)
    assert torch.equal(after, torch.rand(1))
    delta = 0.01 * draws("normal", batch).double()
    for _ in range(2):
        delta = delta.clamp(-0.03, 0.03).requires_grad_()
        (slope,) = torch.autograd.grad(symmetric_kl(clean.detach(), run(model, batch, delta)[1]), delta)
        largest = slope.abs().max(dim=2, keepdim=True).values
        delta = delta.detach() + 0.02 * torch.where(largest > 0, slope / largest, 0)
    moved = run(model, batch, delta.clamp(-0.03, 0.03))[1]
    averaged = deepcopy(model)
    averaged.load_state_dict({name: 0.99 * start[name] + 0.01 * now for name, now in model.named_parameters()})
    average = run(averaged, batch)[1].detach()
    smoothness, proximity = symmetric_kl(clean, moved), symmetric_kl(clean, average)
    assert min(smoothness, proximity) > 1e-5
    expected = clean_loss + 2 * (smoothness + 3 * proximity)
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=1e-8)
    expected.backward()
    torch.testing.assert_close(ours, gradients(model), rtol=1e-4, atol=1e-7)


def test_smarts_ascent_beats_its_start(model: PreTrainedModel, batch: Batch) -> None:
    terms = []
    for step_size in (0, 1):
        method = attached(f"smart:masks=same,proximal=0,radius=1e-5,step_size={step_size}", model)
        torch.manual_seed(3)
        terms.append((method.loss(model, batch) - run(model, batch)[0]).item())
        method.detach()
    assert terms[1] > 5 * terms[0] > 0


def test_smarts_average_forgets_faster_at_first(model: PreTrainedModel) -> None:
    method = attached("smart", model, updates=20)
    expected = model.classifier.weight.detach().clone()
    for momentum in (0.99, 0.99, 0.999):
        with torch.no_grad():
            model.classifier.weight += 1
        method.after_update(model)
        expected = momentum * expected + (1 - momentum) * model.classifier.weight.detach()
    torch.testing.assert_close(method._average["classifier.weight"], expected)


def test_freelb_is_its_formula(model: PreTrainedModel, batch: Batch) -> None:
    method = attached("freelb:steps=3,step_size=0.4,radius=0.7,initial=0.9", model)
    torch.manual_seed(3)
    loss = method.loss(model, batch)
    after = torch.rand(1)
    loss.backward()
    ours = gradients(model)

    lengths = batch["attention_mask"].sum(1)
    delta = draws("uniform", batch).double() * (0.9 / (lengths * 32).sqrt())[:, None, None]
    losses = []
    for _ in range(3):
        delta = delta.detach().requires_grad_()
        losses.append(run(model, batch, delta)[0])
        (slope,) = torch.autograd.grad(losses[-1], delta, retain_graph=True)
        for row in range(2):
            step = delta[row] + 0.4 * slope[row] / slope[row].pow(2).sum().sqrt()
            length = step.pow(2).sum().sqrt()
            delta = torch.cat([delta[:row], (step * min(1, 0.7 / length))[None], delta[row + 1 :]])
    assert torch.equal(after, torch.rand(1))
    assert losses[0] < losses[1] < losses[2]
    expected = sum(losses) / 3
    torch.testing.assert_close(loss, expected, rtol=1e-6, atol=0)
    expected.backward()
    torch.testing.assert_close(ours, gradients(model), rtol=1e-4, atol=1e-7)


def test_first_perturbation_is_in_the_ball_and_not_at_padding(model: PreTrainedModel, batch: Batch) -> None:
    delta = attached("freelb:initial=50,radius=0.2", model)._first(batch)
    assert delta.norm(dim=(1, 2)).tolist() == pytest.approx([0.2, 0.2])
    assert not delta[batch["attention_mask"] == 0].any()


@pytest.mark.parametrize("spec", SPECS)
def test_detaching_leaves_an_ordinary_model(spec: str, model: PreTrainedModel) -> None:
    attached(spec, model).detach()
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("spec", ["r3f:noise=0.1", "smart:proximal=0,radius=0.1,step_size=0.1", "freelb"])
def test_half_precision_changes_little(spec: str, model: PreTrainedModel, batch: Batch) -> None:
    terms = []
    for enabled in (False, True):
        method = attached(spec, model.float())
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            torch.manual_seed(3)
            term = method.loss(model, batch) - run(model, batch)[0]
        method.detach()
        term.backward()
        assert all(gradient.isfinite().all() for gradient in gradients(model))
        terms.append(term.item())
    assert terms[0] > 1e-3
    assert terms[1] == pytest.approx(terms[0], rel=0.2)


def test_terms_of_a_regression(tiny_base: Path, batch: Batch) -> None:
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tiny_base, num_labels=1).train()
    batch = {**batch, "labels": torch.tensor([0.5, 4.5])}
    method = attached("r3f:masks=same,weight=2,noise=0.1", model)
    torch.manual_seed(3)
    loss = method.loss(model, batch)
    method.detach()
    clean_loss, clean = run(model, batch)
    _, noised = run(model, batch, 0.1 * draws("uniform", batch))
    torch.testing.assert_close(loss, clean_loss + 2 * (clean - noised).square().mean())
    for spec in ("smart:masks=same,radius=0.1,step_size=0.1,proximal=0", "freelb"):
        method = attached(spec, model)
        torch.manual_seed(3)
        assert method.loss(model, batch) > clean_loss + 1e-4
        method.detach()


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        ("r3f", (1, 1)),
        ("smart", (3, 2)),
        ("smart:steps=3,proximal=0", (4, 4)),
        ("smart:weight=0", (0, 0)),
        ("freelb", (2, 2)),
        ("freelb:radius=0", (0, 0)),
    ],
)
def test_extra_passes_are_those_made(spec: str, passes: tuple[int, int], model: PreTrainedModel, batch: Batch) -> None:
    counts = [0, 0]
    method = attached(spec, model)
    dense = model.bert.encoder.layer[0].intermediate.dense
    dense.register_forward_hook(lambda *_: counts.__setitem__(0, counts[0] + 1))
    dense.register_full_backward_hook(lambda *_: counts.__setitem__(1, counts[1] + 1))
    method.loss(model, batch).backward()
    assert method.extra_passes == passes
    assert (counts[0] - 1, counts[1] - 1) == passes


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("r3f:weight=-1", "r3f: weight is -1: give a number"),
        ("r3f:noise=small", "r3f: noise is 'small'"),
        ("r3f:distribution=cauchy", "'normal' or 'uniform'"),
        ("r3f:masks=old", "'new' or 'same'"),
        ("smart:masks=old", "'new' or 'same'"),
        ("smart:steps=0", "smart: steps is 0: give a whole number"),
        ("smart:momentum=1.1", "from 0 to 1"),
        ("smart:radius=-1e-5", "smart: radius is"),
        ("freelb:steps=True", "freelb: steps is True"),
        ("freelb:radius=-1", "freelb: radius is -1"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


@pytest.mark.parametrize("spec", ["r3f", "smart:proximal=0"])
def test_new_masks_are_what_moves_predictions_at_the_default_noise(
    spec: str, model: PreTrainedModel, batch: Batch
) -> None:
    terms = {}
    for masks in ("new", "same"):
        copy = deepcopy(model)
        method = attached(f"{spec}{',' if ':' in spec else ':'}masks={masks}", copy)
        torch.manual_seed(3)
        loss = method.loss(copy, batch)
        terms[masks] = abs((loss - run(model, batch)[0]).item())
    assert terms["same"] < 1e-6
    assert terms["new"] > 1e-3
