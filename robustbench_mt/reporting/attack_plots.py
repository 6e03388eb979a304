"""Accuracy under attack, by the words that may change and by those of the text, and success against queries."""

from collections.abc import Iterable, Mapping, Sequence

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatter

from robustbench_mt.reporting.attack_rows import BUDGETS, AttackRow
from robustbench_mt.reporting.length_rows import LengthRow
from robustbench_mt.reporting.plot_checks import check_alike
from robustbench_mt.reporting.style import GREY, INK, SMALL, Look, ends, label, legend_above, looks_of_methods
from robustbench_mt.statistics import Estimate

__all__ = ["plot_accuracy_by_length", "plot_accuracy_by_words", "plot_accuracy_under_attack", "plot_success_by_queries"]

# Per cent, with room for the marks at both ends.
RANGE = (-1.5, 101.5)
# The share of a group's width that its marks take.
_ABREAST = 0.7


def plot_accuracy_under_attack(axes: Axes, rows: Sequence[AttackRow], looks: Mapping[str, Look] | None = None) -> None:
    """One line a recipe and method: hollow before the attack, filled with its interval after it.

    Args:
        axes: to draw on; x is accuracy in per cent.
        rows: of one task, sorted by recipe.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two tasks.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_accuracy_under_attack(axes, summary.attacks)
    """
    check_alike(rows, "task")
    looks = looks or looks_of_methods(row.method for row in rows)
    recipes = list(dict.fromkeys(row.recipe for row in rows))
    ticks, y = [], 0.0
    for recipe in recipes:
        of_recipe = [row for row in rows if row.recipe == recipe]
        for row in of_recipe:
            _draw_drop(axes, row, y, looks[row.method])
            y += 1
        ticks.append(y - (len(of_recipe) + 1) / 2)
        axes.axhline(y - 0.2, color=GREY, linewidth=0.4)
        y += 0.6
    axes.set_yticks(ticks, [label(recipe, 24) for recipe in recipes])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(y - 0.8, -0.8)
    axes.set_xlim(*RANGE)
    axes.set_xlabel("accuracy (% of examples)")
    methods = list(dict.fromkeys(row.method for row in rows))
    handles = [_handle(looks[method], label(method), filled=True) for method in methods]
    handles.append(_handle(Look(INK, "none", "o"), "before the attack", filled=False))
    legend_above(axes, handles)


def plot_accuracy_by_words(axes: Axes, rows: Sequence[AttackRow], looks: Mapping[str, Look] | None = None) -> None:
    """One falling line a method, with the band of its interval.

    Args:
        axes: to draw on; x is the share of words in per cent, y accuracy in per cent.
        rows: of one task and recipe.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two tasks or recipes.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_accuracy_by_words(axes, [row for row in summary.attacks if row.recipe == "deepwordbug"])
    """
    check_alike(rows, "task", "recipe")
    looks = looks or looks_of_methods(row.method for row in rows)
    for row in rows:
        _steps(axes, BUDGETS, row.curve, row.method, looks[row.method], markevery=10)
    _title(axes, rows[0].recipe, [row.n for row in rows])
    axes.set_xlim(*RANGE)
    axes.set_ylim(*RANGE)


def plot_success_by_queries(axes: Axes, rows: Sequence[AttackRow], looks: Mapping[str, Look] | None = None) -> None:
    """One rising line a method, with the band of its interval.

    Args:
        axes: to draw on; x is the number of queries, logarithmic, y the share of the attacked examples in per cent.
        rows: of one task and recipe.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two tasks or recipes.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_success_by_queries(axes, [row for row in summary.attacks if row.recipe == "deepwordbug"])
    """
    check_alike(rows, "task", "recipe")
    looks = looks or looks_of_methods(row.method for row in rows)
    for row in filter(lambda row: row.by_queries, rows):
        queries, shares = zip(*row.by_queries, strict=True)
        _steps(axes, queries, shares, row.method, looks[row.method], markevery=0.12)
    _title(axes, rows[0].recipe, [row.success_rate.n for row in rows])
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    # Between two powers of ten, some of the numbers between them are named as well.
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
    axes.tick_params(axis="x", which="minor", labelsize=rcParams["xtick.labelsize"])
    axes.set_ylim(*RANGE)


