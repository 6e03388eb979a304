"""The arithmetic of Match-Tuning: similarities, the matching matrix, its temperature, and where its mass lies."""

import math
from typing import TYPE_CHECKING, Literal

from robustbench_mt.errors import BadSettingError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Schedule",
    "Similarity",
    "batch_temperature",
    "calibrate_temperature",
    "matching_matrix",
    "row_mass",
    "schedule_factor",
    "similarities",
]

Similarity = Literal["dot", "cosine", "distance"]
Schedule = Literal["constant", "linear", "cosine"]

# Float64's rounding over a batch; distinct rows of float32 are further apart.
_ROUNDING = 1e-12


def similarities(z: "Tensor", similarity: Similarity = "dot") -> "Tensor":
    """How similar each row is to each.

    Args:
        z: N x d representations.
        similarity: the dot product, or the cosine, which the rows' lengths do not change, or the ``distance``.

    Returns:
        N x N, of the type of ``z``. Of the distance -|z_i - z_j|^2 / 2 but for a constant a row, which a softmax along
        the row does not see.
    """
    if similarity == "distance":
        return z @ z.T - z.square().sum(dim=-1) / 2
    if similarity == "cosine":
        from torch.nn.functional import normalize

        z = normalize(z, dim=-1)
    return z @ z.T


def matching_matrix(z: "Tensor", temperature: float, similarity: Similarity = "dot") -> "Tensor":
    """M = softmax(similarities / temperature) along each row; the paper's similarity is z z^T.

    Args:
        z: N x d representations.
        temperature: divides the similarities.
        similarity: see :func:`similarities`.

    Returns:
        N x N, each row sums to 1; float32 whatever the type of ``z``.
    """
    z = z.float()
    if similarity == "distance":
        # Of rows that are close to each other and far from 0, float32 would keep none of the differences.
        z = z - z.mean(dim=0)
    return (similarities(z, similarity) / temperature).softmax(dim=-1)


def batch_temperature(z: "Tensor", similarity: Similarity, self_mass: float, otherwise: float | None) -> float:
    """The calibrated temperature of a batch, or that of another where the batch's rows cannot be told apart.

    Args:
        z: N x d representations, N >= 2.
        similarity: see :func:`similarities`.
        self_mass: see :func:`calibrate_temperature`.
        otherwise: for rows that are all the same, as in a short last batch: they stay so at any temperature.

    Raises:
        UserError: there is no other.
    """
    try:
        return calibrate_temperature(similarities(z.detach().double(), similarity), self_mass)
    except BadSettingError:
        if otherwise is None:
            raise
        return otherwise


def calibrate_temperature(similarity: "Tensor", self_mass: float) -> float:
    """The temperature at which a row of M puts ``self_mass`` on itself, on average over the rows.

    The mean self mass is solved for by Brent's method, between 1/N (a hot, uniform M) and the share of rows that are
    most similar to themselves (a cold M). Where ``self_mass`` is out of reach, because many rows are closer to a longer
    neighbour than to themselves, the closed form for equal rows stands in: with
    gap = mean_i(s_ii - mean_{j != i} s_ij) it is gap / log((N-1) p / (1-p)).

    Args:
        similarity: N x N as :func:`similarities` makes it of float64, N >= 2.
        self_mass: p, in (0, 1).

    Raises:
        UserError: the rows are all equal (or not finite), so that no temperature tells them apart.
    """
    from scipy import optimize

    n = len(similarity)
    similarity = similarity.detach().cpu()
    own = similarity.diagonal()
    gap = float((own - (similarity.sum(dim=1) - own) / (n - 1)).mean())
    if not (math.isfinite(gap) and gap > _ROUNDING * float(own.mean())):
        raise BadSettingError(
            "match: the batch's representations cannot be told apart: give a temperature as a number."
        )

    # At p = 1/N the closed form has no finite value: any M that is close to uniform does.
    log_odds = max(math.log((n - 1) * self_mass / (1 - self_mass)), 1e-3)
    closed_form = gap / log_odds

    def beyond(log_ratio: float) -> float:
        """Of the self mass, at a temperature that is e^log_ratio times the closed form."""
        matrix = (similarity / (closed_form * math.exp(log_ratio))).softmax(dim=-1)
        return float(matrix.diagonal().mean()) - self_mass

    # Three decades to either side.
    cold, hot = -math.log(1e3), math.log(1e3)
    if not beyond(hot) < 0 < beyond(cold):
        return closed_form
    return closed_form * math.exp(float(optimize.brentq(beyond, cold, hot)))


def schedule_factor(schedule: Schedule, final: float, progress: float) -> float:
    """What the temperature is multiplied by: 1 at first, ``final`` at the end.

    Args:
        schedule: ``constant`` is 1 throughout; ``linear``, or half a wave of a ``cosine``, goes from the one to the
            other.
        final: above 0.
        progress: from 0, the first matched step, to 1, the last.
    """
    if schedule == "constant":
        return 1.0
    left = 1 - progress if schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return final + (1 - final) * left


def row_mass(matrix: "Tensor", labels: "Tensor") -> "Tensor":
    """Mean share of a row's mass on itself, on others of its label, and on other labels.

    Args:
        matrix: N x N, rows sum to 1.
        labels: N.

    Returns:
        The three, on the matrix's device: to read them is to wait for it.
    """
    import torch

    same_label = labels[:, None] == labels[None, :]
    own = matrix.diagonal()
    same = (matrix * same_label).sum(dim=1) - own
    return torch.stack([own, same, (matrix * ~same_label).sum(dim=1)]).mean(dim=1)
