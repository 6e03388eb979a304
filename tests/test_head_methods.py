"""R-Drop, supervised contrast and mixup: their formulas, and where each is vanilla fine-tuning."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import make_task
from scipy.special import log_softmax, rel_entr, softmax
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import find_head_dense, find_head_output
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.methods.supcon import contrastive_loss
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

CLASSES, SCORES = "single_label_classification", "regression"


def largest_difference(one: FineTuned, other: FineTuned) -> float:
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((left - right).abs().max().item() for left, right in pairs)


def short(settings: TrainingSettings, **changes: Any) -> TrainingSettings:
    return replace(settings, **{"epochs": 1, "train_examples": 60, **changes})


def small_model(problem: str = CLASSES, architecture: str = "bert", **changes: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=24,
        num_labels=3 if problem == CLASSES else 1,
        problem_type=problem,
        initializer_range=0.3,
        pad_token_id=0,
        **changes,
    )
    return AutoModelForSequenceClassification.from_config(config).train()


NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def batch(problem: str = CLASSES, n: int = 5) -> dict[str, torch.Tensor]:
    ids = torch.randint(3, 40, (n, 7), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(n) % 3
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": labels if problem == CLASSES else labels.float(),
    }


def attached(spec: str, model: Any) -> Method:
    method = parse_method(spec).create()
    method.attach(model, Plan(passes=1, updates=1, seed=7, backward=torch.Tensor.backward, batches=lambda: iter(())))
    return method


class Seen:
    """Every input of the layer that makes the logits, and every output, while the block runs."""

    def __init__(self, model: Any) -> None:
        self.inputs: list[np.ndarray[Any, Any]] = []
        self.outputs: list[np.ndarray[Any, Any]] = []
        # Registered after the method's own hook, so that it sees what that leaves.
        find_head_output(model).register_forward_hook(self._see)

    def _see(self, _module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        self.inputs.append(inputs[0].detach().numpy())
        self.outputs.append(output.detach().numpy())


def task_loss(logits: np.ndarray[Any, Any], labels: torch.Tensor) -> float:
    if logits.shape[1] == 1:
        return float(np.mean((logits[:, 0] - labels.numpy()) ** 2))
    return float(-np.mean(log_softmax(logits, axis=1)[np.arange(len(logits)), labels.numpy()]))


@pytest.fixture
def still_base(tiny_base: Path, tmp_path: Path) -> str:
    """The tiny encoder without dropout."""
    path = tmp_path / "still"
    shutil.copytree(tiny_base, path)
    config = BertConfig.from_pretrained(path)
    config.update(NO_DROPOUT)
    config.save_pretrained(path)
    return str(path)


@pytest.fixture
def scores_task() -> Task:
    splits = {
        name: Examples(split.texts, [4.0 * label + 0.5 for label in split.labels])
        for name, split in make_task().splits.items()
    }
    return Task("toy-scores", ("text",), (), splits, metric="spearman")


# Limits.


@pytest.mark.parametrize("spec", ["supcon:weight=0", "mixup:coefficient=1"])
@pytest.mark.parametrize("changes", [{}, {"accumulation": 2}], ids=["plain", "two"])
def test_switched_off_is_vanilla_to_the_bit(
    spec: str, changes: dict[str, Any], task: Task, settings: TrainingSettings
) -> None:
    off, vanilla = (fine_tune(task, parse_method(each), short(settings, **changes)) for each in (spec, "vanilla"))
    assert largest_difference(off, vanilla) == 0


@pytest.mark.parametrize("spec", ["supcon:weight=0", "mixup:coefficient=1", "r-drop", "supcon", "mixup"])
def test_half_precision(spec: str) -> None:
    model, inputs = small_model(**NO_DROPOUT), batch()
    losses, gradients = [], []
    for each in (spec, "vanilla"):
        method = attached(each, model)
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = method.loss(model, inputs)
        loss.backward()
        method.detach()
        losses.append(loss.item())
        gradients.append(find_head_dense(model).weight.grad.clone())
    assert loss.dtype == torch.float32
    assert all(gradient.isfinite().all() for gradient in gradients)
    if spec in ("supcon", "mixup"):
        assert losses[0] != pytest.approx(losses[1])
    else:
        assert losses[0] == losses[1]
        torch.testing.assert_close(*gradients)


def test_mixup_of_regressions_switched_off_is_vanilla_to_the_bit(scores_task: Task, settings: TrainingSettings) -> None:
    off, vanilla = (
        fine_tune(scores_task, parse_method(each), short(settings)) for each in ("mixup:coefficient=1", "vanilla")
    )
    assert largest_difference(off, vanilla) == 0


@pytest.mark.parametrize("changes", [{}, {"accumulation": 2}], ids=["plain", "two"])
def test_r_drop_without_dropout_is_vanilla(
    changes: dict[str, Any], task: Task, settings: TrainingSettings, still_base: str
) -> None:
    still = short(settings, base=still_base, **changes)
    r_drop, vanilla = (fine_tune(task, parse_method(each), still) for each in ("r-drop:weight=1", "vanilla"))
    assert largest_difference(r_drop, vanilla) <= 1e-6


@pytest.mark.parametrize("spec", ["r-drop", "supcon", "mixup", "mixup:alpha=0.4"])
def test_switched_on_is_not_vanilla(spec: str, task: Task, settings: TrainingSettings) -> None:
    on, vanilla = (fine_tune(task, parse_method(each), short(settings)) for each in (spec, "vanilla"))
    assert largest_difference(on, vanilla) > 1e-3


@pytest.mark.parametrize("spec", ["r-drop", "supcon", "mixup", "mixup:alpha=0.4"])
def test_torchs_generator_goes_on_as_vanillas(spec: str) -> None:
    model, inputs = small_model(), batch()
    states = []
    for each in (spec, "vanilla"):
        torch.manual_seed(3)
        method = attached(each, model)
        method.loss(model, inputs).backward()
        method.detach()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


@pytest.mark.parametrize("spec", ["supcon", "mixup"])
def test_detaching_leaves_an_ordinary_model(spec: str) -> None:
    model = small_model()
    method = attached(spec, model)
    assert find_head_output(model)._forward_pre_hooks
    method.detach()
    assert not find_head_output(model)._forward_pre_hooks


# R-Drop.


@pytest.mark.parametrize("problem", [CLASSES, SCORES])
def test_r_drop_is_its_formula_on_two_passes(problem: str) -> None:
    model, inputs = small_model(problem), batch(problem)
    method, seen = attached("r-drop:weight=0.7", model), Seen(model)
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


def test_r_drops_first_pass_is_vanillas_and_no_two_masks_are_equal() -> None:
    model, inputs = small_model(), batch()
    seen = Seen(model)
    torch.manual_seed(3)
    for _ in range(3):
        model(**inputs)
    method = attached("r-drop", model)
    torch.manual_seed(3)
    for _ in range(3):
        method.loss(model, inputs)
    vanilla, firsts, seconds = seen.inputs[:3], seen.inputs[3::2], seen.inputs[4::2]
    assert np.array_equal(vanilla, firsts)
    passes = [*firsts, *seconds]
    assert not any(np.array_equal(passes[i], passes[j]) for i in range(6) for j in range(i))


def test_r_drop_on_top_of_match_matches_each_pass_by_itself(task: Task, settings: TrainingSettings) -> None:
    model, inputs = small_model(), batch()
    before: list[torch.Tensor] = []
    after: list[torch.Tensor] = []
    dense = find_head_dense(model)
    dense.register_forward_hook(lambda _module, _inputs, output: before.append(output.detach()))
    method = attached("match:temperature=0.5+r-drop", model)
    dense.register_forward_hook(lambda _module, _inputs, output: after.append(output.detach()))
    method.before_step(inputs)
    method.loss(model, inputs).backward()
    assert [len(z) for z in before] == [5, 5]
    for z, mixed in zip(before, after, strict=True):
        torch.testing.assert_close(mixed, torch.softmax(z @ z.T / 0.5, dim=1) @ z)
    method.detach()
    history = fine_tune(task, parse_method("match+r-drop:weight=1"), replace(settings, epochs=4)).record.history
    assert history[-1]["validation_accuracy"] > 0.9


# Supervised contrast.


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
def test_supcon_weighs_contrast_of_the_classifiers_input_against_the_tasks_loss(architecture: str) -> None:
    model, inputs = small_model(architecture=architecture), batch()
    method, seen = attached("supcon:weight=0.4,temperature=0.2", model), Seen(model)
    loss = method.loss(model, inputs).item()
    (z,), (logits,) = seen.inputs, seen.outputs
    assert z.shape == (5, 16)
    labels = inputs["labels"]
    assert loss == pytest.approx(0.6 * task_loss(logits, labels) + 0.4 * contrast(z, labels.tolist(), 0.2), rel=1e-5)


def test_supcon_learns(task: Task, settings: TrainingSettings) -> None:
    # The paper's weight of 0.9 is for pretrained encoders: a random one stays long where all instances are alike.
    history = fine_tune(task, parse_method("supcon:weight=0.5"), settings).record.history
    assert history[-1]["validation_accuracy"] > 0.9
    assert history[-1]["loss"] < history[0]["loss"]


def test_supcon_refuses_a_regression(scores_task: Task, settings: TrainingSettings) -> None:
    with pytest.raises(UserError, match="supcon: a regression has no classes"):
        fine_tune(scores_task, parse_method("supcon"), short(settings))


# Mixup.


@pytest.mark.parametrize("problem", [CLASSES, SCORES])
@pytest.mark.parametrize("spec", ["mixup", "mixup:coefficient=0.8", "mixup:alpha=0.4"])
def test_mixup_is_its_formula(spec: str, problem: str) -> None:
    model, inputs = small_model(problem, **NO_DROPOUT), batch(problem)
    seen = Seen(model)
    model(**inputs)
    method = attached(spec, model)
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


def test_mixup_of_regressions_has_the_mixed_targets_gradient() -> None:
    model, inputs = small_model(SCORES, **NO_DROPOUT), batch(SCORES)
    method, output = attached("mixup:coefficient=0.7", model), find_head_output(model)
    seen = Seen(model)
    method.loss(model, inputs).backward()
    partners = np.random.default_rng(7).permutation(5)
    target = 0.7 * inputs["labels"] + 0.3 * inputs["labels"][partners]
    scores = output(torch.tensor(seen.inputs[0])).squeeze(1)
    (expected,) = torch.autograd.grad((scores - target).square().mean(), output.weight)
    torch.testing.assert_close(output.weight.grad, expected)


def test_mixup_draws_partners_and_coefficients_anew_for_each_batch() -> None:
    model, inputs = small_model(**NO_DROPOUT), batch()
    method = attached("mixup:alpha=1", model)
    assert len({method.loss(model, inputs).item() for _ in range(4)}) == 4


def test_mixup_mixes_nothing_outside_its_own_loss() -> None:
    model, inputs = small_model().eval(), batch()
    plain = model(**inputs).logits
    method = attached("mixup", model.train())
    method.loss(model, inputs)
    assert torch.equal(model.eval()(**inputs).logits, plain)


def test_mixup_of_regressions_learns(scores_task: Task, settings: TrainingSettings) -> None:
    history = fine_tune(scores_task, parse_method("mixup"), replace(settings, learning_rate=3e-3)).record.history
    assert history[-1]["validation_pearson"] > 0.8


# What is refused.


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("r-drop:weight=-1", "r-drop: weight is -1: give a number of 0 or more"),
        ("r-drop:weight=1e999", "weight is inf"),
        ("r-drop:weight=True", "weight is True"),
        ("r-drop:weight=much", "weight is 'much'"),
        ("supcon:weight=1", "supcon: weight is 1: give a number from 0 to below 1"),
        ("supcon:weight=-0.1", "from 0 to below 1"),
        ("supcon:temperature=0", "supcon: temperature is 0: give a number above 0"),
        ("supcon:temperature=warm", "temperature is 'warm'"),
        ("mixup:coefficient=1.1", "mixup: coefficient is 1.1: give a number from 0 to 1"),
        ("mixup:coefficient=half", "coefficient is 'half'"),
        ("mixup:alpha=0", "mixup: alpha is 0: give a number above 0"),
        ("mixup:alpha=0.4,coefficient=0.5", "give one of them"),
        ("match+mixup", r"match does not combine with mixup: both mix .* in the head"),
        ("supcon+match", r"match does not combine with supcon: .* mixed each instance"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)


def test_records_say_which_coefficient_was_used() -> None:
    assert parse_method("mixup").as_dict() == {"name": "mixup", "coefficient": 0.5, "alpha": None}
    assert parse_method("mixup:alpha=0.4").as_dict() == {"name": "mixup", "coefficient": None, "alpha": 0.4}


@pytest.mark.parametrize("spec", ["supcon", "mixup"])
def test_a_classifier_of_token_vectors_is_refused(spec: str) -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification

    config = GPT2Config(vocab_size=40, n_positions=24, n_embd=16, n_layer=1, n_head=2, num_labels=3, pad_token_id=0)
    model = GPT2ForSequenceClassification(config).train()
    with pytest.raises(UserError, match=f"{spec}: this architecture's classifier"):
        attached(spec, model).loss(model, batch())
