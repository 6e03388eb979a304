"""Layer-wise learning rates: each layer's rate, and where they are vanilla fine-tuning."""

import pytest
import torch
from method_samples import (
    SMALL,
    check_half_precision_of_gradients,
    check_model_without_numbered_layers_is_refused,
    check_not_vanilla_but_repeatable_and_ordinary,
    check_setting_is_refused,
    check_torchs_generator_is_left_alone,
    check_vanilla_to_the_bit,
    short,
    small_model,
)
from transformers import AutoConfig, AutoModelForSequenceClassification

from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import HEAD_DENSE
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


@pytest.mark.parametrize("accumulation", [1, 2])
def test_limit_is_vanilla_to_the_bit(accumulation: int, task: Task, settings: TrainingSettings) -> None:
    check_vanilla_to_the_bit("llrd:decay=1", task, short(settings, accumulation=accumulation))


@pytest.mark.parametrize("spec", ["llrd", "match+llrd"])
def test_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    check_not_vanilla_but_repeatable_and_ordinary(spec, task, settings)


@pytest.mark.parametrize("spec", ["llrd", "match+llrd"])
def test_half_precision_passes_give_float32_gradients(spec: str) -> None:
    check_half_precision_of_gradients(spec)


def test_torchs_generator_is_left_alone() -> None:
    check_torchs_generator_is_left_alone("llrd")


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


def test_the_convolution_beside_the_first_layer_has_its_rate() -> None:
    model = small_model("deberta-v2", num_hidden_layers=3, conv_kernel_size=3)
    groups = parse_method("llrd:decay=0.5").create().parameter_groups(model, 1.0, 0.1)
    assert groups is not None
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    found = {name: rates[id(weights)] for name, weights in model.named_parameters() if ".conv." in name}
    assert found == dict.fromkeys(
        (f"deberta.encoder.conv.{part}.{kind}" for part in ("conv", "LayerNorm") for kind in ("weight", "bias")),
        0.5**3,
    )


def test_layerwise_rates_of_adapters() -> None:
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(small_model("bert"), peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"]))
    groups = parse_method("llrd:decay=0.5").create().parameter_groups(model, 1.0, 0.1)
    assert groups is not None
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert sum(len(group["params"]) for group in groups) == len(trained)
    assert sorted({group["lr"] for group in groups}) == [0.5, 1.0]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("llrd:decay=0", "above 0"),
        ("llrd:decay=1.1", "above 0"),
    ],
)
def test_bad_settings(spec: str, message: str) -> None:
    check_setting_is_refused(spec, message)


def test_models_without_numbered_layers_are_refused() -> None:
    check_model_without_numbered_layers_is_refused("llrd")
