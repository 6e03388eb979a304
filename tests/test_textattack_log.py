"""TextAttack's CSV log as a static set: its marks are taken off, and nothing else."""

from collections import OrderedDict
from pathlib import Path

import pytest
from conftest import make_task
from static_samples import COLUMNS, load, log, rows, texts, written

from attacks.textattack_import import import_textattack
from attacks.victim import load_victim
from robustbench_mt.errors import UserError


def test_textattacks_own_logger(checkpoint: Path, tmp_path: Path) -> None:
    textattack = import_textattack()
    from textattack.loggers import CSVLogger

    for fields in (("text",), ("premise", "hypothesis")):
        attacked = make_task("toy", fields)
        victim = load_victim(str(checkpoint), attacked)
        built = textattack.attack_recipes.DeepWordBugGao2018.build(victim)
        examples = attacked.split("test")
        results = [
            built.attack(OrderedDict(zip(fields, text, strict=True)), label)
            for text, label in zip(examples.texts[:12], examples.labels[:12], strict=True)
        ]
        fooled = [result for result in results if type(result).__name__ == "SuccessfulAttackResult"]
        assert len(fooled) > 3
        expected = [
            (
                tuple(result.perturbed_result.attacked_text._text_input.values()),
                result.original_result.ground_truth_output,
            )
            for result in fooled
        ]
        name = "sst2" if len(fields) == 1 else "rte"
        for style in ("file", None):
            logger = CSVLogger(str(tmp_path / "log.csv"), style)
            for result in results:
                logger.log_attack_result(result)
            logger.flush()
            static = load(tmp_path / "log.csv", name)
            assert rows(static) == expected
            assert static.doubts == []
        logger = CSVLogger(str(tmp_path / "log.csv"), "html")
        for result in results:
            logger.log_attack_result(result)
        logger.flush()
        with pytest.raises(UserError, match="line 2, has coloured words: log with --csv-coloring-style"):
            load(tmp_path / "log.csv", name)


def test_results_that_are_no_success_are_left_out(tmp_path: Path) -> None:
    path = log(
        tmp_path / "log.csv",
        ("a [[bad]] film", "a [[bda]] film", 0, "Successful"),
        ("a good film", "a good film", 1, "Failed"),
        ("a good film", "a good film", 1, "Skipped"),
        ("a [[good]] film", "a [[film]]", "1.0", "Maximized"),
    )
    assert rows(load(path)) == [(("a bda film",), 0)]


UNMARKED = {
    "swapped word": ("a [[bad]] film", "a [[bda]] film", "a bda film"),
    "two words": ("[[a]] [[bad]] film", "[[b]] [[bda]] film", "b bda film"),
    "deleted word": ("a [[bad]] film", "a film", "a film"),
    "inserted word": ("a film", "a [[new]] film", "a new film"),
    "one word becomes two": ("a [[movie]]", "a [[motion]] [[picture]]", "a motion picture"),
    "within single brackets": ("a [[[bad]]] film", "a [[[bda]]] film", "a [bda] film"),
    "its own brackets": ("see [[link]], [[bad]]", "see [[link]], [[bda]]", "see [[link]], bda"),
    "a word in its own brackets": ("see [[[[link]]]]", "see [[[[lnik]]]]", "see [[lnik]]"),
    "its own open brackets": ("if [[ x ]] [[bad]]", "if [[ x ]] [[bda]]", "if [[ x ]] bda"),
    "line break": ("a [[bad]]<SPLIT>film", "a [[bda]]<SPLIT>film", "a bda\nfilm"),
    "chinese": ("这是一部好电影", "这是一部妤电影", "这是一部妤电影"),
}


@pytest.mark.parametrize("name", UNMARKED)
def test_marks_are_taken_off_and_nothing_else(name: str, tmp_path: Path) -> None:
    before, after, expected = UNMARKED[name]
    path = log(
        tmp_path / "log.csv",
        (before, after, 0, "Successful"),
        ("a [[bad]] film", "a [[bda]] film", 0, "Successful"),
    )
    assert texts(load(path)) == [expected, "a bda film"]


