"""Records on disk: an append-only JSONL file with one writer, that survives being killed at any moment."""

import json
import os
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Generic, TypeVar

from robustbench_mt.errors import (
    BadRecordError,
    CannotReadError,
    CannotWriteError,
    OtherSettingsError,
    UserError,
)
from robustbench_mt.flat import flat
from robustbench_mt.inside import inside
from robustbench_mt.locking import open_alone, open_locked
from robustbench_mt.record_json import from_json, parsed, read_line, to_json
from robustbench_mt.records import Record
from robustbench_mt.system_errors import cannot
from robustbench_mt.wording import shortened

__all__ = [
    "Ledger",
    "claim",
    "make_directory",
    "read_places",
    "read_record",
    "read_record_at",
    "read_records",
    "refuse_differences",
    "write_atomically",
    "write_record",
    "written_atomically",
]

R = TypeVar("R", bound=Record)

# Differences that a message names.
_MOST_SHOWN = 10


def make_directory(path: Path) -> Path:
    """Make a directory that can be written to.

    Raises:
        UserError: it cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot("make the directory", path, error) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise CannotWriteError(
            f"Cannot write to the directory {path}: choose another --out, or change its permissions."
        )
    return path


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all; a link in its place is replaced, not followed.

    Raises:
        UserError: it cannot be written; a full disk is named as such.
    """
    with written_atomically(path) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A stream for a file's new content, which takes the old one's place when the block ends without an error.

    Of several processes that write the same file, each waits for the one before; the last one's content stays.

    Raises:
        UserError: as :func:`write_atomically`.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with BufferedWriter(open_alone(partial)) as stream:
            try:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                # Before it is closed, when another process that waits may begin.
                partial.replace(path)
            except BaseException:
                with suppress(OSError):
                    partial.unlink()
                # What it still holds is not to be written.
                stream.raw.close()
                raise
    except OSError as error:
        raise cannot("write", path, error) from None


def write_record(path: Path, record: Record) -> None:
    """Write a single record as a JSON file, whole or not at all."""
    write_atomically(path, json.dumps(to_json(record), allow_nan=False, indent=1) + "\n")


def read_record(path: Path, record_type: type[R]) -> R:
    """Read what :func:`write_record` wrote.

    Raises:
        UserError: the file is missing or is not such a record.
    """
    try:
        return from_json(record_type, parsed(path.read_bytes()))
    except OSError as error:
        raise CannotReadError(f"Cannot read {path}: {error.strerror}.") from None
    except (ValueError, UserError) as error:
        raise BadRecordError(f"{path} cannot be read: {error}.") from None


def read_records(path: Path, record_type: type[R]) -> Iterator[R]:
    """The records of a file, one at a time; none where the file does not exist.

    A last line without a line break was being written when the process ended; it is not a record.

    Raises:
        UserError: a line is not such a record; file and line are named.
    """
    return (record for _, record in read_places(path, record_type))


