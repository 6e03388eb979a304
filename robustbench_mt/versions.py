"""The versions that a record names."""

import platform
from functools import cache
from importlib import metadata

__all__ = ["versions"]

_version = cache(metadata.version)


def versions(*packages: str) -> dict[str, str]:
    """Versions of python, this package and ``packages``, read from their metadata without importing them."""
    found = {name: _version(name) for name in ("robustbench-mt", *packages)}
    return {"python": platform.python_version(), **found}
