"""Match-Tuning together with another method."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from robustbench_mt.methods.match import Match
from robustbench_mt.methods.method import Method, Plan
from robustbench_mt.records import MatchingTrace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["WithMatch"]


class WithMatch(Method):
    """Another method, whose every training pass goes through the matching matrix.

    Args:
        match: changes the representation.
        other: all the rest.
    """

    def __init__(self, match: Match, other: Method) -> None:
        super().__init__((match.settings, other.settings))
        self._match = match
        self._other = other

    @property
    def extra_passes(self) -> tuple[int, int]:
        return self._other.extra_passes

    def resample(self, labels: Sequence[int] | Sequence[float], seed: int) -> list[int] | None:
        return self._other.resample(labels, seed)

    def adapt(self, model: "PreTrainedModel") -> "PreTrainedModel":
        return self._other.adapt(model)

    def restore(self, model: "PreTrainedModel") -> "PreTrainedModel":
        return self._other.restore(model)

    def parameter_groups(
        self, model: "PreTrainedModel", learning_rate: float, weight_decay: float
    ) -> list[dict[str, Any]] | None:
        return self._other.parameter_groups(model, learning_rate, weight_decay)

    def attach(self, model: "PreTrainedModel", plan: Plan) -> None:
        self._match.attach(model, plan)
        self._other.attach(model, plan)

    def before_step(self, batch: "Mapping[str, Tensor]") -> None:
        self._match.before_step(batch)
        self._other.before_step(batch)

    def loss(self, model: Any, batch: "Mapping[str, Tensor]") -> "Tensor":
        return self._other.loss(model, batch)

    def before_update(self, model: "PreTrainedModel") -> None:
        self._other.before_update(model)

    def after_update(self, model: "PreTrainedModel") -> None:
        self._other.after_update(model)

    def detach(self) -> None:
        self._other.detach()
        self._match.detach()

    @property
    def temperature(self) -> float | None:
        return self._match.temperature

    @property
    def trace(self) -> MatchingTrace | None:
        return self._match.trace
