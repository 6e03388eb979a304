"""Tasks from pandas' and datasets' objects, and records and examples back as such."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, IterableDataset, Value
from run_directory import attack_run, evaluation, fallen, imbalance_point, outcomes, stood, training

from robustbench_mt import (
    TaskOptions,
    UserError,
    adversarial_dataset,
    examples_dataset,
    examples_frame,
    load_task,
    make_imbalanced,
    records_frame,
    task_from,
)
from robustbench_mt.tasks.task import SPLITS, Task

NUMBERS = range(60)
FRAME = pd.DataFrame(
    {
        "text": [f"film no. {number} is {'good' if number % 2 else 'bad'}" for number in NUMBERS],
        "label": ["pos" if number % 2 else "neg" for number in NUMBERS],
    }
)


def same_data(one: Task, other: Task) -> bool:
    fingerprints = [[task.split(split).fingerprint for split in SPLITS] for task in (one, other)]
    shapes = [(task.fields, task.label_names, task.metric, task.protected_fields) for task in (one, other)]
    return fingerprints[0] == fingerprints[1] and shapes[0] == shapes[1]


def test_a_frame_a_data_set_and_a_file_make_the_same_task(tmp_path: Path) -> None:
    path = tmp_path / "films.csv"
    FRAME.to_csv(path, index=False)
    from_file = load_task(str(path))
    for data in (FRAME, Dataset.from_pandas(FRAME), {"train": FRAME}, FRAME.set_axis(range(100, 160))):
        assert same_data(task_from(data, "films"), from_file)
    assert task_from(FRAME, "films").name == "films"


@pytest.mark.parametrize("kind", [examples_frame, examples_dataset])
@pytest.mark.parametrize("which", ["task", "pair_task"])
def test_a_task_goes_out_and_comes_back(kind: Any, which: str, request: pytest.FixtureRequest) -> None:
    task = request.getfixturevalue(which)
    assert same_data(task_from({split: kind(task, split) for split in SPLITS}, "again"), task)


def test_a_regression_goes_out_and_comes_back() -> None:
    frame = FRAME.assign(label=[number / 10 for number in NUMBERS])
    task = task_from(frame, "scores")
    assert task.is_regression
    for kind in (examples_frame, examples_dataset):
        assert same_data(task_from({split: kind(task, split) for split in SPLITS}, "again"), task)


def test_classes_keep_the_order_that_the_data_gives_them() -> None:
    assert task_from(FRAME, "films").label_names == ("neg", "pos")
    ordered = FRAME.assign(label=pd.Categorical(FRAME["label"], ["pos", "neutral", "neg"]))
    assert task_from(ordered, "films").label_names == ("pos", "neg")
    features = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
    coded = Dataset.from_dict({"text": list(FRAME["text"]), "label": [1 - n % 2 for n in NUMBERS]}, features)
    assert same_data(task_from(coded, "films"), task_from(ordered, "films"))
    # Names that look like the codes of other classes.
    crossed = coded.cast_column("label", ClassLabel(names=["1", "0"]))
    task = task_from(crossed, "films")
    examples = task.split("train")
    assert task.label_names == ("1", "0")
    assert all(code == ("bad" in text) for (text,), code in zip(examples.texts, examples.labels, strict=True))


def test_splits_as_the_hub_has_them() -> None:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    whole = Dataset.from_pandas(FRAME.assign(label=[n % 2 for n in NUMBERS])).cast(features)
    unlabelled = Dataset.from_dict({"text": ["?"], "label": [-1]}, features)
    task = task_from(DatasetDict(train=whole, dev=whole.select(range(9)), test=unlabelled, other=whole), "films")
    assert len(task.split("test")) == 9
    assert any("films (test) has no labels" in remark for remark in task.remarks)


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (FRAME, "my films", "name 'my films' is not a file's"),
        (FRAME.rename(columns={"label": "y"}), "films", "films: no column has a usual name for the label"),
        (FRAME.assign(text=[None, *FRAME["text"][1:]]), "films", "films, row 0, has no text in column 'text'"),
        (FRAME.assign(label=[*FRAME["label"][:-1], None]), "films", "films, row 59, has no label"),
        ({"train": FRAME, "test": FRAME.assign(label="good")}, "films", "films (test), row 0: label 'good' is not"),
        ({"train": FRAME, "dev": FRAME, "validation": FRAME}, "films", "two splits for validation"),
        ({"all": FRAME}, "films", "no training data, but all"),
        (FRAME["text"], "films", "films is a Series: give a pandas DataFrame"),
        (IterableDataset.from_generator(lambda: iter([])), "films", "is a IterableDataset"),
        (FRAME[:0], "films", "no rows"),
    ],
)
def test_what_makes_no_task_is_said_in_one_line(data: Any, name: str, says: str) -> None:
    with pytest.raises(UserError) as told:
        task_from(data, name)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


def test_options_hold_for_data_in_memory() -> None:
    pairs = FRAME.assign(other="it was a film")
    options = TaskOptions(text_column=("other", "text"), label_column="label", protect=("other",))
    task = task_from(pairs, "pairs", options)
    assert (task.fields, task.protected_fields) == (("other", "text"), ("other",))


def test_attacks_as_a_frame_are_typed() -> None:
    records = outcomes("pwws", 30, 0.5)
    frame = records_frame(records, attack_run("c", "pwws"))
    assert len(frame) == len(records)
    assert frame["status"].value_counts().to_dict() == {
        status: sum(record.status == status for record in records) for status in frame["status"].cat.categories
    }
    assert list(frame["label"]) == [["negative", "positive"][record.label] for record in records]
    assert frame.dtypes[["index", "queries"]].tolist() == ["int64", "int64"]
    assert (frame["score_negative"] + frame["score_positive"]).dropna().tolist() == pytest.approx([1.0] * 30)
    changed = [record.perturbed_texts is not None for record in records]
    assert frame["perturbed_text"].notna().tolist() == frame["perturbed_score_positive"].notna().tolist() == changed


def test_texts_of_pairs_have_the_names_of_their_fields(pair_task: Task) -> None:
    record = fallen(texts=["a", "b"], perturbed_texts=["a", "c"])
    assert records_frame([record], pair_task)[["premise", "perturbed_hypothesis"]].values.tolist() == [["a", "c"]]
    assert records_frame([record])[["text_1", "perturbed_text_2"]].values.tolist() == [["a", "c"]]


def test_metrics_have_columns_with_their_intervals() -> None:
    frame = records_frame([evaluation(training("vanilla", 0))])
    assert frame.loc[0, ["accuracy_low", "accuracy", "accuracy_high"]].tolist() == pytest.approx([0.83, 0.85, 0.87])
    assert frame["macro_f1_interval"].tolist() == ["stratified Wilson over examples"]
    points = [imbalance_point("vanilla", ratio, 0) for ratio in (1.0, 10.0)]
    curve = records_frame([points[0], replace(points[1], threshold=0.25)])
    assert curve["train_positive"].tolist() == [2000, 200]
    assert curve["share"].dtype == curve["threshold"].dtype == "float64"
    assert curve["settings.learning_rate"].tolist() == [1e-4, 1e-4]


def test_records_of_two_kinds_make_no_table() -> None:
    with pytest.raises(UserError, match="several kinds"):
        records_frame([fallen(), training("vanilla", 0)])
    assert records_frame([]).empty


def test_only_flipped_predictions_are_adversarial(task: Task) -> None:
    kept = fallen(index=2, perturbed_scores=[0.1, 0.9])
    dataset = adversarial_dataset([stood(0), fallen(index=1), kept], task)
    assert dataset.to_dict() == {"text": ["a shiny story"], "label": [1], "index": [1]}
    assert dataset.features["label"].names == list(task.label_names)
    assert len(adversarial_dataset([stood(0)], task)) == 0


def test_a_field_that_is_called_label_keeps_its_texts(task: Task) -> None:
    named = replace(task, fields=("label",))
    frame, dataset = examples_frame(named, "test"), examples_dataset(named, "test")
    assert frame["text_label"].tolist() == dataset["text_label"][:] == [text for (text,) in task.split("test").texts]
    assert frame["label"].cat.codes.tolist() == dataset["label"][:] == task.split("test").labels


@pytest.mark.parametrize("of", [list, tuple, pd.Series, lambda codes: pd.Series(codes).to_numpy("int8")])
def test_positions_fit_frames_and_data_sets(task: Task, of: Any) -> None:
    frame, dataset = examples_frame(task), examples_dataset(task)
    positions = make_imbalanced(of(frame["label"].cat.codes.tolist()), 10)
    assert positions == make_imbalanced(dataset["label"], 10)
    assert frame.iloc[positions]["label"].value_counts().tolist() == [119, 12]
    assert dataset.select(positions)["label"][:] == frame.iloc[positions]["label"].cat.codes.tolist()
