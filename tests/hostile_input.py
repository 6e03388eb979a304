"""Hostile files for every parser of a user's bytes, and what must hold of each: a result, or one clear line.

Valid files are damaged byte by byte, and JSON is given values of the wrong kind. ``tests/test_fuzz_parsers.py`` tries
some hundreds of cases, always the same ones; ``benchmarks/fuzz.py`` tries as many as one likes, always others.
"""

import json
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from robustbench_mt.errors import UserError
from robustbench_mt.visible import visible

__all__ = ["Files", "Parser", "any_of", "dumped", "lines_of", "mutated", "one", "refusal", "wrong"]

Files = dict[str, bytes]
"""The content of files by their paths in a directory."""

_SECONDS = 10.0
_LONGEST_LINE = 1500
_SPELT_OUT = re.compile("⟨U\\+[0-9A-F]+⟩")

_TOKENS = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\r",
        b"\n",
        b"\r\n",
        b"\t",
        b" ",
        b"\x1b[2J",
    ),
    *(
        b'"',
        b'""',
        b"'",
        b",",
        b":",
        b"{",
        b"}",
        b"[",
        b"]",
        b"[" * 3000,
        b'{"a":' * 3000,
        b"\\",
        b"\\ud800",
        b"\\u0000",
    ),
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"0", b"1", b"-1", b"1.5", b"9" * 19, b"9" * 5000, b"null", b"true"),
    *(b"=1+1", b"../../x", b"/etc/passwd", b"x" * 300, "\u202e".encode(), "\u2028".encode(), "ＮＡＮ".encode()),
    *(b"!!python/object/apply:os.system [id]", b"&a [*a]", b"<<: *a", b"? ", b"- ", b"2026-13-45", b"0x", b"!!int x"),
    *(b"<SPLIT>", b"[[", b"]]", b"[[[[Premise]]]]: "),
)


_DAMAGES = (
    *("word", "word", "insert", "overwrite", "cut", "delete"),
    *("repeat", "move", "splice", "flip", "bytes"),
)
_WORD = re.compile(rb"[\w.-]+")


@dataclass(frozen=True)
class Parser:
    """What reads a user's bytes.

    Attributes:
        files: what it is given.
        read: reads them from the directory where they lie; may raise what a user is meant to read.
        share: of all cases, relative to the others': what takes long gets fewer.
        settles: of the names of files, which it may write or change.
    """

    files: st.SearchStrategy[Files]
    read: Callable[[Path], object]
    share: float = 1.0
    settles: str = ""


def refusal(parser: Parser, files: Mapping[str, bytes]) -> str | None:
    """The line with which a parser refuses files, in a directory of their own; ``None`` where it reads them.

    Raises:
        AssertionError: it says it in another way, writes what it should not, or takes long.
        Exception: whatever it raises that no user is meant to read.
    """
    with tempfile.TemporaryDirectory() as directory:
        return _refusal_in(Path(directory), parser, files)


def _refusal_in(directory: Path, parser: Parser, files: Mapping[str, bytes]) -> str | None:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    before, began, line = _content(directory, parser.settles), time.monotonic(), None
    try:
        with warnings.catch_warnings():
            # They would stand above the line.
            warnings.simplefilter("error")
            parser.read(directory)
    except UserError as error:
        line = str(error)
        assert line, "it says nothing"
        assert visible(line) == line, f"not one line that is what it seems: {line!r}"
        length = len(_SPELT_OUT.sub("x", line)) - 2 * len(str(directory))
        assert length <= _LONGEST_LINE, f"{length} characters: {line[:200]!r}"
        assert directory.name in line, f"no file is named: {line!r}"
    assert _content(directory, parser.settles) == before, "files were written or changed"
    assert time.monotonic() - began < _SECONDS, "it takes long"
    return line


def _content(directory: Path, settles: str) -> Files:
    found = sorted(path for path in directory.rglob("*") if path.is_file())
    names = {str(path.relative_to(directory)): path for path in found}
    return {name: path.read_bytes() for name, path in names.items() if not (settles and re.search(settles, name))}


