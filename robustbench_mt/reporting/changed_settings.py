"""A method's settings that are not its defaults."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from robustbench_mt.methods import METHODS

__all__ = ["changed_settings"]


def changed_settings(method: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of the method's own settings those that differ; a setting that an older version did not know had its default."""
    defaults = asdict(METHODS[method].settings_type()) if method in METHODS else {}
    return {name: value for name, value in settings.items() if name not in defaults or value != defaults[name]}
