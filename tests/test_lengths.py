"""Which texts are put into one group of lengths, and which into none."""

from pathlib import Path

from run_directory import attack_run, fallen, outcomes, stood, write_attack

from robustbench_mt.reporting.figures import draw
from robustbench_mt.reporting.summary import summarize


def groups_of_lengths(path: Path) -> dict[tuple[int, int], tuple[int, int]]:
    """How many examples stand and are counted, by the least and the most words, for the one attack there."""
    (row,) = summarize([path]).lengths
    return {words: (round((share.value or 0) * share.n), share.n) for words, share in row.by_length}


def test_few_examples_are_put_into_fewer_groups_of_lengths(tmp_path: Path) -> None:
    for n, groups in ((19, 0), (20, 2), (29, 2), (30, 3), (39, 3), (40, 4), (400, 4)):
        records = [stood(index, words=index + 1) for index in range(n)]
        write_attack(tmp_path / str(n), attack_run("mine", "pwws"), records)
        summary = summarize([tmp_path / str(n)])
        assert [len(row.by_length) for row in summary.lengths] == [groups] * bool(groups)
        assert [drawing.name for drawing in draw(summary) if drawing.section == "length"] == (
            ["accuracy_by_length-reviews"] if groups else []
        )


def test_texts_of_one_length_are_in_one_group(tmp_path: Path) -> None:
    lengths = [3] * 60 + [5] * 20 + [8] * 20
    write_attack(tmp_path / "a", attack_run("mine", "pwws"), [stood(index, words=n) for index, n in enumerate(lengths)])
    assert groups_of_lengths(tmp_path / "a") == {(3, 3): (60, 60), (5, 5): (20, 20), (8, 8): (20, 20)}
    write_attack(tmp_path / "b", attack_run("mine", "pwws"), [stood(index, words=7) for index in range(100)])
    assert not summarize([tmp_path / "b"]).lengths


def test_texts_whose_words_were_not_counted_are_in_no_group_of_lengths(tmp_path: Path) -> None:
    """They would pass for the shortest."""
    unknown = [fallen(index=index, status="skipped", scores=[0.9, 0.1], words=0) for index in range(30)]
    short = [fallen(index=30 + index, words=4) for index in range(20)]
    write_attack(
        tmp_path, attack_run("mine", "pwws"), [*unknown, *short, *(stood(50 + index, words=9) for index in range(20))]
    )
    assert groups_of_lengths(tmp_path) == {(4, 4): (0, 20), (9, 9): (20, 20)}


def test_a_method_with_few_examples_changes_no_group_of_lengths(tmp_path: Path) -> None:
    write_attack(tmp_path, attack_run("many", "pwws"), outcomes("pwws", 100, 0.5))
    alone = groups_of_lengths(tmp_path)
    write_attack(tmp_path, attack_run("few", "pwws"), [stood(index, words=1000) for index in range(19)])
    assert groups_of_lengths(tmp_path) == alone
    (drawing,) = [drawing for drawing in draw(summarize([tmp_path])) if drawing.section == "length"]
    assert " Seeds: unknown (1 checkpoint). Examples left out of n: 4." in drawing.caption
