"""Records of an attack that are changed after it, as who tampers with them does it."""

import json
from collections.abc import Callable
from pathlib import Path

from attacks.engine import attack_path
from robustbench_mt.ledger import read_records
from robustbench_mt.records import AttackRecord, to_json

__all__ = ["tamper"]


def tamper(
    directory: Path,
    change: Callable[[AttackRecord], AttackRecord],
    recipe: str = "deepwordbug",
    task: str = "toy",
    checkpoint: str = "toy-vanilla-seed0",
) -> int:
    """Change the first success in a run's directory, and return its index."""
    path = attack_path(directory, checkpoint, task, recipe)
    records = list(read_records(path, AttackRecord))
    position = next(position for position, record in enumerate(records) if record.status == "success")
    records[position] = change(records[position])
    path.write_text("".join(json.dumps(to_json(record)) + "\n" for record in records), encoding="utf-8")
    return records[position].index
