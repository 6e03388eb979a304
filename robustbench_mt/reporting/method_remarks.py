"""Whether the methods were trained alike, and how their settings were chosen."""

from collections.abc import Iterator, Sequence
from typing import Any

from robustbench_mt.curve_records import CurveRecord
from robustbench_mt.flat import flat
from robustbench_mt.records import TrainingRecord
from robustbench_mt.reporting.naming import method_order
from robustbench_mt.reporting.runs import Runs
from robustbench_mt.reporting.settings import settings_but_method

__all__ = ["method_remarks", "unlike_settings"]

_EQUAL = "On each task all methods were trained with the same settings; only the method's own differ."


def method_remarks(runs: Runs) -> list[str]:
    """Sentences for the reader of a comparison of methods; none where there is one method."""
    groups: dict[tuple[str, str], list[TrainingRecord]] = {}
    for training in runs.trainings:
        groups.setdefault((training.task, training.variant), []).append(training)
    several = {key: group for key, group in groups.items() if len({training.method for training in group}) > 1}
    if not several:
        return []
    where: dict[str, list[str]] = {}
    for (task, variant), group in several.items():
        for told in unlike_settings(group):
            where.setdefault(told, []).append(f"{task} ({variant})" if variant else task)
    differing = [f"Methods differ in more than the method on {', '.join(on)}: {told}." for told, on in where.items()]
    return [*(differing or [_EQUAL]), *(f"How the settings were chosen: {told}" for told in runs.tuned_on)]


def unlike_settings(group: Sequence[TrainingRecord] | Sequence[CurveRecord], *, varied: bool = True) -> Iterator[str]:
    """``learning_rate is 0.0001 for vanilla, 2e-05 for match``, for each setting that not all methods share.

    Args:
        group: trainings of several methods.
        varied: also of settings that differ between trainings of one method, which methods' names tell.
    """
    by_method: dict[str, list[dict[str, Any]]] = {}
    for training in group:
        settings = {"base": training.base, **flat(settings_but_method(training))}
        by_method.setdefault(training.method, []).append(settings)
    every = [settings for of_method in by_method.values() for settings in of_method]
    for name in dict.fromkeys(name for settings in every for name in settings):
        values = {
            method: list(dict.fromkeys(str(settings.get(name)) for settings in by_method[method]))
            for method in sorted(by_method, key=method_order)
        }
        told = {method: " or ".join(of_method) for method, of_method in values.items()}
        if len(set(told.values())) > 1 and (varied or all(len(of_method) == 1 for of_method in values.values())):
            yield f"{name} is {', '.join(f'{value} for {method}' for method, value in told.items())}"
