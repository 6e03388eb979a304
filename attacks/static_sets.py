"""Static sets: adversarial texts from a file, to score a checkpoint on without an attack.

What a file is, its content says: AdvGLUE's JSON (Wang et al. 2021, https://arxiv.org/abs/2111.02840), an attack's
records, TextAttack's CSV log, or any table with the task's fields and a label.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attacks.adversarial import found_texts, keeps_label
from attacks.textattack_log import is_textattack_log, read_textattack_log
from robustbench_mt.errors import (
    BadColumnsError,
    BadDataFileError,
    ConflictingOptionsError,
    NothingToDoError,
    OtherTaskError,
)
from robustbench_mt.ledger import read_record
from robustbench_mt.paths import is_file
from robustbench_mt.records import AttackRecord, AttackRun
from robustbench_mt.tasks import TASKS, load_task
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table, read_table
from robustbench_mt.tasks.files.delimited import read_csv
from robustbench_mt.tasks.files.json_lines import read_json
from robustbench_mt.tasks.files.text import read_lines
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.task import Examples, Task
from robustbench_mt.wording import listed, quoted

__all__ = ["StaticSet", "load_static_set"]

# What GLUE on the hub, and so AdvGLUE, calls the fields of tasks that call them otherwise here.
_GLUE_FIELDS = {"rte": ("sentence1", "sentence2"), "wnli": ("sentence1", "sentence2")}

# Which of AdvGLUE's lists belongs to a split.
_LISTS = {"test": "{}", "mismatched": "{}-mm"}

# Formats that are not told by their first character.
_BY_SUFFIX = (".parquet", ".tsv")


@dataclass(frozen=True)
class StaticSet:
    """A static set as a split of its task.

    Attributes:
        task: with the static set's split.
        split: that split's name, ``static <file's stem>``.
        doubts: what to know of the set, one sentence each.
    """

    task: Task
    split: str
    doubts: list[str]


def load_static_set(path: Path, task: str, options: TaskOptions, *, split: str = "test") -> StaticSet:
    """Read a static set.

    Labels are the task's names or their indices. The data of a task that has a name is not needed.

    Args:
        path: the file.
        task: a name or a path, as for training.
        options: of loading a task from files; ``label_column`` also of the static set, ``label`` by default.
        split: ``mismatched`` for AdvGLUE's ``mnli-mm``.

    Raises:
        UserError: the file cannot be read, is of another task, or holds no adversarial text; or the task cannot be
            loaded or is a regression task.
    """
    loaded = _outline(task) or load_task(task, options)
    loaded.require_classes("a static set")
    examples, doubts = _read(path, loaded, split, options.label_column or "label")
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)[:60]
    name = f"static {safe}" + (" mismatched" if split == "mismatched" else "")
    return StaticSet(replace(loaded, splits={**loaded.splits, name: examples}), name, doubts)


def _outline(name: str) -> Task | None:
    """What is known of a task that has a name, without its data."""
    return TASKS[name].task(name, {}) if name in TASKS else None


def _read(path: Path, task: Task, split: str, label_column: str) -> tuple[Examples, list[str]]:
    content = _json_object(path)
    if content and "record" not in content and _has_list(content):
        return _examples(_advglue_list(path, content, task, split), task, "label"), []
    if split != "test":
        raise ConflictingOptionsError(f"--split {split} says nothing of the static set {path}: leave it out.")
    if content and "record" in content:
        return _attack_records(path, content["record"], task), []
    table = _table(path)
    if is_textattack_log(table):
        return read_textattack_log(table, _field_names(task), _scheme(task))
    return _examples(table, task, label_column), []


def _first_line(path: Path) -> str:
    return next((line.lstrip() for line in read_lines(path) if not line.isspace()), "")


def _json_object(path: Path) -> dict[str, Any] | None:
    """The JSON object that a file is, or that its first line is; ``None`` for files that do not begin with one."""
    if path.suffix.lower() in _BY_SUFFIX or not (first := _first_line(path)).startswith("{"):
        return None
    try:
        value = json.loads(first)
        is_line = "record" in value or not _has_list(value)
    except (ValueError, RecursionError):
        is_line = False
    if not is_line:
        try:
            value = json.loads("".join(read_lines(path)))
        except (ValueError, RecursionError) as error:
            raise BadDataFileError(f"{path} is not valid JSON ({error}): download or write it again.") from None
    content: dict[str, Any] = value
    return content


def _has_list(content: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list) for value in content.values())


def _table(path: Path) -> Table:
    if path.suffix.lower() in _BY_SUFFIX:
        return read_table(path)
    is_json = path.suffix.lower() in (".json", ".jsonl") or _first_line(path).startswith(("{", "["))
    return read_json(path) if is_json else read_csv(path)


def _advglue_list(path: Path, content: Mapping[str, Any], task: Task, split: str) -> Table:
    if split not in _LISTS:
        raise ConflictingOptionsError(
            f"--split {split} says nothing of the static set {path}: leave it out, or say mismatched."
        )
    key = _LISTS[split].format(task.name)
    if key not in content:
        raise OtherTaskError(
            f"{path} has no list {key!r} for task {task.name}, but {listed(content)}: give another --task."
        )
    entries = content[key]
    if not isinstance(entries, list) or not entries:
        raise BadDataFileError(f"{path}: {key!r} is no list, or an empty one: it must hold an object for each example.")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise BadDataFileError(
                f"{path}, list {key}, entry {number}, is not an object: write the fields and the label."
            )
    columns = tuple(dict.fromkeys(name for entry in entries for name in entry))
    rows = [tuple([entry.get(column) for column in columns]) for entry in entries]
    return Table(path, columns, rows, range(1, len(rows) + 1), f"list {key}, entry")


def _attack_records(path: Path, kind: Any, task: Task) -> Examples:
    if kind != AttackRecord.kind:
        raise NothingToDoError(
            f"{path} has records of kind {quoted(kind)}, which hold no texts: give those of an attack."
        )
    settings = path.with_suffix(".settings.json")
    if is_file(settings):
        _refuse_other_run(path, read_record(settings, AttackRun), task)
    found = found_texts(path, len(task.fields), len(task.label_names))
    if not found:
        raise NothingToDoError(f"{path} has no attack that succeeded: there is no adversarial text to score.")
    return Examples([tuple(record.perturbed_texts or ()) for record in found], [record.label for record in found])


def _refuse_other_run(path: Path, run: AttackRun, task: Task) -> None:
    if keeps_label(run.recipe):
        raise NothingToDoError(
            f"{path}: texts of {run.recipe} keep their label, so they are not adversarial: give others."
        )
    # The name of a file's task changes with its place; fields and labels say enough.
    of_another = run.task != task.name and {run.task, task.name} <= TASKS.keys()
    there = (tuple(run.fields), tuple(run.label_names))
    if of_another or there != (task.fields, task.label_names):
        raise OtherTaskError(
            f"{path} is of an attack on {run.task} ({listed(run.fields)}; {listed(run.label_names)}), not on "
            f"{task.name} ({listed(task.fields)}; {listed(task.label_names)}): give that --task."
        )


def _examples(table: Table, task: Task, label: str) -> Examples:
    fields = next((names for names in _field_names(task) if all(map(table.has, names))), None)
    if fields is None or not table.has(label):
        raise BadColumnsError(
            f"{table.path} has {listed(table.columns)}, and a static set for task {task.name} needs "
            f"{listed([*task.fields, label])}: give another --task, or rename them (the label's is given by "
            "--label-column)."
        )
    return to_examples(table, fields, label, _scheme(task))


def _field_names(task: Task) -> list[tuple[str, ...]]:
    """What the fields may be called in a file."""
    return [task.fields, *([_GLUE_FIELDS[task.name]] if task.name in _GLUE_FIELDS else [])]


def _scheme(task: Task) -> LabelScheme:
    """Labels are the task's names, or their indices unless these are names of others."""
    named, numbered = LabelScheme.named(task.label_names).codes, LabelScheme.numbered(task.label_names).codes
    is_clear = not set(named) & set(numbered)
    return LabelScheme(task.label_names, {**numbered, **named} if is_clear else named)
