"""What a curve of each protocol says in records and report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import make_task
from report_tables import on_terminal
from run_directory import imbalance_point, write
from scipy.stats import ttest_rel

from imbalance.class_ratios import ImbalanceCurve
from imbalance.protocols import PROTOCOLS
from imbalance.sweep import curve_points, sweep
from robustbench_mt.cli import main
from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.errors import UserError
from robustbench_mt.ledger import read_records
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.reporting.curve_drawings import imbalance_drawings
from robustbench_mt.reporting.prose import methods_prose
from robustbench_mt.reporting.provenance import provenance_tables
from robustbench_mt.reporting.result_tables import result_tables
from robustbench_mt.reporting.style import looks_of_methods, styled
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.tasks.task import Task
from robustbench_mt.training_settings import TrainingSettings


@pytest.fixture(scope="module")
def short(settings: TrainingSettings) -> TrainingSettings:
    return replace(settings, steps=3, train_examples=48, validation_examples=10)


@pytest.fixture(scope="module")
def run(task: Task, short: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two protocols with their controls in one directory."""
    out = tmp_path_factory.mktemp("protocols")
    vanilla = [parse_method("vanilla")]
    for protocol, level in (("constant-size", 5), ("kept-share", 0.25)):
        curve = ImbalanceCurve(task, short, "negative", protocol)
        sweep(curve, curve_points(vanilla, [1, level], [0], control=True), out / curve.file)
    return out


def test_records_say_what_was_trained_on(run: Path) -> None:
    records = list(read_records(run / "imbalance.jsonl", ImbalanceRecord))
    told = [(r.protocol, r.ratio, r.share, r.control, r.train_counts) for r in records]
    assert told == [
        ("constant-size", 1, None, False, [24, 24]),
        ("constant-size", 1, None, True, [24, 24]),
        ("constant-size", 5, None, False, [8, 40]),
        ("constant-size", 5, None, True, [24, 24]),
        ("kept-share", 1, 1, False, [24, 24]),
        ("kept-share", 1, 1, True, [24, 24]),
        ("kept-share", 4, 0.25, False, [6, 24]),
        ("kept-share", 4, 0.25, True, [15, 15]),
    ]
    assert [(record.level, record.identity) for record in records[5:7]] == [
        (1, ("negative", "kept-share")),
        (0.25, ("negative", "kept-share")),
    ]


def test_one_set_is_trained_on_once(run: Path) -> None:
    records = list(read_records(run / "imbalance.jsonl", ImbalanceRecord))
    by_set: dict[str, list[ImbalanceRecord]] = {}
    for record in records:
        by_set.setdefault(record.data["train"], []).append(record)
    assert sorted(map(len, by_set.values())) == [1, 1, 1, 5]
    for shared in by_set.values():
        # Two trainings never take the same time to the millisecond, and never so five times.
        assert len({(record.seconds, repr(record.metrics)) for record in shared}) == 1


