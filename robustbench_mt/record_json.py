"""Records as JSON, and reading them back: a record that is damaged, or cannot be true, is refused."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from robustbench_mt.errors import UserError
from robustbench_mt.wording import quoted, shortened

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from robustbench_mt.records import Record

__all__ = ["from_json", "to_json"]

R = TypeVar("R", bound="Record")

# What NumPy's whole numbers hold.
_LARGEST = 2**63 - 1


def to_json(record: "Record") -> dict[str, Any]:
    """The record as plain JSON values, with its kind and schema."""
    return {"record": record.kind, "schema": record.schema, **asdict(record)}


def from_json(record_type: type[R], value: Any) -> R:
    """Read back what :func:`to_json` wrote.

    Raises:
        UserError: not an object, another kind or schema, a field that is missing, unknown or of another type, or
            numbers that cannot be true.
    """
    if not isinstance(value, dict):
        raise UserError(f"not a record: expected a JSON object, found {type(value).__name__}")
    content = dict(value)
    kind, schema = content.pop("record", None), content.pop("schema", None)
    if kind != record_type.kind:
        raise UserError(f"expected a record of kind {record_type.kind!r}, found {quoted(kind)}")
    if schema != record_type.schema:
        raise UserError(
            f"{kind} record of schema {quoted(schema)}: this version of robustbench-mt reads {record_type.schema}"
        )
    from pydantic import ValidationError

    try:
        # mypy does not see that a class is hashable.
        record: R = _validator(record_type).validate_python(content)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(shortened, first["loc"]))
        raise UserError(f"{kind} record whose {where} is wrong: {first['msg']}") from None
    for name, number in _whole_numbers(record):
        if not 0 <= number <= _LARGEST:
            raise UserError(f"{kind} record whose {name} is wrong: {shortened(number)}")
    if record.contradiction:
        raise UserError(f"{kind} record that cannot be true: {record.contradiction}")
    return record


def _whole_numbers(record: "Record") -> Iterator[tuple[str, int]]:
    """Those of its fields, all of which count something."""
    for name, value in vars(record).items():
        for number in value if isinstance(value, list) else (value,):
            if isinstance(number, int):
                yield name, number


@cache
def _validator(record_type: "type[Any]") -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(record_type)
