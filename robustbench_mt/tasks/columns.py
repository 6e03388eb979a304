"""Which columns of a user's file hold the text and the label."""

from dataclasses import dataclass

from robustbench_mt.errors import BadColumnsError
from robustbench_mt.tasks.files import Table
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.wording import listed

__all__ = ["Columns", "choose_columns"]

# The usual names, in the order in which they are looked for. Pairs come first, or "sentence" would be taken alone
# where it is half of one.
_PAIRS = (
    ("premise", "hypothesis"),
    ("sentence1", "sentence2"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("s1", "s2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("sentence_a", "sentence_b"),
)
_SINGLE = ("text", "sentence", "review", "content", "document", "comment", "tweet", "body", "message")
_LABELS = ("label", "labels", "class", "category", "target", "gold_label", "score", "sentiment", "rating")


@dataclass(frozen=True)
class Columns:
    """The columns of a task, named as in the file it was chosen on.

    Attributes:
        text: one or two.
        label: one that is not among them.
    """

    text: tuple[str, ...]
    label: str


def choose_columns(table: Table, options: TaskOptions) -> Columns:
    """Take the columns that were asked for, else those with the usual names, in any case.

    Raises:
        UserError: a column is not there, the usual names are not there, or the choice makes no task.
    """
    text = options.text_column or _first(table, [*_PAIRS, *((name,) for name in _SINGLE)], "text", "--text-column")
    (label,) = (
        (options.label_column,)
        if options.label_column
        else _first(table, [(name,) for name in _LABELS], "label", "--label-column")
    )
    if len(text) > 2:
        raise BadColumnsError(
            f"--text-column names {len(text)} columns ({', '.join(text)}): a task has one text or two."
        )
    positions = table.positions([*text, label])
    if len(set(positions)) < len(positions):
        raise BadColumnsError(
            f"{table.path}: texts ({', '.join(text)}) and label ({label}) must be different columns: name them with "
            "--text-column and --label-column."
        )
    chosen = [table.columns[position] for position in positions]
    return Columns(tuple(chosen[:-1]), chosen[-1])


def _first(table: Table, candidates: list[tuple[str, ...]], what: str, option: str) -> tuple[str, ...]:
    for names in candidates:
        if all(table.has(name) for name in names):
            return names
    raise BadColumnsError(
        f"{table.path}: no column has a usual name for the {what}; there are {listed(table.columns)}. "
        f"Say which it is with {option}."
    )
