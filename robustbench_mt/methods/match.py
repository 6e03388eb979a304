"""Match-Tuning: each instance of a batch becomes a softmax mixture of the whole batch.

Tong, Dong, Dai, Song, Liu, Chang, Sui: "Robust Fine-tuning via Perturbation and Interpolation from In-batch
Instances", IJCAI 2022, arXiv 2205.00633.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from robustbench_mt.errors import ConflictingOptionsError, UnfitBaseError
from robustbench_mt.methods.checks import check, check_choices, is_number
from robustbench_mt.methods.head import find_head_dense, find_head_output
from robustbench_mt.methods.matching import (
    Schedule,
    Similarity,
    batch_temperature,
    matching_matrix,
    row_mass,
    schedule_factor,
)
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.records import MatchingSnapshot, MatchingTrace

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["Match", "MatchSettings", "find_matched_module", "hook_representation"]

# Steps after which the masses are read off the device: each reading waits for the step to end there.
_MOST_UNREAD = 256

Calibration = Literal["once", "always"]
Place = Literal["dense", "activation"]


@dataclass(frozen=True)
class MatchSettings:
    """Settings of Match-Tuning.

    Attributes:
        temperature: divides the similarities; the paper does not give one, and it must fit the scale of the
            representation, so by default it is calibrated once, on the first matched batch; several devices share the
            mean of what each finds on its own.
        self_mass: what ``auto`` aims at: the mean share of a row's mass that an instance puts on itself at first.
        calibrate: ``auto`` is found ``once``, or on each batch (``always``), so that the mean self mass follows the
            schedule alone, wherever it can be reached, and not the scale of the representation, which training changes.
            ``always`` leaves each of several devices its own batch's temperature (unless ``across_devices``); the main
            process's is recorded.
        schedule: how the temperature goes on from there, over the matched steps: ``constant``, or ``linear`` or
            ``cosine`` to ``final`` times the temperature at the last.
        final: see ``schedule``; under 1 an instance comes to keep more to those that are most like it.
        similarity: ``dot``, ``cosine`` or ``distance``. By a dot product all rows may come to be matched with the one
            that is longest, or furthest along what all have in common; by the distance none is more like another row
            than like itself.
        after: match the output of the head's ``dense`` layer, or what the output layer reads: with the head's
            ``activation`` between, and in most heads dropout, so that each instance is mixed of thinned ones.
        start: share of the training's batches that pass before matching begins, from 0 to below 1.
        across_devices: match the batches on all devices as one, with its gradient, in place of each for itself; the
            same where there is one device.
        layer: the module to match after, for architectures whose head is not known.
    """

    temperature: float | Literal["auto"] = "auto"
    # Ours, not the paper's: seen to train well on all-MiniLM-L6-v2, where 1/N (temperature 1) learned nothing.
    self_mass: float = 0.8
    calibrate: Calibration = "once"
    schedule: Schedule = "constant"
    final: float = 1.0
    # The paper's formula: S = z z^T, with z the dense layer's output. The distance is ours, and known from attention:
    # Kim, Papamakarios, Mnih: "The Lipschitz Constant of Self-Attention", ICML 2021, arXiv 2006.04710.
    similarity: Similarity = "dot"
    after: Place = "dense"
    start: float = 0.0
    # The paper says nothing of several devices.
    across_devices: bool = False
    layer: str | None = None

    def __post_init__(self) -> None:
        check(
            "match",
            self,
            "temperature",
            "'auto' or a number above 0",
            lambda x: x == "auto" or _between(0, x, math.inf),
        )
        check("match", self, "self_mass", "a number between 0 and 1", lambda x: _between(0, x, 1))
        check_choices("match", self)
        check("match", self, "final", "a number above 0", lambda x: _between(0, x, math.inf))
        check("match", self, "start", "a share from 0 to below 1", lambda x: _between(-math.inf, x, 1) and x >= 0)
        check("match", self, "across_devices", "True or False", lambda x: isinstance(x, bool))
        check("match", self, "layer", "a module's dotted name", lambda x: x is None or isinstance(x, str))
        if self.calibrate == "always" and self.temperature != "auto":
            raise ConflictingOptionsError(
                f"match: temperature is {self.temperature!r}, which needs no calibration: leave out calibrate=always."
            )
        if self.schedule == "constant" and self.final != 1:
            raise ConflictingOptionsError(
                f"match: final is {self.final!r}, but the schedule is constant: give schedule=linear too."
            )
        if self.after == "activation" and self.layer is not None:
            raise ConflictingOptionsError(
                f"match: layer is {self.layer!r}, which is matched after itself: leave out after=activation."
            )


def find_matched_module(model: "PreTrainedModel", settings: MatchSettings) -> "nn.Module":
    """The module whose output, or with ``after=activation`` whose input, is what is matched.

    Raises:
        UserError: the model has none that is known.
    """
    return find_head_output(model) if settings.after == "activation" else find_head_dense(model, settings.layer)


def hook_representation(
    module: "nn.Module", settings: MatchSettings, change: "Callable[[Tensor], Tensor]"
) -> "RemovableHandle":
    """Put ``change(z)`` in the place of the representations z (N x d).

    Args:
        module: as :func:`find_matched_module` finds it.
        settings: whether z is its input or its output.
        change: from z to what stands in for it.

    Raises:
        UserError: in a forward pass, where what the module gives is not N x d.
    """
    import torch

    # It looks at numbers, over which a compiler would stumble, and say so at length.
    change = torch.compiler.disable(change)  # type: ignore[no-untyped-call]
    if settings.after == "activation":
        return module.register_forward_pre_hook(lambda _module, inputs: (change(_rows(inputs[0])), *inputs[1:]))
    return module.register_forward_hook(lambda _module, _inputs, output: change(_rows(output)))


class Match(Method):
    """z'_i = sum_j M_ij z_j after the head's dense layer, in training mode only.

    The published snippet has no evaluation switch, so its predictions would depend on their batch-mates. Ours does not
    match at inference: M of a batch of one is [1], so matching is the identity there. What follows z' is the head's own
    activation, dropout and classifier. The batch is the micro-batch on one device, unless ``across_devices``; at size
    one this is ``vanilla``. Where another method makes several passes a step, each is matched for itself.
    """

    summary = "Match-Tuning: instances of a batch mix by a softmax over their similarities (IJCAI 2022)"
    changes = "representation"
    settings_type = MatchSettings

    settings: MatchSettings

    def __init__(self, settings: MatchSettings) -> None:
        super().__init__(settings)
        self._temperature = None if settings.temperature == "auto" else float(settings.temperature)
        self._most_rows = 0
        self._labels: Tensor | None = None
        self._hook: RemovableHandle | None = None
        self._snapshot_steps: list[int] = []
        self._latest: tuple[int, Tensor, Tensor] | None = None
        self._masses: list[tuple[int, Tensor]] = []
        self._trace = MatchingTrace()
        self._step = self._observed = 0
        self._first_step, self._last_step = 0, 1

    @property
    def temperature(self) -> float | None:
        """As given or calibrated, of several batches on the last of the largest; the schedule multiplies it."""
        return self._temperature

    @property
    def trace(self) -> MatchingTrace:
        self._read_masses()
        return self._trace

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._snapshot_steps = sorted({1, *(math.ceil(plan.passes * quarter / 4) for quarter in (1, 2, 3))})
        # Passes before the first step (another method may estimate something) are of a training that matches already.
        self._first_step = math.floor(plan.passes * self.settings.start) + 1 if self.settings.start else 0
        self._last_step = plan.passes
        module = find_matched_module(model, self.settings)
        self._hook = hook_representation(
            module, self.settings, lambda z: self._match(z) if module.training and self._has_begun else z
        )

    def before_step(self, batch: "Mapping[str, Tensor]") -> None:
        self._step += 1
        self._labels, _ = self._everyone(batch["labels"])

    def detach(self) -> None:
        if self._hook is not None:
            self._hook.remove()
        if self._latest is not None:
            self._take_snapshot(*self._latest)

    @property
    def _has_begun(self) -> bool:
        return self._step >= self._first_step

    @property
    def _factor(self) -> float:
        """What the schedule multiplies the temperature by, at this step."""
        first = max(1, self._first_step)
        progress = (self._step - first) / max(1, self._last_step - first)
        return schedule_factor(self.settings.schedule, self.settings.final, min(max(progress, 0.0), 1.0))

    def _match(self, z: "Tensor") -> "Tensor":
        import torch

        from robustbench_mt.methods.across_devices import mean_over_processes

        # A row of half-precision similarities would lose the small masses that matching is about.
        with torch.autocast(z.device.type, enabled=False):
            everyone, own = self._everyone(z)
            temperature = self._temperature
            if temperature is None or self.settings.calibrate == "always":
                if len(everyone) == 1:
                    return z
                settings = self.settings
                temperature = batch_temperature(everyone, settings.similarity, settings.self_mass, temperature)
                if settings.calibrate == "once":
                    temperature = mean_over_processes(temperature, z.device)
                # An epoch's last batch is short, and another temperature reaches the self mass there.
                if len(everyone) >= self._most_rows:
                    self._temperature, self._most_rows = temperature, len(everyone)
            matrix = matching_matrix(everyone, temperature * self._factor, self.settings.similarity)
            mixed = (matrix[own] @ everyone.float()).to(z.dtype)
        self._observe(matrix.detach())
        return mixed

    def _everyone(self, rows: "Tensor") -> "tuple[Tensor, slice]":
        """The rows that are matched with each other, and which of them are this device's."""
        if not self.settings.across_devices:
            return rows, slice(None)
        from robustbench_mt.methods.across_devices import gather_rows

        return gather_rows(rows)

    def _observe(self, matrix: "Tensor") -> None:
        if self._labels is None or len(self._labels) != len(matrix):
            return
        # Of several passes a step the first counts.
        if self._observed == self._step:
            return
        self._observed = self._step
        self._masses.append((self._step, row_mass(matrix, self._labels)))
        if len(self._masses) == _MOST_UNREAD:
            self._read_masses()
        # An epoch's last batch is short, and its matrix cannot be compared with those of whole batches.
        if self._latest is not None and len(matrix) < len(self._latest[1]):
            return
        self._latest = (self._step, matrix, self._labels)
        if self._snapshot_steps and self._step >= self._snapshot_steps[0]:
            self._snapshot_steps = [step for step in self._snapshot_steps if step > self._step]
            self._take_snapshot(*self._latest)

    def _read_masses(self) -> None:
        for step, mass in self._masses:
            self._trace.mass.append([step, *(round(share, 5) for share in mass.tolist())])
        self._masses.clear()

    def _take_snapshot(self, step: int, matrix: "Tensor", labels: "Tensor") -> None:
        if any(snapshot.step == step for snapshot in self._trace.snapshots):
            return
        rounded = [[round(share, 4) for share in row] for row in matrix.tolist()]
        self._trace.snapshots.append(MatchingSnapshot(step, labels.tolist(), rounded))


def _rows(z: "Tensor") -> "Tensor":
    if getattr(z, "ndim", None) == 2:
        return z
    raise UnfitBaseError(
        f"match: the layer's output is {tuple(getattr(z, 'shape', ())) or type(z).__name__}, not instances x "
        "features: name the head's dense layer with --method match:layer=MODULE."
    )


def _between(low: float, value: Any, high: float) -> bool:
    return is_number(value) and low < value < high
