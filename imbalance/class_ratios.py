"""The imbalance curve: fewer and fewer examples of one class."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from imbalance.sampling import make_imbalanced
from imbalance.sweep import Curve, Point, Probabilities
from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.errors import UserError
from robustbench_mt.evaluation import Metrics
from robustbench_mt.metrics import best_threshold, minority_metrics
from robustbench_mt.registry import choose
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.trainer import validation_data
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["ImbalanceCurve"]


class ImbalanceCurve(Curve[ImbalanceRecord]):
    """Along the ratio of every other class to the minority, at least 1.

    Args:
        task: a classification task.
        settings: of every training. ``train_examples`` is the size of the set at 1:1; the classes but the minority keep
            their size at every ratio. By default it is as large as the smallest class allows.
        minority: the class to shrink; the last label by default.

    Raises:
        UserError: a regression task, or an unknown class.
    """

    name: ClassVar[str] = "imbalance curve"
    file: ClassVar[str] = "imbalance.jsonl"
    record_type = ImbalanceRecord

    def __init__(self, task: Task, settings: TrainingSettings, minority: str | None = None) -> None:
        super().__init__(task, settings)
        indices = {label: index for index, label in enumerate(task.label_names)}
        self.minority = len(indices) - 1 if minority is None else choose(f"class of {task.name}", minority, indices)

    def training_set(self, point: Point) -> Examples:
        examples = self.task.split("train")
        asked, classes = self.settings.train_examples, len(self.task.label_names)
        if asked is not None and asked < classes:
            raise UserError(f"train_examples is {asked}: give at least one a class, {classes}.")
        subset = make_imbalanced(
            [int(label) for label in examples.labels],
            point.level,
            minority=self.minority,
            majority_size=None if asked is None else asked // classes,
            seed=point.seed,
        )
        return examples.select(subset)

    def measures(self, probabilities: Probabilities) -> tuple[Metrics, dict[str, Any]]:
        threshold, remarks = None, []
        # With more classes a single threshold decides nothing.
        if len(self.task.label_names) == 2:
            validation = validation_data(self.task, self.settings)
            is_minority = np.asarray(validation.labels) == self.minority
            if is_minority.any():
                threshold = best_threshold(is_minority, probabilities(validation)[:, self.minority])
            else:
                minority = self.task.label_names[self.minority]
                remarks.append(f"No validation example is {minority}: no threshold was tuned.")
        metrics = partial(minority_metrics, minority=self.minority, threshold=threshold)
        return metrics, {"threshold": threshold, "remarks": remarks}

    def fields(self, point: Point, train: Examples) -> dict[str, Any]:
        return {"ratio": float(point.level), **self.own_settings}

    @property
    def own_settings(self) -> Mapping[str, Any]:
        return {"minority": self.task.label_names[self.minority]}