AMBIGUOUS = {
    "its own brackets and an inserted word": ("see [[link]]", "see [[new]] [[link]]"),
    "its own open brackets and a deleted word": ("if [[ x ]] [[bad]]", "if [[ x ]]"),
    "a word deleted in its own brackets": ("see [[[[link]]]]", "see [[]]"),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_marks_that_cannot_be_told_are_said(name: str, tmp_path: Path) -> None:
    doubtful = (*AMBIGUOUS[name], 1, "Successful")
    clear = ("a [[bad]] film", "a [[bda]] film", 0, "Successful")
    static = load(log(tmp_path / "log.csv", clear, doubtful))
    assert rows(static) == [(("a bda film",), 0)]
    (doubt,) = static.doubts
    assert "1 of 2 texts have [[ or ]] of their own" in doubt
    assert "line 3" in doubt
    with pytest.raises(UserError, match=r"1 of 1 texts .* Write the log with --csv-coloring-style plain"):
        load(log(tmp_path / "log.csv", doubtful))


def test_a_plain_log_keeps_brackets(tmp_path: Path) -> None:
    path = log(
        tmp_path / "log.csv",
        ("a bad film", "a bda film", 0, "Successful"),
        ("a bad [[film]]", "a bda [[film]]", 0, "Successful"),
        ("a bad [[film]]", "a bad [[flim]]", 0, "Successful"),
    )
    static = load(path)
    assert texts(static) == ["a bda film", "a bda [[film]]"]
    assert "1 of 3 texts" in static.doubts[0]


def test_changes_between_words_do_not_make_a_log_plain(tmp_path: Path) -> None:
    path = log(
        tmp_path / "log.csv",
        ("a bad film", "a  bad\u202e film", 0, "Successful"),
        ("a [[bad]] film", "a [[bda]] film", 0, "Successful"),
    )
    assert texts(load(path)) == ["a  bad\u202e film", "a bda film"]


def test_a_log_of_pairs(tmp_path: Path) -> None:
    marked = "[[[[{}]]]]: it rains<SPLIT>hard<SPLIT>[[[[{}]]]]: it is {}".format
    for first, second in (("Premise", "Hypothesis"), ("Sentence1", "Sentence2")):
        row = (marked(first, second, "[[wet]]"), marked(first, second, "[[w3t]]"), 1, "Successful")
        assert texts(load(log(tmp_path / "log.csv", row), "rte")) == [("it rains\nhard", "it is w3t")]
    row = (marked("Premise", "Hypothesis", "[[wet]]"), marked("Premise", "Hypothesis", "[[w3t]]"), 1, "Successful")
    with pytest.raises(UserError, match="is a log of sentence pairs, and the task has one text field"):
        load(log(tmp_path / "log.csv", row), "sst2")
    with pytest.raises(UserError, match=r"line 2: the text is not of the form 'Question: \.\.\.<SPLIT>Sentence: "):
        load(log(tmp_path / "log.csv", row), "qnli")
    row = ("a [[bad]] film", "a [[bda]] film", 1, "Successful")
    with pytest.raises(UserError, match="line 2: the text is not of the form 'Premise: "):
        load(log(tmp_path / "log.csv", row), "rte")
    twice = "Premise: a<SPLIT>Hypothesis: b<SPLIT>Hypothesis: {}".format
    with pytest.raises(UserError, match="line 2: the text is not of the form"):
        load(log(tmp_path / "log.csv", (twice("c"), twice("d"), 1, "Successful")), "rte")


def test_bad_logs(tmp_path: Path) -> None:
    row = ("a [[bad]] film", "a [[bda]] film", 2, "Successful")
    with pytest.raises(UserError, match="line 2: label '2' is not one of"):
        load(log(tmp_path / "log.csv", row))
    with pytest.raises(UserError, match="no row whose result_type is Successful"):
        load(log(tmp_path / "log.csv", (*row[:3], "Failed")))
    with pytest.raises(UserError, match="without the column 'ground_truth_output'"):
        load(log(tmp_path / "log.csv", (*row[:2], "Successful"), columns=(*COLUMNS[:2], COLUMNS[3])))
    with pytest.raises(UserError, match="no rows"):
        load(log(tmp_path / "log.csv"))
    with pytest.raises(UserError, match="line 2, is not well quoted"):
        load(written(tmp_path / "log.csv", ",".join(COLUMNS) + '\n"a'))


def test_a_log_of_a_long_document(tmp_path: Path) -> None:
    document = "word " * 60_000
    path = log(tmp_path / "log.csv", (f"{document}[[bad]]", f"{document}[[bda]]", 0, "Successful"))
    assert texts(load(path)) == [f"{document}bda"]
