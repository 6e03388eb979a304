"""Records as JSON, and reading them back: a record that is damaged, or cannot be true, is refused."""

import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from robustbench_mt.errors import BadRecordError
from robustbench_mt.wording import quoted, shortened

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from robustbench_mt.records import Record

__all__ = ["from_json", "parsed", "read_line", "to_json"]

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
        raise BadRecordError(f"not a record: expected a JSON object, found {type(value).__name__}")
    content = dict(value)
    kind, schema = content.pop("record", None), content.pop("schema", None)
    if kind != record_type.kind:
        raise BadRecordError(f"expected a record of kind {record_type.kind!r}, found {quoted(kind)}")
    if schema != record_type.schema:
        raise BadRecordError(
            f"{kind} record of schema {quoted(schema)}: this version of robustbench-mt reads {record_type.schema}"
        )
    from pydantic import ValidationError

    try:
        # mypy does not see, here and below, that a class is hashable.
        record: R = _validator(record_type).validate_python(content)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(shortened, first["loc"]))
        raise BadRecordError(f"{kind} record whose {where} is wrong: {first['msg']}") from None
    return _possible(record)


def read_line(record_type: type[R], line: bytes) -> R:
    """Read a line that holds what :func:`to_json` wrote; what it refuses and why is :func:`from_json`'s to say.

    Raises:
        UserError: as :func:`from_json`.
        ValueError: not JSON.
    """
    from pydantic import ValidationError

    # Twice as fast, and right where it succeeds. It takes no lone surrogates, and would take what only Python writes.
    start = _start(record_type)  # type: ignore[arg-type]
    if line.startswith(start) and not (b"NaN" in line or b"Infinity" in line):
        try:
            record: R = _validator(record_type).validate_json(b"{" + line[len(start) :])  # type: ignore[arg-type]
            return _possible(record)
        except ValidationError:
            pass
    return from_json(record_type, parsed(line))


def parsed(content: bytes) -> Any:
    """JSON's value; :class:`ValueError` where it is none, is nested too deeply, or has what only Python writes."""
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _possible(record: R) -> R:
    """The record, if it can be true."""
    for name in _whole_numbers(type(record)):  # type: ignore[arg-type]
        value = getattr(record, name)
        for number in value if isinstance(value, list) else (value,):
            # All of them count something.
            if isinstance(number, int) and not 0 <= number <= _LARGEST:
                raise BadRecordError(f"{record.kind} record whose {name} is wrong: {shortened(number)}")
    if record.contradiction:
        raise BadRecordError(f"{record.kind} record that cannot be true: {record.contradiction}")
    return record


@cache
def _whole_numbers(record_type: "type[Any]") -> tuple[str, ...]:
    """The fields that are whole numbers, or lists of them, or may be."""
    return tuple(name for name, hint in get_type_hints(record_type).items() if hint is int or int in get_args(hint))


@cache
def _start(record_type: "type[Any]") -> bytes:
    """How a line of such a record begins."""
    return f'{{"record": {json.dumps(record_type.kind)}, "schema": {record_type.schema}, '.encode("ascii")


@cache
def _validator(record_type: "type[Any]") -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(record_type)
