"""What the page says first is true of runs that are not all alike."""

from dataclasses import replace
from pathlib import Path

import pytest
from run_directory import attack_run, fallen, imbalance_point, training, write, write_attack

from robustbench_mt.curve_records import ImbalanceRecord
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.summary import summarize
from robustbench_mt.reporting.what_was_run import what_was_run


@pytest.mark.parametrize(
    ("vanilla", "match", "told"),
    [
        ([0], [0], "1 seed"),
        ([0, 1], [1, 0], "2 seeds"),
        ([0], [1], "1 seed each"),
        ([0, 1], [2, 3], "2 seeds each"),
        ([0], [0, 1], "1 to 2 seeds each"),
    ],
)
def test_seeds_of_all_methods_together_are_no_methods_seeds(
    vanilla: list[int], match: list[int], told: str, tmp_path: Path
) -> None:
    made = [training(method, seed) for method, seeds in (("vanilla", vanilla), ("match", match)) for seed in seeds]
    write(tmp_path / "train.jsonl", TrainingRecord, made)
    assert what_was_run(summarize([tmp_path])) == [f"minilm fine-tuned on reviews by vanilla and match ({told})."]


def test_levels_of_curves_are_told_by_their_kind(tmp_path: Path) -> None:
    one = imbalance_point("vanilla", 10.0, 0)
    kept = [replace(one, protocol="kept-share", share=share, ratio=1 / share) for share in (0.1, 0.5)]
    for name, points, levels in (
        ("one", [one], "10:1"),
        ("kept", kept, "10% to 50% of the minority kept"),
        ("both", [one, *kept], "10:1 and 10% to 50% of the minority kept"),
    ):
        write(tmp_path / name / "imbalance.jsonl", ImbalanceRecord, points)
        assert what_was_run(summarize([tmp_path / name])) == [
            f"minilm fine-tuned on imbalanced training sets of reviews, {levels}, by vanilla (1 seed)."
        ]


def test_one_attack_is_not_told_of_each(tmp_path: Path) -> None:
    write_attack(tmp_path, attack_run("mine", "pwws"), [fallen()])
    assert what_was_run(summarize([tmp_path])) == ["1 checkpoint attacked on reviews (test) by pwws, on 1 example."]
    write_attack(tmp_path, attack_run("mine", "textfooler"), [fallen()])
    (said,) = what_was_run(summarize([tmp_path]))
    assert said.endswith(" by pwws and textfooler, on 1 example each.")
