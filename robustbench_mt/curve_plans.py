"""The sections of an experiment that train along a curve."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from imbalance.protocols import chosen_levels
from robustbench_mt.curve_options import ImbalanceOptions, NoiseOptions
from robustbench_mt.methods.choice import MethodChoice
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings

if TYPE_CHECKING:
    from imbalance.sweep import Curve, Point

__all__ = ["CurvePlan", "ImbalancePlan", "NoisePlan"]


@dataclass(frozen=True, kw_only=True)
class CurvePlan(ABC):
    """What the plans of all curves say.

    Attributes:
        name: what experiments call the curve.
        seeds: the experiment's by default.
        training: settings of the curve's trainings; the experiment's by default.
    """

    name: ClassVar[str]

    seeds: tuple[int, ...] | None = None
    training: TrainingSettings | None = None

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @property
    @abstractmethod
    def levels(self) -> tuple[float, ...]:
        """Where to train."""

    @abstractmethod
    def curve(self, task: Task, training: TrainingSettings) -> "Curve[Any]":
        """The curve of a task, with ``training`` where the plan has no settings of its own.

        Raises:
            UserError: a regression task, or an unknown class.
        """

    def points(self, methods: Sequence[MethodChoice], seeds: Sequence[int]) -> "list[Point]":
        """What to train, with ``seeds`` where the plan has none of its own."""
        from imbalance.sweep import curve_points

        return curve_points(methods, self.levels, self.seeds or seeds)


@dataclass(frozen=True, kw_only=True)
class ImbalancePlan(ImbalanceOptions, CurvePlan):
    """Along which ratios or shares to train."""

    name: ClassVar[str] = "imbalance"

    @property
    def levels(self) -> tuple[float, ...]:
        return chosen_levels(self.protocol, self.ratios, self.shares)

    def curve(self, task: Task, training: TrainingSettings) -> "Curve[Any]":
        from imbalance.class_ratios import ImbalanceCurve

        return ImbalanceCurve(task, self.training or training, self.minority, self.protocol)

    def points(self, methods: Sequence[MethodChoice], seeds: Sequence[int]) -> "list[Point]":
        from imbalance.sweep import curve_points

        return curve_points(methods, self.levels, self.seeds or seeds, control=self.control)


@dataclass(frozen=True, kw_only=True)
class NoisePlan(NoiseOptions, CurvePlan):
    """With which shares of the training labels flipped to train."""

    name: ClassVar[str] = "label_noise"

    shares: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2)

    @property
    def levels(self) -> tuple[float, ...]:
        return self.shares

    def curve(self, task: Task, training: TrainingSettings) -> "Curve[Any]":
        from imbalance.label_noise import LabelNoiseCurve

        return LabelNoiseCurve(task, self.training or training)