def test_a_run_goes_on_and_keeps_its_protocols_apart(
    task: Task, short: TrainingSettings, run: Path, tmp_path: Path
) -> None:
    path = tmp_path / "imbalance.jsonl"
    for file in run.glob("imbalance*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    before = path.read_bytes()
    curve = ImbalanceCurve(task, short, "negative", "constant-size")
    points = curve_points([parse_method("vanilla")], [5, 1], [0], control=True)
    assert [record.control for record in sweep(curve, points, path)] == [False, True, False, True]
    assert path.read_bytes() == before
    (record,) = sweep(ImbalanceCurve(task, short, "negative"), points[:1], path)
    assert (record.protocol, record.train_counts) == ("shrink", [5, 24])


def test_tables_and_provenance_have_a_row_a_point(summary: Summary) -> None:
    tables = {table.name: table for table in [*result_tables(summary), *provenance_tables(summary)]}
    rows = tables["imbalance"].rows
    assert [row[:7] for row in rows] == [
        ["toy", "negative", "constant-size", "vanilla", 1, None, None],
        ["toy", "negative", "constant-size", "vanilla", 5, None, None],
        ["toy", "negative", "constant-size", "vanilla", 1, None, "balanced control"],
        ["toy", "negative", "constant-size", "vanilla", 5, None, "balanced control"],
        ["toy", "negative", "kept-share", "vanilla", 4, 0.25, None],
        ["toy", "negative", "kept-share", "vanilla", 1, 1, None],
        ["toy", "negative", "kept-share", "vanilla", 4, 0.25, "balanced control"],
        ["toy", "negative", "kept-share", "vanilla", 1, 1, "balanced control"],
    ]
    for name in ("imbalance", "imbalance_tuned"):
        for protocol in ("constant-size", "kept-share"):
            assert f"{protocol}: {PROTOCOLS[protocol].summary}" in tables[name].caption
        assert PROTOCOLS["shrink"].summary not in tables[name].caption
    assert len(tables["provenance_imbalance"].rows) == 8
    for table in tables.values():
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_each_protocol_has_a_figure_with_its_controls(summary: Summary) -> None:
    with styled():
        size, share = imbalance_drawings(summary.imbalance, looks_of_methods(["vanilla"]))
    assert (size.name, share.name) == ("imbalance-toy-negative-constant-size", "imbalance-toy-negative-kept-share")
    for drawing, protocol in ((size, "constant-size"), (share, "kept-share")):
        assert drawing.caption.startswith(PROTOCOLS[protocol].summary)
        assert "balanced set of as many examples in all" in drawing.caption
        (axes,) = drawing.figure.axes
        labels = [text.get_text() for text in axes.get_legend().get_texts()]
        assert labels == ["vanilla, 1 seed", "thin: balanced, of the same size"]
        f1 = {(row.control, row.level): row.measured.value for row in summary.imbalance if row.protocol == protocol}
        control, _, line, _ = axes.get_lines()
        for drawn, is_control in ((control, True), (line, False)):
            assert dict(zip(drawn.get_xdata(), drawn.get_ydata(), strict=True)) == {
                level: value for (is_of, level), value in f1.items() if is_of == is_control
            }
        assert control.get_color() == line.get_color()
        assert control.get_linewidth() < line.get_linewidth()
        assert control.get_marker() in ("None", "", None)
    (axes,) = share.figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["25%", "100%"]
    assert axes.xaxis_inverted()


def test_the_methods_section_counts_trainings_and_not_points(summary: Summary) -> None:
    # Four sets for eight points.
    assert "For the curves, 4 trainings fine-tuned" in " ".join(methods_prose(summary).split())


def test_terminal_shows_each_protocol(summary: Summary) -> None:
    shown = " ".join(on_terminal(summary, 120).split())
    assert "toy: F1 of the minority class negative (constant-size)" in shown
    assert "toy: F1 of the minority class negative, by the share of it kept (kept-share)" in shown
    assert shown.count("vanilla 1") == 8, "two protocols, with and without a control, at two thresholds"
    assert shown.partition("Doubt:")[0].count("balanced control") == 4
    assert shown.count("tuned threshold") == 4


def test_findings_compare_methods_within_a_protocol(tmp_path: Path) -> None:
    points = [
        replace(imbalance_point(method, ratio, seed), protocol=protocol, control=control)
        for method in ("vanilla", "match")
        for ratio in (1.0, 10.0)
        for seed in (0, 1, 2)
        for protocol in ("shrink", "constant-size")
        for control in (False, True)
    ]
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, points)
    summary = summarize([tmp_path])
    assert [len(row.seeds) for row in summary.imbalance] == [3] * 16
    told = summary.findings
    # Two methods at two ratios, with controls, each protocol a family of its own.
    assert {row.curve for row in summary.imbalance_differences} == {
        f"minority positive{protocol}{control}"
        for protocol in ("", " (constant-size)")
        for control in ("", ", balanced control")
    }
    assert [finding.headline.partition(" of match")[0] for finding in told] == [
        "reviews: minority F1 (constant-size)",
        "reviews: minority F1",
    ]
    assert all([detail.partition(":1,")[0] for detail in finding.details] == ["1", "10"] for finding in told)


