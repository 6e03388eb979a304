"""A user's own file, directory of files or data in memory as a task."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustbench_mt.errors import BadDataFileError, BadSettingError, ConflictingOptionsError, TooFewExamplesError
from robustbench_mt.tasks.classes import LabelScheme, label_text
from robustbench_mt.tasks.columns import choose_columns
from robustbench_mt.tasks.examples import read_labels, to_examples
from robustbench_mt.tasks.files import SUFFIXES, Table, read_tables
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.splitting import complete_splits
from robustbench_mt.tasks.task import SPLITS, Examples, Task
from robustbench_mt.wording import listed, quoted

__all__ = ["SPLIT_NAMES", "load_files", "task_of_tables"]

SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
"""Splits by the names that files and data sets have for them."""


def load_files(path: Path, name: str, options: TaskOptions) -> Task:
    """Make a task of a file, or of a directory with a file for each split.

    The training data decides which columns are read and which classes there are. A single file is split in three by
    content; what a directory lacks is made as :func:`~robustbench_mt.tasks.splitting.complete_splits` says.

    Args:
        path: the file or directory.
        name: the task's name.
        options: columns, classes and protected fields, where they are not to be guessed.

    Raises:
        UserError: the data cannot be read as a task; file and line are named.
    """
    with reading(path):
        path.stat()
        files = _split_files(path) if path.is_dir() else {"train": path}
    tables = dict(zip(files, read_tables(list(files.values())), strict=True))
    return task_of_tables(tables, name, path, options)


def task_of_tables(tables: Mapping[str, Table], name: str, source: Path, options: TaskOptions) -> Task:
    """Make a task of a table for each split; what :func:`load_files` says of files holds for tables.

    Args:
        tables: by split; ``train`` is one of them.
        name: the task's name.
        source: what messages call all of the data; the record has its last part.
        options: columns, classes and protected fields, where they are not to be guessed.

    Raises:
        UserError: the data cannot be read as a task; the table and the row are named.
    """
    columns = choose_columns(tables["train"], options)
    scheme = _scheme(tables["train"].path, read_labels(tables["train"], columns.label), options)
    remarks = _notes(tables)
    labelled = dict(tables)
    if "test" in tables and not _has_labels(tables["test"], columns.label, scheme):
        remarks.append(f"{labelled.pop('test').path.name} has no labels and is not used.")
    examples = {split: to_examples(table, columns.text, columns.label, scheme) for split, table in labelled.items()}
    splits, what_was_done = complete_splits(examples["train"], examples.get("validation"), examples.get("test"))
    _require_enough(source, splits, scheme)
    return Task(
        name=name,
        fields=columns.text,
        label_names=scheme.names,
        splits=splits,
        metric="accuracy" if scheme.names else "spearman",
        protected_fields=tuple(field for field in columns.text if field.casefold() == "premise"),
        source=source.name,
        remarks=(*remarks, *what_was_done),
    )


def _split_files(directory: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(directory.iterdir()):
        split = SPLIT_NAMES.get(path.stem.lower())
        if split is None or path.suffix.lower() not in SUFFIXES:
            continue
        if split in found:
            raise BadDataFileError(
                f"{directory} has two files for {split}, {found[split].name} and {path.name}: leave one there."
            )
        found[split] = path
    if "train" not in found:
        raise BadDataFileError(f"{directory} has no training data: name a file in it train{'|'.join(SUFFIXES)}.")
    return {split: found[split] for split in SPLITS if split in found}


def _notes(tables: Mapping[str, Table]) -> list[str]:
    notes = [
        f"{table.path.name}: {table.repaired} texts had lone surrogates, replaced by U+FFFD."
        for table in tables.values()
        if table.repaired
    ]
    unquoted = [
        table.path.name for table in tables.values() if table.path.suffix.lower() == ".tsv" and not table.quoted
    ]
    if unquoted:
        notes.append(f"{', '.join(unquoted)}: quotation marks were read as text, not as quoting.")
    return notes


def _has_labels(table: Table, column: str, scheme: LabelScheme) -> bool:
    """Whether a test file has labels; published ones often lack the column, or have -1 throughout."""
    if not table.has(column):
        return False
    (position,) = table.positions([column])
    labels = {label_text(row[position]) for row in table.rows}
    return "-1" in scheme.names or not labels <= {"", "-1", "-1.0"}


def _scheme(path: Path, labels: Sequence[str], options: TaskOptions) -> LabelScheme:
    names = tuple(name.strip() for name in options.label_names or ())
    if options.regression and names:
        raise ConflictingOptionsError(
            "--regression and --label-names exclude each other: a regression task has no classes."
        )
    if len(set(names)) < len(names):
        raise BadSettingError(f"--label-names {' '.join(names)} has a name twice: name each class once.")
    if options.regression:
        return LabelScheme.regression()
    scheme = LabelScheme.given(names, labels) if names else LabelScheme.inferred(labels)
    present = {scheme.encode(label) for label in labels}
    missing = [name for index, name in enumerate(scheme.names) if index not in present]
    if missing:
        raise TooFewExamplesError(
            f"{path} has no example of class {missing[0]!r}; its labels are {listed(sorted(set(labels)))}: add "
            "examples, or correct --label-names."
        )
    if len(scheme.names) == 1:
        raise TooFewExamplesError(
            f"{path} has only one class, {quoted(scheme.names[0])}: a task needs examples of two or more."
        )
    return scheme


def _require_enough(path: Path, splits: dict[str, Examples], scheme: LabelScheme) -> None:
    remedy = "give more rows, or a directory with files train, validation and test"
    for split, examples in splits.items():
        if not examples:
            raise TooFewExamplesError(f"{path} has too few rows: none is left for {split}; {remedy}.")
    left = set(splits["train"].labels)
    for index, name in enumerate(scheme.names):
        if index not in left:
            raise TooFewExamplesError(
                f"{path} has too few rows of class {quoted(name)}: none is left for train; {remedy}."
            )
