"""Records on disk: an append-only JSONL file with one writer, that survives being killed at any moment."""

import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from robustbench_mt.errors import UserError
from robustbench_mt.records import Record, from_json, to_json

__all__ = ["Ledger", "make_directory", "read_record", "read_records", "write_atomically", "write_record"]

R = TypeVar("R", bound=Record)


def make_directory(path: Path) -> Path:
    """Make a directory that can be written to.

    Raises:
        UserError: it cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"Cannot make the directory {path} ({error.strerror}): choose another --out.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write to the directory {path}: choose another --out, or change its permissions.")
    return path


def write_atomically(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def write_record(path: Path, record: Record) -> None:
    """Write a single record as a JSON file, whole or not at all."""
    write_atomically(path, json.dumps(to_json(record), allow_nan=False, indent=1) + "\n")


def read_record(path: Path, record_type: type[R]) -> R:
    """Read what :func:`write_record` wrote.

    Raises:
        UserError: the file is missing or is not such a record.
    """
    try:
        return from_json(record_type, json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    except (ValueError, UserError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from None


def read_records(path: Path, record_type: type[R]) -> Iterator[R]:
    """The records of a file, one at a time; none where the file does not exist.

    A last line without a line break was being written when the process ended; it is not a record.

    Raises:
        UserError: a line is not such a record; file and line are named.
    """
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield from_json(record_type, json.loads(line))
            except (ValueError, UserError) as error:
                raise UserError(
                    f"{path}, line {number}, is not a record ({error}): mend or delete the line."
                ) from None


class Ledger(Generic[R]):
    """A file of records of one kind, open for appending.

    Opening takes a lock that is gone with the process, drops a half-written last line and reads what is there.

    Args:
        path: the ``.jsonl`` file; its directory is made.
        record_type: what its lines hold.
        run: settings that every line shares, kept beside the file; opening with others is refused.

    Raises:
        UserError: the directory cannot be written, another process has the file open, a line is damaged, or the file
            was written with other settings (each difference is named).
    """

    def __init__(self, path: Path, record_type: type[R], run: Record | None = None) -> None:
        make_directory(path.parent)
        self.path = path
        try:
            self._stream = path.open("ab")
        except OSError as error:
            raise UserError(f"Cannot write {path} ({error.strerror}): choose another --out.") from None
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._drop_half_line()
            self.records: list[R] = list(read_records(path, record_type))
            if run is not None:
                self._claim(run)
        except BlockingIOError:
            self._stream.close()
            raise UserError(f"{path} is being written by another process: wait for it, or choose another --out.") from None
        except BaseException:
            self._stream.close()
            raise

    def append(self, record: R) -> None:
        """Add a record; when this returns it is on disk."""
        # ASCII, so that a text with a lone surrogate is written and read back as it is.
        line = json.dumps(to_json(record), allow_nan=False)
        self._stream.write(line.encode("ascii") + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self.records.append(record)

    def __enter__(self) -> "Ledger[R]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _drop_half_line(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            self._stream.truncate(content.rfind(b"\n") + 1)

    def _claim(self, run: Record) -> None:
        path = self.path.with_suffix(".settings.json")
        if not path.exists():
            if self.records:
                raise UserError(f"{self.path} has records but {path.name} is gone: choose another --out.")
            write_record(path, run)
            return
        there, asked = to_json(read_record(path, type(run))), to_json(run)
        differences = [
            f"{name} is {_short(there.get(name))} there and {_short(asked[name])} now"
            for name in asked
            if there.get(name) != asked[name]
        ]
        if differences:
            raise UserError(
                f"{self.path} was written with other settings: {'; '.join(differences)}. Choose another --out."
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
