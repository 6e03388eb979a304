"""Which files a model is read from: those of its own directory, whatever is written there.

transformers reads every file that an index of shards names, pickles too, and every vocabulary that a tokenizer's
configuration names, wherever they are; and with a checkpoint it saves the vocabulary anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robustbench_mt.errors import BadCheckpointError
from robustbench_mt.wording import quoted

__all__ = ["check_loaded", "check_tokenizer", "has_safe_weights", "json_object"]

_INDEX = ".safetensors.index.json"


def has_safe_weights(directory: Path) -> bool:
    """Whether a model's weights are safetensors files of its directory; else they are a pickle, if anything.

    The files may be links: those of Hugging Face's cache are.

    Raises:
        UserError: it is an adapter, whose base could be anything; or its configuration or an index names as weights
            what is no file of the directory, or is of another kind; or its tokenizer's configuration names files.
    """
    if (directory / "adapter_config.json").exists():
        raise BadCheckpointError(f"{directory} is an adapter: merge it into its base first (peft's merge_and_unload).")
    entries = json_object(directory / "config.json")
    if "configuration_files" in entries:
        raise BadCheckpointError(f"{directory} names other files as its configuration: have one config.json alone.")
    check_tokenizer(directory)
    named = entries.get("transformers_weights")
    if named is not None and not (_is_plain(named, ".safetensors") or _is_plain(named, _INDEX)):
        raise BadCheckpointError(
            f"{directory / 'config.json'} names {quoted(named)} as its weights, which is no safetensors file of that "
            "directory: save the model with save_pretrained."
        )
    _check_index(directory / "pytorch_model.bin.index.json", ".bin")
    weights = [named] if named else ["model.safetensors", f"model{_INDEX}"]
    for name in weights:
        if name.endswith(_INDEX):
            _check_index(directory / name, ".safetensors")
    return any((directory / name).is_file() for name in weights)


def check_tokenizer(directory: Path) -> None:
    """Refuse a tokenizer that names its files: they are looked for in its directory, under the names that they have.

    Raises:
        UserError: it does.
    """
    file = directory / "tokenizer_config.json"
    unread = {"special_tokens_map_file"}
    if not (directory / "tokenizer.json").exists():
        unread.add("tokenizer_file")
    for name, value in json_object(file).items():
        if (name.endswith(("_file", "_files", "_spm")) or name == "vocab") and name not in unread and value:
            raise BadCheckpointError(
                f"{file} has {quoted(value)} as {quoted(name)}, which could be any file: take the entry out."
            )


def check_loaded(what: str, loaded: Mapping[str, Any], prefix: str = "") -> None:
    """Refuse a model that transformers has filled up with random weights, of which it only warns.

    Args:
        what: the model, as a message begins.
        loaded: the ``output_loading_info`` of ``from_pretrained``.
        prefix: of the names of weights that must be there. What pools an encoder's output is never one of a base's,
            because masked language models have none.

    Raises:
        UserError: some are not there, or of another shape.
    """
    lacking = {*loaded["missing_keys"], *(name for name, *_ in loaded["mismatched_keys"])}
    if prefix:
        lacking = {name for name in lacking if name.startswith(prefix) and "pooler" not in name}
    if lacking:
        raise BadCheckpointError(
            f"{what} lacks weights that its config.json asks for, {quoted(min(lacking))} and {len(lacking) - 1} more, "
            "which would be random: save the model with save_pretrained."
        )


def json_object(file: Path) -> dict[str, Any]:
    """What a JSON object in a file holds; empty where there is none, of which the library that needs it complains.

    It is read as those libraries read it: they must not find there what was not seen here.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _check_index(file: Path, suffix: str) -> None:
    if not file.is_file():
        return
    shards = json_object(file).get("weight_map")
    if not (isinstance(shards, dict) and shards):
        raise BadCheckpointError(f"{file} is no index of weights: save the model with save_pretrained.")
    for name in shards.values():
        if not _is_plain(name, suffix):
            raise BadCheckpointError(
                f"{file} names {quoted(name)} as weights, which is no *{suffix} file of that directory: "
                "save the model with save_pretrained."
            )


def _is_plain(name: object, suffix: str) -> bool:
    """Whether it is the name of such a file, without any directory."""
    return isinstance(name, str) and name.endswith(suffix) and not set(name) & set("/\\\0")
