"""Match-Tuning's arithmetic, and where its hook sits."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from transformers import AutoConfig, AutoModelForSequenceClassification

from robustbench_mt.errors import UserError
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.methods.head import HEAD_DENSE, find_head_dense
from robustbench_mt.methods.match import calibrate_temperature, matching_matrix, row_mass
from robustbench_mt.methods.method import Plan

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


def small_model(architecture: str) -> torch.nn.Module:
    torch.manual_seed(0)
    config = AutoConfig.for_model(architecture, **{**SMALL, **OTHER_NAMES.get(architecture, {})})
    return AutoModelForSequenceClassification.from_config(config)


def batch(n: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 40, (n, 7), generator=generator)
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.arange(n) % 3}


def attached(architecture: str, spec: str):  # type: ignore[no-untyped-def]
    model = small_model(architecture)
    method = parse_method(spec).create()
    method.attach(model, Plan(passes=1, updates=1, seed=0, backward=torch.Tensor.backward, batches=lambda: iter(())))
    return model, method


def test_matrix_is_the_papers_formula() -> None:
    z = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = softmax(z.numpy() @ z.numpy().T / 0.7, axis=1)
    np.testing.assert_allclose(matching_matrix(z, 0.7).numpy(), expected, rtol=1e-5)


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
def test_nothing_is_matched_in_evaluation(architecture: str) -> None:
    model, _ = attached(architecture, "match:temperature=0.5")
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


def test_gradient_is_the_plain_formulas_gradient() -> None:
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(3), requires_grad=True)
    weight = torch.randn(6, 5, generator=torch.Generator().manual_seed(4))
    (matching_matrix(z, 0.9) @ z * weight).sum().backward()
    ours, z.grad = z.grad, None
    exponentials = torch.exp(z @ z.T / 0.9)
    (exponentials / exponentials.sum(1, keepdim=True) @ z * weight).sum().backward()
    torch.testing.assert_close(ours, z.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("self_mass", [0.1, 0.5, 0.8, 0.95])
def test_calibration_reaches_the_self_mass(scale: float, self_mass: float) -> None:
    # In 64 dimensions random rows are closest to themselves, so that every self mass can be reached.
    z = scale * torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
    temperature = calibrate_temperature(z, self_mass)
    assert matching_matrix(z, temperature).diagonal().mean().item() == pytest.approx(self_mass, abs=1e-3)


def test_calibration_falls_back_to_the_closed_form_when_out_of_reach() -> None:
    # One long row is closer to all others than they are to themselves.
    z = torch.tensor([[10.0, 0.0], [1.0, 0.1], [1.0, -0.1], [1.0, 0.0]])
    similarity = z.double() @ z.double().T
    gap = np.mean([similarity[i, i] - np.mean([similarity[i, j] for j in range(4) if j != i]) for i in range(4)])
    assert calibrate_temperature(z, 0.8) == pytest.approx(gap / np.log(3 * 0.8 / 0.2))


@pytest.mark.parametrize("rows", [torch.ones(4, 3), torch.full((4, 3), torch.nan)])
def test_rows_that_cannot_be_told_apart_are_refused(rows: torch.Tensor) -> None:
    with pytest.raises(UserError, match="give a temperature"):
        calibrate_temperature(rows, 0.8)


def test_row_mass() -> None:
    matrix = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]])
    own, same, other = row_mass(matrix, torch.tensor([0, 0, 1]))
    assert own == pytest.approx((0.5 + 0.8 + 0.5) / 3)
    assert same == pytest.approx((0.3 + 0.1 + 0.0) / 3)
    assert other == pytest.approx((0.2 + 0.1 + 0.5) / 3)


def test_half_precision_is_matched_in_float32() -> None:
    z = torch.randn(4, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    matrix = matching_matrix(z, 0.5)
    assert matrix.dtype == torch.float32
    torch.testing.assert_close(matrix, matching_matrix(z.float(), 0.5), rtol=0, atol=0)


def test_unknown_architecture_lists_candidates() -> None:
    model = small_model("bert")
    model.config.model_type = "unheard-of"
    with pytest.raises(UserError, match=r"'unheard-of'.*candidates are bert\.pooler\.dense, classifier\."):
        find_head_dense(model)


def test_layer_can_be_named() -> None:
    model = small_model("bert")
    model.config.model_type = "unheard-of"
    assert find_head_dense(model, "bert.pooler.dense") is model.bert.pooler.dense
    with pytest.raises(UserError, match=r"no module 'nowhere'.*candidates are"):
        find_head_dense(model, "nowhere")


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
        ("vanilla:temperature=1", "Unknown setting"),
    ],
)
def test_bad_specs(spec: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_method(spec)
