"""What a methods section has to say of data, methods and trainings: facts, without a sentence."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.methods import METHODS
from robustbench_mt.records import AttackRun, TrainingRecord
from robustbench_mt.reporting import citations
from robustbench_mt.reporting.naming import share_name
from robustbench_mt.reporting.seed_rows import static_set
from robustbench_mt.reporting.settings import settings_but_method
from robustbench_mt.reporting.summary import Summary
from robustbench_mt.training_settings import TrainingSettings

__all__ = [
    "MethodFacts",
    "SplitFacts",
    "TaskFacts",
    "TrainingFacts",
    "method_facts",
    "task_facts",
    "training_facts",
    "unique",
]

Trained = TrainingRecord | CurveRecord

_DIGITS = 8
_MOST_FINGERPRINTS = 6


@dataclass(frozen=True)
class SplitFacts:
    """Part of a task's data: its fingerprints' first digits (none where there are too many), and sizes of the set."""

    name: str
    sizes: list[int]
    fingerprints: list[str]


@dataclass(frozen=True)
class TaskFacts:
    """A task's data, as the records name them; ``label_names`` are ``None`` where no record says them."""

    name: str
    keys: tuple[str, ...]
    label_names: list[str] | None
    sources: list[str]
    remarks: list[str]
    splits: list[SplitFacts]


def task_facts(summary: Summary) -> list[TaskFacts]:
    """One entry a task, of all that was trained on it, evaluated and attacked."""
    runs = summary.runs
    trained: list[Trained] = [*runs.trainings, *runs.imbalance, *runs.label_noise]
    attacks = [file.run for file in runs.attacks]
    # By task and part of its data. What a curve trains on differs from point to point, and is told with the curve.
    parts: dict[str, dict[str, list[tuple[int | None, str]]]] = {}
    for task, name, part in (
        *((made.task, "training", _part(made.data, "train")) for made in runs.trainings),
        *((made.task, "validation", _part(made.data, "validation")) for made in trained),
        *((e.record.task, e.record.split, (e.record.n, e.record.data)) for e in runs.evaluations),
        *((run.task, run.split, (None, run.data)) for run in attacks),
    ):
        of_task = parts.setdefault(task, {})
        if not static_set(name):
            of_task.setdefault(name, []).append(part)
    return [
        _task(task, parts[task], [made for made in trained if made.task == task], attacks) for task in sorted(parts)
    ]


def _task(
    task: str,
    parts: Mapping[str, Sequence[tuple[int | None, str]]],
    trained: Sequence[Trained],
    attacks: Sequence[AttackRun],
) -> TaskFacts:
    names = [*(made.label_names for made in trained), *(run.label_names for run in attacks if run.task == task)]
    return TaskFacts(
        task,
        citations.TASKS.get(task, ()),
        names[0] if names else None,
        unique(made.data.get("source") for made in trained),
        unique(remark for made in trained for remark in made.data.get("remarks", [])),
        [split for split in (_split(name, of_part) for name, of_part in parts.items()) if split],
    )


def _part(data: Mapping[str, Any], name: str) -> tuple[int | None, str]:
    return data.get(f"{name}_examples"), str(data.get(name) or "")


def _split(name: str, parts: Sequence[tuple[int | None, str]]) -> SplitFacts | None:
    sizes = sorted({size for size, _ in parts if size is not None})
    fingerprints = unique(fingerprint[:_DIGITS] for _, fingerprint in parts)
    few = fingerprints if len(fingerprints) <= _MOST_FINGERPRINTS else []
    return SplitFacts(name, sizes, few) if sizes or fingerprints else None


@dataclass(frozen=True)
class MethodFacts:
    """A method, or two that were combined.

    Attributes:
        parts: name for readers and keys, of each of the two.
        settings: each way in which it was run, by the settings that are not the default.
    """

    parts: list[tuple[str, tuple[str, ...]]]
    settings: list[str]


