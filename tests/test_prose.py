"""The methods section: what the records say, in sentences, with what is to be cited and nothing else."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from latex_tokens import check_latex
from run_directory import (
    attack_run,
    evaluation,
    fallen,
    imbalance_point,
    outcomes,
    stood,
    training,
    write,
    write_attack,
)
from scored_trainings import MATCH, noise, scored, write_scores
from scored_trainings import trained as trained_on
from test_latex import HOSTILE

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.interval_kinds import MetricInterval
from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.attack_facts import attack_facts
from robustbench_mt.reporting.interval_names import INTERVAL_NAMES
from robustbench_mt.reporting.plain_tables import plain_tables
from robustbench_mt.reporting.prose import MethodsSection, methods_prose, methods_section
from robustbench_mt.reporting.report import report
from robustbench_mt.reporting.summary import summarize

BUILD = """Attack(
  (search_method): GreedyWordSwapWIR(
    (wir_method):  unk
  )
  (constraints):
    (0): LevenshteinEditDistance(
        (max_edit_distance):  30
        (compare_against_original):  True
      )
    (1): RepeatModification
    (2): StopwordModification
  (is_black_box):  True
)"""


def section(directory: Path) -> MethodsSection:
    made = methods_section(summarize([directory]))
    check_latex(made.latex)
    return made


def trained(directory: Path, *records: TrainingRecord) -> str:
    write(directory / "train.jsonl", TrainingRecord, records)
    return section(directory).markdown


def cited(made: MethodsSection) -> tuple[set[str], set[str], set[str]]:
    markdown = set(re.findall(r"(?<=[\[ ])@([a-z0-9]+)", made.markdown))
    latex = {key for keys in re.findall(r"\\cite\{([^}]*)\}", made.latex) for key in keys.split(",")}
    return markdown, latex, set(re.findall(r"^@\w+\{(.*),$", made.bibtex, re.MULTILINE))


def test_a_whole_run_is_told(run: Path) -> None:
    made = section(run)
    told = made.markdown
    for sentence in (
        "We used the task `reviews`, with the classes negative and positive.",
        "The training set had 8,530 examples (fingerprint c0ffee).",
        "by vanilla fine-tuning [@devlin2019bert] and Match-Tuning [@tong2022robust].",
        "at a peak learning rate of 0.0001, for 3 epochs.",
        "The 6 trainings, with the seeds 0, 1 and 2, took 6.2 minutes of wall time in all.",
        "`pwws` [@ren2019generating] (at most 150 queries an example)",
        "Each attack met 60 examples, the first of the set, with seed 0;",
        "another stood in for it: stop words: scikit-learn (fallback).",
        "at 1:1, 5:1, 10:1, 20:1 and 50:1 (protocol `shrink`).",
        "0%, 5%, 10%, 15% and 20% of the 4,000 training labels were flipped",
        "Proportions have 95% Wilson score intervals [@wilson1927probable]",
        "corrected by Holm's method [@holm1979simple] for 15 comparisons on a task",
        "PyTorch 2.9.0 [@paszke2019pytorch], Transformers 4.57.0 [@wolf2020transformers] and TextAttack 0.3.11",
    ):
        assert sentence in told, sentence
    assert methods_prose(summarize([run])) == told


def test_every_sentence_is_well_formed(run: Path) -> None:
    for paragraph in section(run).markdown.strip().split("\n\n"):
        assert not re.search(r"  |\s[.,;:)]|\(\s|[,;]\.|\.\.|[a-z\]][A-Z]{2}|\]\w|None", paragraph), paragraph
        assert paragraph.startswith(("# ", "**")) and (paragraph.startswith("#") or paragraph.endswith("."))


def test_what_is_cited_is_in_the_bibtex_and_nothing_else(run: Path) -> None:
    markdown, latex, entries = cited(section(run))
    assert markdown == latex == entries
    assert {"tong2022robust", "gao2018blackbox", "morris2020textattack", "owen2007pigeonhole"} <= entries
    # Nothing of this run.
    assert not {"liu2019roberta", "jiang2020smart", "pang2005seeing"} & entries


def test_settings_that_are_not_the_default_are_said(tmp_path: Path) -> None:
    shared = {"learning_rate": 2e-5, "batch_size": 16, "warmup": 0.06, "keep": "best", "precision": "bf16"}
    records = [
        training("vanilla", 0, settings={**shared, "method": {"name": "vanilla"}}),
        training("match", 0, settings={**shared, "method": MATCH}),
        training("match:self_mass=0.5", 1, settings={**shared, "method": {**MATCH, "self_mass": 0.5}}, temperature=3.5),
        training(
            "match+r-drop",
            0,
            base="FacebookAI/roberta-base",
            settings={
                **shared,
                "method": {"name": "match+r-drop", "match": {"self_mass": 0.8}, "r-drop": {"weight": 7.5}},
            },
        ),
    ]
    told = trained(tmp_path, *records)
    assert "Match-Tuning [@tong2022robust] (default settings; `self_mass=0.5`)" in told
    assert "Match-Tuning [@tong2022robust] together with R-Drop [@liang2021rdrop] (`weight=7.5`)" in told
    assert "a mean share of 0.5 or 0.8 of its row's mass on itself (temperatures found: 3.5 to 12.2)" in told
    assert "`FacebookAI/roberta-base` [@liu2019roberta]" in told
    assert "of 2e-05, which rose over the first 6% of the steps" in told
    assert "in bf16. The weights of the epoch with the best validation metric were kept." in told
    assert "not every combination had every seed" in told


@pytest.mark.parametrize(
    ("calibrate", "told"),
    [
        (["once"], "calibrated on the first matched batch, so"),
        (["always"], "calibrated on each batch, so"),
        (["once", "always"], "calibrated on the first matched batch (with calibrate=always on each), so"),
    ],
)
def test_when_the_temperature_was_calibrated_is_said(calibrate: list[str], told: str, tmp_path: Path) -> None:
    settings = [{"method": {**MATCH, "calibrate": each}} for each in calibrate]
    records = [training(f"match:x={n}", 0, settings={"epochs": 3.0, **own}) for n, own in enumerate(settings)]
    assert told in trained(tmp_path, *records)


def test_what_a_score_is_and_what_averages_are_corrected_for_is_said(tmp_path: Path) -> None:
    names = ["vanilla", "match", "r3f"]
    made = [trained_on(task, name, seed) for task in ("cola", "stsb") for name in names for seed in range(3)]
    pairs = [(each, scored(each, noise(each.seed, each.method))) for each in made]
    told = section(write_scores(tmp_path, pairs)).markdown
    assert "The score of a checkpoint was matthews on `cola`; mean of pearson and spearman on `stsb`." in told
    assert "Their averages over tasks, of each seed's scores, were compared in the same way, corrected for 2" in told
    assert "defines them [@pedregosa2011scikit], correlations as SciPy does [@virtanen2020scipy]." in told


def test_how_settings_were_chosen_is_said(tmp_path: Path) -> None:
    text = json.dumps({"tuned_on": "A search for vanilla on validation data"})
    (tmp_path / "experiment.json").write_text(text, encoding="utf-8")
    told = trained(tmp_path, training("vanilla", 0))
    assert "How the settings were chosen: A search for vanilla on validation data." in told
    assert "The 1 training, with the seed 0, took 1.0 minutes of wall time in all." in told


def test_constraints_are_told_as_built(tmp_path: Path) -> None:
    run = attack_run(
        "mine",
        "textfooler-sbert",
        build=BUILD,
        task="rte",
        sample="random",
        protected_fields=["premise"],
        resources={"wordnet": "NLTK", "stop words": "scikit-learn (fallback)"},
    )
    write_attack(tmp_path, run, [fallen(), stood(1), fallen(index=2, status="error")])
    made = section(tmp_path)
    ((recipe,),) = (facts.recipes for facts in attack_facts(summarize([tmp_path])))
    assert recipe.constraints == [
        "LevenshteinEditDistance (max_edit_distance 30, compare_against_original True)",
        "RepeatModification",
        "StopwordModification",
    ]
    assert "We attacked 1 checkpoint on the test set of `rte`" in made.markdown
    assert "`textfooler-sbert` [@jin2020bert; @reimers2019sentence]" in made.markdown
    assert "3 examples, drawn at random, with seed 0" in made.markdown
    assert "The field premise could not be changed." in made.markdown
    assert "Resources: wordnet (NLTK) [@miller1995wordnet]." in made.markdown
    assert "Left out: 1 example whose attack ended in an error or could not be tried." in made.markdown
    assert "Fine-tuning" not in made.markdown and "adamw" not in made.bibtex.lower()


def test_protocols_and_controls_are_told(tmp_path: Path) -> None:
    shares = [
        replace(imbalance_point("vanilla", 10.0, 0), protocol="kept-share", share=share, control=control)
        for share in (0.5, 0.3)
        for control in (False, True)
    ]
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, shares)
    told = section(tmp_path).markdown
    assert "the class positive was the minority, at 30% and 50% (protocol `kept-share`)." in told
    assert "A share of the minority is kept" in told
    assert "a control, a balanced set of the same size." in told
    # At ratio 1 the control is the same set: the point has its training's numbers.
    twins = [replace(imbalance_point("match", 1.0, 0), protocol="constant-size", control=c) for c in (False, True)]
    settings = {"epochs": 3.0, "method": {**MATCH, "self_mass": 0.5}}
    (tmp_path / "twins").mkdir()
    write(tmp_path / "twins" / "imbalance.jsonl", ImbalanceRecord, [replace(each, settings=settings) for each in twins])
    told = section(tmp_path / "twins").markdown
    assert "Training sets of one seed are nested class by class, with" in told
    assert "For the curves, 1 training fine-tuned" in told
    assert "so that an instance put a mean share of 0.5 of its row's mass on itself." in told


def test_what_curves_train_and_test_on_is_told(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    points = [imbalance_point("vanilla", ratio, seed) for ratio in (50.0, 1.0, 10.0) for seed in (0, 1)]
    # A control is balanced, whatever its level.
    control = replace(imbalance_point("vanilla", 50.0, 0), train_counts=[20, 20], control=True)
    write(tmp_path / "two" / "imbalance.jsonl", ImbalanceRecord, [*points, control])
    told = section(tmp_path / "two").markdown
    assert "are nested, with 2,000:2,000 to 2,000:40 examples (majority:minority)." in told
    assert "on the untouched test set (1,000 examples: 500 negative and 500 positive)." in told
    assert "Metrics were computed as scikit-learn defines them" in told
    three = {"label_names": ["bad", "fair", "good"], "minority": "fair", "n": 60, "test_counts": [30, 20, 10]}
    many = [
        replace(point, train_counts=counts, **three)
        for point, counts in zip(points[2:], ([90, 60, 30], [90, 60, 30], [90, 9, 30], [90, 9, 30]), strict=True)
    ]
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, many)
    told = section(tmp_path).markdown
    assert "with 90:60 to 90:9 examples (largest other class:minority)." in told
    assert "(60 examples: 30 bad, 20 fair and 10 good)" in told
    tables = plain_tables(summarize([tmp_path]))
    assert "Test examples: 30 bad, 20 fair, 10 good (reviews)." in tables["imbalance.md"]
    assert '"30 bad, 20 fair, 10 good"' in tables["imbalance.csv"]


WILSON = "Proportions have 95% Wilson score intervals [@wilson1927probable]"
OVER_BOTH = "for several seeds on the same examples over both"
T_OVER_BOTH = "Means over the examples of several seeds have 95% intervals of Student's t over seeds and examples"
T_OVER_SEEDS = "Means over seeds have 95% intervals of Student's t [@student1908probable] over seeds."
BOOTSTRAP = "that an earlier version of robustbench-mt computed have 95% percentile bootstrap intervals over examples"
STRATIFIED = "95% stratified Wilson intervals over examples"
T_OVER_EXAMPLES = "Means over the examples of one seed have 95% intervals of Student's t over examples"


@pytest.mark.parametrize(
    ("seeds", "told", "not_told"),
    [
        ([0], [f"{WILSON}, over examples. ", T_OVER_EXAMPLES], [OVER_BOTH, T_OVER_BOTH, T_OVER_SEEDS]),
        # Before the attack, each checkpoint's accuracy is over examples.
        ([0, 1], [f"{WILSON}, over examples, and {OVER_BOTH}", T_OVER_BOTH], [T_OVER_EXAMPLES, T_OVER_SEEDS]),
    ],
)
def test_the_intervals_of_input_reduction_are_told(
    seeds: list[int], told: list[str], not_told: list[str], tmp_path: Path
) -> None:
    made = [training("vanilla", seed) for seed in seeds]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    for record in made:
        examples = outcomes("input-reduction", 30, 0.7, record.seed)
        write_attack(tmp_path, attack_run(record.checkpoint, "input-reduction"), examples)
    text = section(tmp_path).markdown
    assert all(each in text for each in told)
    assert not any(each in text for each in not_told)


@pytest.mark.parametrize(
    ("seeds", "told", "not_told"),
    [
        ([0], [WILSON, STRATIFIED], [T_OVER_SEEDS, BOOTSTRAP]),
        ([0, 1], [T_OVER_SEEDS], [WILSON, STRATIFIED, BOOTSTRAP]),
    ],
)
def test_the_intervals_of_static_sets_are_told(
    seeds: list[int], told: list[str], not_told: list[str], tmp_path: Path
) -> None:
    made = [training("vanilla", seed) for seed in seeds]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    scored = [evaluation(record, 400 + record.seed, split="static hard", n=150) for record in made]
    write(tmp_path / "evaluate.jsonl", EvaluationRecord, scored)
    text = section(tmp_path).markdown
    assert all(each in text for each in told)
    assert not any(each in text for each in not_told)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        # Of an earlier version, which did not say.
        ({}, [BOOTSTRAP]),
        (
            {"minority_f1": "Wilson over examples", "macro_f1": "stratified Wilson over examples"},
            ["F1 of a single training has the Wilson interval", STRATIFIED],
        ),
        ({"minority_f1": "bootstrap t over examples"}, ["intervals of Student's t", "on the logit scale", BOOTSTRAP]),
        ({"minority_f1": "posterior over examples"}, ["the middle 95% of its posterior"]),
    ],
)
def test_the_intervals_of_a_single_training_are_told(
    kinds: dict[str, MetricInterval], told: list[str], tmp_path: Path
) -> None:
    point = replace(imbalance_point("vanilla", 5.0, 0), interval_kinds=kinds)
    write(tmp_path / "imbalance.jsonl", ImbalanceRecord, [point])
    made = section(tmp_path)
    text, latex, entries = cited(made)
    assert text == latex == entries
    assert all(each in made.markdown for each in told)
    assert (BOOTSTRAP in made.markdown) == (len(kinds) < len(point.intervals))
    assert ("F1 of a single" in made.markdown) == (kinds.get("minority_f1") == "Wilson over examples")
    caption = plain_tables(summarize([tmp_path]))["imbalance.md"]
    for metric, kind in kinds.items():
        assert f"{INTERVAL_NAMES[kind]} of {metric.replace('_', ' ')}" in caption
    assert (" in earlier versions' records" in caption) == (len(kinds) < len(point.intervals))


def test_a_section_without_statistics_does_not_speak_of_them(tmp_path: Path) -> None:
    told = trained(tmp_path, training("vanilla", 0))
    assert "**Software.**" in told and "Statistics." not in told


def test_hostile_names_are_text(tmp_path: Path) -> None:
    name = HOSTILE.replace("\ud800", "")
    hostile = training(
        name,
        0,
        task=name,
        base=name,
        label_names=[name, "b"],
        data={"source": name, "remarks": [name], "train": "%{$_", "train_examples": 3},
        versions={name: name},
        settings={"learning_rate": 0.1, "precision": name, "method": {"name": "x", name: name}},
    )
    told = trained(tmp_path, hostile)
    outside = re.sub(r"(`+) .*? \1", "", told)
    assert r"\*\*bold\*\*" in outside and "<b>" not in outside and not re.search(r"(?<!\\)@key", outside)
    _, latex, entries = cited(section(tmp_path))
    assert latex == entries and "key" not in entries


def test_the_report_holds_the_section(run: Path, tmp_path: Path) -> None:
    page = report([run], tmp_path).page.read_text(encoding="utf-8")
    made = methods_section(summarize([run]))
    for name, text in (("methods.md", made.markdown), ("methods.tex", made.latex), ("references.bib", made.bibtex)):
        assert (tmp_path / name).read_text(encoding="utf-8") == text
        assert f'href="{name}"' in page
    assert "by vanilla fine-tuning [@devlin2019bert]" in page
