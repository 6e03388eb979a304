"""Directories that the environment names or implies; each is looked up anew, as the environment may change."""

import os
import sys
from pathlib import Path

from robustbench_mt.paths import expanded, in_home

__all__ = ["cache_folder", "nltk_folders", "textattack_cache", "user_folder"]


def user_folder() -> Path | None:
    """The folder of resources that the user names with ``ROBUSTBENCH_MT_RESOURCES``."""
    named = os.environ.get("ROBUSTBENCH_MT_RESOURCES")
    return expanded(named) if named else None


def cache_folder() -> Path:
    """Where this package keeps copies: ``ROBUSTBENCH_MT_CACHE``, else a folder in the user's cache directory."""
    named = os.environ.get("ROBUSTBENCH_MT_CACHE")
    if named:
        return expanded(named)
    cache = os.environ.get("XDG_CACHE_HOME")
    return (expanded(cache) if cache else in_home(".cache")) / "robustbench-mt"


def nltk_folders() -> list[Path]:
    """NLTK's own search path, in its order, as ``nltk.data.path`` is when NLTK is imported."""
    named = [folder for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    prefix = Path(sys.prefix)
    return [
        *(expanded(folder) for folder in [*named, "~/nltk_data"]),
        *(prefix / "nltk_data", prefix / "share/nltk_data", prefix / "lib/nltk_data"),
        *(Path("/usr/share/nltk_data"), Path("/usr/local/share/nltk_data")),
        *(Path("/usr/lib/nltk_data"), Path("/usr/local/lib/nltk_data")),
    ]


def textattack_cache() -> Path:
    """Where TextAttack keeps what it downloads."""
    return expanded(os.environ.get("TA_CACHE_DIR") or "~/.cache/textattack")