def method_facts(records: Iterable[Trained]) -> list[MethodFacts]:
    """One entry a method, in the registry's order."""
    found: dict[tuple[str, ...], list[str]] = {}
    for record in records:
        own = {"name": record.method.partition(":")[0], **record.settings.get("method", {})}
        names = tuple(str(own.pop("name")).split("+"))
        of_each = own if len(names) > 1 else {names[0]: own}
        told = [f"{name}={value}" for part in names for name, value in _changed(part, of_each.get(part, {}))]
        found.setdefault(names, []).append(", ".join(told))
    order = list(METHODS)
    ordered = sorted(found, key=lambda names: [order.index(name) if name in order else len(order) for name in names])
    return [
        MethodFacts(
            [citations.METHODS.get(name, (name, ())) for name in names], list(dict.fromkeys(sorted(found[names])))
        )
        for names in ordered
    ]


def _changed(method: str, settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    defaults = asdict(METHODS[method].settings_type()) if method in METHODS else {}
    return [(name, value) for name, value in settings.items() if name not in defaults or value != defaults[name]]


@dataclass(frozen=True)
class TrainingFacts:
    """How classifiers were trained.

    Attributes:
        count: of trainings; ``seconds`` is their wall time. Points of curves that share one are one.
        bases: with what is cited for them.
        settings: the values that each setting took, in words.
        complete: whether all that was trained was trained with all ``seeds``.
        self_masses, given: what ``match`` aimed at, and the temperatures that it was given.
        temperatures: what it found.
        always_calibrated: whether the temperature was found on each batch, ``True``, and on the first, ``False``.
    """

    count: int
    seconds: float
    bases: list[tuple[str, tuple[str, ...]]]
    settings: dict[str, list[str]]
    seeds: list[int]
    complete: bool
    self_masses: list[str]
    given: list[str]
    temperatures: list[float]
    always_calibrated: list[bool]

    @property
    def calibration(self) -> tuple[list[str], list[str], list[bool]]:
        """How the temperature came about."""
        return self.self_masses, self.given, self.always_calibrated


def training_facts(records: Sequence[Trained]) -> TrainingFacts:
    """What all these trainings share, and what not."""
    values: dict[str, list[Any]] = {field.name: [] for field in fields(TrainingSettings)}
    for record in records:
        for name, of_name in values.items():
            value = record.settings.get(name)
            if value is not None and value not in of_name:
                of_name.append(value)
    seeds: dict[tuple[str, ...], set[int]] = {}
    for record in records:
        made = repr(settings_but_method(record))
        seeds.setdefault((record.task, record.base, record.method, made), set()).add(record.seed)
    matched = [settings for settings in map(_match_settings, records) if "temperature" in settings]
    calibrated = [settings for settings in matched if settings["temperature"] == "auto"]
    found = [
        record.temperature
        for record in records
        if isinstance(record, TrainingRecord) and record.temperature is not None
        if _match_settings(record).get("temperature") == "auto"
    ]
    seconds = {_one_training(record): record.seconds for record in records}
    return TrainingFacts(
        len(seconds),
        sum(seconds.values()),
        [(base, citations.base_keys(base)) for base in unique(record.base for record in records)],
        {
            name: [share_name(value) if name == "warmup" else _value(value) for value in sorted(of_name, key=_number)]
            for name, of_name in values.items()
        },
        sorted({record.seed for record in records}),
        len(set(map(frozenset, seeds.values()))) == 1,
        [
            _value(mass)
            for mass in sorted({settings["self_mass"] for settings in calibrated if "self_mass" in settings})
        ],
        unique(_value(settings["temperature"]) for settings in matched if settings["temperature"] != "auto"),
        sorted(found),
        sorted({settings.get("calibrate") == "always" for settings in calibrated}),
    )


def _one_training(record: Trained) -> Hashable:
    """The same for points that have one training's numbers, see :func:`imbalance.sweep.sweep`."""
    made = record.task, record.base, record.method, record.seed, repr(record.settings)
    if isinstance(record, TrainingRecord):
        return *made, record.checkpoint
    return *made, record.file, record.data.get("train"), tuple(record.train_counts)


def _match_settings(record: Trained) -> Mapping[str, Any]:
    own: dict[str, Any] = record.settings.get("method", {})
    combined: dict[str, Any] = own.get("match", {})
    return own if own.get("name") == "match" else combined


def _number(value: Any) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))


def _value(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def unique(values: Iterable[str | None]) -> list[str]:
    """Each but the empty ones once, in their order."""
    return list(dict.fromkeys(filter(None, values)))
