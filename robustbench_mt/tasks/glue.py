"""GLUE (Wang et al. 2019, https://arxiv.org/abs/1804.07461), from its own TSV files or from the hub.

GLUE keeps the labels of its test sets to itself, all but MRPC's. So the development set is the test set here, and
validation is cut from the training set.
"""

from dataclasses import dataclass
from pathlib import Path

from robustbench_mt.tasks.catalogue import TaskEntry
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.data_folder import data_folder
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table, read_unquoted
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.splitting import complete_splits
from robustbench_mt.tasks.task import Examples, Task

__all__ = ["load"]

_HUB_NAME = "nyu-mll/glue"
_MISMATCHED = "dev_mismatched.tsv"


@dataclass(frozen=True)
class _Layout:
    """A task's files.

    Attributes:
        folder: in the GLUE folder.
        text: the columns that hold the fields, in their order.
        label: the column that holds the label.
        words: whether labels are the classes' names; else their indices.
        header: the columns' names, where train and dev have no header.
        dev: the development set's file.
        labelled_tests: files that hold the true labels of the test set, if they have the label column.
        drop_ragged: whether rows with too many or too few fields are known and left out.
    """

    folder: str
    text: tuple[str, ...]
    label: str
    words: bool = False
    header: tuple[str, ...] | None = None
    dev: str = "dev.tsv"
    labelled_tests: tuple[str, ...] = ()
    drop_ragged: bool = False


_PAIR = ("sentence1", "sentence2")
_LAYOUTS = {
    "cola": _Layout("CoLA", ("sentence",), "label", header=("source", "label", "mark", "sentence")),
    "sst2": _Layout("SST-2", ("sentence",), "label"),
    # Some copies of MRPC's test.tsv have the labels; the original file beside it always does.
    "mrpc": _Layout(
        "MRPC",
        ("#1 String", "#2 String"),
        "Quality",
        labelled_tests=("test.tsv", "msr_paraphrase_test.txt"),
    ),
    "stsb": _Layout("STS-B", _PAIR, "score"),
    "rte": _Layout("RTE", _PAIR, "label", words=True),
    "qnli": _Layout("QNLI", ("question", "sentence"), "label", words=True),
    # Some of QQP's questions contain line breaks, which cut their rows in two.
    "qqp": _Layout("QQP", ("question1", "question2"), "is_duplicate", drop_ragged=True),
    "mnli": _Layout("MNLI", _PAIR, "gold_label", words=True, dev="dev_matched.tsv"),
    "wnli": _Layout("WNLI", _PAIR, "label"),
}


def load(name: str, entry: TaskEntry, options: TaskOptions) -> Task:
    """Load a task of GLUE's.

    The splits are GLUE's own data, repetitions included. ``mnli`` has one split more, ``mismatched``, where its file
    is there.

    Raises:
        UserError: there is no GLUE folder and the network was not allowed, or the files are not GLUE's.
    """
    layout, remarks = _LAYOUTS[name], list[str]()
    if folder := data_folder(name, layout.folder, options):
        parts, source = _read_folder(layout, folder, entry, remarks), f"GLUE's own files, {layout.folder}"
    else:
        from robustbench_mt.tasks.hub import fetch

        # The hub names RTE's and WNLI's fields as the files do.
        columns = _PAIR if name in ("rte", "wnli") else entry.fields
        parts = fetch(_HUB_NAME, name, columns, entry.label_names)
        source = f"{_HUB_NAME} ({name}) on the Hugging Face hub"
    splits, what_was_done = complete_splits(parts["train"], parts.get("validation"), parts.get("test"))
    if "mismatched" in parts:
        splits["mismatched"] = parts["mismatched"]
        what_was_done.append("Split mismatched is the development set of other genres than train's.")
    return entry.task(name, splits, source, [*remarks, *what_was_done])


def _read_folder(layout: _Layout, folder: Path, entry: TaskEntry, remarks: list[str]) -> dict[str, Examples]:
    with reading(folder):
        there = {path.name for path in folder.iterdir()}
    tables = {"train": _read(layout, folder / "train.tsv"), "validation": _read(layout, folder / layout.dev)}
    if _MISMATCHED in there:
        tables["mismatched"] = _read(layout, folder / _MISMATCHED)
    for file in layout.labelled_tests:
        if file in there and (table := _read(layout, folder / file)).has(layout.label):
            tables["test"] = table
            break
    for table in tables.values():
        if table.dropped:
            remarks.append(f"{table.dropped} broken rows of {table.path.name} were dropped.")
    scheme = _scheme(layout, entry.label_names)
    return {split: to_examples(table, layout.text, layout.label, scheme) for split, table in tables.items()}


def _scheme(layout: _Layout, names: tuple[str, ...]) -> LabelScheme:
    if not names:
        return LabelScheme.regression()
    return LabelScheme.named(names) if layout.words else LabelScheme.numbered(names)


def _read(layout: _Layout, path: Path) -> Table:
    return read_unquoted(path, layout.header, (*layout.text, layout.label), layout.drop_ragged)
