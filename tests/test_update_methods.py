"""Methods that change gradients, updates or the weights of a pass: their arithmetic, and where they are vanilla."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_match import SMALL, batch, small_model
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig, BertModel

from robustbench_mt.errors import UserError
from robustbench_mt.methods.bi_drop import selection_scores, selection_threshold
from robustbench_mt.methods.child_tuning import fisher_information, fisher_masks
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import HEAD_DENSE
from robustbench_mt.methods.llrd import layer_number
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.methods.mixout import mix_weights
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

SPECS = ["mixout", "child-tuning-f", "child-tuning-d", "bi-drop", "llrd"]
LIMITS = ["mixout:probability=0", "child-tuning-f:probability=1", "child-tuning-d:share=1", "llrd:decay=1"]


def plan(
    backward: "Callable[[torch.Tensor], None]" = torch.Tensor.backward, batches: "list[dict[str, Any]] | None" = None
) -> Plan:
    def shown() -> Iterator[dict[str, Any]]:
        return iter(batches or [batch()])

    return Plan(passes=1, updates=1, seed=7, backward=backward, batches=shown)


def attached(architecture: str, spec: str, **changes: Any) -> tuple[Any, Method]:
    model = small_model(architecture)
    method = parse_method(spec).create()
    method.attach(model, plan(**changes))
    return model, method


def without_dropout(tiny_base: Path, tmp_path: Path) -> str:
    config = BertConfig.from_pretrained(tiny_base, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    BertModel.from_pretrained(tiny_base, config=config).save_pretrained(tmp_path)
    for name in ("vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (tmp_path / name).write_bytes((tiny_base / name).read_bytes())
    return str(tmp_path)


def short(settings: TrainingSettings, **changes: Any) -> TrainingSettings:
    return replace(settings, **{"epochs": 1, "train_examples": 64, **changes})


def same_weights(one: FineTuned, other: FineTuned) -> bool:
    left, right = one.model.state_dict(), other.model.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def trained(task: Task, spec: str, settings: TrainingSettings) -> FineTuned:
    return fine_tune(task, parse_method(spec), settings)


@pytest.mark.parametrize("spec", LIMITS)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_limits_are_vanilla_to_the_bit(spec: str, accumulation: int, task: Task, settings: TrainingSettings) -> None:
    brief = short(settings, accumulation=accumulation)
    assert same_weights(trained(task, spec, brief), trained(task, "vanilla", brief))


def test_bi_drop_of_everything_without_dropout_is_vanilla_to_the_bit(
    task: Task, settings: TrainingSettings, tiny_base: Path, tmp_path: Path
) -> None:
    # A half is exact in binary; a third, or another order of summing, is not, and AdamW makes much of a last bit where
    # a gradient should be 0.
    brief = short(settings, base=without_dropout(tiny_base, tmp_path))
    tuned, vanilla = (trained(task, spec, brief) for spec in ("bi-drop:share=1", "vanilla"))
    assert same_weights(tuned, vanilla)
    assert tuned.record.history == vanilla.record.history


@pytest.mark.parametrize("spec", [*SPECS, *(f"match+{spec}" for spec in SPECS)])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    brief = short(settings, accumulation=2, keep="best", epochs=2)
    first, second, vanilla = (trained(task, name, brief) for name in (spec, spec, "vanilla"))
    assert same_weights(first, second)
    assert not same_weights(first, vanilla)
    assert first.model.state_dict().keys() == vanilla.model.state_dict().keys()


@pytest.mark.parametrize("spec", [*SPECS, *(f"match+{spec}" for spec in SPECS)])
def test_half_precision_passes_give_float32_gradients(spec: str) -> None:
    model, method = attached("bert", spec)
    model.train()
    method.before_step(batch())
    with torch.autocast("cpu", torch.bfloat16):
        loss = method.loss(model, batch())
    loss.backward()
    method.before_update(model)
    for parameter in model.parameters():
        assert parameter.grad.dtype == torch.float32
        assert parameter.grad.isfinite().all()
    assert model.classifier.weight.grad.any()


@pytest.mark.parametrize("spec", SPECS)
def test_torchs_generator_is_left_alone(spec: str) -> None:
    model, method = small_model("bert").train(), parse_method(spec).create()
    before = torch.get_rng_state()
    method.attach(model, plan())
    model.eval()
    model(**batch()).loss.backward()
    method.before_update(model)
    method.detach()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mixout:probability=1", "0 to below 1"),
        ("mixout:probability=-0.1", "0 to below 1"),
        ("mixout:probability=much", "0 to below 1"),
        ("child-tuning-f:probability=0", "above 0"),
        ("child-tuning-f:probability=True", "above 0"),
        ("child-tuning-d:share=1.5", "above 0"),
        ("child-tuning-d:share=some", "above 0"),
        ("bi-drop:passes=1", "whole number from 2"),
        ("bi-drop:passes=2.5", "whole number from 2"),
        ("bi-drop:share=0", "above 0"),
        ("llrd:decay=0", "above 0"),
        ("llrd:decay=1.1", "above 0"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"^{spec.partition('=')[0].replace(':', ': ')} is .*{message}"):
        parse_method(spec)


def test_child_tuning_f_keeps_a_share_and_scales_it() -> None:
    model, method = attached("bert", "child-tuning-f:probability=0.25")
    model.eval()
    model(**batch()).loss.backward()
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    method.before_update(model)
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
    model, method = attached("bert", "child-tuning-d:share=0.2")
    model.eval()
    model(**batch()).loss.backward()
    before = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    method.before_update(model)
    kept = total = 0
    for name, parameter in model.named_parameters():
        if layer_number(name) is None:
            assert torch.equal(parameter.grad, before[name])
        else:
            kept, total = kept + int((parameter.grad != 0).sum()), total + parameter.numel()
    assert kept / total == pytest.approx(0.2, abs=0.01)


def test_mixed_weights_are_the_papers_formula() -> None:
    weight, pretrained = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    kept = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    expected = (kept * weight + (1 - kept) * pretrained - 0.7 * pretrained) / 0.3
    torch.testing.assert_close(mix_weights(weight, pretrained, kept, 0.7), expected)


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_mixout_mixes_in_training_only_and_leaves_the_model_as_it_was(architecture: str) -> None:
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


def dropouts(model: torch.nn.Module) -> list[tuple[str, Any]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Dropout)]


def test_mixout_draws_for_inputs_of_a_layer() -> None:
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


def test_bi_drop_updates_with_the_mean_gradient_where_scores_are_high() -> None:
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


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_layerwise_rates_of_every_architecture(architecture: str) -> None:
    torch.manual_seed(0)
    sizes = {"num_hidden_layers": 3, "n_layers": 3, "dim": 16, "n_heads": 2, "hidden_dim": 24, "embedding_size": 16}
    others = {"cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2, "pooler_hidden_size": 16}
    config = AutoConfig.for_model(architecture, **{**SMALL, **sizes, **others}, relative_attention=True)
    model = AutoModelForSequenceClassification.from_config(config)
    groups = parse_method("llrd:decay=0.5").create().parameter_groups(model, 1.0, 0.1)
    assert groups is not None
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(one)]: (group["lr"], group["weight_decay"]) for group in groups for one in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(found)
    assert sorted(found) == sorted(names.values())
    # ALBERT's layers are one.
    layers = 1 if architecture == "albert" else 3
    for name, (rate, decay) in found.items():
        if f"layer.{layers - 1}." in name or f"layers.{layers - 1}." in name:
            assert rate == 0.5
        elif "layer.0." in name or "layers.0." in name:
            assert rate == 0.5**layers
        elif "embed" in name or "relative_attention_bias" in name:
            assert rate == 0.5 ** (layers + 1)
        elif "layer.1." not in name and "layers.1." not in name:
            assert rate == 1
        plain = "bias" in name or "norm" in name.lower()
        assert decay == (0.0 if plain else 0.1), name


def test_layerwise_rates_of_adapters() -> None:
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(small_model("bert"), peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    groups = parse_method("llrd:decay=0.5").create().parameter_groups(model, 1.0, 0.1)
    assert groups is not None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert sum(len(group["params"]) for group in groups) == len(trained)
    assert sorted({group["lr"] for group in groups}) == [0.5, 1.0]


@pytest.mark.parametrize("spec", ["child-tuning-d", "llrd"])
def test_models_without_numbered_layers_are_refused(spec: str) -> None:
    model = small_model("bert")
    model.bert.encoder.layer = torch.nn.ModuleList()
    method = parse_method(spec).create()
    with pytest.raises(UserError, match=f"{spec}: the architecture 'bert' has no numbered layers"):
        method.parameter_groups(model, 1.0, 0.1)
        method.attach(model, plan())
