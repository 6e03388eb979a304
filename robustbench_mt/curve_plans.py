"""The sections of an experiment that train along a curve."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from imbalance.protocols import chosen_levels
from robustbench_mt.curve_records import DEFAULT_PROTOCOL
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
        seeds: the experiment's by default.
        training: settings of the curve's trainings; the experiment's by default.
    """

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
class ImbalancePlan(CurvePlan):
    """Along which ratios or shares to train.

    Attributes:
        protocol: a name in :data:`imbalance.protocols.PROTOCOLS`.
        ratios: majority : minority.
        shares: of the minority to keep, for the protocol ``kept-share`` in place of ratios.
        minority: the class to make rare; the last label by default.
        control: also train on a balanced set of as many examples as each level's.

    Raises:
        UserError: an unknown protocol, or not its levels.
    """

    protocol: str = DEFAULT_PROTOCOL
    ratios: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()
    minority: str | None = None
    control: bool = False

    def __post_init__(self) -> None:
        chosen_levels(self.protocol, self.ratios, self.shares)

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
class NoisePlan(CurvePlan):
    """With which shares of the training labels flipped to train.

    Attributes:
        shares: from 0 to 1.
    """

    shares: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2)

    @property
    def levels(self) -> tuple[float, ...]:
        return self.shares

    def curve(self, task: Task, training: TrainingSettings) -> "Curve[Any]":
        from imbalance.label_noise import LabelNoiseCurve

        return LabelNoiseCurve(task, self.training or training)
