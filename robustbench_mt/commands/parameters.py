"""How options are declared."""

from cyclopts import Parameter, default_name_transform

__all__ = ["FLAT", "REQUIRED", "SINGULAR"]

FLAT = Parameter(name="*")
"""The fields of a dataclass become a command's options."""

SINGULAR = Parameter(
    name="*", name_transform=lambda field: default_name_transform(field).removesuffix("s"), negative_iterable=()
)
"""As ``FLAT``, of fields that hold several: one is given at a time, by its name in the singular, and not none."""

REQUIRED = Parameter(negative=())
"""An option that may be given several times, and not as none."""
