"""Match-Tuning: each instance of a batch becomes a softmax mixture of the whole batch.

Tong, Dong, Dai, Song, Liu, Chang, Sui: "Robust Fine-tuning via Perturbation and Interpolation from In-batch
Instances", IJCAI 2022, arXiv 2205.00633.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robustbench_mt.errors import UserError
from robustbench_mt.methods.head import find_head_dense
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.records import MatchingTrace

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["Match", "MatchSettings", "calibrate_temperature", "matching_matrix", "row_mass"]


@dataclass(frozen=True)
class MatchSettings:
    """Settings of Match-Tuning.

    Attributes:
        temperature: divides the similarities; the paper does not give one, and it must fit the scale of the
            representation, so by default it is calibrated once, on the first training batch.
        self_mass: what ``auto`` aims at: the mean share of a row's mass that an instance puts on itself at first.
        layer: the module to match after, for architectures whose head is not known.
    """

    temperature: float | Literal["auto"] = "auto"
    # Ours, not the paper's: seen to train well on all-MiniLM-L6-v2, where 1/N (temperature 1) learned nothing.
    self_mass: float = 0.8
    layer: str | None = None

    def __post_init__(self) -> None:
        if self.temperature != "auto" and not (_is_number(self.temperature) and 0 < self.temperature < math.inf):
            raise UserError(f"match: temperature is {self.temperature!r}: give 'auto' or a number above 0.")
        if not (_is_number(self.self_mass) and 0 < self.self_mass < 1):
            raise UserError(f"match: self_mass is {self.self_mass!r}: give a number between 0 and 1.")
        if self.layer is not None and not isinstance(self.layer, str):
            raise UserError(f"match: layer is {self.layer!r}: give a module's dotted name.")


def matching_matrix(z: "Tensor", temperature: float) -> "Tensor":
    """M = softmax(z z^T / temperature) along each row.

    Args:
        z: N x d representations.
        temperature: divides the similarities.

    Returns:
        N x N, each row sums to 1; float32 whatever the type of ``z``.
    """
    z = z.float()
    return (z @ z.T / temperature).softmax(dim=-1)


def calibrate_temperature(z: "Tensor", self_mass: float) -> float:
    """The temperature at which a row of M puts ``self_mass`` on itself, on average over the rows.

    The mean self mass is solved for by bisection, between 1/N (a hot, uniform M) and the share of rows that are most
    similar to themselves (a cold M). Where ``self_mass`` is out of reach, because many rows are closer to a longer
    neighbour than to themselves, the closed form for equal rows stands in: with
    gap = mean_i(z_i.z_i - mean_{j != i} z_i.z_j) it is gap / log((N-1) p / (1-p)).

    Args:
        z: N x d representations, N >= 2.
        self_mass: p, in (0, 1).

    Raises:
        UserError: the rows are all equal (or not finite), so that no temperature tells them apart.
    """
    n = len(z)
    similarity = (z.detach().double() @ z.detach().double().T).cpu()
    own = similarity.diagonal()
    gap = float((own - (similarity.sum(dim=1) - own) / (n - 1)).mean())
    if not (math.isfinite(gap) and gap > 0):
        raise UserError("match: the batch's representations cannot be told apart: give a temperature as a number.")

    def reached(temperature: float) -> float:
        return float((similarity / temperature).softmax(dim=-1).diagonal().mean())

    # At p = 1/N the closed form has no finite value: any M that is close to uniform does.
    log_odds = max(math.log((n - 1) * self_mass / (1 - self_mass)), 1e-3)
    closed_form = gap / log_odds
    cold, hot = closed_form / 1e3, closed_form * 1e3
    if not reached(hot) < self_mass < reached(cold):
        return closed_form
    # 60 halvings of a range of six decades leave less than float64 can tell.
    for _ in range(60):
        middle = math.sqrt(cold * hot)
        cold, hot = (middle, hot) if reached(middle) > self_mass else (cold, middle)
    return math.sqrt(cold * hot)


def row_mass(matrix: "Tensor", labels: "Tensor") -> tuple[float, float, float]:
    """Mean share of a row's mass on itself, on others of its label, and on other labels.

    Args:
        matrix: N x N, rows sum to 1.
        labels: N.
    """
    same_label = labels[:, None] == labels[None, :]
    own = float(matrix.diagonal().mean())
    same = float((matrix * same_label).sum(dim=1).mean()) - own
    return own, same, float((matrix * ~same_label).sum(dim=1).mean())


class Match(Method):
    """z'_i = sum_j M_ij z_j after the head's dense layer, in training mode only.

    The published snippet has no evaluation switch, so its predictions would depend on their batch-mates. Ours does not
    match at inference: M of a batch of one is [1], so matching is the identity there. What follows z' is the head's own
    activation, dropout and classifier. The batch is the micro-batch on one device; at size one this is ``vanilla``.
    """

    summary = "Match-Tuning: instances of a batch mix by a softmax over their similarities (IJCAI 2022)"
    changes = "representation"
    settings_type = MatchSettings

    settings: MatchSettings

    def __init__(self, settings: MatchSettings) -> None:
        super().__init__(settings)
        self._temperature = None if settings.temperature == "auto" else float(settings.temperature)
        self._labels: Tensor | None = None
        self._hook: RemovableHandle | None = None
        self._snapshot_steps: list[int] = []
        self._latest: tuple[int, Tensor, Tensor] | None = None
        self._trace = MatchingTrace()
        self._step = 0

    @property
    def temperature(self) -> float | None:
        return self._temperature

    @property
    def trace(self) -> MatchingTrace:
        return self._trace

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._snapshot_steps = sorted({1, *(math.ceil(plan.passes * quarter / 4) for quarter in (1, 2, 3))})
        self._hook = find_head_dense(model, self.settings.layer).register_forward_hook(self._match)

    def before_step(self, batch: "Mapping[str, Tensor]") -> None:
        self._labels = batch["labels"]
        self._step += 1

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()
        if self._latest is not None:
            self._take_snapshot(*self._latest)

    def _match(self, module: "nn.Module", _inputs: Any, z: "Tensor") -> "Tensor":
        if not module.training:
            return z
        if getattr(z, "ndim", None) != 2:
            raise UserError(
                f"match: the layer's output is {tuple(getattr(z, 'shape', ())) or type(z).__name__}, not instances x "
                "features: name the head's dense layer with --method match:layer=MODULE."
            )
        import torch

        # A row of half-precision similarities would lose the small masses that matching is about.
        with torch.autocast(z.device.type, enabled=False):
            if self._temperature is None:
                if len(z) == 1:
                    return z
                self._temperature = calibrate_temperature(z, self.settings.self_mass)
            matrix = matching_matrix(z, self._temperature)
            mixed = (matrix @ z.float()).to(z.dtype)
        self._observe(matrix.detach())
        return mixed

    def _observe(self, matrix: "Tensor") -> None:
        if self._labels is None or len(self._labels) != len(matrix):
            return
        mass = row_mass(matrix, self._labels)
        self._trace.mass.append([self._step, *(round(share, 5) for share in mass)])
        # An epoch's last batch is short, and its matrix cannot be compared with those of whole batches.
        if self._latest is not None and len(matrix) < len(self._latest[1]):
            return
        self._latest = (self._step, matrix, self._labels)
        if self._snapshot_steps and self._step >= self._snapshot_steps[0]:
            self._snapshot_steps = [step for step in self._snapshot_steps if step > self._step]
            self._take_snapshot(*self._latest)

    def _take_snapshot(self, step: int, matrix: "Tensor", labels: "Tensor") -> None:
        if any(snapshot["step"] == step for snapshot in self._trace.snapshots):
            return
        rounded = [[round(share, 4) for share in row] for row in matrix.tolist()]
        self._trace.snapshots.append({"step": step, "labels": labels.tolist(), "matrix": rounded})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
