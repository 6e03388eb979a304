"""What the report calls a method or a recipe, where one name stands for several ways of doing it."""

import re
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.flat import flat
from robustbench_mt.records import AttackRun, TrainingRecord, TransferRecord
from robustbench_mt.reporting.settings import differing, settings_but_method

__all__ = [
    "NO_LIMIT",
    "CheckpointNames",
    "MethodNames",
    "RecipeNames",
    "VictimNames",
    "attack_setting",
    "budget_name",
    "compared",
    "file_name",
    "is_baseline",
    "method_order",
    "numbered",
    "ratio_name",
    "seed_names",
    "share_name",
]


NO_LIMIT = "no limit"

_VARIED = "varied"
_NOT_VARIED = "not varied"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[-+]?\d+)?)")


class MethodNames:
    """Names that tell apart trainings of one method that differ in more than their seed.

    Rows of one name are pooled over seeds, so a different base, learning rate or training task needs another name:
    ``match`` becomes ``match (learning_rate=0.0001)`` and ``match (learning_rate=2e-05)``. Another method of the task
    tells its own as well, so that :func:`compared` finds the ``vanilla`` that was trained like it. What an experiment
    varies is told always, also of the only value there is.

    Args:
        made: each training, with the task that its numbers are about.
    """

    def __init__(self, made: Iterable[tuple[str, TrainingRecord | CurveRecord]]) -> None:
        variants: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for task, record in made:
            known = variants.setdefault((task, record.method), [])
            variant = _variant(record)
            if variant not in known:
                known.append(variant)
        of_tasks: dict[str, set[str]] = {}
        for (task, _), known in variants.items():
            of_tasks.setdefault(task, set()).update(differing(known))
        # In the order of the settings, so that what is trained alike has the same beside its name.
        self._differing = {
            key: [
                name
                for name in dict.fromkeys(name for variant in known for name in variant)
                if name in of_tasks[key[0]]
            ]
            for key, known in variants.items()
        }

    def __call__(self, task: str, record: TrainingRecord | CurveRecord) -> str:
        """The name of a training's method, in the rows about ``task``."""
        variant = _variant(record)
        told = list(filter(None, variant[_VARIED].split(",")))
        for name in self._differing[task, record.method]:
            if name == _VARIED:
                told += [] if told else [_NOT_VARIED]
            elif not any(value.startswith(f"{name}=") for value in told):
                told.append(f"{name}={variant.get(name)}")
        return f"{record.method} ({', '.join(told)})" if told else record.method


class VictimNames:
    """Names for victims that no training record knows: the checkpoint's, with a fingerprint where two share it.

    Args:
        victims: the checkpoint and the fingerprint of each.
    """

    def __init__(self, victims: Iterable[tuple[str, str]]) -> None:
        self._victims: dict[str, set[str]] = {}
        for checkpoint, victim in victims:
            self._victims.setdefault(checkpoint, set()).add(victim)

    def __call__(self, checkpoint: str, victim: str) -> str:
        return f"{checkpoint} ({victim[:8]})" if len(self._victims[checkpoint]) > 1 else checkpoint


class CheckpointNames:
    """Names for checkpoints: their own, with the method's name where two trainings share it.

    Args:
        made: each training, with the task that its numbers are about.
    """

    def __init__(self, made: Iterable[tuple[str, TrainingRecord]]) -> None:
        trainings = list(made)
        self._methods = MethodNames(trainings)
        self._trained: dict[tuple[str, str], set[str]] = {}
        for task, record in trainings:
            self._trained.setdefault((task, record.checkpoint), set()).add(self._methods(task, record))

    def __call__(self, task: str, training: TrainingRecord) -> str:
        """The name of a checkpoint, in the rows about ``task``."""
        if len(self._trained[task, training.checkpoint]) == 1:
            return training.checkpoint
        return f"{training.checkpoint}, {self._methods(task, training)}"


