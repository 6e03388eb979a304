"""Nested settings as one level."""

from collections.abc import Mapping
from typing import Any

__all__ = ["flat"]


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``{"method": {"layer": 1}}`` as ``{"method.layer": 1}``."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = value
    return found
