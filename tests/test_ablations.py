"""What was varied is never pooled, and what Match-Tuning's own settings do is drawn."""

from pathlib import Path

import pytest
from scored_trainings import MATCH, scored, trained, write_ablation, write_scores

from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ablation(tmp_path_factory.mktemp("ablation"))


def test_what_is_varied_is_never_pooled(varied: Path) -> None:
    summary = summarize([varied])
    assert all(len(row.seeds) == 5 and row.n == 200 for row in summary.evaluations)
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
    rows = [row for row in summary.methods if row.against]
    assert sum(finding.count for finding in told) == len(rows)
    for row in rows:
        assert row.p_holm is not None and row.difference is not None
        verdict = "no difference" if row.p_holm >= 0.05 else "higher" if (row.difference.value or 0) > 0 else "lower"
        (finding,) = [finding for finding in told if any(f": {row.method} " in detail for detail in finding.details)]
        assert row.method in finding.headline and f" against {row.against}: {verdict}" in finding.headline
        assert finding.details[0].endswith("paired t over 5 seeds, Holm over 12).")


def test_the_only_value_that_was_varied_is_told_and_another_runs_is_not_it(tmp_path: Path) -> None:
    varied_here = [(made := trained("rte", "match", seed, "batch_size=32"), scored(made)) for seed in (0, 1)]
    elsewhere = [(made := trained("rte", "match", seed), scored(made)) for seed in (0, 1)]
    here, there = write_scores(tmp_path / "here", varied_here), write_scores(tmp_path / "there", elsewhere)
    assert [row.method for row in summarize([here]).methods] == ["match (batch_size=32)"]
    merged = [row.method for row in summarize([here, there]).methods]
    assert merged == ["match (batch_size=32)", "match (not varied)"]


def test_ablations_are_drawn_where_something_was_varied(varied: Path, tmp_path: Path) -> None:
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
    plain = [trained("rte", method, seed) for method in ("vanilla", "match") for seed in range(2)]
    write_scores(tmp_path / "plain", [(each, scored(each)) for each in plain])
    assert summarize([tmp_path / "plain"]).ablations == []


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
