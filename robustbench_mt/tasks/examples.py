"""From the rows of a table to examples."""

from collections.abc import Sequence

from robustbench_mt.errors import BadDataFileError, BadLabelError
from robustbench_mt.tasks.classes import LabelScheme, label_text
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.task import Examples
from robustbench_mt.wording import quoted

__all__ = ["read_labels", "to_examples"]


def read_labels(table: Table, column: str) -> list[str]:
    """The labels of a table as they stand there, as text.

    Raises:
        UserError: there is no such column, or a label is missing or is no label.
    """
    (position,) = table.positions([column])
    labels = []
    for index, row in enumerate(table.rows):
        label = label_text(row[position])
        if not label:
            problem = "has no label" if label == "" else "has a label that is neither text nor a number"
            raise BadLabelError(f"{table.where(index)}, {problem} (column {column!r}): add it, or take the line out.")
        labels.append(label)
    return labels


def to_examples(table: Table, fields: Sequence[str], label: str, scheme: LabelScheme) -> Examples:
    """Make examples of a table.

    Args:
        table: what was read.
        fields: the columns that hold the text.
        label: the column that holds the label.
        scheme: how labels are read.

    Raises:
        UserError: a column is not there, or a row's text or label is missing or cannot be read.
    """
    positions = table.positions(fields)
    texts = []
    for index, row in enumerate(table.rows):
        text = tuple([row[position] for position in positions])
        for field, value in zip(fields, text, strict=True):
            if not isinstance(value, str):
                problem = "has no text" if value is None else f"has {quoted(value)} for a text"
                raise BadDataFileError(
                    f"{table.where(index)}, {problem} in column {field!r}: write a text, which may be empty."
                )
        texts.append(text)
    codes: list[float] = []
    for index, value in enumerate(read_labels(table, label)):
        code = scheme.encode(value)
        if code is None:
            raise BadLabelError(
                f"{table.where(index)}: label {quoted(value)} is not {scheme.describe()}: correct the label, or (for "
                "files of your own) the classes with --label-names."
            )
        codes.append(code)
    return Examples(texts, codes)