def plot_accuracy_by_length(axes: Axes, rows: Sequence[LengthRow], looks: Mapping[str, Look] | None = None) -> None:
    """One mark a method and group of texts, with its interval.

    Args:
        axes: to draw on; x is the groups, with their words and each method's n, y accuracy in per cent.
        rows: of one task and recipe.
        looks: by method; those of the rows' methods by default.

    Raises:
        ValueError: there are no rows, or rows of two tasks or recipes.

    Example:
        >>> figure, axes = plt.subplots()
        >>> plot_accuracy_by_length(axes, [row for row in summary.lengths if row.recipe == "deepwordbug"])
    """
    check_alike(rows, "task", "recipe")
    looks = looks or looks_of_methods(row.method for row in rows)
    for position, row in enumerate(rows):
        look = looks[row.method]
        values, lows, highs = zip(*(_percent(share) for _, share in row.by_length), strict=True)
        # Beside each other, so that intervals do not cover each other.
        at = [group + _ABREAST * ((position + 0.5) / len(rows) - 0.5) for group in range(len(values))]
        axes.vlines(at, lows, highs, color=look.colour, linewidth=2.6, alpha=0.45)
        axes.plot(
            at,
            values,
            color=look.colour,
            linestyle=look.line,
            linewidth=0.9,
            marker=look.marker,
            clip_on=False,
            label=label(row.method),
        )
    _title(axes, rows[0].recipe, [row.n for row in rows])
    groups = zip(*(row.by_length for row in rows), strict=True)
    axes.set_xticks(range(len(rows[0].by_length)), [_group_name(of_methods) for of_methods in groups])
    axes.grid(visible=False, axis="x")
    axes.set_xlim(-0.5, len(rows[0].by_length) - 0.5)
    axes.set_ylim(*RANGE)


def _group_name(of_methods: Sequence[tuple[tuple[int, int], Estimate]]) -> str:
    """A group's words, then n: from the least to the most of the methods, where they differ."""
    (fewest, most), _ = of_methods[0]
    counts = [share.n for _, share in of_methods]
    return f"{_span(fewest, most)}\n{_span(min(counts), max(counts))}"


def _span(least: int, most: int) -> str:
    """On two lines where one would be as wide as a group."""
    if least == most:
        return str(most)
    return f"{least}–{most}" if most < 1000 else f"{least}–\n{most}"


def _steps(
    axes: Axes, at: Sequence[float], shares: Sequence[Estimate], method: str, look: Look, markevery: float
) -> None:
    values, lows, highs = zip(*map(_percent, shares), strict=True)
    axes.fill_between(at, lows, highs, step="post", color=look.colour, alpha=0.15, linewidth=0)
    axes.plot(
        at,
        values,
        drawstyle="steps-post",
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markevery=markevery,
        label=label(method),
    )


def _title(axes: Axes, recipe: str, counts: Iterable[int]) -> None:
    sizes = dict.fromkeys(str(n) for n in sorted(set(counts)))
    axes.set_title(f"{label(recipe, 24)}\nn={'–'.join((*sizes,)[:: max(1, len(sizes) - 1)])}")


def _draw_drop(axes: Axes, row: AttackRow, y: float, look: Look) -> None:
    before, _, _ = _percent(row.clean_accuracy)
    after, low, high = _percent(row.accuracy_under_attack)
    axes.text(103, y, f"n={row.n}", va="center", fontsize=SMALL, color=GREY)
    axes.plot([after, before], [y, y], color=look.colour, linewidth=0.9, linestyle=look.line, alpha=0.8)
    axes.plot([low, high], [y, y], color=look.colour, linewidth=2.6, alpha=0.45, solid_capstyle="butt")
    axes.plot(before, y, look.marker, markerfacecolor="white", markeredgecolor=look.colour)
    axes.plot(after, y, look.marker, color=look.colour)


def _handle(look: Look, text: str, filled: bool) -> Line2D:
    face = look.colour if filled else "white"
    return Line2D(
        [], [], linestyle="none", marker=look.marker, markerfacecolor=face, markeredgecolor=look.colour, label=text
    )


def _percent(estimate: Estimate) -> tuple[float, ...]:
    return tuple(share * 100 for share in ends(estimate))
