"""How templates are read: with all that they show escaped, and no name that is not known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["TEMPLATES", "environment"]

TEMPLATES = Path(__file__).parent / "templates"


def environment(finalize: Callable[[Any], Any]) -> Environment:
    """An environment of the report's templates.

    Args:
        finalize: of what an expression gives, before Jinja escapes it as HTML; what it marks as safe stays as it is.
    """
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
