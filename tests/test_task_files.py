"""A user's own files as tasks: what is understood, and what is said of what is not."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from robustbench_mt.errors import UserError
from robustbench_mt.tasks import TaskOptions, load_task, task_slug

DEFAULTS = TaskOptions()
FORMATS = ("csv", "tsv", "jsonl", "json", "parquet")
COLOURS = [(f"text {i}", "red" if i % 2 else "blue") for i in range(60)]


def write(path: Path, columns, rows) -> Path:
    """Write rows in the format that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    objects = [dict(zip(columns, row, strict=True)) for row in rows]
    if path.suffix == ".parquet":
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(objects), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(objects, indent=1))
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(line) + "\n" for line in objects))
    else:
        separator = "," if path.suffix == ".csv" else "\t"
        path.write_text("".join(separator.join(map(str, row)) + "\n" for row in [columns, *rows]), encoding="utf-8")
    return path


def texts(task, split="test"):
    return task.split(split).texts


@pytest.mark.parametrize("suffix", FORMATS)
def test_formats_and_order_of_rows(suffix, tmp_path):
    """One task, whatever the format and the order of the rows."""
    rows = COLOURS.copy()
    expected = load_task(str(write(tmp_path / "a.csv", ("text", "label"), rows)))
    random.Random(0).shuffle(rows)
    path = write(tmp_path / f"b.{suffix}", ("Review", "CLASS"), rows)
    task = load_task(str(path))
    assert (task.fields, task.label_names, task.metric) == (("Review",), ("blue", "red"), "accuracy")
    assert {s: e.fingerprint for s, e in task.splits.items()} == {s: e.fingerprint for s, e in expected.splits.items()}
    assert sum(map(len, task.splits.values())) == 60
    assert task.name == task_slug(str(path)) and task.source == path.name


@pytest.mark.parametrize(
    ("columns", "fields", "protected"),
    [
        (("id", "hypothesis", "Premise", "label"), ("Premise", "hypothesis"), ("Premise",)),
        (("sentence", "question", "x", "label"), ("question", "sentence"), ()),
        (("s1", "S2", "text", "target"), ("s1", "S2"), ()),
        (("question1", "question2", "score", "label"), ("question1", "question2"), ()),
    ],
)
def test_two_fields(columns, fields, protected, tmp_path):
    rows = [(f"a{i}", f"b{i}", f"c{i}", i % 3) for i in range(60)]
    task = load_task(str(write(tmp_path / "pairs.csv", columns, rows)))
    assert (task.fields, task.protected_fields, task.label_names) == (fields, protected, ("0", "1", "2"))
    expected = tuple(f"{'abc'[columns.index(field)]}7" for field in fields)
    assert expected in [text for split in task.splits for text in texts(task, split)]


def test_columns_and_protection_as_asked(tmp_path):
    path = str(write(tmp_path / "a.csv", ("text", "b", "c"), [(f"t{i}", f"b{i}", i % 2) for i in range(60)]))
    task = load_task(path, TaskOptions(text_column=("B", "text"), label_column="c", protect=("text",)))
    assert (task.fields, task.protected_fields) == (("b", "text"), ("text",))


def test_fewer_test_examples_are_at_even_distances(tmp_path):
    """Of a file that is sorted by label, none of the labels is left out."""
    rows = [(f"text {i}", "red" if i < 40 else "blue") for i in range(60)]
    for split in ("train", "test"):
        write(tmp_path / "sorted" / f"{split}.csv", ("text", "label"), rows)
    fewer = load_task(str(tmp_path / "sorted"), TaskOptions(test_examples=6))
    assert [text for (text,) in texts(fewer, "test")] == [f"text {i}" for i in (0, 10, 20, 30, 40, 50)]
    assert len(fewer.split("train")) + len(fewer.split("validation")) == 60
    assert fewer.remarks[-1] == "6 of its 60 test examples, at even distances."
    whole = load_task(str(tmp_path / "sorted"), TaskOptions(test_examples=60))
    assert whole == load_task(str(tmp_path / "sorted"))
    with pytest.raises(UserError, match="test_examples is 0: it must be at least 1"):
        TaskOptions(test_examples=0)


