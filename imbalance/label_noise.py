"""The label noise curve: a larger and larger share of the training labels is wrong.

For one seed the flips are nested: what is wrong at 5% is wrong, and in the same way, at 10%, so that a curve shows what
more noise does and not what other noise does. Only training labels are flipped; validation and test labels are clean.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from imbalance.sweep import Curve, Point, Probabilities
from robustbench_mt.curve_records import LabelNoiseRecord
from robustbench_mt.errors import BadSettingError, NeedsClassesError
from robustbench_mt.metrics import Metrics, classification_metrics
from robustbench_mt.statistics import Estimate
from robustbench_mt.tasks.task import Examples
from robustbench_mt.trainer import training_data

__all__ = ["LabelNoiseCurve", "flip_labels"]

# With the seed alone the draws would repeat those of the training sample (robustbench_mt.trainer.training_data).
_STREAM = 1


def flip_labels(labels: Sequence[int], share: float, classes: int, *, seed: int = 0) -> list[int]:
    """The labels with a share of them, drawn at random, each flipped to one of the other classes, all equally likely.

    This is symmetric label noise that always changes the label (van Rooyen et al., "Learning with Symmetric Label
    Noise", NeurIPS 2015, arXiv 1505.07634): which examples are hit does not depend on their class.

    Args:
        labels: class indices, n.
        share: of the labels to flip, 0 to 1; ``round(share * n)`` are.
        classes: how many there are, at least 2.
        seed: of which labels are flipped, and to which class.

    Returns:
        Class indices, n.

    Raises:
        UserError: a share out of its range, or a single class.

    Example:
        >>> flip_labels([0, 0, 0, 0, 1, 1, 1, 1], 0.25, classes=2)
        [0, 1, 0, 1, 1, 1, 1, 1]
    """
    if not 0 <= share <= 1:
        raise BadSettingError(f"The share {share:g} is out of range: give the share of labels to flip, from 0 to 1.")
    if classes < 2:
        raise NeedsClassesError("Labels cannot be flipped where there is a single class: give data with two or more.")
    clean = np.array(labels, dtype=np.int64)
    generator = np.random.default_rng([seed, _STREAM])
    order = generator.permutation(len(clean))
    # Drawn for every example at any share, so that an example that is flipped at two shares is so in the same way.
    others = (clean + generator.integers(1, classes, size=len(clean))) % classes
    flipped = order[: round(share * len(clean))]
    clean[flipped] = others[flipped]
    return [int(label) for label in clean]


class LabelNoiseCurve(Curve[LabelNoiseRecord]):
    """Along the share of training labels that are flipped, 0 to 1.

    With ``train_examples`` the training set is drawn as for a checkpoint, the same at every share, and then flipped: at
    share 0 the training is that of a checkpoint.

    Example:
        >>> curve = LabelNoiseCurve(task, settings)
        >>> (point,) = curve_points([parse_method("vanilla")], [0.1], seeds=[0])
        >>> curve.fields(point, curve.training_set(point))
        {'share': 0.1, 'flipped': 24}
    """

    name: ClassVar[str] = "label noise curve"
    record_type = LabelNoiseRecord

    def training_set(self, point: Point) -> Examples:
        clean = self._clean(point)
        labels = [int(label) for label in clean.labels]
        return Examples(clean.texts, flip_labels(labels, point.level, len(self.task.label_names), seed=point.seed))

    def measures(self, point: Point, train: Examples, probabilities: Probabilities) -> tuple[Metrics, dict[str, Any]]:
        def metrics(labels: NDArray[Any], predicted: NDArray[Any]) -> dict[str, Estimate]:
            return classification_metrics(labels, predicted.argmax(axis=1), len(self.task.label_names))

        return metrics, {}

    def fields(self, point: Point, train: Examples) -> dict[str, Any]:
        pairs = zip(self._clean(point).labels, train.labels, strict=True)
        return {"share": float(point.level), "flipped": sum(before != after for before, after in pairs)}

    def _clean(self, point: Point) -> Examples:
        return training_data(self.task, self.settings, point.seed)
