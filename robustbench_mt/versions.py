"""The versions that a record names."""

import platform
from importlib.metadata import version

__all__ = ["versions"]


def versions(*packages: str) -> dict[str, str]:
    """Versions of python, this package and ``packages``, read from their metadata without importing them."""
    found = {name: version(name) for name in ("robustbench-mt", *packages)}
    return {"python": platform.python_version(), **found}
