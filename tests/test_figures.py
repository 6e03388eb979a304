"""The figures: of the width of a column, readable in it, the same bytes each time, and drawn on axes of one's own."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.text import Annotation, Text
from run_directory import training, write, write_run
from scored_trainings import write_ablation

import robustbench_mt.reporting.plots
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting import (
    ablation_plots,
    attack_plots,
    curve_plots,
    figures,
    matching_plots,
    plots,
    transfer_plots,
)
from robustbench_mt.reporting.curve_drawings import imbalance_drawings
from robustbench_mt.reporting.curve_tables import curve_tables
from robustbench_mt.reporting.drawing import ENDINGS, Drawing
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.matching_rows import KINDS_OF_MASS
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.seed_rows import ALIKE, CUT
from robustbench_mt.reporting.style import (
    ONE_COLUMN,
    SMALL,
    TWO_COLUMNS,
    label,
    legend_above,
    looks_for,
    looks_of_methods,
    styled,
)
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.statistics import Estimate, mean_over_seeds

pytestmark = pytest.mark.usefixtures("without_windows")

STATISTIC = re.compile(r"Wilson|bootstrap|\bt interval|no interval|neither band nor interval")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), seeds=(0, 1))


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ablation(tmp_path_factory.mktemp("ablation"))


@pytest.fixture(scope="module")
def summary(run: Path, ablation: Path) -> Summary:
    return summarize([run, ablation])


@pytest.fixture(scope="module")
def drawings(summary: Summary) -> list[Drawing]:
    return draw(summary)


def shown(drawing: Drawing) -> list[Text]:
    drawing.figure.draw_without_rendering()
    texts = drawing.figure.findobj(Text)
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def test_figures_are_as_wide_as_a_column_and_no_text_is_smaller_than_7_points(drawings: list[Drawing]) -> None:
    assert {drawing.section for drawing in drawings} == {
        *("attacks", "words", "queries", "length", "transfer", "methods", "imbalance", "label-noise", "matching")
    }
    for drawing in drawings:
        assert drawing.figure.get_figwidth() in (ONE_COLUMN, TWO_COLUMNS)
        assert drawing.figure.get_figheight() < 9, "higher than a page"
        assert min(text.get_fontsize() for text in shown(drawing)) >= SMALL


def test_nothing_is_cut_off(drawings: list[Drawing]) -> None:
    for drawing in drawings:
        drawing.figure.draw_without_rendering()
        width, height = drawing.figure.get_size_inches()
        box = drawing.figure.get_tightbbox()
        assert box.x0 >= -0.01 and box.x1 <= width + 0.01, drawing.name
        assert box.y0 >= -0.01 and box.y1 <= height + 0.01, drawing.name
        for name in drawing.figure.findobj(Annotation):
            inside = name.get_window_extent()
            assert inside.x1 <= drawing.figure.bbox.x1 and inside.y1 <= drawing.figure.bbox.y1, drawing.name


def test_legends_of_curves_cover_no_curve(drawings: list[Drawing]) -> None:
    curves = [drawing for drawing in drawings if drawing.section in ("imbalance", "label-noise")]
    assert {drawing.figure.get_figwidth() for drawing in curves} == {ONE_COLUMN}
    for drawing in curves:
        drawing.figure.draw_without_rendering()
        (axes,) = drawing.figure.axes
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1, drawing.name


def test_a_legend_has_as_many_columns_as_fit() -> None:
    with styled():
        for names, columns in ((("a", "b", "c"), 3), (("a" * 30, "b"), 1)):
            axes = plt.figure(figsize=(ONE_COLUMN, 2)).subplots()
            for name in names:
                axes.plot([0], [0], label=name)
            legend_above(axes)
            assert axes.get_legend()._ncols == columns


def test_twenty_methods_are_told_apart() -> None:
    names = [f"method-{number:02}" for number in range(60)]
    looks = list(looks_for(names).values())
    for first, second in combinations(looks, 2):
        assert first.marker != second.marker or (first.line != second.line and first.colour != second.colour)
    assert len({(look.line, look.marker) for look in looks_of_methods(["vanilla", *names[:19]]).values()}) == 20


def test_names_that_are_cut_keep_what_tells_them_apart() -> None:
    names = [
        f"rotten_tomatoes-match_similarity_{kind}-seed{seed}" for kind in ("cosine", "distance") for seed in (0, 1)
    ]
    cut = [label(name, 30) for name in names]
    assert len(set(cut)) == 4 and set(map(len, cut)) == {30}
    assert label("rotten_tomatoes-vanilla-seed0", 30) == "rotten_tomatoes-vanilla-seed0"


def test_the_names_of_twenty_methods_leave_room_for_their_curves(summary: Summary) -> None:
    names = [f"match:similarity=distance,calibrate=always,k={number:02}" for number in range(20)]
    (method,) = {row.method for row in summary.imbalance if row.method == "vanilla"}
    rows = [replace(row, method=name) for name in names for row in summary.imbalance if row.method == method]
    (drawing,) = [drawing for drawing in draw(replace(summary, imbalance=rows)) if drawing.section == "imbalance"]
    drawing.figure.draw_without_rendering()
    (axes,) = drawing.figure.axes
    assert axes.get_window_extent().height / drawing.figure.dpi > 1.5
    assert len({(line.get_linestyle(), line.get_marker(), line.get_color()) for line in axes.lines}) >= 20


def bands(axes: Axes) -> list[tuple[float, float]]:
    """From where to where on x there is a band."""
    areas = [
        path.vertices[:, 0]
        for band in axes.collections
        if isinstance(band, PolyCollection)
        for path in band.get_paths()
    ]
    return [(min(area), max(area)) for area in areas if min(area) < max(area)]


def bars(axes: Axes) -> list[list[list[float]]]:
    drawn = [lines for lines in axes.collections if isinstance(lines, LineCollection)]
    return [segment.tolist() for lines in drawn for segment in lines.get_segments()]


def test_a_band_ends_where_seeds_give_the_same(summary: Summary) -> None:
    rows = [row for row in summary.imbalance if row.method == "vanilla"]
    levels = [row.level for row in rows]
    assert len(rows) == 5 and all(row.measured.low is not None for row in rows)
    known = [row.measured for row in rows]
    unknown = mean_over_seeds([0.0, 0.0])

    def drawn(*estimates: Estimate) -> Axes:
        axes = plt.figure().subplots()
        changed = [replace(row, metrics={"minority_f1": e}) for row, e in zip(rows, estimates, strict=True)]
        plots.plot_imbalance(axes, changed)
        assert axes.lines[-1].get_ydata().tolist() == [estimate.value for estimate in estimates]
        return axes

    axes = drawn(*known)
    assert bands(axes) == [(levels[0], levels[-1])] and bars(axes) == []
    axes = drawn(*known[:2], *[unknown] * 3)
    assert bands(axes) == [(levels[0], levels[1])] and bars(axes) == []
    # A point whose neighbours have no interval still shows its own.
    axes = drawn(known[0], unknown, *known[2:4], unknown)
    assert bands(axes) == [(levels[2], levels[3])]
    assert bars(axes) == [[[levels[0], known[0].low], [levels[0], known[0].high]]]
    axes = drawn(*[unknown] * 5)
    assert bands(axes) == [] and bars(axes) == []


def test_label_noise_without_intervals_is_drawn_from_chance(summary: Summary) -> None:
    rows = [replace(row, metrics={"accuracy": mean_over_seeds([0.75, 0.75])}) for row in summary.label_noise]
    axes = plt.figure().subplots()
    plots.plot_label_noise(axes, rows)
    assert bands(axes) == [] and bars(axes) == []
    assert axes.get_ylim() == (min(1 / rows[0].classes, *(value for row in rows for value in row.by_seed)), 1)


def test_captions_of_curves_say_where_there_is_no_interval(summary: Summary, drawings: list[Drawing]) -> None:
    # Those of differences say so in their own words.
    tables = [table for table in curve_tables(summary) if not table.name.endswith("_differences")]
    assert len(tables) == 3
    for stated in (*tables, *(drawing for drawing in drawings if drawing.section in ("imbalance", "label-noise"))):
        assert stated.caption.count(ALIKE) == stated.caption.count(CUT) == 1, stated.name
    f1 = Estimate(0.5, 0.4, 0.6, 100, "Wilson over examples")
    one = [replace(row, seeds=[0], metrics=row.metrics | {"minority_f1": f1}) for row in summary.imbalance]
    with styled():
        (single,) = imbalance_drawings(one, looks_of_methods(row.method for row in one))
        (mixed,) = imbalance_drawings([one[0], *summary.imbalance[1:]], looks_of_methods(row.method for row in one))
    assert "t interval" not in single.caption and ALIKE in single.caption and CUT not in single.caption
    assert "95% Wilson interval over test examples" in single.caption
    assert "95% t interval over seeds, of one seed 95% Wilson interval over test examples" in mixed.caption
    unknown = [replace(row, metrics=row.metrics | {"minority_f1": replace(f1, low=None, high=None)}) for row in one]
    with styled():
        (some,) = imbalance_drawings([unknown[0], *one[1:]], looks_of_methods(row.method for row in one))
        (none,) = imbalance_drawings(unknown, looks_of_methods(row.method for row in one))
    assert some.caption == single.caption
    assert ": 95% interval over test examples" in none.caption


def test_rows_that_one_figure_would_join_are_refused(summary: Summary) -> None:
    of_recipe = [row for row in summary.attacks if row.recipe == "pwws"]
    lengths = [row for row in summary.lengths if row.recipe == "pwws"]
    plotted: list[tuple[Callable[..., None], Sequence[Any], tuple[str, ...]]] = [
        (plots.plot_imbalance, summary.imbalance, ("task", "minority", "protocol")),
        (plots.plot_label_noise, summary.label_noise, ("task",)),
        (plots.plot_accuracy_under_attack, summary.attacks_and_worst_case, ("task",)),
        (plots.plot_accuracy_by_words, of_recipe, ("task", "recipe")),
        (plots.plot_success_by_queries, of_recipe, ("task", "recipe")),
        (plots.plot_accuracy_by_length, lengths, ("task", "recipe")),
    ]
    for plot, rows, names in plotted:
        axes = plt.figure().subplots()
        for name in names:
            others = [replace(row, **{name: "other"}) for row in rows]
            with pytest.raises(ValueError, match=rf"one {name}, .*'other'.*\[row for row in rows if row\.{name} == "):
                plot(axes, [*rows, *others])
        with pytest.raises(ValueError, match="no rows"):
            plot(axes, [])
        assert not axes.lines and not axes.collections
        plot(axes, rows)
    with pytest.raises(ValueError, match=r"one measure, .*'minority_f1', 'accuracy'"):
        plots.plot_imbalance(plt.figure().subplots(), [*summary.imbalance, *summary.label_noise])


def test_fonts_are_embedded_and_no_date_is_told(drawings: list[Drawing]) -> None:
    for drawing in drawings:
        assert tuple(drawing.files) == ENDINGS
        pdf, svg = drawing.files["pdf"], drawing.files["svg"]
        assert b"/FontFile2" in pdf and b"/Type3" not in pdf
        assert b"CreationDate" not in pdf and b"Producer" not in pdf
        # Outlines: no text that another machine's fonts would set.
        assert b"<text" not in svg and b"<dc:date>" not in svg


ELSEWHERE = """
import sys
from pathlib import Path
from robustbench_mt import report
report([Path(sys.argv[1])], Path(sys.argv[2]))
print(*{"torch", "transformers", "textattack", "datasets"} & set(sys.modules))
"""


def test_another_process_gives_the_same_bytes_and_loads_no_model(run: Path, tmp_path: Path) -> None:
    # Here it is another one, drawn when the process began.
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", ELSEWHERE, str(run), str(tmp_path)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.strip() == ""
    sections = ("matching", "label-noise", "length")
    drawings = [drawing for drawing in draw(summarize([run])) if drawing.section in sections]
    assert {drawing.section for drawing in drawings} == {*sections}
    for drawing in drawings:
        for ending, content in drawing.files.items():
            assert (tmp_path / "figures" / f"{drawing.name}.{ending}").read_bytes() == content


def test_every_figure_and_table_states_its_statistics(summary: Summary, drawings: list[Drawing]) -> None:
    tables = result_tables(summary)
    assert len(tables) > 10
    for stated in (*drawings, *tables):
        assert STATISTIC.search(stated.caption), stated.name


def test_many_methods_that_match_are_two_figures(tmp_path: Path) -> None:
    made = [
        replace(training("match", seed), method=f"match:self_mass={mass}", variant=f"batch_size={size}")
        for mass in (0.5, 0.8, 0.9, 0.95)
        for size in (8, 16, 32)
        for seed in (0, 1)
    ]
    named = [replace(each, checkpoint=f"{each.method}-{each.variant}-{each.seed}") for each in made]
    write(tmp_path / "train.jsonl", TrainingRecord, named)
    summary = summarize([tmp_path])
    assert len(summary.matching) == 12
    mass, matrix = draw(summary)
    assert (mass.name, matrix.name) == ("mass-reviews", "matrix-reviews")
    titles = [axes.get_title("left") for axes in mass.figure.axes]
    assert [title.replace("\n", " ") for title in titles] == [row.method for row in summary.matching]
    images = [image for axes in matrix.figure.axes for image in axes.get_images()]
    # Start, middle and end of each of the twelve, in one range of colours.
    assert len(images) == 36
    assert len({image.get_clim() for image in images}) == 1
    assert max(d.figure.get_figheight() for d in (mass, matrix)) < 9


def test_long_names_of_methods_and_labels_that_match_have_room(tmp_path: Path) -> None:
    specs = ("match", "match+r-drop", "match:similarity=distance,calibrate=always")
    names = ["unacceptable", "acceptable"]
    made = [replace(training("match", 0), method=spec, checkpoint=spec, label_names=names) for spec in specs]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    mass, matrix = draw(summarize([tmp_path]))
    for drawing in (mass, matrix):
        # Titles count for no layout.
        titles = [text for text in shown(drawing) if text.get_text().startswith("match")]
        assert len(titles) == 3
        assert max(text.get_window_extent().x1 for text in titles) <= drawing.figure.bbox.x1
    for axes in matrix.figure.axes[:-1:3]:
        above, below = (text.get_window_extent() for text in axes.get_yticklabels())
        assert above.y0 >= below.y1


def test_the_band_of_mass_is_from_the_lowest_seed_to_the_highest(summary: Summary) -> None:
    (row,) = summary.matching
    for kind in KINDS_OF_MASS:
        assert all(len(values) == 2 for values in row.by_seed[kind])
        means = [sum(values) / 2 for values in row.by_seed[kind]]
        assert means == pytest.approx([share.value for share in row.mass[kind]])


@pytest.mark.parametrize(
    "module", [ablation_plots, attack_plots, curve_plots, figures, matching_plots, plots, transfer_plots]
)
def test_examples_run(module: ModuleType, summary: Summary, run: Path) -> None:
    globs: dict[str, Any] = {**vars(module), "plt": plt, "summary": summary, "run": run}
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner()
    own = [test for test in finder.find(module, globs=globs) if test.examples]
    results = [runner.run(test) for test in own]
    assert results and sum(result.failed for result in results) == 0


def test_every_plot_has_an_example() -> None:
    for name in robustbench_mt.reporting.plots.__all__:
        thing = getattr(robustbench_mt.reporting.plots, name)
        assert not name.startswith("plot_") or ">>>" in thing.__doc__, name


def test_reporting_imports_no_matplotlib_until_asked() -> None:
    code = "import sys, robustbench_mt.reporting; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
