"""Looking for NLTK's data packages by their files alone, without importing NLTK."""

import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from robustbench_mt.resources.places import nltk_folders, user_folder

__all__ = ["STOP_WORDS", "TAGGER", "TAGSET", "WORDNET", "Located", "Package", "locate"]


@dataclass(frozen=True)
class Package:
    """One of NLTK's data packages.

    Attributes:
        path: its place in a folder of NLTK data: ``corpora/wordnet``.
        files: those of its files that are read here.
    """

    path: str
    files: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def held_in(self, root: Path) -> Path | None:
        """The package's folder or archive in a folder of NLTK data, if it is whole."""
        folder, archive = root / self.path, root / f"{self.path}.zip"
        try:
            if all((folder / file).is_file() for file in self.files):
                return folder
            if archive.is_file():
                with zipfile.ZipFile(archive) as members:
                    if {f"{self.name}/{file}" for file in self.files} <= set(members.namelist()):
                        return archive
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):  # damaged, or of a later format
            pass
        return None


STOP_WORDS = Package("corpora/stopwords", ("english",))
_PARTS = ("adj", "adv", "noun", "verb")
WORDNET = Package(
    "corpora/wordnet",
    (
        "lexnames",
        "index.sense",
        *(f"data.{part}" for part in _PARTS),
        *(f"index.{part}" for part in _PARTS),
        *(f"{part}.exc" for part in _PARTS),
    ),
)
TAGGER = Package(
    "taggers/averaged_perceptron_tagger_eng",
    tuple(f"averaged_perceptron_tagger_eng.{part}.json" for part in ("weights", "tagdict", "classes")),
)
TAGSET = Package("taggers/universal_tagset", ("en-ptb.map",))

_DEBIAN_WORDNET = Path("/usr/share/wordnet")


@dataclass(frozen=True)
class Located:
    """Where a package was found.

    Attributes:
        package: what was found.
        source: a few words for records.
        where: its folder or archive; ``None`` for scikit-learn's stop words.
        root: the folder of NLTK data from which NLTK reads it as it is; ``None`` where NLTK needs a copy.
    """

    package: Package
    source: str
    where: Path | None
    root: Path | None = None

    @property
    def fallback(self) -> bool:
        return self.where is None


def locate(package: Package) -> Located | None:
    """Find a package: in NLTK's own places, then in the user's folder, then what stands in for it."""
    for source, root in _roots():
        where = package.held_in(root)
        if where is not None:
            return Located(package, source, where, root if _nltk_would_read(root, where) else None)
    if package is WORDNET and all((_DEBIAN_WORDNET / file).is_file() for file in package.files if file != "lexnames"):
        return Located(package, f"Debian {_DEBIAN_WORDNET}", _DEBIAN_WORDNET)
    if package is STOP_WORDS:
        return Located(package, "scikit-learn (fallback)", None)
    return None


def _roots() -> Iterator[tuple[str, Path]]:
    for folder in nltk_folders():
        yield "NLTK", folder
    given = user_folder()
    if given is not None:
        yield "ROBUSTBENCH_MT_RESOURCES", given / "nltk_data"
        yield "ROBUSTBENCH_MT_RESOURCES", given


def _nltk_would_read(root: Path, where: Path) -> bool:
    """Whether NLTK reads a package there: since 3.10 only where no other account can have written it."""
    entries = [where] if where.is_file() else [where, *where.rglob("*")]
    try:
        return all(_is_private(path) for path in [root, where.parent, *entries])
    except OSError:
        return False


def _is_private(path: Path) -> bool:
    status = path.lstat()
    linked = stat.S_ISLNK(status.st_mode) or (path.is_file() and status.st_nlink > 1)
    return status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022 and not linked
