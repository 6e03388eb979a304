"""Figures of attacks: what is drawn is what the records say, by queries and by the length of texts."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from run_directory import write_run

from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord
from robustbench_mt.reporting import (
    plots,
)
from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.length_rows import LengthRow
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.statistics import wilson

pytestmark = pytest.mark.usefixtures("without_windows")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), seeds=(0, 1))


def test_success_by_queries_is_what_a_smaller_budget_would_leave(run: Path, summary: Summary) -> None:
    for row in summary.attacks:
        records = [
            record
            for name in row.checkpoints
            for record in read_records(run / "attacks" / name / "reviews" / f"{row.recipe}.jsonl", AttackRecord)
        ]
        attacked = [record for record in records if record.status in ("success", "failed")]
        numbers = [number for number, _ in row.by_queries]
        assert numbers == sorted(set(numbers))
        queries = [record.queries for record in attacked]
        assert (numbers[0], numbers[-1]) == (min(queries), max(queries))
        for number, share in row.by_queries:
            flipped = [record for record in attacked if record.status == "success" and record.queries <= number]
            assert share.value == pytest.approx(len(flipped) / len(attacked))
        assert row.by_queries[-1][1] == row.success_rate


def is_right_before(record: AttackRecord) -> bool:
    assert record.scores is not None
    return record.scores[record.label] == max(record.scores)


def test_accuracy_by_length_is_that_of_the_records_in_each_quarter(run: Path, summary: Summary) -> None:
    assert {row.recipe for row in summary.lengths} == {row.recipe for row in summary.attacks}
    for recipe in {row.recipe for row in summary.lengths}:
        by_method: dict[str, list[AttackRecord]] = {}
        for row in summary.attacks:
            for name in row.checkpoints if row.recipe == recipe else ():
                records = read_records(run / "attacks" / name / "reviews" / f"{recipe}.jsonl", AttackRecord)
                counted = [record for record in records if record.status != "error"]
                assert all(is_right_before(record) == (record.status != "skipped") for record in counted)
                by_method.setdefault(row.method, []).extend(counted)
        lengths = {name: {record.index: record.words for record in of} for name, of in by_method.items()}
        words = sorted(count for of_method in lengths.values() for count in of_method.values())
        last = [words[-(-len(words) * quarter // 4) - 1] for quarter in (1, 2, 3, 4)]
        rows = [row for row in summary.lengths if row.recipe == recipe]
        assert {row.method for row in rows} == by_method.keys()
        for row in rows:
            assert [most for (_, most), _ in row.by_length] == last
            assert row.n == len(lengths[row.method])
            below = 0
            for (fewest, most), share in row.by_length:
                of = [record for record in by_method[row.method] if below < record.words <= most]
                assert fewest == min(count for count in words if count > below)
                assert share.value == sum(record.status == "failed" for record in of) / len(of)
                assert share.n == len({record.index for record in of})
                assert share.low < share.value < share.high or share.value == share.low == 0
                below = most


def test_accuracy_by_length_is_drawn_as_it_is_counted(summary: Summary) -> None:
    rows = [row for row in summary.lengths if row.recipe == "pwws"]
    _, axes = plt.subplots()
    plots.plot_accuracy_by_length(axes, rows)
    for row, line, intervals in zip(rows, axes.lines, axes.collections, strict=True):
        assert line.get_label() == row.method
        assert line.get_ydata() == pytest.approx([100 * share.value for _, share in row.by_length])
        drawn = [segment[:, 1].tolist() for segment in intervals.get_segments()]
        assert drawn == [pytest.approx([100 * share.low, 100 * share.high]) for _, share in row.by_length]
    for tick, ((fewest, most), share) in zip(axes.get_xticklabels(), rows[0].by_length, strict=True):
        assert tick.get_text() == f"{fewest}–{most}\n{share.n}"


def test_names_of_groups_of_lengths_do_not_run_into_each_other(summary: Summary) -> None:
    rows = [
        LengthRow("t", recipe, method, [((999 * k + 1, 999 * k + 999), wilson(9, 250_000 + n)) for k in range(4)])
        for recipe in "abcd"
        for n, method in enumerate(("vanilla", "match"))
    ]
    attacks = [replace(summary.attacks[0], task="t", recipe=row.recipe, method=row.method) for row in rows]
    many = replace(summary, attacks=attacks, worst_case=[], lengths=rows)
    (drawing,) = [drawing for drawing in draw(many) if drawing.section == "length"]
    drawing.figure.draw_without_rendering()
    for axes in drawing.figure.axes[:4]:
        names = [tick.get_window_extent() for tick in axes.get_xticklabels()]
        assert len(names) == 4
        assert all(left.x1 < right.x0 for left, right in pairwise(names))
