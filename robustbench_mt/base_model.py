"""A base with a head for a task: where fine-tuning starts."""

from functools import lru_cache
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load
from torch import Tensor
from transformers import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from robustbench_mt.base_tokenizer import load_tokenizer
from robustbench_mt.errors import BadCheckpointError
from robustbench_mt.tasks.task import Task
from robustbench_mt.weights import check_loaded, has_safe_weights
from robustbench_mt.wording import first_line

__all__ = ["load_base"]

# A head of another number of classes, as of a base that was fine-tuned before, is made anew.
_HOW = {"ignore_mismatched_sizes": True, "output_loading_info": True}


def load_base(base: Path, task: Task) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The encoder with a head for the task's classes, new unless the base has one of as many, and the tokenizer.

    Args:
        base: a directory, of whose weights safetensors alone are read.
        task: says which classes there are.

    Raises:
        UserError: it cannot be read, or lacks weights of the encoder.
    """
    classes = list(task.label_names) or ["score"]
    labels = {
        "num_labels": len(classes),
        "id2label": dict(enumerate(classes)),
        "label2id": {name: index for index, name in enumerate(classes)},
        "problem_type": "regression" if task.is_regression else "single_label_classification",
    }
    has_safe_weights(base)
    try:
        files = sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in base.iterdir())
        tokenizer, weights = _read_base(base.absolute(), tuple(files))
        config = AutoConfig.from_pretrained(base, trust_remote_code=False, **labels)
        if weights is None or type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
            model, loaded = AutoModelForSequenceClassification.from_pretrained(
                base, config=config, use_safetensors=True, trust_remote_code=False, **_HOW
            )
        else:
            kind = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
            # The model trains on the very tensors that it is given.
            copies = {name: values.clone() for name, values in weights.items()}
            model, loaded = kind.from_pretrained(None, config=config, state_dict=copies, **_HOW)
            model.name_or_path = model.config.name_or_path = str(base)
    except Exception as error:  # whatever broken files make safetensors, torch or tokenizers raise
        reason = first_line(error)
        raise BadCheckpointError(f"The base {base} cannot be loaded as a text classifier: {reason}") from None
    check_loaded(f"The base {base}", loaded, f"{model.base_model_prefix}.")
    return model, tokenizer


@lru_cache(maxsize=1)
def _read_base(base: Path, _files: object) -> tuple[PreTrainedTokenizerBase, dict[str, Tensor] | None]:
    """The tokenizer and the weights, which stay in memory while the files are the same.

    Weights in several files, and those that transformers must convert, it has to read itself.
    """
    tokenizer = load_tokenizer(base)
    path = base / "model.safetensors"
    if not path.is_file():
        return tokenizer, None
    with safe_open(path, "pt") as stream:
        is_pytorch = (stream.metadata() or {}).get("format") == "pt"
    return tokenizer, load(path.read_bytes()) if is_pytorch else None