def test_findings_compare_the_same_seeds(tmp_path: Path) -> None:
    """Seeds move both methods alike, so that intervals overlap where each seed says the same."""
    f1 = {
        "vanilla": {1.0: (0.5, 0.7, 0.9), 10.0: (0.2, 0.4, 0.6)},
        "match": {1.0: (0.4, 0.61, 0.8), 10.0: (0.3, 0.3, 0.7)},
    }
    points = []
    for method, of_method in f1.items():
        for ratio, values in of_method.items():
            for seed, value in enumerate(values):
                point = imbalance_point(method, ratio, seed)
                points.append(replace(point, metrics={**point.metrics, "minority_f1": value}))
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, points)
    summary = summarize([tmp_path])
    (told,) = summary.findings
    assert told.headline.endswith("lower in 1 of 2 ratios; in 1 no difference can be told at this n.")
    ps = [ttest_rel(f1["match"][ratio], f1["vanilla"][ratio]).pvalue for ratio in (1.0, 10.0)]
    assert told.details[0].endswith(f"0.097 lower (p = {2 * min(ps):.3f}, paired t over 3 seeds, Holm over 2).")
    assert told.details[1].endswith(f"(p = {max(ps):.3f}, paired t over 3 seeds, Holm over 2).")
    assert [row.p_t for row in summary.imbalance_differences] == pytest.approx(ps)
    (table,) = [table for table in result_tables(summary) if table.name == "imbalance_differences"]
    assert "reviews, minority positive: 2" in table.caption


def test_the_family_of_a_curve_is_all_its_methods(tmp_path: Path) -> None:
    """Not a pair of methods: of many methods, each with few points, some would come out lower by chance."""
    methods = ("vanilla", "match", "focal", "oversample")
    points = []
    for place, method in enumerate(methods):
        for ratio in (1.0, 5.0, 10.0):
            for seed in (0, 1, 2):
                point = imbalance_point(method, ratio, seed)
                value = 0.5 + place * 0.01 * (seed + 1) * ratio / 10
                points.append(replace(point, metrics={**point.metrics, "minority_f1": value}))
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, points)
    summary = summarize([tmp_path])
    assert {row.family for row in summary.imbalance_differences} == {9}
    assert all(row.p_holm >= row.p_t for row in summary.imbalance_differences)
    assert all("Holm over 9" in detail for finding in summary.findings for detail in finding.details)


@pytest.mark.parametrize("is_recorded", [True, False])
def test_curves_of_other_sizes_are_not_one(is_recorded: bool, tmp_path: Path) -> None:
    """A curve's own settings stand beside its records, where earlier versions left the size to them."""
    for size, methods in ((400, ["vanilla"]), (4000, ["vanilla", "match"])):
        settings = {"learning_rate": 1e-4, "train_examples": size if is_recorded else None}
        points = [
            replace(imbalance_point(method, 10.0, seed), settings=settings) for method in methods for seed in (0, 1)
        ]
        path = tmp_path / str(size) / "imbalance.jsonl"
        write(path, ImbalanceRecord, points)
        path.with_suffix(".reviews.settings.json").write_text(json.dumps({"train_examples": size}))
    summary = summarize([tmp_path / "4000", tmp_path / "400"])
    small, large = (f"(train_examples={size})" for size in (400, 4000))
    assert [row.method for row in summary.imbalance] == [f"vanilla {small}", f"vanilla {large}", f"match {large}"]
    compared = [(row.method, row.other) for row in summary.imbalance_differences]
    assert compared == [(f"vanilla {large}", f"vanilla {small}"), (f"match {large}", f"vanilla {large}")]
    assert not any("differ in more" in doubt for doubt in summary.doubts), "their names tell it"


def test_what_else_differs_along_a_curve_is_doubted(tmp_path: Path) -> None:
    for method, rate in (("vanilla", 1e-4), ("match", 2e-4)):
        points = [replace(imbalance_point(method, 10.0, seed), settings={"learning_rate": rate}) for seed in (0, 1)]
        write(tmp_path / method / "imbalance.jsonl", ImbalanceRecord, points)
    unlike = (
        "reviews: methods along the imbalance curve differ in more than the method: learning_rate is 0.0001 for "
        "vanilla, 0.0002 for match."
    )
    assert unlike in summarize([tmp_path / "vanilla", tmp_path / "match"]).doubts
    assert not any("differ in more" in doubt for doubt in summarize([tmp_path / "match"]).doubts)


