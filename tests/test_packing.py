"""Packed layers: the same classifier, only faster."""

import numpy as np
import pytest
import torch
from test_match import HEAD_DENSE, batch, small_model

from robustbench_mt.packing import PackedLinear, pack_linears


@pytest.mark.parametrize("architecture", sorted(HEAD_DENSE))
def test_every_architecture_gives_the_same_logits(architecture: str) -> None:
    model = small_model(architecture).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    packed = pack_linears(model)
    assert any(isinstance(module, PackedLinear) for module in packed.modules())
    assert not any(isinstance(module, PackedLinear) for module in model.modules()), "the model stays as it is"
    inputs = {name: value for name, value in batch(5).items() if name != "labels"}
    inputs["attention_mask"][1, 4:] = 0
    with torch.inference_mode():
        np.testing.assert_allclose(packed(**inputs).logits, model(**inputs).logits, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_not_packed_is_shared() -> None:
    model = small_model("bert")
    packed = pack_linears(model)
    assert packed.get_input_embeddings().weight is model.get_input_embeddings().weight


def test_half_precision_is_left_alone() -> None:
    model = small_model("bert").to(torch.bfloat16)
    assert pack_linears(model) is model
