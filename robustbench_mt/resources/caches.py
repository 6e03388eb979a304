"""Looking in the caches of TextAttack, Hugging Face, Flair and TensorFlow Hub, by files alone.

A name is found only where its library would find it offline: a partial download, or a package that is not installed,
is as good as nothing.
"""

import hashlib
import os
import tempfile
from importlib.util import find_spec
from pathlib import Path

from robustbench_mt.paths import expanded, is_directory, is_file
from robustbench_mt.resources.places import textattack_cache
from robustbench_mt.resources.resource import Found

__all__ = ["find_flair_model", "find_hub_model", "find_textattack_files", "find_tfhub_model"]

_WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json")


def find_textattack_files(folder: str, files: tuple[str, ...], modules: tuple[str, ...] = ()) -> Found | None:
    """Files that TextAttack downloads to its own cache.

    Args:
        folder: the folder in its cache.
        files: what must be there; a pattern for at least one file.
        modules: what must be installed to read them.
    """
    where = textattack_cache() / folder
    if not (_installed(*modules) and is_directory(where) and all(any(where.glob(file)) for file in files)):
        return None
    return Found(str(where), "TextAttack's cache")


def find_hub_model(name: str, modules: tuple[str, ...] = ()) -> Found | None:
    """A model in the Hugging Face cache: its configuration and its weights."""
    snapshot = _snapshot(_hub_cache(), name)
    if snapshot is None or not _installed(*modules) or not _has_weights(snapshot):
        return None
    return Found(str(snapshot), "Hugging Face cache")


def find_flair_model(name: str) -> Found | None:
    """A tagger in Flair's cache, which keeps a Hugging Face cache for each model."""
    cache = expanded(os.environ.get("FLAIR_CACHE_ROOT") or "~/.flair")
    snapshot = _snapshot(cache / "models" / name, f"flair/{name}")
    if snapshot is None or not is_file(snapshot / "pytorch_model.bin"):
        return None
    return Found(str(snapshot), "Flair's cache")


def find_tfhub_model(url: str) -> Found | None:
    """A model of TensorFlow Hub, which keeps it under the hash of its address."""
    try:
        cache = Path(os.environ.get("TFHUB_CACHE_DIR") or Path(tempfile.gettempdir()) / "tfhub_modules")
    except FileNotFoundError:  # no folder for temporary files may be written
        return None
    where = cache / hashlib.sha1(url.encode()).hexdigest()
    # tensorflow_hub 0.16 asks setuptools for pkg_resources, which it has until version 81.
    if not (_installed("tensorflow", "tensorflow_hub", "pkg_resources") and is_file(where / "saved_model.pb")):
        return None
    return Found(str(where), "TensorFlow Hub's cache")


def _installed(*modules: str) -> bool:
    return all(find_spec(module) for module in modules)


def _hub_cache() -> Path:
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if os.environ.get(variable):
            return expanded(os.environ[variable])
    home = os.environ.get("HF_HOME") or f"{os.environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    return expanded(home) / "hub"


def _snapshot(cache: Path, name: str) -> Path | None:
    """The files of a model's main revision."""
    repository = cache / f"models--{name.replace('/', '--')}"
    try:
        return repository / "snapshots" / (repository / "refs/main").read_text(encoding="ascii").strip()
    except OSError:
        return None


def _has_weights(snapshot: Path) -> bool:
    return is_file(snapshot / "config.json") and any(is_file(snapshot / file) for file in _WEIGHTS)
