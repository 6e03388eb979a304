"""Methods over tasks and seeds, and what was varied: the numbers are the records', and nothing varied is pooled."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from run_directory import training, write
from scipy import stats
from statsmodels.stats.multitest import multipletests

from robustbench_mt.evaluation import evaluate
from robustbench_mt.records import EvaluationRecord, TrainingRecord, from_json, to_json
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.naming import compared
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import Summary, summarize
from robustbench_mt.reporting.terminal import render_terminal
from robustbench_mt.statistics import paired_over_seeds
from robustbench_mt.tasks import TASKS, Examples, Task
from robustbench_mt.tasks.glue_scores import GLUE_SCORES, score_metrics

TASK_METRICS = {
    "cola": {"accuracy": 0.8, "matthews": 0.5},
    "mrpc": {"accuracy": 0.8, "f1": 0.9},
    "rte": {"accuracy": 0.6, "f1": 0.5},
    "stsb": {"pearson": 0.88, "spearman": 0.86},
}
MATCH: dict[str, Any] = {"name": "match", "temperature": "auto", "self_mass": 0.8, "layer": None}


def trained(
    task: str, spec: str, seed: int, variant: str = "", own: dict[str, Any] | None = None, **settings: Any
) -> TrainingRecord:
    varied = {name: int(value) for name, value in (pair.split("=") for pair in variant.split(",") if pair)}
    method = {"method": own or {"name": spec}}
    return replace(
        training(spec.partition(":")[0], seed),
        checkpoint="-".join(filter(None, (task, re.sub("[^a-z0-9.]+", "_", spec), f"seed{seed}", variant))),
        task=task,
        method=spec,
        variant=variant,
        matching=None,
        settings={"learning_rate": 1e-4, "batch_size": 32} | method | settings | varied,
    )


def scored(made: TrainingRecord, gain: float = 0.0, counts: Sequence[int] = (90, 110), **changes: Any) -> Any:
    metrics = {name: value + gain for name, value in TASK_METRICS.get(made.task, TASK_METRICS["rte"]).items()}
    labels = [] if made.task == "stsb" else [100, 100]
    record = EvaluationRecord(made.checkpoint, "f00d", made.task, "test", 200, metrics, {}, labels, "beef")
    return replace(record, predicted_counts=list(counts) if labels else [], **changes)


def write_scores(directory: Path, pairs: Sequence[tuple[TrainingRecord, EvaluationRecord]]) -> Path:
    write(directory / "train.jsonl", TrainingRecord, [made for made, _ in pairs])
    write(directory / "evaluate.jsonl", EvaluationRecord, [record for _, record in pairs])
    return directory


def noise(seed: int, *also: Any) -> float:
    return float(np.random.default_rng([seed, *map(hash_of, also)]).normal(0, 0.02))


def hash_of(value: Any) -> int:
    return sum(str(value).encode())


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


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ablation(tmp_path_factory.mktemp("ablation"))


def write_ablation(directory: Path) -> Path:
    pairs = []
    specs = ["vanilla", *(f"match:self_mass={mass}" for mass in (0.95, 0.5, 0.8)), "match:temperature=1"]
    for spec in specs:
        key, _, value = spec.partition(":")[2].partition("=")
        own = {"name": "vanilla"} if spec == "vanilla" else {**MATCH, key: float(value)}
        for size in (32, 8, 16):
            for seed in range(5):
                made = trained("reviews", spec, seed, f"batch_size={size}", own)
                better = 0.2 - (float(value or 0.7) - 0.7) ** 2 + size / 1000 + 2 * noise(seed, spec, size)
                pairs.append((made, scored(made, better if key != "temperature" else -0.1)))
    return write_scores(directory, pairs)


def rows_of(summary: Summary, **fields: Any) -> list[MethodRow]:
    return [row for row in summary.methods if all(getattr(row, name) == value for name, value in fields.items())]


def table(directory: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((directory / "tables" / f"{name}.csv").read_text(encoding="utf-8"))))


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
    vanilla, match = summarize([glue]).averages
    gains = [np.mean([gain(task, "match", s) - gain(task, "vanilla", s) for task in TASK_METRICS]) for s in range(5)]
    assert match.difference is not None
    assert match.difference.value == pytest.approx(np.mean(gains))
    assert match.difference.low == pytest.approx(stats.ttest_1samp(gains, 0).confidence_interval(0.95).low)
    assert (match.tasks, match.seeds, match.against) == (list(TASK_METRICS), [0, 1, 2, 3, 4], "vanilla")
    assert (match.published, vanilla.published, vanilla.difference) == (1.64, None, None)
    assert match.other == vanilla.average


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


def test_what_is_varied_is_never_pooled(varied: Path) -> None:
    summary = summarize([varied])
    assert all(len(row.seeds) == 5 and row.n == 1000 for row in summary.evaluations)
    names = [row.method for row in summary.methods]
    assert names == [row.method for row in summary.evaluations]
    assert names[:4] == [
        *(f"vanilla (batch_size={size})" for size in (8, 16, 32)),
        "match:self_mass=0.5 (batch_size=8)",
    ]
    assert len(set(names)) == len(names) == 15
    for row in summary.methods:
        if not row.method.startswith("vanilla"):
            assert row.against == row.method.replace(row.method.split()[0], "vanilla")
    told = [finding for finding in summary.findings if ": accuracy of match" in finding.headline]
    for row, finding in zip([row for row in summary.methods if row.against], told, strict=True):
        assert row.p_holm is not None and row.difference is not None
        verdict = "no difference" if row.p_holm >= 0.05 else "higher" if (row.difference.value or 0) > 0 else "lower"
        assert finding.headline.startswith(f"{row.task}: accuracy of {row.method} against {row.against}: {verdict}")
        assert finding.details[0].endswith("paired t over 5 seeds, Holm over 12).")


def test_the_only_value_that_was_varied_is_told_and_another_runs_is_not_it(tmp_path: Path) -> None:
    varied_here = [(made := trained("rte", "match", seed, "batch_size=32"), scored(made)) for seed in (0, 1)]
    elsewhere = [(made := trained("rte", "match", seed), scored(made)) for seed in (0, 1)]
    here, there = write_scores(tmp_path / "here", varied_here), write_scores(tmp_path / "there", elsewhere)
    assert [row.method for row in summarize([here]).methods] == ["match (batch_size=32)"]
    merged = [row.method for row in summarize([here, there]).methods]
    assert merged == ["match (batch_size=32)", "match (not varied)"]


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


def test_ablations_are_drawn_where_something_was_varied(varied: Path, glue: Path, tmp_path: Path) -> None:
    (ablation,) = summarize([varied]).ablations
    assert [setting.name for setting in ablation.settings] == [
        *("self mass 0.5", "self mass 0.8", "self mass 0.95", "temperature 1")
    ]
    assert ablation.batch_sizes == sorted(ablation.baselines) == [8, 16, 32]
    assert len(ablation.matched) == 12
    report([varied], tmp_path)
    drawn = {path.name for path in (tmp_path / "figures").iterdir()}
    names = ("ablation_self_mass-reviews", "ablation_batch_size-reviews")
    assert {f"{name}.{ending}" for name in names for ending in ("png", "svg")} <= drawn
    assert summarize([glue]).ablations == []


def test_an_ablation_holds_what_differs_in_nothing_else(tmp_path: Path) -> None:
    made = [
        trained("reviews", f"match:self_mass={mass}", 0, own={**MATCH, "self_mass": mass}, learning_rate=rate)
        for mass in (0.5, 0.8)
        for rate in (1e-4, 2e-5)
    ]
    for number, each in enumerate(made):
        write_scores(tmp_path / str(number), [(each, scored(each))])
    found = summarize([tmp_path / str(number) for number in range(4)]).ablations
    assert sorted(ablation.told for ablation in found) == ["learning_rate=0.0001", "learning_rate=2e-05"]
    assert all(len(ablation.matched) == 2 and not ablation.baselines for ablation in found)


def test_an_ablation_holds_what_versions_before_and_after_a_new_setting_have_made(tmp_path: Path) -> None:
    settings = [{"self_mass": 0.5}, {"self_mass": 0.8, "calibrate": "once"}, {"self_mass": 0.9, "calibrate": "always"}]
    made = [trained("reviews", f"match:x={n}", 0, own={**MATCH, **own}) for n, own in enumerate(settings)]
    write_scores(tmp_path, [(each, scored(each)) for each in made])
    (ablation,) = summarize([tmp_path]).ablations
    assert [setting.value for setting in ablation.settings] == [0.5, 0.8]
    made = [
        trained("reviews", f"match:y={mass}-{similarity}", 0, own={**MATCH, "self_mass": mass, **similarity})
        for mass in (0.5, 0.8)
        for similarity in ({}, {"similarity": "cosine"})
    ]
    found = summarize([write_scores(tmp_path / "other", [(each, scored(each)) for each in made])]).ablations
    assert sorted(ablation.told for ablation in found) == ["match.similarity=cosine", "match.similarity=dot"]


def test_page_terminal_and_tables_tell_the_methods(glue: Path, tmp_path: Path) -> None:
    told = "learning rate: a <b>search</b> for vanilla on validation data."
    (glue / "experiment.json").write_text(json.dumps({"name": "glue", "tuned_on": told}), encoding="utf-8")
    page = report([glue], tmp_path).read_text(encoding="utf-8")
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
    console = Console(width=100, file=io.StringIO())
    console.print(render_terminal(summarize([glue])))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "mrpc: mean of accuracy and f1 over seeds (test, n=200)" in shown
    assert "average over tasks (test)" in shown
    assert "+1.64" in shown
    assert "<b>search</b>" in shown


def test_long_names_leave_room_for_the_numbers_on_a_narrow_terminal(tmp_path: Path) -> None:
    specs = ["vanilla", "match:similarity=distance,calibrate=always"]
    made = [trained("reviews", spec, seed) for spec in specs for seed in range(3)]
    write_scores(tmp_path, [(each, scored(each)) for each in made])
    console = Console(width=80, file=io.StringIO())
    console.print(render_terminal(summarize([tmp_path])))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
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
