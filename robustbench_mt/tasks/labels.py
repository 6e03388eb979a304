"""Which output of a checkpoint belongs to which class of a task.

Model and data often order the same labels differently, or give them other names; a wrong guess shows as an accuracy
far below chance. So nothing is guessed: names must agree, or be no names at all, or be mapped by the user.
"""

import re
from collections.abc import Mapping, Sequence

from robustbench_mt.errors import LabelMismatchError
from robustbench_mt.wording import listed

__all__ = ["map_labels"]

# As an example, of which the pattern is to be seen.
_MOST_PAIRS = 12


def map_labels(
    task_names: Sequence[str], id2label: Mapping[int, str], given: Mapping[str, str] | None = None
) -> list[int]:
    """Find the checkpoint's output column for each class of a task.

    Names are compared without regard to case and with ``-``, ``_`` and space taken as equal. Where the checkpoint has
    no names of its own (``LABEL_0``, ``LABEL_1``, ... or ``0``, ``1``, ...), the classes are taken in their order.

    Args:
        task_names: the task's classes, in the order of their indices.
        id2label: the checkpoint's name for each output column, as in its ``config.json``.
        given: the checkpoint's name for some or all of the task's classes.

    Returns:
        One column a class.

    Raises:
        UserError: the numbers of classes differ, or the names do not agree and ``given`` does not settle it.
    """
    columns = {int(column): name for column, name in sorted(id2label.items())}
    if len(task_names) != len(columns):
        raise LabelMismatchError(
            f"The task has {len(task_names)} classes ({listed(task_names)}) but the checkpoint has {len(columns)} "
            f"({listed(columns.values())}): choose a checkpoint that was trained for these classes."
        )
    if not given and _is_nameless(columns) and not _by_name(task_names, columns):
        return list(columns)
    targets = _targets(task_names, columns, given or {})
    found = _by_name(targets, columns)
    if not found:
        pairs = [f"{ours}={theirs}" for ours, theirs in zip(task_names, columns.values(), strict=True)]
        example = ",".join(pairs if len(pairs) <= _MOST_PAIRS else [*pairs[:_MOST_PAIRS], "..."])
        raise LabelMismatchError(
            f"The task's classes ({listed(task_names)}) and the checkpoint's ({listed(columns.values())}) do not "
            f"have the same names: say which is which, for example --map-labels {example} if that is their meaning."
        )
    return found


def _same(name: str) -> str:
    return re.sub(r"[-_\s]+", " ", name.casefold()).strip()


def _by_name(names: Sequence[str], columns: Mapping[int, str]) -> list[int]:
    """The column of each name; nothing where the names do not match the columns one to one."""
    by_name = {_same(name): column for column, name in columns.items()}
    found = [by_name[_same(name)] for name in names if _same(name) in by_name]
    return found if len(set(found)) == len(columns) == len(names) else []


def _is_nameless(columns: Mapping[int, str]) -> bool:
    return any(
        all(_same(name) == pattern.format(column) for column, name in columns.items()) for pattern in ("label {}", "{}")
    )


def _targets(task_names: Sequence[str], columns: Mapping[int, str], given: Mapping[str, str]) -> list[str]:
    """The checkpoint's name for each class: the given one, else the task's own."""
    ours, theirs = {_same(name) for name in task_names}, {_same(name) for name in columns.values()}
    for task_name, checkpoint_name in given.items():
        if _same(task_name) not in ours:
            raise LabelMismatchError(f"--map-labels: the task has no class {task_name!r}: it has {listed(task_names)}.")
        if _same(checkpoint_name) not in theirs:
            raise LabelMismatchError(
                f"--map-labels: the checkpoint has no class {checkpoint_name!r}: it has {listed(columns.values())}."
            )
    mapped = {_same(task_name): checkpoint_name for task_name, checkpoint_name in given.items()}
    targets = [mapped.get(_same(name), name) for name in task_names]
    for index, target in enumerate(targets):
        if _same(target) in map(_same, targets[:index]):
            raise LabelMismatchError(
                f"--map-labels gives two of the task's classes to {target!r}: give each class its own."
            )
    return targets
