"""The tasks: labelled texts, by name, from a user's own files or from what a notebook holds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from robustbench_mt.errors import BadSettingError, ConflictingOptionsError, UnknownNameError
from robustbench_mt.paths import expanded
from robustbench_mt.registry import choose
from robustbench_mt.tasks.catalogue import TASKS, TaskEntry
from robustbench_mt.tasks.files import SUFFIXES
from robustbench_mt.tasks.labels import map_labels
from robustbench_mt.tasks.names import is_path, task_slug
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.task import SPLITS, Examples, Task

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "SPLITS",
    "TASKS",
    "Examples",
    "Task",
    "TaskEntry",
    "TaskOptions",
    "load_task",
    "map_labels",
    "task_from",
    "task_slug",
]

_DEFAULTS = TaskOptions()
_FOR_FILES = ("text_column", "label_column", "label_names", "regression")


def load_task(name: str, options: TaskOptions = _DEFAULTS) -> Task:
    """Load a task's texts and labels.

    Args:
        name: a name in :data:`TASKS`, or the path of a CSV, TSV, JSONL or Parquet file or of a directory of them.
        options: where the data is and how to read it.

    Raises:
        UserError: there is no such task, its data is not here, or the data cannot be read as a task; the message
            names the file, and the line where there is one.

    Example:
        >>> task = load_task("reviews.csv")
        >>> task.fields, task.label_names
        (('text',), ('negative', 'positive'))
    """
    if is_path(name):
        from robustbench_mt.tasks.user_data import load_files

        return _as_asked(load_files(expanded(name), task_slug(name), options), options)
    remedy = f"Data of your own is given by its path ({', '.join(SUFFIXES)}, or a directory)."
    entry = choose("task", name, TASKS, remedy)
    for option in _FOR_FILES:
        if getattr(options, option):
            raise ConflictingOptionsError(
                f"--{option.replace('_', '-')} is for files of your own: leave it out for task {name}."
            )
    module, function = entry.loader.split(":")
    load = cast(Callable[[str, TaskEntry, TaskOptions], Task], getattr(import_module(module), function))
    return _as_asked(load(name, entry, options), options)


def task_from(data: "pd.DataFrame | Mapping[str, Any] | Any", name: str, options: TaskOptions = _DEFAULTS) -> Task:
    """Make a task of labelled texts in memory, read as files are: columns, classes and splits are found the same way.

    Classes are in the order that a pandas categorical or a ``ClassLabel`` of datasets has them in.

    Args:
        data: a pandas ``DataFrame`` or a ``Dataset`` of datasets, which is split by the content of its texts; or one of
            these for each of ``train`` and, where there are any, ``validation`` and ``test``, as in a ``DatasetDict``.
        name: what records and directories call the task: letters, digits, ``_`` and ``-``.
        options: columns, classes and protected fields, where they are not to be guessed.

    Raises:
        UserError: the data cannot be read as a task; the split and the row, counted from 0, are named.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"review": ["a fine film", "a dull film"] * 50, "sentiment": ["good", "bad"] * 50})
        >>> frame["review"] += [f" , no. {number}" for number in range(100)]
        >>> reviews = task_from(frame, "my-reviews")
        >>> reviews.fields, reviews.label_names
        (('review',), ('bad', 'good'))
        >>> [len(reviews.split(split)) for split in ("train", "validation", "test")]
        [76, 10, 14]
    """
    from robustbench_mt.tasks.in_memory import load_memory

    return _as_asked(load_memory(data, name, options), options)


def _as_asked(task: Task, options: TaskOptions) -> Task:
    return _shortened(_protect(task, options.protect), options.test_examples)


def _shortened(task: Task, test_examples: int | None) -> Task:
    """With so many test examples at most."""
    test = task.splits.get("test")
    if test is None or test_examples is None or len(test) <= test_examples:
        return task
    # At even distances, because a file may be sorted by label.
    chosen = test.select([number * len(test) // test_examples for number in range(test_examples)])
    remark = f"{test_examples} of its {len(test)} test examples, at even distances."
    return replace(task, splits={**task.splits, "test": chosen}, remarks=(*task.remarks, remark))


def _protect(task: Task, protect: tuple[str, ...] | None) -> Task:
    if protect is None:
        return task
    fields = {field.casefold(): field for field in task.fields}
    unknown = [name for name in protect if name.casefold() not in fields]
    if unknown:
        raise UnknownNameError(
            f"Cannot protect {unknown[0]!r}: the fields of task {task.name} are {', '.join(task.fields)}. "
            "Name some of these in --protect."
        )
    protected = {fields[name.casefold()] for name in protect}
    if len(protected) == len(fields):
        raise BadSettingError(f"--protect {' '.join(protect)} leaves an attack on task {task.name} no field to change.")
    return replace(task, protected_fields=tuple(field for field in task.fields if field in protected))
