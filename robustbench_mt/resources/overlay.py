"""Making NLTK read what was found outside its own places, or where it refuses to read.

NLTK 3.10 reads no file that another account could have written, and no link. So what it cannot read as it is becomes
a copy with safe permissions in this package's cache, one folder a source, made once and whole.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from robustbench_mt.resources.lexnames import LEXNAMES
from robustbench_mt.resources.nltk_data import Located
from robustbench_mt.resources.places import cache_folder

__all__ = ["point_nltk_at"]

_copies: dict[str, str] = {}
"""By package, the copy that is on NLTK's search path."""


def point_nltk_at(located: Iterable[Located]) -> None:
    """Make NLTK read each package from where it was found."""
    import nltk

    for item in located:
        root = str(item.root or _copied(item))
        before = _copies.pop(item.package.path, root)
        if before != root:
            nltk.data.path[:] = [folder for folder in nltk.data.path if folder != before]
            if item.package.path.startswith("corpora/"):
                # NLTK keeps a corpus that was read once.
                getattr(nltk.corpus, item.package.name)._unload()
        if item.root is None:
            _copies[item.package.path] = root
        if root not in nltk.data.path:
            nltk.data.path.insert(0, root)


def _copied(item: Located) -> Path:
    """A folder of NLTK data that holds a copy of the package."""
    content = _content(item)
    name = f"{item.package.name}-{_fingerprint(content)}"
    try:
        return _whole_copy(content, cache_folder() / "nltk_data" / name)
    except OSError:  # no home, a read-only one, another account's cache
        return _whole_copy(content, _private_folder() / name)


@cache
def _private_folder() -> Path:
    """A folder that is gone when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="robustbench-mt-nltk-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _content(item: Located) -> dict[str, Path | bytes]:
    """The copy's files by their place in it: what to copy, or what to write."""
    package = item.package
    if item.where is None:
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        return {f"{package.path}/english": "".join(f"{word}\n" for word in sorted(ENGLISH_STOP_WORDS)).encode()}
    if item.where.is_file():
        return {f"{package.path}.zip": item.where}
    files = {file: item.where / file for file in package.files}
    return {
        f"{package.path}/{file}": LEXNAMES if file == "lexnames" and not source.exists() else source
        for file, source in files.items()
    }


def _fingerprint(content: Mapping[str, Path | bytes]) -> str:
    digest = hashlib.sha256()
    for place, source in content.items():
        if isinstance(source, Path):
            status = source.stat()
            digest.update(f"{place}\0{source.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
        else:
            digest.update(place.encode() + b"\0" + source + b"\0")
    return digest.hexdigest()[:16]


def _whole_copy(content: Mapping[str, Path | bytes], target: Path) -> Path:
    if target.is_dir():
        if target.stat().st_uid != os.geteuid():
            raise PermissionError(f"{target} belongs to another account")
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for place, source in content.items():
            copy = partial / place
            for folder in reversed(copy.relative_to(partial).parents[:-1]):
                (partial / folder).mkdir(mode=0o700, exist_ok=True)
            if isinstance(source, Path):
                shutil.copyfile(source, copy)
            else:
                copy.write_bytes(source)
            copy.chmod(0o600)
        try:
            partial.rename(target)
        except OSError:
            if not target.is_dir():
                raise
            # Another process was first; its copy is the same.
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
