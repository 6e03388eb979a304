"""The score against Match-Tuning's self mass, and against the batch size."""

from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes

from robustbench_mt.reporting.ablation_rows import Ablation
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.seed_marks import mark_seeds
from robustbench_mt.reporting.style import GREY, Look, ends, looks_for

__all__ = ["plot_batch_size", "plot_self_mass"]

_VANILLA = "vanilla"
# How far the marks of one batch size are spread, where batch sizes are 1 apart.
_SPREAD = 0.56


def plot_self_mass(axes: Axes, ablation: Ablation, batch_size: int) -> None:
    """A mark with its interval for each setting; fixed temperatures stand apart, and vanilla is a line with its band.

    Args:
        axes: to draw on; x are the settings, evenly spaced, y is the score.
        ablation: of one task.
        batch_size: whose trainings to draw.

    Example:
        >>> figure, axes = plt.subplots()
        >>> ablation = summary.ablations[0]
        >>> plot_self_mass(axes, ablation, ablation.batch_sizes[0])
    """
    baseline, look, *_ = looks_for(("", "match")).values()
    settings = ablation.settings
    masses = sum(not setting.fixed for setting in settings)
    # The gap says that a fixed temperature is no further self mass.
    places = [place + 0.5 * setting.fixed * (masses > 0) for place, setting in enumerate(settings)]
    edges = (-0.6, places[-1] + 0.8)
    if batch_size in ablation.baselines:
        mean, low, high = ends(ablation.baselines[batch_size].score)
        axes.fill_between(edges, low, high, color=baseline.colour, alpha=0.13, linewidth=0)
        axes.plot(edges, [mean, mean], color=baseline.colour, linestyle=baseline.line, label=_VANILLA)
    drawn = [
        (place, setting.fixed, ablation.matched[setting, batch_size])
        for place, setting in zip(places, settings, strict=True)
        if (setting, batch_size) in ablation.matched
    ]
    for fixed in (False, True):
        points = [(place, row) for place, its, row in drawn if its is fixed]
        _series(axes, points, replace(look, line="" if fixed else look.line), "" if fixed else "match", 0.1)
    if 0 < masses < len(settings):
        axes.axvline(masses - 0.25, color=GREY, linewidth=0.8)
    axes.set_xlim(edges)
    names = [setting.name.replace(" ", "\n") if setting.fixed else f"{setting.value:g}" for setting in settings]
    axes.set_xticks(places, names)
    axes.set_title(f"batch size {batch_size}")


def plot_batch_size(axes: Axes, ablation: Ablation) -> None:
    """One line for each of match's settings, with its intervals, and vanilla's with its band.

    Args:
        axes: to draw on; x are the batch sizes, evenly spaced, y is the score.
        ablation: of one task.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_batch_size(axes, summary.ablations[0])
    """
    sizes = ablation.batch_sizes
    by_name = {_VANILLA: ablation.baselines} | {
        f"match, {setting.name}": {size: row for (its, size), row in ablation.matched.items() if its == setting}
        for setting in ablation.settings
    }
    for number, (name, look) in enumerate(looks_for(list(by_name)).items()):
        aside = _SPREAD * (number / (len(by_name) - 1) - 0.5)
        points = [(place + aside, by_name[name][size]) for place, size in enumerate(sizes) if size in by_name[name]]
        if name == _VANILLA and points:
            _, lows, highs = zip(*(ends(row.score) for _, row in points), strict=True)
            axes.fill_between([place for place, _ in points], lows, highs, color=look.colour, alpha=0.13, linewidth=0)
        if points:
            _series(axes, points, look, name, 0.035)
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set_xlabel("batch size in training")


def _series(axes: Axes, points: Sequence[tuple[float, MethodRow]], look: Look, name: str, beside: float) -> None:
    """Means with their intervals, joined by a line, and a small mark for each seed, ``beside`` further right."""
    for place, row in points:
        _, low, high = ends(row.score)
        axes.plot([place, place], [low, high], color=look.colour, linewidth=1)
        mark_seeds(axes, [place + beside] * len(row.scores), list(row.scores.values()), look)
    axes.plot(
        [place for place, _ in points],
        [ends(row.score)[0] for _, row in points],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        linewidth=1,
        label=name or None,
    )