def read_places(path: Path, record_type: type[R]) -> Iterator[tuple[int, R]]:
    """As :func:`read_records`, each with its place in the file, from which :func:`read_record_at` reads it again."""
    try:
        with path.open("rb") as stream:
            place = 0
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    record = read_line(record_type, line)
                except (ValueError, UserError) as error:
                    raise BadRecordError(
                        f"{path}, line {number}, is not a record ({error}): mend or delete the line."
                    ) from None
                yield place, record
                place += len(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotReadError(f"Cannot read {path}: {error.strerror}.") from None


def read_record_at(path: Path, place: int, record_type: type[R]) -> R:
    """The record at a place that :func:`read_places` gave.

    Raises:
        UserError: there is no longer a record at that place.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(place)
            return read_line(record_type, stream.readline())
    except (OSError, ValueError, UserError):
        raise BadRecordError(f"{path} was changed while it was read: give the same command again.") from None


class Ledger(Generic[R]):
    """A file of records of one kind, open for appending. It is no link to another directory.

    Opening takes a lock that is gone with the process, drops a half-written last line and reads what is there.

    Args:
        path: the ``.jsonl`` file; its directory is made.
        record_type: what its lines hold.
        run: settings that all lines share, kept beside the file; opening with others is refused.
        may_differ: names of settings that may be others when a run goes on, on another machine perhaps.

    Raises:
        UserError: the file or its directory cannot be written, another run has the file open, a line is damaged, or the
            file was written with other settings (each difference is named).
    """

    def __init__(
        self,
        path: Path,
        record_type: type[R],
        run: Mapping[str, Any] | None = None,
        may_differ: Container[str] = ("versions",),
    ) -> None:
        make_directory(path.parent)
        self.path = inside(path.parent, path.name)
        self._stream = open_locked(path)
        try:
            self.records: list[R] = list(read_records(path, record_type))
            if run is not None:
                settings = inside(path.parent, path.with_suffix(".settings.json").name)
                if self.records and not settings.exists():
                    raise BadRecordError(f"{path} has records, but {settings.name} is gone: choose another --out.")
                if not self.records:
                    # Of a run that ended before its first record, these bind nobody.
                    settings.unlink(missing_ok=True)
                claim(settings, run, str(path), ignore=may_differ)
            # Last, so that a file that is refused stays as it is.
            self._drop_half_line()
        except BaseException:
            self._close()
            raise

    def append(self, record: R) -> None:
        """Add a record; when this returns it is on disk, and when this raises nothing of it is.

        Raises:
            UserError: it cannot be written; a full disk is named as such.
        """
        # ASCII, so that a text with a lone surrogate is written and read back as it is.
        line = json.dumps(to_json(record), allow_nan=False).encode("ascii") + b"\n"
        before = os.fstat(self._stream.fileno()).st_size
        try:
            written = 0
            while written < len(line):
                written += self._stream.write(line[written:]) or 0
            os.fsync(self._stream.fileno())
        except BaseException as error:
            # Where this fails too, a half line stays, and the next opening drops it.
            with suppress(OSError):
                self._stream.truncate(before)
            if isinstance(error, OSError):
                raise cannot("write", self.path, error) from None
            raise
        self.records.append(record)

    def __enter__(self) -> "Ledger[R]":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        # A run that was refused before its first record leaves no file behind.
        if os.fstat(self._stream.fileno()).st_size == 0:
            self.path.unlink(missing_ok=True)
        self._stream.close()

    def _drop_half_line(self) -> None:
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            self._stream.truncate(content.rfind(b"\n") + 1)


def claim(path: Path, settings: Mapping[str, Any], what: str, ignore: Container[str] = ()) -> None:
    """Keep ``settings`` in the JSON file ``path``, or compare with what is kept there.

    Args:
        path: made if it does not exist.
        settings: plain JSON values.
        what: what the settings belong to, for the message.
        ignore: settings that may differ.

    Raises:
        UserError: other settings are kept there; each difference is named.
    """
    # Through JSON, so that tuples and numbers compare as they are read back.
    asked = json.loads(json.dumps(settings, allow_nan=False))
    if not path.exists():
        write_atomically(path, json.dumps(asked, indent=1) + "\n")
        return
    try:
        there = parsed(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadRecordError(f"{path} cannot be read ({error}): choose another --out.") from None
    if not isinstance(there, dict):
        raise BadRecordError(f"{path} does not hold settings: choose another --out.")
    refuse_differences(there, asked, what, ignore)


def refuse_differences(
    there: Mapping[str, Any], asked: Mapping[str, Any], what: str, ignore: Container[str] = ()
) -> None:
    """Raise :class:`UserError` that names each setting that differs; of nested ones with a dot, ``attack.seed``."""
    there, asked = flat(there), flat(asked)
    differences = [
        f"{shortened(name)} is {_short(there.get(name))} there and {_short(asked.get(name))} now"
        for name in {**there, **asked}
        if name.partition(".")[0] not in ignore and name not in ignore and there.get(name) != asked.get(name)
    ]
    if differences:
        shown = differences if len(differences) <= _MOST_SHOWN else [*differences[:_MOST_SHOWN], "..."]
        raise OtherSettingsError(f"{what} was made with other settings: {'; '.join(shown)}. Choose another --out.")


def _short(value: Any) -> str:
    return shortened(json.dumps(value, ensure_ascii=False), 80)
