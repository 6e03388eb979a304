"""Settings of a training that an experiment varies."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError

from robustbench_mt.errors import BadExperimentError
from robustbench_mt.registry import choose
from robustbench_mt.training_settings import TrainingSettings

__all__ = ["Variant", "variants"]

_SETTINGS = TypeAdapter(TrainingSettings)


@dataclass(frozen=True)
class Variant:
    """One combination of the varied settings.

    Attributes:
        name: says the values, e.g. ``batch_size=8``; empty where nothing is varied.
        settings: of the training.
    """

    name: str
    settings: TrainingSettings


def variants(settings: TrainingSettings, vary: Mapping[str, Sequence[Any]]) -> list[Variant]:
    """All combinations of the varied settings' values.

    Args:
        settings: of what is not varied.
        vary: values by the name of a setting, in the order of the names.

    Raises:
        UserError: no such setting, no value, or a value out of its range.
    """
    known = {field.name: field for field in fields(TrainingSettings)}
    for name, values in vary.items():
        choose("setting to vary", name, known)
        if not values:
            raise BadExperimentError(f"The experiment varies {name} over no value: give at least one.")
    combinations = [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]
    return [Variant(_name(combination), _replaced(settings, combination)) for combination in combinations]


def _name(combination: Mapping[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in combination.items())


def _replaced(settings: TrainingSettings, combination: Mapping[str, Any]) -> TrainingSettings:
    try:
        return _SETTINGS.validate_python({**asdict(settings), **combination})
    except ValidationError as error:
        raise BadExperimentError(f"The experiment varies {_name(combination)}: {error.errors()[0]['msg']}.") from None
