"""Settings of trainings: those that have nothing to do with the method, and those that tell trainings apart."""

from collections.abc import Mapping, Sequence
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.failure_records import FailureRecord
from robustbench_mt.records import TrainingRecord

__all__ = ["differing", "settings_but_method"]


def settings_but_method(record: TrainingRecord | CurveRecord | FailureRecord) -> dict[str, Any]:
    """Learning rate, batch size and the like, which a training has whatever its method."""
    return {name: value for name, value in record.settings.items() if name != "method"}


def differing(variants: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the settings that are not the same in all variants."""
    names = dict.fromkeys(name for variant in variants for name in variant)
    return [name for name in names if any(variant.get(name) != variants[0].get(name) for variant in variants)]
