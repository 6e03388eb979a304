"""Methods over tasks and seeds: the numbers are the records'."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from latex_tokens import check_latex
from report_tables import on_terminal, table
from scipy import stats
from scored_trainings import TASK_METRICS, noise, rows_of, scored, trained, write_scores
from statsmodels.stats.multitest import multipletests

from robustbench_mt.evaluation import evaluate
from robustbench_mt.methods.choice import parse_method
from robustbench_mt.records import EvaluationRecord, from_json, to_json
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.prose import methods_prose
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.statistics import paired_over_seeds
from robustbench_mt.tasks import TASKS, Examples, Task
from robustbench_mt.tasks.glue_scores import GLUE_SCORES, score_metrics


def gain(task: str, method: str, seed: int) -> float:
    """What a seed brings to all methods, and what match adds to it."""
    return noise(seed, task) + (0.03 + noise(seed, task, method) / 10 if method == "match" else 0.0)


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = [
        trained(task, method, seed) for task in TASK_METRICS for method in ("vanilla", "match") for seed in range(5)
    ]
    return write_scores(
        tmp_path_factory.mktemp("glue"),
        [(each, scored(each, gain(each.task, each.method, each.seed))) for each in made],
    )


def test_paired_over_seeds_is_the_paired_t_test() -> None:
    first, second = [0.62, 0.71, 0.55, 0.68], [0.60, 0.66, 0.56, 0.61]
    estimate = paired_over_seeds(first, second)
    interval = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert estimate.value == pytest.approx(np.mean(first) - np.mean(second))
    assert (estimate.low, estimate.high) == pytest.approx((interval.low, interval.high))
    assert (estimate.n, estimate.count) == (4, "4 seeds")
    with pytest.raises(ValueError):
        paired_over_seeds(first, second[:3])


def test_equal_differences_show_no_spread() -> None:
    estimate = paired_over_seeds([0.3, 0.9, 0.7], [0.1, 0.7, 0.5])
    assert (estimate.value, estimate.low, estimate.high) == (pytest.approx(0.2), None, None)


def test_scores_are_glues() -> None:
    assert all(name in TASKS and TASKS[name].metric in metrics for name, metrics in GLUE_SCORES.items())
    assert score_metrics("imdb", {"accuracy", "f1"}) == ("accuracy",)
    # A file of one's own, called like a task and of another kind.
    assert score_metrics("stsb", {"accuracy", "matthews"}) == ("accuracy",)
    assert score_metrics("mine", {"pearson", "spearman"}) == ("spearman",)


def test_rows_are_the_records(glue: Path) -> None:
    summary = summarize([glue])
    assert [(row.task, row.method) for row in summary.methods] == [
        (task, method) for task in TASK_METRICS for method in ("vanilla", "match")
    ]
    for row in summary.methods:
        base = {"cola": 0.5, "mrpc": 0.85, "rte": 0.6, "stsb": 0.87}[row.task]
        scores = [base + gain(row.task, row.method, seed) for seed in range(5)]
        assert list(row.scores.values()) == pytest.approx(scores)
        assert row.spread == pytest.approx(np.std(scores, ddof=1))
        assert (row.failed, row.judged) == (0, 5)
        if row.method == "match":
            vanilla = [base + gain(row.task, "vanilla", seed) for seed in range(5)]
            assert row.difference == paired_over_seeds(list(row.scores.values()), vanilla)
            # What the seed brings to both cancels out.
            assert row.difference.high - row.difference.low < 0.5 * (row.score.high - row.score.low)
        else:
            assert (row.against, row.difference) == ("", None)


def test_p_values_are_scipys_corrected_over_a_tasks_methods(tmp_path: Path) -> None:
    methods = ("vanilla", "match", "r3f", "smart")
    made = [trained(task, method, seed) for task in ("rte", "stsb") for method in methods for seed in range(6)]
    lone = trained("rte", "mixout", 0)
    pairs = [(each, scored(each, noise(each.seed, each.task, each.method))) for each in (*made, lone)]
    summary = summarize([write_scores(tmp_path, pairs)])
    for task in ("rte", "stsb"):
        of_task = rows_of(summary, task=task)
        vanilla = next(row for row in of_task if row.method == "vanilla")
        tested = [row for row in of_task if row.method in methods[1:]]
        for row in tested:
            both = list(row.scores.values()), list(vanilla.scores.values())
            assert row.p_t == pytest.approx(stats.ttest_rel(*both).pvalue)
            assert row.p_wilcoxon == pytest.approx(stats.wilcoxon(*both).pvalue)
        corrected = multipletests([row.p_t for row in tested], method="holm")[1]
        assert [row.p_holm for row in tested] == pytest.approx(corrected)
        assert all(row.family == 3 for row in of_task)
        assert all((row.p_t, row.p_holm) == (None, None) for row in of_task if row not in tested)
    report([tmp_path])
    row = next(row for row in table(tmp_path / "report", "methods") if (row["task"], row["method"]) == ("rte", "r3f"))
    (expected,) = rows_of(summary, task="rte", method="r3f")
    assert [float(row[key]) for key in ("p_t", "p_holm", "p_wilcoxon")] == [
        *(expected.p_t, expected.p_holm, expected.p_wilcoxon)
    ]
    assert row["comparisons"] == "3"
    readable = (tmp_path / "report" / "tables" / "methods.md").read_text(encoding="utf-8")
    assert "p (t, Holm)" in readable and "p (Wilcoxon)" not in readable
    assert (
        "corrected by Holm for the number of methods compared with vanilla on a split of a task (rte test: 3"
        in readable
    )


def test_average_is_over_tasks_then_over_seeds(glue: Path) -> None:
    summary = summarize([glue])
    vanilla, match = summary.averages
    gains = [np.mean([gain(task, "match", s) - gain(task, "vanilla", s) for task in TASK_METRICS]) for s in range(5)]
    assert match.difference is not None
    assert match.difference.value == pytest.approx(np.mean(gains))
    assert match.difference.low == pytest.approx(stats.ttest_1samp(gains, 0).confidence_interval(0.95).low)
    assert (match.tasks, match.seeds, match.against) == (list(TASK_METRICS), [0, 1, 2, 3, 4], "vanilla")
    assert (match.published, vanilla.published, vanilla.difference) == (1.64, None, None)
    assert match.p_t == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    assert (match.p_holm, match.family, vanilla.p_t) == (match.p_t, 1, None)
    assert match.other == vanilla.average
    assert "of each seed's scores, were compared in the same way, corrected for 1 comparison." in methods_prose(summary)


def test_tasks_stand_side_by_side(glue: Path, tmp_path: Path) -> None:
    summary = summarize([glue])
    report([glue], tmp_path)
    lines = table(tmp_path, "methods_by_task")
    assert [line["method"] for line in lines] == ["vanilla", "match"]
    for line, average in zip(lines, summary.averages, strict=True):
        for task in TASK_METRICS:
            (row,) = rows_of(summary, task=task, method=line["method"])
            told = [float(line[f"score_{task}{end}"]) for end in ("", "_low", "_high", "_n")]
            assert told == [row.score.value, row.score.low, row.score.high, 5]
            assert float(line[f"sd_{task}"]) == row.spread
        assert float(line["average"]) == average.average.value
    assert summary.averages[1].difference is not None
    assert (lines[0]["difference"], float(lines[1]["difference"])) == ("", summary.averages[1].difference.value)
    readable = (tmp_path / "tables" / "methods_by_task.md").read_text(encoding="utf-8")
    assert "| method | cola | mrpc | rte | stsb | average | difference of averages (points) |" in readable
    (cola,) = rows_of(summary, task="cola", method="match")
    assert f"| match | {cola.score.value:.3f} ± {cola.spread:.3f}, 5 seeds |" in readable
    assert "mrpc test: mean of accuracy and f1 of 200 examples" in readable
    assert "The difference of averages is to vanilla, in points" in readable
    latex = (tmp_path / "tables" / "methods_by_task.tex").read_text(encoding="utf-8")
    check_latex(latex)
    assert rf"match & {cola.score.value:.3f} & {{\scriptsize \textpm{{}} {cola.spread:.3f}}} &" in latex
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'href="tables/methods_by_task.csv"' in page.partition('id="average"')[2]


def test_what_is_not_everywhere_is_told_beside_the_tasks(tmp_path: Path) -> None:
    sizes = {"vanilla": (8, 16), "match": (8, 16), "r3f": (8,)}
    made = [
        trained(task, method, seed, f"batch_size={size}")
        for task in ("cola", "rte", "stsb")
        for method in sizes
        for size in sizes[method]
        for seed in (0, 1)
        if method != "r3f" or task == "rte" or (task, seed) == ("cola", 0)
    ]
    lone = trained("rte", "mixout", 0)
    write_scores(tmp_path, [(each, scored(each, gain(each.task, each.method, each.seed))) for each in (*made, lone)])
    report([tmp_path], tmp_path)
    lines = {line["method"]: line for line in table(tmp_path, "methods_by_task")}
    assert list(lines) == [
        *("vanilla (batch_size=8)", "vanilla (batch_size=16)"),
        *("match (batch_size=8)", "match (batch_size=16)", "r3f (batch_size=8)"),
    ]
    r3f = lines.pop("r3f (batch_size=8)")
    assert {line["average_tasks"] for line in lines.values()} == {"cola, rte, stsb"}
    assert (r3f["score_stsb"], r3f["average"], r3f["sd_cola"]) == ("", "", "")
    assert float(r3f["score_rte"]) > 0
    readable = (tmp_path / "tables" / "methods_by_task.md").read_text(encoding="utf-8")
    assert "| compared with |" in readable and "is to the vanilla named beside it" in readable


def test_one_task_has_no_table_of_tasks(tmp_path: Path) -> None:
    made = [trained("rte", method, 0) for method in ("vanilla", "match")] + [trained("cola", "r3f", 0)]
    report([write_scores(tmp_path, [(each, scored(each)) for each in made])], tmp_path)
    assert (tmp_path / "tables" / "methods.csv").exists()
    assert not (tmp_path / "tables" / "methods_by_task.csv").exists()


def test_a_task_that_lacks_a_seed_is_in_no_average(tmp_path: Path) -> None:
    made = [trained(task, method, seed) for task in TASK_METRICS for method in ("vanilla", "match") for seed in (0, 1)]
    under_way = [each for each in made if (each.task, each.method, each.seed) != ("stsb", "match", 1)]
    pairs = [(each, scored(each, gain(each.task, each.method, each.seed))) for each in under_way]
    vanilla, match = summarize([write_scores(tmp_path, pairs)]).averages
    assert (match.tasks, match.seeds) == (["cola", "mrpc", "rte"], [0, 1])
    assert vanilla.tasks == list(TASK_METRICS)


def test_one_task_has_no_average_and_other_tasks_are_not_the_papers(tmp_path: Path) -> None:
    made = [trained(task, method, 0) for task in ("rte", "reviews") for method in ("vanilla", "match")]
    pairs = [(each, scored(each)) for each in made]
    assert summarize([write_scores(tmp_path / "one", pairs[:2])]).averages == []
    both = summarize([write_scores(tmp_path / "two", pairs)]).averages
    assert [row.published for row in both] == [None, None]
    assert [row.tasks for row in both] == [["reviews", "rte"]] * 2
    made += [trained("cola", method, 0) for method in ("vanilla", "match")]
    of_glue = summarize([write_scores(tmp_path / "glue", [(each, scored(each)) for each in made])]).averages
    assert [row.tasks for row in of_glue] == [["cola", "rte"]] * 2, "others would change what GLUE's average means"


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        ("match", 1.64),
        # The paper has no temperature, so that none is another than its own.
        ("match:temperature=1", 1.64),
        ("match:self_mass=0.5", 1.64),
        ("match:calibrate=always", None),
        ("match:similarity=distance", None),
        ("match:after=activation", None),
        ("match:schedule=linear,final=0.5", None),
        ("match:start=0.25", None),
        ("match:across_devices=True", None),
        ("match+r-drop", None),
    ],
)
def test_the_papers_points_stand_beside_its_own_form_alone(spec: str, published: float | None, tmp_path: Path) -> None:
    own = parse_method(spec).as_dict()
    made = [trained(task, "vanilla", 0) for task in ("rte", "cola")]
    made += [trained(task, spec, 0, own=own) for task in ("rte", "cola")]
    _, variant = summarize([write_scores(tmp_path, [(each, scored(each)) for each in made])]).averages
    assert variant.published == published


def test_runs_that_failed_to_train_are_counted(tmp_path: Path) -> None:
    one_class = [(made := trained("rte", "vanilla", seed), scored(made, counts=(0, 200))) for seed in (0, 1)]
    trained_well = [(made := trained("rte", "vanilla", 2), scored(made))]
    unknown = [(made := trained("rte", "vanilla", 3), scored(made, counts=()))]
    undefined: dict[str, float | None] = {"pearson": None, "spearman": None}
    constant = [(made := trained("stsb", "vanilla", 0), replace(scored(made), metrics=undefined))]
    rte, stsb = summarize([write_scores(tmp_path, [*one_class, *trained_well, *unknown, *constant])]).methods
    assert (rte.failed, rte.judged) == (2, 3)
    assert (stsb.failed, stsb.judged, stsb.scores) == (1, 1, {0: 0.0})


def test_an_evaluation_counts_its_predictions() -> None:
    examples = Examples([(str(number),) for number in range(50)], [0, 1, 1, 0, 1] * 10)
    task = Task("toy", ("text",), ("no", "yes", "maybe"), {"test": examples})
    record = evaluate(lambda texts: np.eye(3, dtype=np.float32)[[1, 1, 0, 1, 1] * 10], "mine", task)
    assert (record.predicted_counts, record.label_counts) == ([10, 40, 0], [20, 30, 0])
    assert from_json(EvaluationRecord, json.loads(json.dumps(to_json(record)))) == record
    # Records of before have no such counts.
    before = {name: value for name, value in to_json(record).items() if name != "predicted_counts"}
    assert from_json(EvaluationRecord, before).predicted_counts == []


def test_methods_are_compared_with_the_vanilla_of_their_settings() -> None:
    names = [
        "match (batch_size=8)",
        "vanilla (batch_size=16)",
        "match (batch_size=16)",
        "vanilla (batch_size=8)",
        "r3f",
    ]
    assert compared(names) == [
        ("vanilla (batch_size=16)", "vanilla (batch_size=8)"),
        ("match (batch_size=8)", "vanilla (batch_size=8)"),
        ("match (batch_size=16)", "vanilla (batch_size=16)"),
        ("r3f", "vanilla (batch_size=8)"),
    ]
    assert compared(["match"]) == []


def test_page_terminal_and_tables_tell_the_methods(glue: Path, tmp_path: Path) -> None:
    told = "learning rate: a <b>search</b> for vanilla on validation data."
    (glue / "experiment.json").write_text(json.dumps({"name": "glue", "tuned_on": told}), encoding="utf-8")
    page = report([glue], tmp_path).page.read_text(encoding="utf-8")
    assert 'id="methods"' in page
    assert "all methods were trained with the same settings" in page
    assert "a &lt;b&gt;search&lt;/b&gt; for vanilla" in page
    rows = table(tmp_path, "methods")
    metrics = ["matthews", "mean of accuracy and f1", "accuracy", "mean of pearson and spearman"]
    assert [row["metric"] for row in rows[::2]] == metrics
    assert {(row["failed"], row["judged"], row["score_n"]) for row in rows} == {("0", "5", "5")}
    _, match = table(tmp_path, "methods_average")
    assert (match["published"], match["tasks"]) == ("1.64", "cola, mrpc, rte, stsb")
    assert float(match["difference"]) == pytest.approx(float(match["average"]) - float(match["other"]))
    shown = on_terminal(summarize([glue]), 100)
    assert "mrpc: mean of accuracy and f1 over seeds (test, n=200)" in shown
    assert "average over tasks (test)" in shown
    assert "+1.64" in shown
    assert "<b>search</b>" in shown


def test_long_names_leave_room_for_the_numbers_on_a_narrow_terminal(tmp_path: Path) -> None:
    specs = ["vanilla", "match:similarity=distance,calibrate=always"]
    made = [trained("reviews", spec, seed) for spec in specs for seed in range(3)]
    write_scores(tmp_path, [(each, scored(each)) for each in made])
    lines = on_terminal(summarize([tmp_path]), 80).splitlines()
    begins = [line.split()[0] for line in lines if line.startswith(" ") and line.split()]
    assert {"match:", "similarity=distance,", "calibrate=always"} <= set(begins)
    (score,) = [row.score for row in summarize([tmp_path]).methods if row.method == "vanilla"]
    _, interval = score.parts("number")
    assert any(interval in line for line in lines), "on one line"


def test_settings_that_differ_are_listed(tmp_path: Path) -> None:
    made = [trained("rte", "vanilla", 0), trained("rte", "match", 0, learning_rate=2e-5)]
    made += [trained("cola", "vanilla", 0), trained("cola", "match", 0)]
    (remark,) = summarize([write_scores(tmp_path, [(each, scored(each)) for each in made])]).method_remarks
    assert remark == (
        "Methods differ in more than the method on rte: learning_rate is 0.0001 for vanilla, 2e-05 for match."
    )
