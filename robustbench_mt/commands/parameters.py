"""How options are declared."""

from cyclopts import Parameter

__all__ = ["FLAT", "REQUIRED"]

FLAT = Parameter(name="*")
"""The fields of a dataclass become a command's options."""

REQUIRED = Parameter(negative=())
"""An option that may be given several times, and not as none."""