class RecipeNames:
    """Names that tell apart attacks of one recipe that differ in their build, their budget or the data they attack.

    The first is called by its recipe, the next ``textfooler #2``; the provenance says what each is.

    Args:
        made: the attacks, and transfers whose attack is not known: these differ in the data alone.
    """

    def __init__(self, made: Iterable[AttackRun | TransferRecord]) -> None:
        self._known: dict[tuple[str, str], list[Hashable]] = {}
        for each in made:
            known = self._known.setdefault((each.task, each.recipe), [])
            if attack_setting(each) not in known:
                known.append(attack_setting(each))

    def __call__(self, made: AttackRun | TransferRecord) -> str:
        return numbered(made.recipe, self._known[made.task, made.recipe].index(attack_setting(made)))


def attack_setting(made: AttackRun | TransferRecord) -> Hashable:
    """What tells attacks of one recipe apart, as far as is known: their build, their budget and their data."""
    if isinstance(made, TransferRecord):
        return made.split, made.data
    what = made.build, made.split, made.data, tuple(made.fields), tuple(made.protected_fields)
    return *what, made.max_queries, made.max_seconds, made.max_words


def numbered(name: str, before: int) -> str:
    """``pwws``, and ``pwws #2`` where there is one of that name ``before`` it."""
    return f"{name} #{before + 1}" if before else name


def budget_name(run: AttackRun) -> str:
    """What an attack on one example may cost: ``500 queries, 20% of words``, or :data:`NO_LIMIT`."""
    limits = (
        None if run.max_queries is None else f"{run.max_queries} queries",
        None if run.max_seconds is None else f"{run.max_seconds:g} seconds",
        None if run.max_words is None else f"{run.max_words * 100:g}% of words",
    )
    return ", ".join(filter(None, limits)) or NO_LIMIT


def is_baseline(method: str) -> bool:
    """Whether it is the method that the others are compared with: ``vanilla``, with its settings or without."""
    return method.startswith("vanilla")


def method_order(method: str) -> tuple[bool, list[str | float], str]:
    """Sorts methods by name, numbers in it by their size, the method that the others are compared with first."""
    parts = _NUMBER.split(method)
    return not is_baseline(method), [float(part) if i % 2 else part for i, part in enumerate(parts)], method


def compared(methods: Iterable[str]) -> list[tuple[str, str]]:
    """Each method but the first with the one to compare it with.

    That is ``vanilla`` with the same settings beside its name, where there are several; else the first by
    :func:`method_order`.
    """
    first, *others = sorted(dict.fromkeys(methods), key=method_order)
    baselines = {_beside(method): method for method in (*reversed(others), first) if is_baseline(method)}
    return [(method, first if is_baseline(method) else baselines.get(_beside(method), first)) for method in others]


def seed_names(seeds: Sequence[int], checkpoints: Sequence[str] = ()) -> str:
    """``3 (0, 1, 2)``; for checkpoints of unknown seed, how many there are."""
    if seeds:
        return f"{len(seeds)} ({', '.join(map(str, seeds))})"
    return f"unknown ({len(checkpoints)} checkpoint{'s' if len(checkpoints) != 1 else ''})"


def ratio_name(ratio: float) -> str:
    """``10`` as ``10:1``: majority to minority."""
    return f"{ratio:g}:1"


def share_name(share: float) -> str:
    """``0.05`` as ``5%``: of training labels flipped, of a minority kept, or of steps to warm up."""
    return f"{share * 100:g}%"


def file_name(*parts: str) -> str:
    """A name that is safe on any file system."""
    kept = "-".join("".join(c if c.isascii() and (c.isalnum() or c in "._") else "-" for c in part) for part in parts)
    return "-".join(filter(None, kept.split("-"))).strip(".")[:100]


def _beside(method: str) -> str:
    """What :class:`MethodNames` tells beside a method's name."""
    return method.partition(" (")[2]


def _variant(record: TrainingRecord | CurveRecord) -> dict[str, Any]:
    varied = record.variant if isinstance(record, TrainingRecord) else ""
    return {_VARIED: varied, "trained on": record.task, "base": record.base, **flat(settings_but_method(record))}
