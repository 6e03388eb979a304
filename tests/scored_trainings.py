"""Trainings with their scores as records, whatever the method, the seed and what was varied."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from run_directory import training, write

from robustbench_mt.records import EvaluationRecord, TrainingRecord
from robustbench_mt.reporting.method_rows import MethodRow
from robustbench_mt.reporting.summary import Summary

__all__ = ["MATCH", "TASK_METRICS", "noise", "rows_of", "scored", "trained", "write_ablation", "write_scores"]

TASK_METRICS = {
    "cola": {"accuracy": 0.8, "matthews": 0.5},
    "mrpc": {"accuracy": 0.8, "f1": 0.9},
    "rte": {"accuracy": 0.6, "f1": 0.5},
    "stsb": {"pearson": 0.88, "spearman": 0.86},
}
MATCH: dict[str, Any] = {"name": "match", "temperature": "auto", "self_mass": 0.8, "layer": None}


def trained(
    task: str, spec: str, seed: int, variant: str = "", own: dict[str, Any] | None = None, **settings: Any
) -> TrainingRecord:
    varied = {name: int(value) for name, value in (pair.split("=") for pair in variant.split(",") if pair)}
    method = {"method": own or {"name": spec}}
    return replace(
        training(spec.partition(":")[0], seed),
        checkpoint="-".join(filter(None, (task, re.sub("[^a-z0-9.]+", "_", spec), f"seed{seed}", variant))),
        task=task,
        method=spec,
        variant=variant,
        matching=None,
        settings={"learning_rate": 1e-4, "batch_size": 32} | method | settings | varied,
    )


def scored(made: TrainingRecord, gain: float = 0.0, counts: Sequence[int] = (90, 110), **changes: Any) -> Any:
    metrics = {name: value + gain for name, value in TASK_METRICS.get(made.task, TASK_METRICS["rte"]).items()}
    labels = [] if made.task == "stsb" else [100, 100]
    record = EvaluationRecord(made.checkpoint, "f00d", made.task, "test", 200, metrics, {}, labels, "beef")
    return replace(record, predicted_counts=list(counts) if labels else [], **changes)


def write_scores(directory: Path, pairs: Sequence[tuple[TrainingRecord, EvaluationRecord]]) -> Path:
    write(directory / "train.jsonl", TrainingRecord, [made for made, _ in pairs])
    write(directory / "evaluate.jsonl", EvaluationRecord, [record for _, record in pairs])
    return directory


def noise(seed: int, *also: Any) -> float:
    return float(np.random.default_rng([seed, *map(hash_of, also)]).normal(0, 0.02))


def hash_of(value: Any) -> int:
    return sum(str(value).encode())


def rows_of(summary: Summary, **fields: Any) -> list[MethodRow]:
    return [row for row in summary.methods if all(getattr(row, name) == value for name, value in fields.items())]


def write_ablation(directory: Path) -> Path:
    pairs = []
    specs = ["vanilla", *(f"match:self_mass={mass}" for mass in (0.95, 0.5, 0.8)), "match:temperature=1"]
    for spec in specs:
        key, _, value = spec.partition(":")[2].partition("=")
        own = {"name": "vanilla"} if spec == "vanilla" else {**MATCH, key: float(value)}
        for size in (32, 8, 16):
            for seed in range(5):
                made = trained("reviews", spec, seed, f"batch_size={size}", own)
                better = 0.2 - (float(value or 0.7) - 0.7) ** 2 + size / 1000 + 2 * noise(seed, spec, size)
                pairs.append((made, scored(made, better if key != "temperature" else -0.1)))
    return write_scores(directory, pairs)
