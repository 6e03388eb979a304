"""Writing static adversarial sets, and reading them."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attacks.static_sets import StaticSet, load_static_set
from robustbench_mt.tasks.options import TaskOptions

COLUMNS = ("original_text", "perturbed_text", "ground_truth_output", "result_type")


def written(path: Path, content: Any) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def load(path: Path, task: str = "sst2", **options: Any) -> StaticSet:
    split = options.pop("split", "test")
    return load_static_set(path, task, TaskOptions(**options), split=split)


def rows(static: StaticSet) -> list[tuple[tuple[str, ...], float]]:
    examples = static.task.split(static.split)
    return list(zip(examples.texts, examples.labels, strict=True))


def log(path: Path, *logged: Sequence[Any], columns: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(columns)
        writer.writerows(logged)
    return path


def texts(static: StaticSet) -> list[Any]:
    return [text[0] if len(text) == 1 else text for text, _ in rows(static)]
