"""The matching matrix: its formula and gradient, its calibration, and where its mass lies."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from robustbench_mt.errors import UserError
from robustbench_mt.methods.matching import calibrate_temperature, matching_matrix, row_mass, similarities


def test_matrix_is_the_papers_formula() -> None:
    z = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = softmax(z.numpy() @ z.numpy().T / 0.7, axis=1)
    np.testing.assert_allclose(matching_matrix(z, 0.7).numpy(), expected, rtol=1e-5)


def test_gradient_is_the_plain_formulas_gradient() -> None:
    z = torch.randn(6, 5, generator=torch.Generator().manual_seed(3), requires_grad=True)
    weight = torch.randn(6, 5, generator=torch.Generator().manual_seed(4))
    (matching_matrix(z, 0.9) @ z * weight).sum().backward()
    ours, z.grad = z.grad, None
    exponentials = torch.exp(z @ z.T / 0.9)
    (exponentials / exponentials.sum(1, keepdim=True) @ z * weight).sum().backward()
    torch.testing.assert_close(ours, z.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("similarity", ["dot", "cosine", "distance"])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("self_mass", [0.1, 0.5, 0.8, 0.95])
def test_calibration_reaches_the_self_mass(scale: float, self_mass: float, similarity: Any) -> None:
    # In 64 dimensions random rows are closest to themselves, so that every self mass can be reached.
    z = scale * torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
    temperature = calibrate_temperature(similarities(z.double(), similarity), self_mass)
    assert matching_matrix(z, temperature, similarity).diagonal().mean().item() == pytest.approx(self_mass, abs=1e-3)


def test_calibration_falls_back_to_the_closed_form_when_out_of_reach() -> None:
    # One long row is closer to all others than they are to themselves.
    z = torch.tensor([[10.0, 0.0], [1.0, 0.1], [1.0, -0.1], [1.0, 0.0]])
    similarity = similarities(z.double())
    gap = np.mean([similarity[i, i] - np.mean([similarity[i, j] for j in range(4) if j != i]) for i in range(4)])
    assert calibrate_temperature(similarity, 0.8) == pytest.approx(gap / np.log(3 * 0.8 / 0.2))


@pytest.mark.parametrize("similarity", ["dot", "cosine", "distance"])
@pytest.mark.parametrize("rows", [torch.ones(4, 3), torch.full((4, 3), 0.1), torch.full((4, 3), torch.nan)])
def test_rows_that_cannot_be_told_apart_are_refused(rows: torch.Tensor, similarity: Any) -> None:
    with pytest.raises(UserError, match="give a temperature"):
        calibrate_temperature(similarities(rows.double(), similarity), 0.8)


def test_cosine_is_matched_whatever_the_length_of_the_rows() -> None:
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    longer = z * torch.arange(1, 6)[:, None]
    matrix = matching_matrix(z, 0.2, "cosine")
    torch.testing.assert_close(matching_matrix(longer, 0.2, "cosine"), matrix)
    assert not torch.allclose(matching_matrix(longer, 0.2), matching_matrix(z, 0.2))
    lengths = np.linalg.norm(z.numpy(), axis=1)
    cosines = z.numpy() @ z.numpy().T / np.outer(lengths, lengths)
    np.testing.assert_allclose(matrix.numpy(), softmax(cosines / 0.2, axis=1), rtol=1e-5)


def test_distance_is_matched_wherever_the_rows_lie() -> None:
    z = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    matrix = matching_matrix(z, 0.7, "distance")
    squared = ((z[:, None] - z[None]) ** 2).sum(dim=-1).numpy()
    np.testing.assert_allclose(matrix.numpy(), softmax(-squared / 2 / 0.7, axis=1), rtol=1e-5)
    # Float32 keeps four digits less of what is so far away.
    torch.testing.assert_close(matching_matrix(z + 1e3, 0.7, "distance"), matrix, rtol=2e-2, atol=1e-4)


def test_by_the_distance_no_row_prefers_a_longer_one_to_itself() -> None:
    z = torch.tensor([[10.0, 0.0], [1.0, 2.0], [1.0, -2.0], [3.0, 0.0]])
    assert matching_matrix(z, 0.5)[1:, 0].min() > 0.99
    temperature = calibrate_temperature(similarities(z.double(), "distance"), 0.8)
    matrix = matching_matrix(z, temperature, "distance")
    assert matrix.diagonal().mean().item() == pytest.approx(0.8, abs=1e-3)
    assert (matrix.argmax(dim=1) == torch.arange(4)).all()


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
