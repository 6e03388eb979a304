"""Records as a Parquet file, one batch after another, so that their number does not matter."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from robustbench_mt.attack_runs import attack_runs
from robustbench_mt.batch_dependence_records import BatchDependenceRecord
from robustbench_mt.curve_records import ImbalanceRecord, LabelNoiseRecord
from robustbench_mt.errors import BadSettingError, NotFoundError, NothingToDoError
from robustbench_mt.frames import record_cells
from robustbench_mt.inside import inside
from robustbench_mt.ledger import make_directory, read_records, written_atomically
from robustbench_mt.paths import is_directory
from robustbench_mt.records import AttackRecord, AttackRun, EvaluationRecord, Record, TrainingRecord
from robustbench_mt.surrogates import replaced_surrogates

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["KINDS", "ExportKind", "export_records"]

ExportKind = Literal["attacks", "evaluations", "trainings", "curves", "batch-dependence"]

# Rows that are in memory at a time.
_A_BATCH = 10_000
# Of an attack's settings, those that tell its examples from another's.
_OF_AN_ATTACK = ("checkpoint", "victim", "task", "split", "data", "recipe", "max_queries", "max_seconds", "max_words")


@dataclass(frozen=True)
class _Source:
    """A file of records.

    Attributes:
        about: columns that all its records share: name, type and value.
        of: an attack's settings, which give all its records the same columns.
    """

    path: Path
    record_type: type[Record]
    about: list[tuple[str, Any, Any]]
    of: AttackRun | None = None

    def rows(self) -> Iterator[list[tuple[str, Any, Any]]]:
        for record in read_records(self.path, self.record_type):
            yield [*self.about, *record_cells(record, self.of)]


def _attacks(directory: Path) -> Iterator[_Source]:
    for path, run in attack_runs(directory):
        about = [cell for cell in record_cells(run) if cell[0] in _OF_AN_ATTACK]
        yield _Source(path, AttackRecord, sorted(about, key=lambda cell: _OF_AN_ATTACK.index(cell[0])), run)


def _lines(record_type: type[Record]) -> Callable[[Path], Iterator[_Source]]:
    def sources(directory: Path) -> Iterator[_Source]:
        yield _Source(inside(directory, record_type.file), record_type, [])

    return sources


def _curves(directory: Path) -> Iterator[_Source]:
    for record_type in (ImbalanceRecord, LabelNoiseRecord):
        yield _Source(inside(directory, record_type.file), record_type, [("curve", str, record_type.kind)])


KINDS: dict[ExportKind, Callable[[Path], Iterator[_Source]]] = {
    "attacks": _attacks,
    "evaluations": _lines(EvaluationRecord),
    "trainings": _lines(TrainingRecord),
    "curves": _curves,
    "batch-dependence": _lines(BatchDependenceRecord),
}
"""Where a run's directory has the records of each kind."""


def export_records(directories: Sequence[Path], out: Path, kind: ExportKind = "attacks") -> int:
    """Write the records of runs as a Parquet file, one row a record.

    The columns are those of :func:`robustbench_mt.frames.records_frame`, after columns that say where a record is from:
    ``run``, and of an attacked example what was attacked by what. What is nested deeper (a training's history) is JSON.
    Records are as they stand in the files: what stands in two directories is there twice. Texts are as they are, but
    that a lone surrogate, which Parquet cannot hold, is U+FFFD.

    Args:
        directories: runs'.
        out: the file, which ends in ``.parquet`` and is replaced if it exists; it is written whole or not at all.
        kind: of the records.

    Returns:
        How many records were written.

    Raises:
        UserError: a directory is missing, a record cannot be read or there is none, or ``out`` has another ending or
            cannot be written.
    """
    # A slip of the hand must not replace a run's own records, or give CSV's name to what is none.
    if out.suffix.lower() != ".parquet":
        raise BadSettingError(f"{out} does not end in .parquet: give --out a name that does, as Parquet is written.")
    from pyarrow import parquet

    sources = []
    for directory in directories:
        if not is_directory(directory):
            raise NotFoundError(f"There is no run directory {directory}: name one that has records.")
        run = ("run", str, directory.resolve().name)
        sources += [(run, source) for source in KINDS[kind](directory)]
    rows = ([run, *cells] for run, source in sources for cells in source.rows())
    # An attack's first record has the columns of all.
    seen = ([run, *cells] for run, source in sources for cells in islice(source.rows(), 1 if source.of else None))
    schema = _schema(seen)
    if not schema:
        raise NothingToDoError(f"There are no records of {kind} in {', '.join(map(str, directories))}.")
    make_directory(out.parent)
    count = 0
    with written_atomically(out) as stream, parquet.ParquetWriter(stream, _arrow_schema(schema)) as writer:
        while batch := [{name: value for name, _, value in cells} for cells in islice(rows, _A_BATCH)]:
            writer.write_batch(_record_batch(batch, schema))
            count += len(batch)
    return count


def _schema(rows: Iterable[list[tuple[str, Any, Any]]]) -> dict[str, str]:
    """What each column holds: ``int``, ``texts``, ``json`` and the like; ``json`` where it is now this, now that."""
    schema: dict[str, str] = {}
    for cells in rows:
        for name, hint, value in cells:
            what = _what(hint, value)
            known = schema.setdefault(name, what)
            if known != what and what:
                schema[name] = _BOTH.get(frozenset((known, what)), "json") if known else what
    return schema


_BOTH = {frozenset(("int", "float")): "float", frozenset(("text", "category")): "text"}
_PLAIN = {bool: "bool", int: "int", float: "float", str: "text", list[str]: "texts"}


def _what(hint: Any, value: Any) -> str:
    """Empty for a value that may be anything, and is missing."""
    if hint is Any:
        if value is None:
            return ""
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return "texts"
        # Parquet's whole numbers have 64 bits.
        return "json" if isinstance(value, int) and abs(value) >= 2**63 else _PLAIN.get(type(value), "json")
    if get_origin(hint) is Literal:
        return "category"
    given = [part for part in get_args(hint) if part is not type(None)] if type(None) in get_args(hint) else [hint]
    return _PLAIN.get(given[0], "json")


def _arrow_schema(schema: Mapping[str, str]) -> "pa.Schema":
    import pyarrow as pa

    text = pa.string()
    types = {
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "category": pa.dictionary(pa.int32(), text),
        "texts": pa.list_(text),
    }
    return pa.schema([pa.field(_encodable(name), types.get(what, text)) for name, what in schema.items()])


def _record_batch(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> "pa.RecordBatch":
    import pyarrow as pa

    typed = _arrow_schema(schema)
    arrays = []
    for field, (name, what) in zip(typed, schema.items(), strict=True):
        values = [row.get(name) for row in rows]
        if what == "json":
            values = [None if value is None else json.dumps(value, default=asdict) for value in values]
        elif what == "float":
            values = [None if value is None else float(value) for value in values]
        try:
            arrays.append(pa.array(values, field.type))
        except UnicodeEncodeError:
            arrays.append(pa.array(map(_encodable, values), field.type))
    return pa.record_batch(arrays, schema=typed)


def _encodable(value: Any) -> Any:
    """A text, or the texts of a list, without lone surrogates."""
    if isinstance(value, list):
        return [_encodable(text) for text in value]
    return replaced_surrogates(value)[0] if isinstance(value, str) else value
