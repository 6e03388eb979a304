"""Labelled texts that pandas or datasets hold, as a task."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from datasets import ClassLabel, Dataset, Value

from robustbench_mt.errors import BadDataFileError, BadSettingError
from robustbench_mt.surrogates import replaced_surrogates
from robustbench_mt.tasks.columns import choose_columns
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.task import SPLITS, Task
from robustbench_mt.tasks.user_data import SPLIT_NAMES, task_of_tables
from robustbench_mt.wording import listed, quoted

__all__ = ["load_memory"]

# Records, directories and files are named after a task.
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,60}")


def load_memory(data: Any, name: str, options: TaskOptions) -> Task:
    """As :func:`robustbench_mt.tasks.task_from`, without ``protect`` and ``test_examples`` of the options."""
    if not _SAFE.fullmatch(name):
        raise BadSettingError(f"The task's name {quoted(name)} is not a file's: use 1 to 60 letters, digits, _ and -.")
    given = _splits(data, name) if isinstance(data, Mapping) else {"train": data}
    given = {
        split: rows.rename(columns=str) if isinstance(rows, pd.DataFrame) else rows for split, rows in given.items()
    }
    tables = {
        split: _table(given[split], Path(name if len(given) == 1 else f"{name} ({split})"))
        for split in SPLITS
        if split in given
    }
    if options.label_names is None and not options.regression:
        label = choose_columns(tables["train"], options).label
        options = replace(options, label_names=_class_names(given["train"], label))
    return task_of_tables(tables, name, Path(name), options)


def _splits(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Of a data set's splits those that a task has, by our names."""
    found: dict[str, Any] = {}
    for given in data:
        split = SPLIT_NAMES.get(str(given).lower())
        if split in found:
            raise BadDataFileError(f"{name} has two splits for {split}: leave one there.")
        if split is not None:
            found[split] = data[given]
    if "train" not in found:
        raise BadDataFileError(f"{name} has no training data, but {listed(map(str, data))}: call a split train.")
    return found


def _table(data: Any, path: Path) -> Table:
    """Rows as a file would have them; ``path`` is what messages call them."""
    if isinstance(data, pd.DataFrame):
        columns = data.columns.tolist()
        values = [_plain(data.iloc[:, position]) for position in range(len(columns))]
    elif isinstance(data, Dataset):
        plain = data.with_format(None)
        # What is neither text nor number (vectors, images) is not decoded.
        columns = [column for column, kind in data.features.items() if isinstance(kind, Value | ClassLabel)]
        values = [_named(list(plain[column]), data.features[column]) for column in columns]
    else:
        raise BadDataFileError(
            f"{path} is a {type(data).__name__}: give a pandas DataFrame, a Dataset of datasets (no stream), or a "
            "mapping from the names of splits to these."
        )
    cells, repaired = [], 0
    for column in values:
        pairs = [replaced_surrogates(value) if isinstance(value, str) else (value, 0) for value in column]
        cells.append([value for value, _ in pairs])
        repaired += sum(count > 0 for _, count in pairs)
    return Table(path, tuple(columns), list(zip(*cells, strict=True)), range(len(data)), unit="row", repaired=repaired)


def _plain(column: "pd.Series[Any]") -> list[Any]:
    """The values as Python has them, ``None`` where one is missing."""
    values = column.astype(object).tolist()
    missing = column.isna().tolist()
    return [
        None if is_missing else value.item() if isinstance(value, np.generic) else value
        for value, is_missing in zip(values, missing, strict=True)
    ]


def _named(values: Sequence[Any], kind: Any) -> list[Any]:
    """Classes by their names; a test set's -1 stays, which says that there is no label."""
    if not isinstance(kind, ClassLabel):
        return list(values)
    return [value if value is None or value < 0 else kind.names[value] for value in values]


def _class_names(data: Any, label: str) -> tuple[str, ...] | None:
    """The classes in the order that the data has them in, ``None`` where it has no such order."""
    if isinstance(data, Dataset):
        kind = data.features[label]
        return tuple(kind.names) if isinstance(kind, ClassLabel) else None
    column = data[label]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return None
    # Categories outlive the rows that had them.
    names = column.cat.remove_unused_categories().cat.categories.tolist()
    return tuple(names) if all(isinstance(name, str) for name in names) else None
