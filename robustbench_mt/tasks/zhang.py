"""The data sets of Zhang, Zhao and LeCun (2015, https://arxiv.org/abs/1509.01626), from their own CSV files or the hub.

Texts are as on the hub, where published checkpoints read them: line breaks stay a backslash and an n. yelp_polarity was
written from the descriptions of its files and of the hub's, and never tried on the real ones.
"""

from dataclasses import dataclass
from pathlib import Path

from robustbench_mt.tasks.catalogue import TaskEntry
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.data_folder import data_folder
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.files.delimited import read_csv
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.splitting import complete_splits
from robustbench_mt.tasks.task import Examples, Task

__all__ = ["load"]


@dataclass(frozen=True)
class _Layout:
    """A task's files, and its place on the hub.

    Attributes:
        folder: in the folder of data sets.
        columns: after the label's; they are one text, with a space between them.
        hub_name: of the data set on the hub.
        hub_labels: what the hub calls the classes, in the order of the task's; empty where it calls them the same.
        hub_is_raw: whether the hub's texts were cut out of the files' lines: with no space around them, and with
            quotation marks still doubled.
    """

    folder: str
    columns: tuple[str, ...]
    hub_name: str
    hub_labels: tuple[str, ...] = ()
    hub_is_raw: bool = False


_LAYOUTS = {
    "ag_news": _Layout("ag_news_csv", ("title", "description"), "fancyzhx/ag_news"),
    "yelp_polarity": _Layout(
        "yelp_review_polarity_csv", ("review",), "fancyzhx/yelp_polarity", hub_labels=("1", "2"), hub_is_raw=True
    ),
}


def load(name: str, entry: TaskEntry, options: TaskOptions) -> Task:
    """Load one of these data sets.

    Raises:
        UserError: the files are not there and the network was not allowed, or they are not the data set's.
    """
    layout = _LAYOUTS[name]
    if folder := data_folder(name, layout.folder, options):
        parts = {split: _read(layout, folder / f"{split}.csv", entry) for split in ("train", "test")}
        source = f"its own files, {layout.folder}"
    else:
        from robustbench_mt.tasks.hub import fetch

        parts = fetch(layout.hub_name, None, entry.fields, layout.hub_labels or entry.label_names)
        if layout.hub_is_raw:
            parts = {split: _undouble(examples) for split, examples in parts.items()}
        source = f"{layout.hub_name} on the Hugging Face hub"
    splits, remarks = complete_splits(parts["train"], None, parts["test"])
    return entry.task(name, splits, source, remarks)


def _read(layout: _Layout, path: Path, entry: TaskEntry) -> Examples:
    table = read_csv(path, header=("label", *layout.columns))
    rows = [(" ".join(columns), label) for label, *columns in table.rows]
    if layout.hub_is_raw:
        rows = [(text.strip(), label) for text, label in rows]
    # The files count classes from 1.
    scheme = LabelScheme(entry.label_names, {str(index + 1): index for index in range(len(entry.label_names))})
    return to_examples(Table(path, ("text", "label"), rows, table.places, quoted=True), ("text",), "label", scheme)


def _undouble(examples: Examples) -> Examples:
    return Examples([(text.replace('""', '"'),) for (text,) in examples.texts], examples.labels)
