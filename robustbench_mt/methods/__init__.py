"""Ways of fine-tuning: one file each, one line here."""

import ast
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from robustbench_mt.errors import UserError
from robustbench_mt.methods.match import Match
from robustbench_mt.methods.method import Method
from robustbench_mt.methods.vanilla import Vanilla
from robustbench_mt.registry import choose

__all__ = ["METHODS", "Method", "MethodChoice", "parse_method"]

METHODS: dict[str, type[Method]] = {
    "vanilla": Vanilla,
    "match": Match,
}


@dataclass(frozen=True)
class MethodChoice:
    """A method with its settings, as asked for.

    Attributes:
        spec: as the user wrote it, e.g. ``match:self_mass=0.5``; what records call the method.
        name: the registry's name.
        settings: an instance of the method's ``settings_type``.
    """

    spec: str
    name: str
    settings: Any

    @property
    def slug(self) -> str:
        """The spec as a part of a file name."""
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", self.spec).strip("._")

    def create(self) -> Method:
        """A fresh instance, for one training."""
        return METHODS[self.name](self.settings)

    def as_dict(self) -> dict[str, Any]:
        """Name and settings as plain values."""
        return {"name": self.name, **asdict(self.settings)}


def parse_method(spec: str) -> MethodChoice:
    """Read ``NAME`` or ``NAME:SETTING=VALUE,SETTING=VALUE``.

    Raises:
        UserError: no such method or setting (the nearest names are suggested), or a value out of its range.
    """
    name, _, rest = spec.partition(":")
    method = choose("method", name, METHODS)
    known = {field.name: field for field in fields(method.settings_type)}
    given: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"Method {spec!r}: {pair!r} is not SETTING=VALUE.")
        choose(f"setting of the method {name}", key, known)
        given[key] = _value(value)
    return MethodChoice(spec, name, method.settings_type(**given))


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