@pytest.mark.parametrize(
    ("labels", "options", "names", "first_codes"),
    [
        (["10", "9"], TaskOptions(), ("9", "10"), [1, 0]),
        (["1.0", "0.0"], TaskOptions(), ("0", "1"), [1, 0]),
        (["b", "a"], TaskOptions(), ("a", "b"), [1, 0]),
        (["b", "a"], TaskOptions(label_names=("b", "a")), ("b", "a"), [0, 1]),
        (["0", "1"], TaskOptions(label_names=("bad", "good")), ("bad", "good"), [0, 1]),
        (["0", "1"], TaskOptions(label_names=("1", "0")), ("1", "0"), [1, 0]),
        (["0.5", "2"], TaskOptions(), (), [0.5, 2.0]),
        (["3", "1"], TaskOptions(regression=True), (), [3.0, 1.0]),
    ],
)
def test_labels(labels, options, names, first_codes, tmp_path):
    for split in ("train", "dev", "test"):
        write(tmp_path / f"{split}.csv", ("text", "label"), [(f"{split}{i}", labels[i % 2]) for i in range(4)])
    task = load_task(str(tmp_path), options)
    assert task.label_names == names
    assert task.metric == ("accuracy" if names else "spearman")
    assert all(task.split(split).labels[:2] == first_codes for split in task.splits)


def test_json_values(tmp_path):
    """Labels that are no strings, a column that some lines lack, and a character that is no text."""
    lines = [{"text": f"{i} \ud83d", "label": i % 2 == 0} for i in range(60)] + [
        {"text": "", "label": True, "extra": 1}
    ]
    path = tmp_path / "a.jsonl"
    path.write_text("\n\n".join(json.dumps(line) for line in lines))
    task = load_task(str(path))
    assert task.label_names == ("false", "true")
    assert "a.jsonl: 60 texts had lone surrogates, replaced by U+FFFD." in task.remarks
    found = {text for split in task.splits for (text,) in texts(task, split)}
    assert found == {f"{i} \ufffd" for i in range(60)} | {""}


def test_quotes_and_encoding(tmp_path):
    """A byte-order mark, Windows line breaks, quoted commas, quotes and line breaks; other kinds of line break."""
    lines = "".join(f'"one, ""{i}""\r\ntwo\u2028three",{i % 2}\r\n' for i in range(40))
    (tmp_path / "a.csv").write_bytes(("\ufefftext,label\r\n" + lines + "\r\n").encode())
    assert texts(load_task(str(tmp_path / "a.csv")), "train")[0][0].endswith('"\r\ntwo\u2028three')
    long = "word " * 50_000  # more than the csv module takes unasked
    write(tmp_path / "long" / "train.csv", ("text", "label"), [(f"{long}{i}", i % 2) for i in range(30)])
    assert len(texts(load_task(str(tmp_path / "long")), "train")[0][0]) > 250_000


def test_tab_separated_quotes(tmp_path):
    """Quoting, where the files are well quoted throughout; else quotation marks are text in all of them."""
    rows = [(f'"text ""{i}"""', i % 2) for i in range(40)]
    write(tmp_path / "train.tsv", ("text", "label"), rows)
    write(tmp_path / "test.tsv", ("text", "label"), [('"whole"', 0), ("b", 1)])
    task = load_task(str(tmp_path))
    assert texts(task)[0] == ("whole",) and ('text "7"',) in texts(task, "train")
    write(tmp_path / "train.tsv", ("text", "label"), [*rows, ('"never closed', 1), ('"closed" too early', 0)])
    task = load_task(str(tmp_path))
    assert texts(task)[0] == ('"whole"',)
    assert ('"never closed',) in [*texts(task, "train"), *texts(task, "validation")]
    assert "train.tsv, test.tsv: quotation marks were read as text, not as quoting." in task.remarks


@pytest.mark.parametrize("stem", ["validation", "valid", "dev", "Val"])
def test_directories(stem, tmp_path):
    columns = ("text", "label")
    write(tmp_path / "train.csv", columns, COLOURS)
    write(tmp_path / "README.csv", columns, COLOURS)
    write(tmp_path / f"{stem}.jsonl", columns, [("v1", "red"), ("text 5", "red")])
    task = load_task(str(tmp_path))
    assert texts(task) == [("v1",), ("text 5",)]
    assert (len(texts(task, "train")), len(texts(task, "validation"))) == (54, 6)
    assert "There is no labelled test set: test is the development set." in task.remarks

    write(tmp_path / "test.csv", ("id", "text"), [(1, "unlabelled")])
    assert texts(load_task(str(tmp_path))) == [("v1",), ("text 5",)]
    write(tmp_path / "test.csv", columns, [("unlabelled", -1)])
    task = load_task(str(tmp_path))
    assert texts(task) == [("v1",), ("text 5",)] and "test.csv has no labels and is not used." in task.remarks

    write(tmp_path / "test.csv", columns, [("t1", "blue"), ("text 5", "red")])
    task = load_task(str(tmp_path))
    assert [len(task.split(split)) for split in ("train", "validation", "test")] == [60, 2, 2]
    (tmp_path / f"{stem}.jsonl").unlink()
    task = load_task(str(tmp_path))
    assert [len(task.split(split)) for split in ("train", "validation", "test")] == [54, 6, 2]
    (tmp_path / "test.csv").unlink()
    assert "train, validation and test were split by content, 80 : 10 : 10." in load_task(str(tmp_path)).remarks


