"""What methods that perturb embeddings share: divergences, replayed dropout masks, noise of the right shape."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel

from robustbench_mt.errors import UserError
from robustbench_mt.methods.divergence import divergence, symmetric_kl
from robustbench_mt.methods.dropout_masks import RandomState
from robustbench_mt.methods.embedding_noise import EmbeddingNoise


def test_divergence_of_scores_is_their_squared_error() -> None:
    assert divergence(torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [5.0]])).item() == pytest.approx(4.5)


def test_symmetric_kl_is_computed_in_float32() -> None:
    logits = torch.tensor([[1.0, -1.0], [0.5, 3.0]], dtype=torch.bfloat16)
    other = logits + 0.5 * torch.tensor([1.0, -1.0], dtype=torch.bfloat16)
    p, q = logits.float().softmax(1), other.float().softmax(1)
    expected = (p * (p / q).log() + q * (q / p).log()).sum(1).mean()
    torch.testing.assert_close(symmetric_kl(logits, other), expected)
    torch.testing.assert_close(symmetric_kl(other, logits), expected)


def test_replayed_passes_see_the_same_masks_and_leave_no_trace() -> None:
    torch.manual_seed(0)
    before = RandomState(torch.device("cpu"))
    first, second = torch.rand(4), torch.rand(4)
    torch.manual_seed(0)
    torch.rand(4)
    with before.replayed():
        assert torch.equal(torch.rand(4), first)
    assert torch.equal(torch.rand(4), second)


def test_noise_for_embeddings_of_another_shape(tiny_base: Path) -> None:
    model = AutoModel.from_pretrained(tiny_base)
    with EmbeddingNoise(model, 0).adding(torch.zeros(1, 2, 3)), pytest.raises(UserError, match="another base"):
        model(input_ids=torch.ones(1, 4, dtype=torch.long))
