"""Records and examples as a notebook wants them: pandas' frames, and data sets of Hugging Face's datasets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from robustbench_mt.errors import BadRecordError, ConflictingOptionsError
from robustbench_mt.flat import flat
from robustbench_mt.records import AttackRecord, AttackRun, Record, Status
from robustbench_mt.tasks.task import Task
from robustbench_mt.wording import listed

if TYPE_CHECKING:
    import pandas as pd
    from datasets import Dataset

__all__ = ["adversarial_dataset", "examples_dataset", "examples_frame", "record_cells", "records_frame"]

# What a table of attacked examples, of several attacks too, has columns for beside the texts.
_BESIDE_ATTACKED = frozenset({"run", *(field.name for kind in (AttackRecord, AttackRun) for field in fields(kind))})
_BESIDE_ATTACKED_BEGIN = ("perturbed_", "score_")
# And what a table of examples has.
_BESIDE_EXAMPLES = frozenset({"label", "index"})


def records_frame(records: Sequence[Record], of: Task | AttackRun | None = None) -> "pd.DataFrame":
    """Records as a table, one row a record, one column a field, in the order of its class.

    What a field holds several values of has several columns: metrics have their own names, the ends of their intervals
    ``accuracy_low`` and ``accuracy_high``, and their kind ``accuracy_interval``; texts are called as the task's fields,
    ``text`` and ``perturbed_text`` (``text_message`` where another column is called ``message``); scores and counts say
    of which class, ``score_positive`` and ``train_positive``; settings and the like have dots,
    ``settings.learning_rate``. What is missing is NaN.

    Args:
        records: of one kind.
        of: the task, or an attack's settings, which know what fields and classes are called; where neither the records
            nor this say so, they are numbered.

    Raises:
        UserError: records of several kinds, or not of this task.

    Examples:
        >>> records_frame([evaluate(victim.score, victim.name, task)])[["checkpoint", "n", "accuracy"]]
                  checkpoint    n  accuracy
        0  toy-vanilla-seed0  100       1.0
    """
    import pandas as pd

    kinds = dict.fromkeys(type(record) for record in records)
    if len(kinds) > 1:
        raise ConflictingOptionsError(
            f"Records of several kinds ({', '.join(k.kind for k in kinds)}): make a table of each."
        )
    frame = pd.DataFrame([{column: value for column, _, value in record_cells(record, of)} for record in records])
    for kind in kinds:
        for name, hint in _hints(kind).items():  # type: ignore[arg-type]
            if hint == float | None:  # else a column of None alone would hold objects
                frame[name] = frame[name].astype(float)
    if AttackRecord in kinds:
        frame["status"] = pd.Categorical(frame["status"], get_args(Status))
        if of is not None:
            frame["label"] = pd.Categorical(frame["label"], list(of.label_names))
    return frame


def examples_frame(task: Task, split: str = "train") -> "pd.DataFrame":
    """A split as a table: the task's fields, and ``label``, a categorical of the class names or the scores.

    A field that is called ``label`` itself is ``text_label``.

    Raises:
        UserError: the task has no such split.

    Examples:
        >>> frame = examples_frame(task)
        >>> frame["label"].value_counts().to_dict()
        {'positive': 121, 'negative': 119}
        >>> imbalanced = frame.iloc[make_imbalanced(frame["label"].cat.codes, ratio=10)]
        >>> imbalanced["label"].value_counts().to_dict()
        {'negative': 119, 'positive': 12}
    """
    import pandas as pd

    examples = task.split(split)
    frame = pd.DataFrame(examples.texts, columns=list(_own_names(tuple(task.fields), _BESIDE_EXAMPLES)))
    if task.is_regression:
        return frame.assign(label=pd.Series(examples.labels, dtype=float))
    codes = [int(code) for code in examples.labels]
    return frame.assign(label=pd.Categorical.from_codes(codes, pd.Index(task.label_names)))


def examples_dataset(task: Task, split: str = "train") -> "Dataset":
    """A split as a ``Dataset``: the task's fields, and ``label``, a ``ClassLabel`` or the scores.

    Raises:
        UserError: the task has no such split.

    Examples:
        >>> dataset = examples_dataset(task, "test")
        >>> dataset.features["label"].names
        ['negative', 'positive']
    """
    examples = task.split(split)
    return _dataset(task, examples.texts, examples.labels)


def adversarial_dataset(records: Sequence[AttackRecord], task: Task) -> "Dataset":
    """The adversarial examples among the records of attacks, with their true labels: to train on, or to score others.

    Args:
        records: of attacks on the task; only those count whose prediction flipped.
        task: what was attacked.

    Returns:
        The task's fields, ``label``, and ``index``, the position of the example in the split.

    Examples:
        >>> records = attack(victim, task, RECIPES["deepwordbug"], AttackSettings(examples=4), out)
        >>> adversarial_dataset(records, task).column_names
        ['text', 'label', 'index']
    """
    flipped = [
        record
        for record in records
        # Of a recipe that keeps the label, no success is adversarial.
        if record.status == "success"
        and record.perturbed_scores
        and record.perturbed_scores.index(max(record.perturbed_scores)) != record.label
    ]
    texts = [tuple(record.perturbed_texts or ()) for record in flipped]
    dataset = _dataset(task, texts, [record.label for record in flipped])
    return dataset.add_column("index", [record.index for record in flipped])


def _dataset(task: Task, texts: Sequence[tuple[str, ...]], labels: Sequence[float]) -> "Dataset":
    from datasets import ClassLabel, Dataset, Features, Value

    kind = Value("float64") if task.is_regression else ClassLabel(names=list(task.label_names))
    names = _own_names(tuple(task.fields), _BESIDE_EXAMPLES)
    columns: dict[str, Any] = {name: [text[place] for text in texts] for place, name in enumerate(names)}
    columns["label"] = list(labels)
    return Dataset.from_dict(columns, Features({**dict.fromkeys(names, Value("string")), "label": kind}))


def record_cells(record: Record, of: Task | AttackRun | None = None) -> Iterator[tuple[str, Any, Any]]:
    """A record's columns, as :func:`records_frame` has them: the name, the type of its values, the value.

    Raises:
        UserError: what is recorded does not fit the classes and fields that ``of`` names.
    """
    classes: Sequence[str] = getattr(record, "label_names", of.label_names if of else ())
    # mypy does not see that a class is hashable.
    hints = _hints(type(record))  # type: ignore[arg-type]
    for name, value in vars(record).items():
        if name == "metrics":
            yield from ((metric, float, number) for metric, number in value.items())
        elif name == "intervals":
            for metric, (low, high) in value.items():
                yield f"{metric}_low", float, low
                yield f"{metric}_high", float, high
        elif name == "interval_kinds":
            yield from ((f"{metric}_interval", str, kind) for metric, kind in value.items())
        elif name.endswith("texts") and isinstance(record, AttackRecord):
            yield from _columns(name.removesuffix("texts"), _fields(record, of), str, value)
        elif name == "label" and isinstance(record, AttackRecord) and of:
            yield name, _category(tuple(of.label_names)), _class_name(value, of.label_names)
        elif name.endswith("scores"):
            yield from _columns(name.removesuffix("s") + "_", classes, float, value)
        elif name.endswith("_counts"):
            yield from _columns(name.removesuffix("counts"), classes, int, value)
        elif isinstance(value, Mapping):
            yield from ((key, Any, part) for key, part in flat(value, f"{name}.").items())
        else:
            yield name, hints[name], value


@cache
def _hints(kind: "type[Any]") -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _category(names: tuple[str, ...]) -> Any:
    return Literal[names]


def _class_name(label: int, names: Sequence[str]) -> str:
    if label >= len(names):
        raise BadRecordError(f"A record is of class {label}, but there are {len(names)} classes ({listed(names)}).")
    return names[label]


def _fields(record: AttackRecord, of: Task | AttackRun | None) -> Sequence[str]:
    if of:
        return _own_names(tuple(of.fields), _BESIDE_ATTACKED, _BESIDE_ATTACKED_BEGIN)
    count = len(record.texts)
    return ["text"] if count == 1 else [f"text_{number}" for number in range(1, count + 1)]


@cache
def _own_names(names: tuple[str, ...], taken: frozenset[str], begin: tuple[str, ...] = ()) -> tuple[str, ...]:
    """What the columns of fields are called: as the fields, but where another column is called so, or begins so."""
    found: list[str] = []
    for name in names:
        column = name
        while column in taken or column in found or column.startswith(begin):
            column = f"text_{column}"
        found.append(column)
    return tuple(found)


def _columns(
    prefix: str, names: Sequence[str], kind: Any, values: Sequence[Any] | None
) -> Iterator[tuple[str, Any, Any]]:
    """A column each; there are ``names`` for all of them, or for none."""
    if not names:
        yield from ((f"{prefix}{number}", kind, value) for number, value in enumerate(values or ()))
        return
    values = values or [None] * len(names)
    if len(values) != len(names):
        raise BadRecordError(f"A record has {len(values)} values of {prefix}, where {listed(names)} are expected.")
    yield from ((f"{prefix}{name}", kind, value) for name, value in zip(names, values, strict=True))
