"""JSON files: one object a line, or an array of objects."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from robustbench_mt.errors import BadDataFileError
from robustbench_mt.surrogates import replaced_surrogates
from robustbench_mt.tasks.files.table import Table
from robustbench_mt.tasks.files.text import empty_file, read_lines
from robustbench_mt.wording import quoted

__all__ = ["read_json"]


def read_json(path: Path) -> Table:
    """Read JSON objects; their keys are the columns.

    Raises:
        UserError: the file cannot be read, or a line (or an entry of the array) is not a JSON object.
    """
    lines = ((number, line) for number, line in enumerate(read_lines(path), 1) if not line.isspace())
    first = next(lines, None)
    if first is None:
        raise empty_file(path)
    is_array = first[1].lstrip().startswith("[")
    entries: Iterable[tuple[int, Any]] = chain([first], lines)
    if is_array:
        entries = enumerate(_parse("".join(line for _, line in entries), str(path)), 1)
    unit = "entry" if is_array else "line"

    objects: list[dict[str, Any]] = []
    places: list[int] = []
    repaired = 0
    for number, entry in entries:
        where = f"{path}, {unit} {number},"
        value = entry if is_array else _parse(entry, where)
        if not isinstance(value, dict):
            raise BadDataFileError(
                f'{where} is not a JSON object: write each example as {{"text": ..., "label": ...}}.'
            )
        for key, text in value.items():
            if isinstance(text, str):
                value[key], count = replaced_surrogates(text)
                repaired += count > 0
        objects.append(value)
        places.append(number)
    if not objects:
        raise empty_file(path)
    columns = tuple(dict.fromkeys(key for value in objects for key in value))
    rows = [tuple([value.get(column) for column in columns]) for value in objects]
    return Table(path, columns, rows, places, unit, repaired=repaired)


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at {quoted(text[error.pos : error.pos + 40])}"
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise BadDataFileError(f"{where} is not valid JSON ({problem}): write one JSON object a line.")
