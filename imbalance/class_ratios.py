"""The imbalance curve: one class is rarer and rarer in training."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
from scipy.stats import hypergeom

from imbalance.protocols import PROTOCOLS
from imbalance.sampling import class_counts, subset
from imbalance.sweep import Curve, Point, Probabilities
from robustbench_mt.curve_records import DEFAULT_PROTOCOL, ImbalanceRecord
from robustbench_mt.errors import BadSettingError, TooFewExamplesError
from robustbench_mt.metrics import Metrics, best_threshold, minority_metrics
from robustbench_mt.registry import choose
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import validation_data
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["ImbalanceCurve"]

# From this share of batches with fewer than two minority examples on, a remark tells the reader.
_MANY_BATCHES = 0.1


class ImbalanceCurve(Curve[ImbalanceRecord]):
    """Along the ratio of every other class to the minority, or the share of it that is kept.

    A control is trained on the balanced set of as many examples in all.

    Args:
        task: a classification task.
        settings: of every training. ``train_examples`` is the size of the set at a ratio or share of 1, with the same
            number of each class. By default it is as large as the protocol's levels allow.
        minority: the class to make rare; the last label by default.
        protocol: a name in :data:`imbalance.protocols.PROTOCOLS`.

    Raises:
        UserError: a regression task, an unknown class or protocol, or no test example of the class.

    Example:
        >>> curve = ImbalanceCurve(task, settings, minority="negative", protocol="constant-size")
        >>> points = curve_points([parse_method("vanilla")], [1, 5, 20], seeds=[0])
        >>> [curve.training_set(point).labels.count(0) for point in points]
        [60, 20, 6]
    """

    name: ClassVar[str] = "imbalance curve"
    record_type = ImbalanceRecord

    def __init__(
        self, task: Task, settings: TrainingSettings, minority: str | None = None, protocol: str = DEFAULT_PROTOCOL
    ) -> None:
        super().__init__(task, settings)
        indices = {label: index for index, label in enumerate(task.label_names)}
        self.minority = len(indices) - 1 if minority is None else choose(f"class of {task.name}", minority, indices)
        self.protocol = choose("protocol", protocol, PROTOCOLS)
        if self.minority not in task.split("test").labels:
            raise TooFewExamplesError(
                f"No test example of {task.name} is {self._minority_name}: name a --minority that has some."
            )

    def training_set(self, point: Point) -> Examples:
        return self.task.split("train").select(self._subset(point, control=point.control))

    def measures(self, point: Point, train: Examples, probabilities: Probabilities) -> tuple[Metrics, dict[str, Any]]:
        threshold, remarks = None, self._rare_in_batches(point, train)
        validation = validation_data(self.task, self.settings)
        is_minority = np.asarray(validation.labels) == self.minority
        # With more classes a single threshold decides nothing.
        can_tune = len(self.task.label_names) == 2
        if not is_minority.any():
            left = ["no threshold was tuned"] * can_tune
            left += ["the best epoch was chosen without"] * (self.settings.keep == "best")
            if left:
                remarks.append(f"No validation example is {self._minority_name}: {', and '.join(left)}.")
        elif can_tune:
            threshold = best_threshold(is_minority, probabilities(validation)[:, self.minority])
        metrics = partial(minority_metrics, minority=self.minority, threshold=threshold)
        return metrics, {"threshold": threshold, "remarks": remarks}

    def fields(self, point: Point, train: Examples) -> dict[str, Any]:
        level: dict[str, float | None] = {"ratio": float(point.level), "share": None}
        if self.protocol.level == "share":
            counts = class_counts(self.task.split("train").select(self._subset(point, control=False)).labels)
            rare = counts.pop(self.minority)
            level = {"ratio": max(counts) / rare, "share": float(point.level)}
        return {**level, "protocol": self.protocol.name, "control": point.control, **self.own_settings}

    @property
    def identity(self) -> tuple[str, ...]:
        return self._minority_name, self.protocol.name

    @property
    def own_settings(self) -> Mapping[str, Any]:
        return {"minority": self._minority_name}

    @property
    def _minority_name(self) -> str:
        return self.task.label_names[self.minority]

    def _subset(self, point: Point, *, control: bool) -> list[int]:
        asked, classes = self.settings.train_examples, len(self.task.label_names)
        if asked is not None and asked < classes:
            raise BadSettingError(f"train_examples is {asked}: give at least one a class, {classes}.")
        return subset(
            np.asarray(self.task.split("train").labels, dtype=np.int64),
            self.task.label_names,
            point.level,
            protocol=self.protocol.name,
            minority=self.minority,
            majority_size=None if asked is None else asked // classes,
            control=control,
            seed=point.seed,
        )

    def _rare_in_batches(self, point: Point, train: Examples) -> list[str]:
        """What a reader should know where there are too few of the minority for two in a batch."""
        labels = [int(label) for label in train.labels]
        resampled = point.method.create().resample(labels, point.seed)
        if resampled is not None:
            labels = [labels[index] for index in resampled]
        rare, total = labels.count(self.minority), len(labels)
        batch = min(self.settings.batch_size, total)
        lacking = float(hypergeom.cdf(1, total, rare, batch))
        if lacking < _MANY_BATCHES or rare * len(self.task.label_names) >= total:
            return []
        drawn = "" if resampled is None else f" after {point.method.name} has drawn"
        return [
            f"{rare} of {total} training examples{drawn} are {self._minority_name}: about {lacking:.0%} of the batches "
            f"of {batch} have fewer than 2 of them, and were trained on as they came."
        ]
