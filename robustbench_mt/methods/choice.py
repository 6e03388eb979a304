"""Which method, with which settings: ``match:self_mass=0.5``, ``match+r-drop:weight=1``."""

import ast
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from robustbench_mt.errors import BadSettingError, ConflictingOptionsError
from robustbench_mt.methods import METHODS
from robustbench_mt.methods.combined import WithMatch
from robustbench_mt.methods.match import Match
from robustbench_mt.methods.method import Method
from robustbench_mt.registry import choose

__all__ = ["MethodChoice", "parse_method"]


@dataclass(frozen=True)
class MethodChoice:
    """A method with its settings, as asked for.

    Attributes:
        spec: as the user wrote it, e.g. ``match:self_mass=0.5``; what records call the method.
        settings: by the registry's name; two names where ``match`` combines with another method.
    """

    spec: str
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """Without settings: ``match``, ``match+r-drop``."""
        return "+".join(self.settings)

    @property
    def slug(self) -> str:
        """The spec as a part of a file name."""
        return re.sub(r"[^A-Za-z0-9.+-]+", "_", self.spec).strip("._")

    @property
    def needs_classes(self) -> bool:
        """Whether it cannot train a regression."""
        return any(METHODS[name].needs_classes for name in self.settings)

    def create(self) -> Method:
        """A fresh instance, for one training."""
        first, *others = (METHODS[name](settings) for name, settings in self.settings.items())
        if not others:
            return first
        assert isinstance(first, Match)
        return WithMatch(first, others[0])

    def as_dict(self) -> dict[str, Any]:
        """Name and settings as plain values; a combination's settings stand under its methods' names."""
        if len(self.settings) == 1:
            return {"name": self.name, **asdict(self.settings[self.name])}
        return {"name": self.name, **{name: asdict(settings) for name, settings in self.settings.items()}}


def parse_method(spec: str) -> MethodChoice:
    """Read ``NAME`` or ``NAME:SETTING=VALUE,SETTING=VALUE``, or two of these with ``+`` between them.

    Raises:
        UserError: no such method or setting (the nearest names are suggested), a value out of its range, or methods
            that do not combine.

    Example:
        >>> method = parse_method("match:self_mass=0.5")
        >>> method.name, method.as_dict()["self_mass"]
        ('match', 0.5)
    """
    # Numbers may hold a plus as well (1e+3); no method's name begins with a digit.
    parsed = [_parse_one(part) for part in re.split(r"\+(?=[A-Za-z])", spec)]
    settings = dict(parsed)
    if len(settings) < len(parsed):
        raise ConflictingOptionsError(f"Method {spec!r} names a method twice: name each once.")
    if "match" in settings:
        settings = {"match": settings.pop("match"), **settings}
    names = list(settings)
    if len(names) > 2 or (len(names) == 2 and names[0] != "match"):
        raise ConflictingOptionsError(f"Method {spec!r}: only match combines with another method, one at a time.")
    if len(names) == 2 and (reason := METHODS[names[1]].why_not_with_match):
        raise ConflictingOptionsError(f"Method {spec!r}: match does not combine with {names[1]}: {reason}")
    return MethodChoice(spec, settings)


def _parse_one(spec: str) -> tuple[str, Any]:
    name, _, rest = spec.partition(":")
    method = choose("method", name, METHODS)
    known = {field.name: field for field in fields(method.settings_type)}
    given: dict[str, Any] = {}
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadSettingError(f"Method {spec!r}: {pair!r} is not SETTING=VALUE.")
        choose(f"setting of the method {name}", key, known)
        given[key] = _value(value)
    return name, method.settings_type(**given)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
