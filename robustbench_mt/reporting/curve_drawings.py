"""Figures of what a changed training set does: imbalance and label noise."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from robustbench_mt.curve_records import DEFAULT_PROTOCOL
from robustbench_mt.reporting.curve_plots import plot_imbalance, plot_label_noise
from robustbench_mt.reporting.curve_rows import CurveRow, ImbalanceRow, LabelNoiseRow, protocol_suffix
from robustbench_mt.reporting.drawing import Drawing, sketch
from robustbench_mt.reporting.interval_names import INTERVAL_NAMES
from robustbench_mt.reporting.seed_rows import ALIKE, CUT
from robustbench_mt.reporting.style import ONE_COLUMN, TWO_COLUMNS, Look, label, new_figure

__all__ = ["imbalance_drawings", "label_noise_drawings"]

CONTROL = (
    "Thin lines: the same methods trained on a balanced set of as many examples in all (where that is the same set at "
    "all points, it was trained on once). "
)

_BAND = "band, or bar where a point's neighbours have none"

# The names of more methods take too much of a column.
_FEW = 4
# About how wide an entry of the legend is: its line and seeds, and each character of its name, in inches.
_ENTRY, _CHARACTER = 1.4, 0.07


def imbalance_drawings(rows: Sequence[ImbalanceRow], looks: Mapping[str, Look]) -> Iterator[Drawing]:
    """Minority F1 against the ratio, or the share kept, for each task, minority class and protocol."""
    for (task, minority, name), group in groupby(rows, key=lambda row: (row.task, row.minority, row.protocol)):
        points = list(group)
        figure = new_figure(*_size(points))
        plot_imbalance(figure.subplots(), points, looks)
        level = "ratio" if points[0].share is None else "share of it kept"
        yield sketch(
            figure,
            "imbalance",
            ("imbalance", task, minority, *([] if name == DEFAULT_PROTOCOL else [name])),
            f"{task}: F1 of the minority class {minority} against the {level} in training{protocol_suffix(name)}",
            f"{points[0].protocol_summary} {_band(points)} {CONTROL * any(row.control for row in points)}"
            "What was trained on is in the table.",
        )


def label_noise_drawings(rows: Sequence[LabelNoiseRow], looks: Mapping[str, Look]) -> Iterator[Drawing]:
    """Accuracy against the share of labels flipped, for each task."""
    for task, group in groupby(rows, key=lambda row: row.task):
        points = list(group)
        figure = new_figure(*_size(points))
        plot_label_noise(figure.subplots(), points, looks)
        yield sketch(
            figure,
            "label-noise",
            ("label_noise", task),
            f"{task}: accuracy on clean test labels against the share of training labels flipped",
            f"{_band(points)} Only training labels are flipped, each to another class at random; validation labels "
            "are clean too.",
        )


def _size(rows: Sequence[CurveRow]) -> tuple[float, float]:
    methods = {label(row.method) for row in rows}
    # In one column of a page the legend has a line for each.
    if len(methods) <= _FEW:
        return ONE_COLUMN, 2.2 + 0.16 * len(methods)
    columns = max(1, int(TWO_COLUMNS / (_ENTRY + _CHARACTER * max(map(len, methods)))))
    return TWO_COLUMNS, max(3.6, 2.2 + 0.16 * -(-len(methods) // columns))


def _band(rows: Sequence[CurveRow]) -> str:
    """What the band of a curve is, and over how many examples each seed is evaluated."""
    single = [len(row.seeds) == 1 for row in rows]
    if all(single):
        band = (
            f"One seed a point; {_BAND}: 95% {_over_examples(rows)} over test examples, which does not know what "
            f"another seed may give. {ALIKE}"
        )
    else:
        told = f", of one seed 95% {_over_examples(rows)} over test examples" if any(single) else ""
        band = f"Line: mean over seeds; small marks: each seed; {_BAND}: 95% t interval over seeds{told}. {ALIKE} {CUT}"
    tests = " or ".join(str(n) for n in sorted({row.n for row in rows}))
    return f"{band} Each seed is evaluated on the untouched test set, n={tests}."


def _over_examples(rows: Sequence[CurveRow]) -> str:
    """Which interval the points of one seed have, where any has one."""
    single = [row.measured for row in rows if len(row.seeds) == 1]
    names = dict.fromkeys(INTERVAL_NAMES[each.interval] for each in single if each.low is not None)
    return f"{' or '.join(names)} interval".lstrip()
