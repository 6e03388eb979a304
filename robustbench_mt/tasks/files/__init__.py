"""From a user's file, in any of the formats that data comes in, to a table that knows its lines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

from robustbench_mt.errors import BadDataFileError
from robustbench_mt.tasks.files.delimited import read_csv, read_tsv, read_unquoted
from robustbench_mt.tasks.files.json_lines import read_json
from robustbench_mt.tasks.files.parquet import read_parquet
from robustbench_mt.tasks.files.table import Table

__all__ = ["SUFFIXES", "Table", "read_table", "read_tables", "read_unquoted"]

_READERS: MappingProxyType[str, Callable[[Path], Table]] = MappingProxyType(
    {
        ".csv": read_csv,
        ".tsv": read_tsv,
        ".jsonl": read_json,
        ".json": read_json,
        ".parquet": read_parquet,
    }
)

SUFFIXES = tuple(_READERS)


def read_table(path: Path) -> Table:
    """Read a file by its suffix.

    Raises:
        UserError: the suffix is none of :data:`SUFFIXES`, or the file cannot be read.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise BadDataFileError(f"Cannot tell the format of {path}: its name must end in one of {', '.join(SUFFIXES)}.")
    return reader(path)


def read_tables(paths: Sequence[Path]) -> list[Table]:
    """Read files that belong together: in TSV files quotation marks are quoting in all of them, or in none.

    Raises:
        UserError: as :func:`read_table`.
    """
    tables = [read_table(path) for path in paths]
    is_tsv = [path.suffix.lower() == ".tsv" for path in paths]
    if all(table.quoted for table, tsv in zip(tables, is_tsv, strict=True) if tsv):
        return tables
    return [read_unquoted(table.path) if tsv else table for table, tsv in zip(tables, is_tsv, strict=True)]
