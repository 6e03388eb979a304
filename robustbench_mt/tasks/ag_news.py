"""AG's News (Zhang, Zhao and LeCun 2015, https://arxiv.org/abs/1509.01626), from its own CSV files or from the hub."""

import os
from pathlib import Path

from robustbench_mt.errors import MissingDataError
from robustbench_mt.tasks.catalogue import TaskEntry
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.files.delimited import read_csv
from robustbench_mt.tasks.glue import VARIABLE
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.splitting import complete_splits
from robustbench_mt.tasks.task import Examples, Task

__all__ = ["load"]

_FOLDER = "ag_news_csv"
_HUB_NAME = "fancyzhx/ag_news"


def load(name: str, entry: TaskEntry, options: TaskOptions) -> Task:
    """Load ``ag_news``.

    Raises:
        UserError: the files are not there and the network was not allowed, or they are not the data set's.
    """
    folder = options.data_dir or os.environ.get(VARIABLE)
    if folder:
        directory = Path(folder).expanduser() / _FOLDER
        if not directory.is_dir():
            raise MissingDataError(
                f"There is no folder {directory}: --data-dir (or {VARIABLE}) must name the folder that holds {_FOLDER}."
            )
        parts = {split: _read(directory / f"{split}.csv", entry) for split in ("train", "test")}
        source = f"its own files, {_FOLDER}"
    elif options.allow_network:
        from robustbench_mt.tasks.hub import fetch

        parts = fetch(_HUB_NAME, None, entry.fields, entry.label_names)
        source = f"{_HUB_NAME} on the Hugging Face hub"
    else:
        raise MissingDataError(
            f"Task {name} needs {_FOLDER}: give the folder that holds it with --data-dir or in {VARIABLE}, or fetch it "
            "from the Hugging Face hub with --allow-network."
        )
    splits, remarks = complete_splits(parts["train"], None, parts["test"])
    return Task(
        name=name,
        fields=entry.fields,
        label_names=entry.label_names,
        splits=splits,
        metric=entry.metric,
        source=source,
        remarks=tuple(remarks),
    )


def _read(path: Path, entry: TaskEntry) -> Examples:
    """Title and description are one text with a space between them, and backslashes stay, as on the hub."""
    table = read_csv(path, header=("label", "title", "description"))
    rows = [(f"{title} {description}", label) for label, title, description in table.rows]
    # The files count classes from 1.
    scheme = LabelScheme(entry.label_names, {str(index + 1): index for index in range(len(entry.label_names))})
    return to_examples(Table(path, ("text", "label"), rows, table.places, quoted=True), ("text",), "label", scheme)