def test_names(tmp_path, monkeypatch):
    """A registered name wins over a directory; two files of one name have two slugs, fit for a file's name."""
    one, two = tmp_path / "a" / "Größe & co.csv", tmp_path / "b" / "Größe & co.csv"
    assert task_slug(str(one)) != task_slug(str(two))
    assert task_slug(str(one)).rpartition("-")[0] == "Gr__e___co"
    assert task_slug(str(tmp_path / "a" / ".." / "b" / "Größe & co.csv")) == task_slug(str(two))
    assert len(task_slug("x" * 300 + ".csv")) == 69 and not task_slug("./..hidden.csv").startswith(".")
    assert task_slug("v1.0/").startswith("v1.0-")
    write(tmp_path / "mine" / "train.csv", ("text", "label"), COLOURS)
    monkeypatch.chdir(tmp_path)
    name = load_task("mine").name
    assert [task_slug(same) for same in ("./mine", "a/../mine", str(tmp_path / "mine"))] == [name] * 3
    moved = shutil.copytree(tmp_path / "mine", tmp_path / "elsewhere" / "mine").parent
    assert load_task("elsewhere/mine").name != name
    monkeypatch.chdir(moved)
    assert load_task("mine").name == name, "what lies below the current directory moves with it"
    assert load_task("../mine").name == task_slug("../a/../mine") != name
    monkeypatch.chdir(tmp_path)
    Path("rte").mkdir()
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    with pytest.raises(UserError, match="Task rte needs the folder RTE"):
        load_task("rte")


GOOD = "text,label\n" + "".join(f"text {i},{'ab'[i % 2]}\n" for i in range(40))
BAD_FILES = {
    "empty.csv": (b"", "empty.csv is empty"),
    "blank.jsonl": (b"\n \n", "blank.jsonl is empty"),
    "array.json": (b"[]", "array.json is empty"),
    "header.csv": (b"text,label\n", "header.csv has columns (text, label) but no rows"),
    "binary.csv": (b"\x89PNG\r\n\x1a\n\0\0\0\r", "binary.csv is a binary file"),
    "late.csv": (GOOD.encode() + b"a\0b,a\n", "late.csv is a binary file"),
    "utf16.csv": (GOOD.encode("utf-16"), "utf16.csv is UTF-16: save it as UTF-8"),
    "latin1.csv": (GOOD.encode() + "café,a\n".encode("latin-1"), "latin1.csv, line 42, is not UTF-8 (byte 0xe9)"),
    "column.csv": (b"a,b\n1,2\n", "column.csv: no column has a usual name for the text; there are a, b"),
    "nolabel.csv": (b"text,b\n1,2\n", "usual name for the label; there are text, b"),
    "twice.csv": (b"text,text,label\na,b,c\n", "twice.csv has 2 columns called 'text'"),
    "missing.csv": (GOOD.encode() + b"x, \n", "missing.csv, line 42, has no label"),
    "ragged.csv": (
        GOOD.encode() + b'"a\nb",a\nx,y,a\n',
        "ragged.csv, line 44, does not fit the header (fields: 3, not 2)",
    ),
    "ragged.tsv": (b"text\tlabel\na\tb\nc\n", "ragged.tsv, line 3, does not fit the header (fields: 1, not 2)"),
    "unclosed.csv": (GOOD.encode() + b'"x,a\ny,b\n', "unclosed.csv, line 42, is not well quoted"),
    "one.csv": (GOOD.replace(",b", ",a").encode(), "one.csv has only one class, 'a'"),
    "few.csv": (b"text,label\nx,a\ny,b\n", "few.csv has too few rows"),
    "word.csv": (b"text,label\nx,0.5\ny,1\nz,high\n", "word.csv, line 4: label 'high' is not a finite number"),
    "huge.csv": (b"text,label\nx,0.5\ny,1e999\n", "huge.csv, line 3: label '1e999' is not a finite number"),
    "syntax.jsonl": (b'{"text": "x", "label": 1}\n{"text": \n', "syntax.jsonl, line 2, is not valid JSON"),
    "list.jsonl": (b'{"text": "x", "label": 1}\n3\n', "list.jsonl, line 2, is not a JSON object"),
    "entry.json": (b'[{"text": "x", "label": 1}, 3]', "entry.json, entry 2, is not a JSON object"),
    "null.jsonl": (b'{"text": null, "label": 1}\n{"text": "x", "label": 0}\n', "null.jsonl, line 1, has no text"),
    "number.jsonl": (b'{"text": "x", "label": 1}\n{"text": 3, "label": 0}\n', "line 2, has 3 for a text"),
    "nan.jsonl": (b'{"text": "x", "label": NaN}\n', "nan.jsonl, line 1, has no label"),
    "nested.jsonl": (b'{"text": "x", "label": [1]}\n', "nested.jsonl, line 1, has a label that is neither text nor"),
    "fake.parquet": (GOOD.encode(), "fake.parquet cannot be read as Parquet"),
    "empty.parquet": (b"", "empty.parquet is empty"),
    "data/file.txt": (GOOD.encode(), "Cannot tell the format of"),
}


