"""The inference copy: the same classifier, only faster."""

from typing import Any

import numpy as np
import pytest
import torch
from test_match import HEAD_DENSE, batch, small_model

from robustbench_mt import inference
from robustbench_mt.inference import inference_copy
from robustbench_mt.lean_encoder import LeanEncoder, has_lean_encoder
from robustbench_mt.packed_linears import PackedLinear


def inputs() -> dict[str, Any]:
    padded = {name: value for name, value in batch(5).items() if name != "labels"}
    padded["attention_mask"][1, 4:] = 0
    return padded


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_every_architecture_gives_the_same_logits(architecture: str, attention: str) -> None:
    model = small_model(architecture)
    try:
        model.set_attn_implementation(attention)
    except ValueError as error:
        pytest.skip(str(error))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fast = inference_copy(model)
    assert any(isinstance(module, PackedLinear) for module in fast.modules())
    assert not any(isinstance(module, PackedLinear) for module in model.modules()), "the model stays as it is"
    assert any(isinstance(module, LeanEncoder) for module in fast.modules()) == has_lean_encoder(model)
    for given in (inputs(), {**inputs(), "attention_mask": torch.ones_like(inputs()["attention_mask"])}):
        with torch.inference_mode():
            np.testing.assert_allclose(fast(**given).logits, model(**given).logits, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_bert_and_roberta_have_lean_encoders() -> None:
    assert {name for name in HEAD_DENSE if has_lean_encoder(small_model(name))} >= {"bert", "roberta"}


@pytest.mark.parametrize("activation", ["relu", "gelu_new", "gelu"])
def test_any_activation(activation: str) -> None:
    model = small_model("bert")
    model = type(model)(type(model.config)(**{**model.config.to_dict(), "hidden_act": activation})).eval()
    fast = inference_copy(model)
    assert any(isinstance(module, LeanEncoder) for module in fast.modules())
    with torch.inference_mode():
        np.testing.assert_allclose(fast(**inputs()).logits, model(**inputs()).logits, atol=1e-5)


def test_an_encoder_that_disagrees_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(LeanEncoder):
        def forward(self, *arguments: Any, **named: Any) -> Any:
            result = super().forward(*arguments, **named)
            result.last_hidden_state = result.last_hidden_state + 1
            return result

    monkeypatch.setattr(inference, "LeanEncoder", Wrong)
    model = small_model("bert")
    fast = inference_copy(model)
    assert not any(isinstance(module, LeanEncoder) for module in fast.modules())
    with torch.inference_mode():
        np.testing.assert_allclose(fast(**inputs()).logits, model(**inputs()).logits, atol=1e-5)


def test_logits_depend_on_nothing_beside_the_text() -> None:
    """To the bit, whatever a text shares a batch with, and however far that is padded."""
    fast = inference_copy(small_model("bert"))
    given = inputs()
    given["attention_mask"] = (
        torch.arange(given["input_ids"].shape[1]) < torch.tensor([[7], [4], [7], [2], [5]])
    ).long()
    with torch.inference_mode():
        together = fast(**given).logits
        for row, length in enumerate(given["attention_mask"].sum(dim=1).tolist()):
            alone = {name: value[row : row + 1, :length] for name, value in given.items()}
            assert torch.equal(fast(**alone).logits[0], together[row])


def test_what_is_not_laid_out_anew_is_shared() -> None:
    model = small_model("bert")
    fast = inference_copy(model)
    assert fast.get_input_embeddings().weight is model.get_input_embeddings().weight


def test_half_precision_is_left_alone() -> None:
    model = small_model("bert").to(torch.bfloat16)
    assert inference_copy(model) is model