@st.composite
def mutated(draw: st.DrawFn, seeds: Sequence[bytes], most: int = 4) -> bytes:
    """One of some valid contents, damaged up to ``most`` times: cut, repeated, overwritten, spliced with another."""
    content = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, most))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        how = draw(
            st.sampled_from(
                ("insert", "word", "word", "overwrite", "cut", "delete", "repeat", "move", "splice", "flip", "bytes")
            )
        )
        if how == "insert":
            content = content[:start] + draw(st.sampled_from(_TOKENS)) + content[start:]
        elif how == "word":
            words = list(_WORD.finditer(content))
            place = draw(st.integers(0, len(words)))
            if place < len(words):
                content = (
                    content[: words[place].start()] + draw(st.sampled_from(_TOKENS)) + content[words[place].end() :]
                )
        elif how == "overwrite":
            token = draw(st.sampled_from(_TOKENS))
            content = content[:start] + token + content[start + len(token) :]
        elif how == "cut":
            content = content[:start]
        elif how == "delete":
            content = content[:start] + content[end:]
        elif how == "repeat":
            content = content[:end] + content[start:end][:4096] + content[end:]
        elif how == "move":
            content = content[end:] + content[start:end] + content[:start]
        elif how == "splice":
            other = draw(st.sampled_from(seeds))
            content = content[:start] + other[min(start, len(other)) :]
        elif how == "flip" and start < len(content):
            content = content[:start] + bytes([content[start] ^ 1 << draw(st.integers(0, 7))]) + content[start + 1 :]
        else:
            content = content[:start] + draw(st.binary(max_size=8)) + content[end:]
    return content


_TEXTS = st.one_of(
    st.text(max_size=20), st.sampled_from([token.decode("utf-8", "surrogateescape") for token in _TOKENS])
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, -(2**63) - 1, 10**400]),
    st.floats(),
    _TEXTS,
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def wrong(draw: st.DrawFn, value: Any) -> Any:
    """A JSON value in which an entry, at any depth, is replaced, left out, or has another beside it."""
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        how = draw(st.sampled_from(("within", "without", "beside", "twice")))
        if how == "within":
            return {**value, name: draw(wrong(value[name]))}
        if how == "without":
            return {entry: content for entry, content in value.items() if entry != name}
        if how == "beside":
            return {**value, draw(_TEXTS): draw(_VALUES)}
        return {**value, name: [value[name], value[name]]}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(wrong(value[place])), *value[place + 1 :]]
    return draw(_VALUES)


def dumped(value: Any) -> bytes:
    return json.dumps(value, default=str).encode("utf-8", "surrogatepass")


@st.composite
def lines_of(draw: st.DrawFn, objects: Sequence[Any]) -> bytes:
    """JSON objects one a line, some of them wrong, some by another's side, the last perhaps half written."""
    chosen = draw(st.lists(st.sampled_from(objects), min_size=1, max_size=4))
    lines = [dumped(draw(wrong(entry)) if draw(st.integers(0, 2)) == 0 else entry) for entry in chosen]
    content = b"".join(line + b"\n" for line in lines)
    return content[: draw(st.integers(0, len(content)))] if draw(st.integers(0, 3)) == 0 else content


def one(name: str, *contents: st.SearchStrategy[bytes], **others: bytes) -> st.SearchStrategy[Files]:
    """A file of any of these contents, beside others that are as they should be."""
    return st.one_of(*contents).map(lambda content: {**others, name: content})


def any_of(valid: Mapping[str, bytes]) -> st.SearchStrategy[Files]:
    """Valid files of which one is damaged or missing."""

    def damaged(name: str) -> st.SearchStrategy[Files]:
        others = {other: content for other, content in valid.items() if other != name}
        contents = mutated([valid[name], *others.values()], 3)
        return st.just(others) | contents.map(lambda content: {**others, name: content})

    return st.sampled_from(sorted(valid)).flatmap(damaged)
