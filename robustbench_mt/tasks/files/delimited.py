"""CSV and TSV files."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from robustbench_mt.errors import BadDataFileError
from robustbench_mt.tasks.files.table import Table
from robustbench_mt.tasks.files.text import empty_file, read_lines

__all__ = ["read_csv", "read_tsv", "read_unquoted"]

# The most that fits a C long on every platform; the default is 131072, which a document exceeds.
_FIELD_LIMIT = 2**31 - 1
_Row = tuple[int, Sequence[str]]


def read_csv(path: Path, header: Sequence[str] | None = None) -> Table:
    """Read a CSV file, quoted as RFC 4180 says.

    Args:
        path: the file.
        header: the columns' names, where the file has no header.

    Raises:
        UserError: the file cannot be read, a quote is not closed, or a row has not as many fields as the header.
    """
    remedy = "put texts that contain commas, quotes or line breaks in double quotes, and double the quotes in them"
    with _long_fields():
        rows = _quoted_rows(path, ",")
        return _table(path, rows if header is None else chain([(0, header)], rows), remedy, quoted=True)


def read_tsv(path: Path) -> Table:
    """Read a TSV file with a header.

    Quotation marks are taken as quoting only if the whole file is well quoted with one row on each line. Otherwise
    they are text, as in GLUE, where a quote that opens a field and is not closed would swallow the lines after it.

    Raises:
        UserError: the file cannot be read, or a row has not as many fields as the header.
    """
    with _long_fields():
        if _is_quoted(path):
            return _table(path, _quoted_rows(path, "\t"), "put texts that contain tabs in double quotes", quoted=True)
    return read_unquoted(path)


def read_unquoted(
    path: Path,
    header: Sequence[str] | None = None,
    wanted: Iterable[str] | None = None,
    drop_ragged: bool = False,
) -> Table:
    """Read a tab-separated file in which quotation marks are text.

    Args:
        path: the file.
        header: the columns' names, where the file has no header.
        wanted: columns to keep, where there; default: all.
        drop_ragged: leave out, and count, rows that have not as many fields as the header, instead of refusing them.

    Raises:
        UserError: the file cannot be read, or a row has not as many fields as the header.
    """
    rows: Iterator[_Row] = (
        (number, line.removesuffix("\n").removesuffix("\r").split("\t"))
        for number, line in enumerate(read_lines(path), 1)
        if line.strip("\r\n")
    )
    if header is not None:
        rows = chain([(0, header)], rows)
    remedy = "take tabs and line breaks out of the texts, as quotation marks are text here"
    return _table(path, rows, remedy, wanted=wanted, drop_ragged=drop_ragged)


def _table(
    path: Path,
    numbered: Iterator[_Row],
    remedy: str,
    *,
    quoted: bool = False,
    wanted: Iterable[str] | None = None,
    drop_ragged: bool = False,
) -> Table:
    _, header = next(numbered, (0, ()))
    if not any(cell.strip() for cell in header):
        raise empty_file(path)
    columns = [name.strip() for name in header]
    kept = list(range(len(columns))) if wanted is None else [columns.index(name) for name in wanted if name in columns]
    rows, places, dropped = [], [], 0
    for number, cells in numbered:
        if len(cells) == len(columns):
            rows.append(tuple([cells[index] for index in kept]))
            places.append(number)
        elif drop_ragged:
            dropped += 1
        else:
            raise BadDataFileError(
                f"{path}, line {number}, does not fit the header (fields: {len(cells)}, not {len(columns)}): {remedy}."
            )
    return Table(path, tuple(columns[index] for index in kept), rows, places, quoted=quoted, dropped=dropped)


def _quoted_rows(path: Path, delimiter: str) -> Iterator[_Row]:
    reader = csv.reader(read_lines(path), delimiter=delimiter, strict=True)
    begin = 1
    try:
        for cells in reader:
            if cells:
                yield begin, cells
            begin = reader.line_num + 1
    except csv.Error as error:
        raise BadDataFileError(
            f"{path}, line {begin}, is not well quoted ({error}): put the text in double quotes, and double the quotes "
            "in it."
        ) from None


def _is_quoted(path: Path) -> bool:
    reader = csv.reader(read_lines(path), delimiter="\t", strict=True)
    try:
        return all(reader.line_num == number for number, _ in enumerate(reader, 1))
    except csv.Error:
        return False


@contextmanager
def _long_fields() -> Iterator[None]:
    # The limit is the csv module's own, for all its readers.
    before = csv.field_size_limit(_FIELD_LIMIT)
    try:
        yield
    finally:
        csv.field_size_limit(before)
