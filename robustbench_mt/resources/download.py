"""Downloading NLTK's data packages, when the user asks for it."""

import io
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from robustbench_mt.errors import MissingResourceError, NoNetworkError
from robustbench_mt.paths import in_home, is_directory
from robustbench_mt.registry import choose
from robustbench_mt.resources.nltk_data import locate
from robustbench_mt.resources.overlay import point_nltk_at
from robustbench_mt.resources.places import nltk_folders
from robustbench_mt.resources.resource import Resource
from robustbench_mt.resources.table import RESOURCES

__all__ = ["fetch"]


def fetch(names: Sequence[str] = (), timeout: float = 30.0) -> None:
    """Download resources to NLTK's own folder, and read each once to see that it is whole.

    What is here already (a fallback is not) is not downloaded again.

    Args:
        names: of resources; all that can be fetched, if none are given.
        timeout: seconds without an answer after which the network counts as absent.

    Raises:
        UserError: there is no such resource, it cannot be fetched, the network fails, or what came cannot be read.
    """
    chosen = [choose("resource", name, RESOURCES) for name in names]
    for resource in chosen:
        if not resource.packages:
            raise MissingResourceError(
                f"robustbench-mt cannot fetch the resource {resource.name!r}: {resource.remedy}."
            )
    for resource in chosen or [resource for resource in RESOURCES.values() if resource.packages]:
        present = resource.find()
        if present is None or present.fallback:
            _download(resource, timeout)
        _read_back(resource)


def _download(resource: Resource, timeout: float) -> None:
    from nltk.downloader import Downloader

    folder = _download_folder()
    with _timeout(timeout):
        for package in resource.packages:
            try:
                Downloader().download(
                    package.name, str(folder), quiet=True, raise_on_error=True, print_error_to=io.StringIO()
                )
            except (OSError, ValueError) as error:
                raise NoNetworkError(
                    f"Cannot download {package.name} to {folder} ({error}). Check the network; or {resource.remedy}."
                ) from None


def _download_folder() -> Path:
    """Where NLTK's own downloader would put it, if the copies in our cache were not on its search path."""
    writable = (folder for folder in nltk_folders() if is_directory(folder) and os.access(folder, os.W_OK))
    return next(writable, in_home("nltk_data"))


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_stop_words() -> Any:
    from nltk.corpus import stopwords

    return stopwords.words("english")


def _read_wordnet() -> Any:
    from nltk.corpus import wordnet

    return wordnet.synsets("film")


def _read_tagger() -> Any:
    import nltk

    return nltk.pos_tag(["film"], tagset="universal")


_READERS: dict[str, Callable[[], Any]] = {
    "stop words": _read_stop_words,
    "wordnet": _read_wordnet,
    "part-of-speech tagger": _read_tagger,
}


def _read_back(resource: Resource) -> None:
    """Have NLTK read something of a resource."""
    found = resource.find()
    problem = "it is not where NLTK looks"
    if found is not None and not found.fallback:
        point_nltk_at(item for item in map(locate, resource.packages) if item is not None)
        try:
            if _READERS[resource.name]():
                return
            problem = "it is empty"
        except Exception as error:  # a damaged file may raise anything
            problem = f"{type(error).__name__}: {(str(error).split() or ['?'])[0]}"
    where = found.where if found and not found.fallback else _download_folder()
    raise MissingResourceError(
        f"What was downloaded as {resource.name!r} cannot be read ({problem}): delete it from {where} and try again."
    )
