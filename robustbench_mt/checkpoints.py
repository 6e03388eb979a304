"""A checkpoint on disk: an ordinary Hugging Face directory, with ``training.json`` beside the weights."""

import hashlib
from pathlib import Path

from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from robustbench_mt.directory_files import written_whole
from robustbench_mt.errors import BadCheckpointError, UnsafeFileError
from robustbench_mt.ledger import read_record, write_record
from robustbench_mt.paths import is_directory, is_file
from robustbench_mt.quiet import quiet_libraries
from robustbench_mt.records import TrainingRecord
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.weights import check_loaded, has_safe_weights
from robustbench_mt.wording import first_line, listed

__all__ = ["TRAINING_FILE", "fingerprint", "load_classifier", "read_training", "save_checkpoint"]

TRAINING_FILE = "training.json"

# What scores hang on, besides weights and word lists. Records of how it was made, or evaluated, may come and go.
_DECIDING = {
    *("config.json", "tokenizer.json", "tokenizer_config.json"),
    *("vocab.json", "added_tokens.json", "special_tokens_map.json"),
}


def save_checkpoint(
    path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, record: TrainingRecord
) -> None:
    """Write a checkpoint whole or not at all: ``AutoModelForSequenceClassification`` loads it without this package.

    Raises:
        UserError: the directory cannot be written; a full disk is named as such.
    """
    with written_whole(path) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_record(partial / TRAINING_FILE, record)


def read_training(path: Path) -> TrainingRecord | None:
    """How the checkpoint was made, or ``None`` where it was not made by this package."""
    file = path / TRAINING_FILE
    return read_record(file, TrainingRecord) if is_file(file) else None


def load_classifier(
    path: Path, allow_pickle: bool = False, allow_remote_code: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer of a checkpoint directory.

    Args:
        path: the directory.
        allow_pickle: load ``pytorch_model.bin``, which can run any code when it is read.
        allow_remote_code: run the modelling code that the checkpoint brings.

    Raises:
        UserError: not a classifier, weights that are missing, only a pickle or outside the directory, or files that
            cannot be read.
    """
    quiet_libraries()
    is_safe = has_safe_weights(path)
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=allow_remote_code)
    except Exception as error:  # a configuration is made of whatever stands in the file
        raise BadCheckpointError(
            f"{path} is not a checkpoint that transformers can read: {first_line(error)}"
        ) from None
    named = config.architectures
    architectures = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    if not any(name.endswith("ForSequenceClassification") for name in architectures):
        raise BadCheckpointError(
            f"{path} is not a classifier (its architecture is {listed(architectures) or 'not named'}): "
            "fine-tune it first with robustbench-mt train --base."
        )
    if not is_safe and not allow_pickle:
        raise UnsafeFileError(
            f"{path} has no safetensors weights: a pickle can run any code, so it is read only with --allow-pickle."
        )
    try:
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            path,
            config=config,
            use_safetensors=is_safe,
            trust_remote_code=allow_remote_code,
            output_loading_info=True,
        )
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=allow_remote_code)
    except Exception as error:  # whatever broken files make safetensors, torch or tokenizers raise
        raise BadCheckpointError(f"{path} cannot be loaded: {first_line(error)}") from None
    check_loaded(str(path), loaded)
    return model, tokenizer


def fingerprint(path: Path) -> str:
    """16 hexadecimal digits that change when the weights, the configuration, the tokenizer or their code do.

    Raises:
        UserError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if not is_directory(file) and (
            file.suffix in (".safetensors", ".bin", ".txt", ".model", ".py")
            or file.name in _DECIDING
            # It says which of the weights are read.
            or file.name.endswith(".index.json")
        ):
            digest.update(file.name.encode())
            with reading(file), file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
