"""What the tests of methods share: small models, a batch, a plan, and checks that several methods must pass."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from transformers import AutoConfig, AutoModelForSequenceClassification, BertConfig

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import find_head_dense, find_head_output
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.tasks.task import Task
from robustbench_mt.trainer import FineTuned, fine_tune
from robustbench_mt.training_settings import TrainingSettings

CLASSES, SCORES = "single_label_classification", "regression"
SMALL = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 24,
    "num_labels": 3,
    "pad_token_id": 0,
}
# Names that some architectures have for the same sizes.
OTHER_NAMES = {
    "distilbert": {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 24},
    "albert": {"embedding_size": 8},
    "electra": {"embedding_size": 16},
    "modernbert": {
        "cls_token_id": 1,
        "sep_token_id": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "reference_compile": False,
    },
    "deberta-v2": {"relative_attention": True, "pooler_hidden_size": 16},
    "deberta": {"pooler_hidden_size": 16},
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def small_model(architecture: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **{**SMALL, **OTHER_NAMES.get(architecture, {}), **changes})
    return AutoModelForSequenceClassification.from_config(config)


def lively_model(problem: str = CLASSES, architecture: str = "bert", **changes: Any) -> Any:
    """In training, and with weights so wide that its head tells texts apart."""
    labels = 3 if problem == CLASSES else 1
    return small_model(architecture, num_labels=labels, problem_type=problem, initializer_range=0.3, **changes).train()


def batch(n: int = 4, problem: str = CLASSES) -> dict[str, torch.Tensor]:
    ids = torch.randint(3, 40, (n, 7), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(n) % 3
    return {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "labels": labels if problem == CLASSES else labels.float(),
    }


def plan(
    passes: int = 1,
    backward: Callable[[torch.Tensor], None] = torch.Tensor.backward,
    batches: Sequence[dict[str, Any]] | None = None,
) -> Plan:
    def shown() -> Iterator[dict[str, Any]]:
        return iter(batches or [batch()])

    return Plan(passes=passes, updates=passes, seed=7, backward=backward, batches=shown)


def attach(spec: str, model: Any, **changes: Any) -> Any:
    method = parse_method(spec).create()
    method.attach(model, plan(**changes))
    return method


def attached(architecture: str, spec: str, **changes: Any) -> tuple[Any, Any]:
    model = small_model(architecture)
    return model, attach(spec, model, **changes)


class Seen:
    """Every input of the layer that makes the logits, and every output, from now on."""

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


# Trainings.


def without_dropout(base: Path, path: Path) -> str:
    """A copy of an encoder."""
    shutil.copytree(base, path)
    config = BertConfig.from_pretrained(path)
    config.update(NO_DROPOUT)
    config.save_pretrained(path)
    return str(path)


def short(settings: TrainingSettings, **changes: Any) -> TrainingSettings:
    return replace(settings, **{"epochs": 1, "train_examples": 64, **changes})


def trained(task: Task, spec: str, settings: TrainingSettings) -> FineTuned:
    return fine_tune(task, parse_method(spec), settings)


def same_weights(one: FineTuned, other: FineTuned) -> bool:
    left, right = one.model.state_dict(), other.model.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def largest_difference(one: FineTuned, other: FineTuned) -> float:
    pairs = zip(one.model.parameters(), other.model.parameters(), strict=True)
    return max((left - right).abs().max().item() for left, right in pairs)


def check_vanilla_to_the_bit(spec: str, task: Task, settings: TrainingSettings) -> None:
    tuned, vanilla = trained(task, spec, settings), trained(task, "vanilla", settings)
    assert same_weights(tuned, vanilla)
    assert largest_difference(tuned, vanilla) == 0


def check_far_from_vanilla(spec: str, task: Task, settings: TrainingSettings) -> None:
    # The last of these batches is short.
    brief = short(settings, train_examples=60)
    assert largest_difference(trained(task, spec, brief), trained(task, "vanilla", brief)) > 1e-3


def check_not_vanilla_but_repeatable_and_ordinary(spec: str, task: Task, settings: TrainingSettings) -> None:
    brief = short(settings, accumulation=2, keep="best", epochs=2)
    first, second, vanilla = (trained(task, name, brief) for name in (spec, spec, "vanilla"))
    assert same_weights(first, second)
    assert not same_weights(first, vanilla)
    assert first.model.state_dict().keys() == vanilla.model.state_dict().keys()


# Single batches.


def check_half_precision_of_losses(spec: str, *, is_vanilla: bool) -> None:
    model, inputs = lively_model(**NO_DROPOUT), batch(5)
    losses, gradients = [], []
    for each in (spec, "vanilla"):
        method = attach(each, model)
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = method.loss(model, inputs)
        loss.backward()
        method.detach()
        assert loss.dtype == torch.float32
        losses.append(loss.item())
        gradients.append(find_head_dense(model).weight.grad.clone())
    assert all(gradient.isfinite().all() for gradient in gradients)
    if is_vanilla:
        assert losses[0] == losses[1]
        torch.testing.assert_close(*gradients)
    else:
        assert losses[0] != pytest.approx(losses[1])


def check_half_precision_of_gradients(spec: str) -> None:
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


def check_torchs_generator_goes_on_as_vanillas(spec: str) -> None:
    model, inputs = lively_model(), batch(5)
    states = []
    for each in (spec, "vanilla"):
        torch.manual_seed(3)
        method = attach(each, model)
        method.loss(model, inputs).backward()
        method.detach()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def check_torchs_generator_is_left_alone(spec: str) -> None:
    model, method = small_model("bert").train(), parse_method(spec).create()
    before = torch.get_rng_state()
    method.attach(model, plan())
    model.eval()
    model(**batch()).loss.backward()
    method.before_update(model)
    method.detach()
    assert torch.equal(before, torch.get_rng_state())


def check_detaching_takes_the_hook_off_the_head(spec: str) -> None:
    model = lively_model()
    method = attach(spec, model)
    assert find_head_output(model)._forward_pre_hooks
    method.detach()
    assert not find_head_output(model)._forward_pre_hooks


# What is refused.


def check_setting_is_refused(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"^{spec.partition('=')[0].replace(':', ': ')} is .*{message}"):
        parse_method(spec)


def check_classifier_of_token_vectors_is_refused(spec: str) -> None:
    from transformers import GPT2Config, GPT2ForSequenceClassification

    config = GPT2Config(vocab_size=40, n_positions=24, n_embd=16, n_layer=1, n_head=2, num_labels=3, pad_token_id=0)
    model = GPT2ForSequenceClassification(config).train()
    with pytest.raises(UserError, match=f"{spec}: this architecture's classifier"):
        attach(spec, model).loss(model, batch(5))


def check_model_without_numbered_layers_is_refused(spec: str) -> None:
    model = small_model("bert")
    model.bert.encoder.layer = torch.nn.ModuleList()
    method: Method = parse_method(spec).create()
    with pytest.raises(UserError, match=f"{spec}: the architecture 'bert' has no numbered layers"):
        method.parameter_groups(model, 1.0, 0.1)
        method.attach(model, plan())
