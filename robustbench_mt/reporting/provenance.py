"""Where the numbers come from: versions, seeds, settings, data, resources and what stood in for them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.flat import flat
from robustbench_mt.reporting.attack_rows import AttackGroup
from robustbench_mt.reporting.batch_dependence_rows import BatchDependenceRow
from robustbench_mt.reporting.runs import AttackFile, Runs
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.reporting.table import Cell, Column, Table
from robustbench_mt.reporting.transfer_rows import TransferRow

__all__ = ["provenance_tables"]


def provenance_tables(summary: Summary) -> list[Table]:
    """The tables that have rows."""
    tables = [
        _trainings(summary.runs),
        _attacks(summary.groups),
        _transfers([row for matrix in summary.transfers for row in matrix.rows]),
        _evaluations(summary.runs),
        _batch_dependence(summary.batch_dependence),
        _curves(
            "imbalance",
            "Imbalance sweeps",
            [
                *_text("minority", "protocol", "control"),
                Column("ratio", "ratio", "ratio"),
                Column("share", "kept", "percent"),
            ],
            summary.runs.imbalance,
        ),
        _curves("label_noise", "Label noise sweeps", [Column("share", "flipped", "percent")], summary.runs.label_noise),
        _versions(summary.runs),
    ]
    return [table for table in tables if table.rows]


def _trainings(runs: Runs) -> Table:
    return Table(
        "provenance_trainings",
        "Checkpoints",
        "One line a training. Data are fingerprints and sizes; a temperature is the calibrated or the given one.",
        [
            *_text("checkpoint", "task", "base", "method"),
            Column("seed", "seed", "number", 0),
            Column("temperature", "temperature", "number", 4),
            *_text("data", "settings"),
            Column("seconds", "seconds", "number", 0),
        ],
        [
            [
                *(record.checkpoint, record.task, record.base, record.method, record.seed, record.temperature),
                *(_told(record.data), _told(record.settings), record.seconds),
            ]
            for record in runs.trainings
        ],
    )


def _attacks(groups: list[AttackGroup]) -> Table:
    return Table(
        "provenance_attacks",
        "Attacks",
        "One line an attack. The victim is a fingerprint of the weights, data one of the split. A fallback is what "
        "stood in for a missing resource, with the examples it was used for. The budget is one example's; how many "
        "attacks it ended stands beside their results. Warnings are what probing the victim brought up.",
        [
            *_text("recipe", "checkpoint", "victim", "task", "split", "data", "examples", "budget", "seed"),
            *_text("protected", "build", "resources", "fallbacks", "warnings"),
        ],
        [_attack(group, file) for group in groups for file in group.files],
    )


def _attack(group: AttackGroup, file: AttackFile) -> list[Cell]:
    run = file.run
    examples = f"{len(file.attacked)}, {run.sample}, up to {run.max_characters} characters"
    fallbacks: Counter[str] = Counter()
    for used, count in file.attacked.fallback_counts().items():
        for fallback in used:
            fallbacks[fallback] += count
    return [
        *(group.recipe, run.checkpoint, run.victim, run.task, run.split, run.data, examples, group.budget),
        str(run.seed),
        ", ".join(run.protected_fields) or "no field",
        " ".join(run.build.split()),
        _told(run.resources),
        "; ".join(f"{fallback} ({count})" for fallback, count in sorted(fallbacks.items())) or "none",
        "; ".join(run.warnings) or "none",
    ]


def _transfers(rows: Sequence[TransferRow]) -> Table:
    return Table(
        "provenance_transfer",
        "Transfers",
        "One line a source, recipe and target; the victim is a fingerprint of the target's weights, data one of the "
        "split. Texts were those found when this was scored.",
        [
            *_text("source", "recipe", "task", "split", "data", "target", "victim"),
            *(Column(key, key, "number", 0) for key in ("found", "n", "fooled")),
        ],
        [
            [
                *(row.source, row.recipe, row.task, row.record.split, row.record.data, row.target, row.record.victim),
                *(row.found, row.record.n, row.record.fooled),
            ]
            for row in rows
        ],
    )


def _evaluations(runs: Runs) -> Table:
    return Table(
        "provenance_evaluations",
        "Evaluations",
        "One line an evaluation; data is the split's fingerprint.",
        [
            *_text("checkpoint", "task", "split"),
            Column("n", "n", "number", 0),
            *_text("data", "label_counts", "warnings"),
        ],
        [
            [
                *(record.checkpoint, record.task, record.split, record.n, record.data),
                ", ".join(map(str, record.label_counts)),
                "; ".join(record.warnings) or "none",
            ]
            for record in (evaluated.record for evaluated in runs.evaluations)
        ],
    )


def _batch_dependence(rows: Sequence[BatchDependenceRow]) -> Table:
    return Table(
        "provenance_batch_dependence",
        "Dependence on batch-mates",
        "One line a checkpoint that matches at inference. The victim is a fingerprint of its weights and of how it "
        "matches, data one of the split; the seed is that of the shuffles.",
        [
            *_text("checkpoint", "victim", "task", "split", "data"),
            Column("batch_size", "batch size", "number", 0),
            Column("temperature", "temperature", "number", 4),
            *(Column(key, key, "number", 0) for key in ("shuffles", "seed")),
        ],
        [
            [
                *(row.checkpoint, row.record.victim, row.record.task, row.record.split, row.record.data),
                *(row.record.batch_size, row.record.temperature, row.shuffles, row.record.seed),
            ]
            for row in rows
        ],
    )


def _curves(name: str, title: str, place: list[Column], records: Sequence[CurveRecord]) -> Table:
    """``place`` are the columns, called as the record's fields, that say where on which curve a point is."""
    return Table(
        f"provenance_{name}",
        title,
        "One line a point; points with the same training set share one training. Data are fingerprints and sizes, of "
        "the training set as it was trained on.",
        [
            *_text("task", "base", "method"),
            *place,
            Column("seed", "seed", "number", 0),
            *_text("data", "settings"),
            Column("seconds", "seconds", "number", 0),
        ],
        [
            [
                *(record.task, record.base, record.method, *(getattr(record, column.key) for column in place)),
                *(record.seed, _told(record.data), _told(record.settings), record.seconds),
            ]
            for record in records
        ],
    )


def _versions(runs: Runs) -> Table:
    made = [
        *(("trainings", record.versions) for record in runs.trainings),
        *(("attacks", file.run.versions) for file in runs.attacks),
        *(("measures of dependence on batch-mates", record.versions) for record in runs.batch_dependence),
        *(("points of an imbalance curve", record.versions) for record in runs.imbalance),
        *(("points of a label noise curve", record.versions) for record in runs.label_noise),
    ]
    counts = Counter((what, _told(versions)) for what, versions in made)
    return Table(
        "provenance_versions",
        "Versions",
        "What the records were made with.",
        [Column("records", "records", "number", 0), *_text("made", "versions")],
        [[count, what, versions] for (what, versions), count in counts.items()],
    )


def _text(*keys: str) -> list[Column]:
    return [Column(key, key.replace("_", " ")) for key in keys]


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(_pairs(flat(values).items())) or "none"


def _pairs(items: Iterable[tuple[str, Any]]) -> list[str]:
    return [
        f"{name}: {'; '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in items
        if value is not None
    ]
