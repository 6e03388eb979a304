"""Reading a file's bytes as lines of text."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robustbench_mt.errors import CannotReadError, NotFoundError, NotUtf8Error, TooFewExamplesError, UserError

__all__ = ["empty_file", "read_lines", "reading"]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be read into a :class:`UserError`."""
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError(f"There is no file or directory {path}: check the path.") from None
    except PermissionError:
        raise CannotReadError(f"{path} may not be read: change its permissions (chmod u+r).") from None
    except OSError as error:
        raise CannotReadError(f"{path} cannot be read ({error.strerror or error}): check the path.") from None


def empty_file(path: Path) -> UserError:
    """The error for a file in which nothing stands."""
    return TooFewExamplesError(f"{path} is empty: give a file with labelled texts.")


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file, with or without a byte-order mark, each with its line break.

    Only ``\\n`` ends a line: other characters that Python takes for a line break occur inside texts.

    Raises:
        UserError: the file cannot be read, is empty, is binary or is not UTF-8.
    """
    with reading(path), path.open("rb") as stream:
        head = stream.read(8192)
        if not head:
            raise empty_file(path)
        if head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
            raise NotUtf8Error(f"{path} is UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8).")
        _refuse_binary(path, head)
        stream.seek(len(BOM_UTF8) if head.startswith(BOM_UTF8) else 0)
        for number, raw in enumerate(stream, 1):
            _refuse_binary(path, raw)
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise NotUtf8Error(
                    f"{path}, line {number}, is not UTF-8 (byte 0x{raw[error.start]:02x}): "
                    "save it as UTF-8 (for Latin-1: iconv -f LATIN1 -t UTF-8)."
                ) from None
            yield line


def _refuse_binary(path: Path, content: bytes) -> None:
    if b"\0" in content:
        raise NotUtf8Error(
            f"{path} is a binary file, not text: give a CSV, TSV or JSONL file, or name Parquet .parquet."
        )
