"""Checking what loading a sentence-transformers model would load: the modules that it names, a class and a folder each.

sentence-transformers trusts a local directory: it runs code there that a module's configuration names, and reads
``pytorch_model.bin`` where a folder has no ``model.safetensors``.
"""

import json
import os
from pathlib import Path
from typing import Any

from robustbench_mt.errors import BadCheckpointError, UnsafeFileError
from robustbench_mt.weights import has_safe_weights, json_object
from robustbench_mt.wording import quoted

__all__ = ["check_modules"]

_OWN = "sentence_transformers."

# Classes that a module's configuration names. In a transformer's, these are names without dots.
_CLASSES = {"tokenizer_class": _OWN, "activation_function": "torch."}

# Arguments that a module's configuration hands to transformers' loading; most of them could name other files.
_LOADING = ("model_args", "model_kwargs", "config_args", "config_kwargs")
_HARMLESS = {"add_pooling_layer", "attn_implementation", "dtype", "torch_dtype", "trust_remote_code"}


def check_modules(encoder: Path) -> None:
    """Refuse a sentence encoder that would read a pickle, files elsewhere, or code of its own.

    Args:
        encoder: the directory of a model of sentence-transformers.

    Raises:
        UserError: it would, or it is no such model.
    """
    try:
        listed = json.loads((encoder / "modules.json").read_text(encoding="utf-8"))
        modules = [(str(module["type"]), Path(module["path"])) for module in listed]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        raise BadCheckpointError(
            f"{encoder} is no sentence-transformers model: it has no modules.json that can be read. "
            "Give minilm, or a directory that sentence-transformers saved."
        ) from None
    has_weights, seen = False, set()
    while modules:
        kind, folder = modules.pop()
        _check_class(encoder, kind, _OWN)
        path, where = _below(encoder, folder)
        # Links could make a router its own part.
        if where in seen:
            continue
        seen.add(where)
        has_weights |= has_safe_weights(path)
        if (path / "pytorch_model.bin").exists() and not (path / "model.safetensors").is_file():
            raise _no_safetensors(path)
        for file in sorted(path.glob("*config*.json")):
            entries = json_object(file)
            _check_configuration(encoder, file, entries)
            parts = entries.get("types")
            # A router's, each in a folder of its name.
            modules += [(str(kind), folder / name) for name, kind in parts.items()] if isinstance(parts, dict) else []
    if not has_weights:
        raise _no_safetensors(encoder)


def _below(encoder: Path, folder: Path) -> tuple[Path, str]:
    """The path of a module's folder, and where links there lead."""
    path = encoder / folder
    try:
        if not (folder.is_absolute() or ".." in folder.parts):
            return path, os.path.realpath(path)
    except ValueError:  # a name that no file can have
        pass
    raise BadCheckpointError(
        f"The sentence encoder {encoder} has a module in {quoted(str(folder))}, which is not below it: give another."
    )


def _check_configuration(encoder: Path, file: Path, entries: dict[str, Any]) -> None:
    for name, beginning in _CLASSES.items():
        if "." in str(entries.get(name, "")):
            _check_class(encoder, str(entries[name]), beginning)
    for name in _LOADING:
        asked = entries.get(name)
        for foreign in sorted(set(asked) - _HARMLESS) if isinstance(asked, dict) else ():
            raise BadCheckpointError(
                f"{file} has {quoted(foreign)} among its {name}, with which other files could be read: "
                "take it out, or give another sentence encoder."
            )


def _check_class(encoder: Path, name: str, beginning: str) -> None:
    if not name.startswith(beginning):
        raise UnsafeFileError(
            f"The sentence encoder {encoder} brings code of its own ({name}), which is not run: give another."
        )


def _no_safetensors(path: Path) -> UnsafeFileError:
    return UnsafeFileError(
        f"The sentence encoder {path} has no safetensors weights: a pickle can run any code, so it is not read."
    )
