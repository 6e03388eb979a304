"""Parquet files."""

from pathlib import Path

from robustbench_mt.errors import BadDataFileError
from robustbench_mt.tasks.files.table import Table
from robustbench_mt.tasks.files.text import empty_file, reading

__all__ = ["read_parquet"]


def read_parquet(path: Path) -> Table:
    """Read a Parquet file.

    Raises:
        UserError: the file cannot be read, or is not Parquet.
    """
    # It comes with datasets, and takes 0.1 s.
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    with reading(path), path.open("rb") as stream:
        if not stream.read(1):
            raise empty_file(path)
        stream.seek(0)
        try:
            content = ParquetFile(stream).read()
            values = [column.to_pylist() for column in content.columns]
        except (ArrowException, OSError, UnicodeDecodeError) as error:
            raise BadDataFileError(f"{path} cannot be read as Parquet ({error}): write it again, or as CSV.") from None
    rows = list(zip(*values, strict=True))
    return Table(path, tuple(content.column_names), rows, range(1, len(rows) + 1), unit="row")