def test_records_of_an_unknown_protocol_are_refused_in_a_line(tmp_path: Path) -> None:
    point = replace(imbalance_point("vanilla", 10.0, 0), protocol="shrinks")
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [point])
    with pytest.raises(UserError, match="Unknown protocol 'shrinks'"):
        result_tables(summarize([tmp_path]))


def test_records_without_the_curves_metric_are_refused_in_a_line(tmp_path: Path) -> None:
    point = replace(imbalance_point("match", 5.0, 0), metrics={"accuracy": 0.5})
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [imbalance_point("match", 1.0, 0), point])
    with pytest.raises(UserError, match=r"imbalance\.jsonl, line 2, is not a record.*metrics lack minority_f1"):
        summarize([tmp_path])


def test_doubts_tell_a_remark_once(tmp_path: Path) -> None:
    points = [
        replace(imbalance_point(method, ratio, 0), remarks=["Few.", *(["None."] if method == "match" else [])])
        for method in ("vanilla", "match")
        for ratio in (1.0, 10.0)
    ]
    points.append(replace(imbalance_point("vanilla", 10.0, 0), remarks=["Few."], protocol="long-tail", control=True))
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, points)
    doubts = [doubt for doubt in summarize([tmp_path]).doubts if "trained at" in doubt]
    assert doubts == [
        "reviews: vanilla trained at 10:1 (long-tail, balanced control): Few.",
        "reviews: vanilla, match trained at 1:1, 10:1: Few.",
        "reviews: match trained at 1:1, 10:1: None.",
    ]


def test_long_tail_of_many_classes_is_a_curve(short: TrainingSettings, tmp_path: Path) -> None:
    names = ("awful", "fine", "great")
    task = make_task(label_names=names)
    splits = {name: replace(split, labels=[i % 3 for i in range(len(split))]) for name, split in task.splits.items()}
    curve = ImbalanceCurve(replace(task, splits=splits), short, "fine", "long-tail")
    (record,) = sweep(curve, curve_points([parse_method("match")], [4], [0]), tmp_path / "imbalance.jsonl")
    assert record.train_counts == [16, 4, 8]
    assert record.threshold is None
    assert not [remark for remark in record.remarks if "threshold" in remark], "it has none with three classes"


def test_a_class_without_test_examples_is_refused(task: Task, short: TrainingSettings) -> None:
    test = task.split("test")
    one_sided = test.select([i for i, label in enumerate(test.labels) if label == 1])
    with pytest.raises(UserError, match="No test example of toy is negative: name a --minority"):
        ImbalanceCurve(replace(task, splits={**task.splits, "test": one_sided}), short, "negative")


def test_command_line(tmp_path: Path, tiny_base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "reviews.csv"
    data.write_text("text,label\n" + "".join(f"it was film {i},{'good' if i % 2 else 'bad'}\n" for i in range(90)))
    out = tmp_path / "out"
    command = ["imbalance", "--task", str(data), "--method", "vanilla", "--seed", "0", "--out", str(out)]
    command += ["--base", str(tiny_base), "--steps", "1", "--max-length", "8"]
    for wrong, message in (
        ([], "give --ratio"),
        (["--share", "0.3"], "give --ratio, or --protocol (kept-share)"),
        (["--protocol", "kept-share", "--ratio", "2"], "give --share"),
        (["--protocol", "kept-share", "--share", "0.3", "--ratio", "2"], "has no ratios"),
        (["--protocol", "long-tall", "--ratio", "2"], "did you mean long-tail"),
        (["--protocol", "kept-share", "--share", "1.5"], "share 1.5 is out of range"),
    ):
        assert main([*command, *wrong]) == 2
        assert message in capsys.readouterr().err
    assert not out.exists()
    assert main([*command, "--protocol", "kept-share", "--share", "0.3", "--share", "0.5", "--control"]) == 0
    assert "balanced control" in capsys.readouterr().out
    records = list(read_records(out / "imbalance.jsonl", ImbalanceRecord))
    assert [(record.share, record.control) for record in records] == [
        (0.3, False),
        (0.3, True),
        (0.5, False),
        (0.5, True),
    ]