def refused(name: str, options: TaskOptions = DEFAULTS) -> str:
    with pytest.raises(UserError) as raised:
        load_task(name, options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(name, tmp_path):
    content, said = BAD_FILES[name]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    assert said in refused(str(path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (TaskOptions(text_column=("review",)), "no column 'review': there are text, label"),
        (TaskOptions(label_column="stars"), "no column 'stars': there are text, label"),
        (TaskOptions(text_column=("text", "label", "c")), "names 3 columns"),
        (TaskOptions(text_column=("text", "TEXT")), "must be different columns"),
        (TaskOptions(text_column=("label",)), "must be different columns"),
        (TaskOptions(label_names=("a", "c")), "no example of class 'c'; its labels are a, b"),
        (TaskOptions(label_names=("a", "b", "c")), "no example of class 'c'"),
        (TaskOptions(label_names=("a", "a")), "has a name twice"),
        (TaskOptions(label_names=("a", "b"), regression=True), "exclude each other"),
        (TaskOptions(regression=True), "line 2: label 'a' is not a finite number"),
        (TaskOptions(protect=("premise",)), "Cannot protect 'premise'"),
    ],
)
def test_bad_options(options, said, tmp_path):
    path = tmp_path / "good.csv"
    path.write_text(GOOD)
    assert load_task(str(path)).label_names == ("a", "b")
    assert said in refused(str(path), options)


def test_labels_outside_the_classes(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(GOOD + "x,c\n")
    assert "a.csv, line 42: label 'c' is not one of a, b" in refused(str(path), TaskOptions(label_names=("a", "b")))
    path.write_text(GOOD.replace(",a", ",0").replace(",b", ",1") + "x,2\n")
    said = "line 42: label '2' is not one of 0 (bad), 1 (good)"
    assert said in refused(str(path), TaskOptions(label_names=("bad", "good")))
    write(tmp_path / "train.csv", ("text", "label"), COLOURS)
    write(tmp_path / "test.csv", ("text", "label"), [("x", "red"), ("y", "green")])
    assert "test.csv, line 3: label 'green' is not one of blue, red" in refused(str(tmp_path))


def test_bad_directories(tmp_path):
    assert "There is no file" in refused(str(tmp_path / "none.csv"))
    assert "There is no file" in refused(str(tmp_path / "none"))
    write(tmp_path / "test.csv", ("text", "label"), COLOURS)
    assert "has no training data: name a file in it train.csv|.tsv" in refused(str(tmp_path))
    write(tmp_path / "train.csv", ("text", "label"), COLOURS)
    write(tmp_path / "train.tsv", ("text", "label"), COLOURS)
    assert "two files for train, train.csv and train.tsv" in refused(str(tmp_path))


@pytest.mark.parametrize("locked", ["a.csv", "."])
def test_unreadable(locked, tmp_path):
    path = write(tmp_path / "train" / "a.csv", ("text", "label"), COLOURS)
    load_task(str(path))  # imports what it needs, before the rights are given up
    locked_path, user = path.parent / locked, os.geteuid()
    try:
        locked_path.chmod(0)
        if user == 0:  # who may read everything
            os.seteuid(65534)
        assert "may not be read: change its permissions" in refused(str(path))
        assert "may not be read: change its permissions" in refused(str(locked_path))
    finally:
        os.seteuid(user)
        locked_path.chmod(0o700)
