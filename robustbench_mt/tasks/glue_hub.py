"""GLUE from the Hugging Face hub."""

from collections.abc import Mapping
from typing import Any

from robustbench_mt.errors import UserError
from robustbench_mt.tasks.catalogue import TaskEntry
from robustbench_mt.tasks.task import Examples

__all__ = ["HUB_NAME", "fetch", "to_parts"]

HUB_NAME = "nyu-mll/glue"
_PATIENCE = 10.0  # seconds

# MNLI has two development sets.
_SPLITS = {
    "train": "train",
    "validation": "validation",
    "test": "test",
    "validation_matched": "validation",
    "validation_mismatched": "mismatched",
}
# The hub names RTE's and WNLI's fields as the files do.
_COLUMNS = {"rte": ("sentence1", "sentence2"), "wnli": ("sentence1", "sentence2")}


def fetch(name: str, entry: TaskEntry) -> dict[str, Examples]:
    """Download a task, or take it from the hub's cache.

    Returns:
        The sets that have labels, by split; ``mismatched`` is MNLI's second development set.

    Raises:
        UserError: the hub cannot be reached, or does not give the data.
    """
    import datasets
    from huggingface_hub import HfApi, constants

    remedy = "Mend the connection, set HF_HUB_OFFLINE=1 if it was fetched before, or give a GLUE folder (--data-dir)."
    if not constants.HF_HUB_OFFLINE:
        # Asked first, because datasets tries for half a minute before it gives up.
        try:
            HfApi().dataset_info(HUB_NAME, timeout=_PATIENCE)
        except Exception as error:  # the hub's client raises requests' errors or httpx's, by its version
            raise UserError(
                f"Cannot reach {HUB_NAME} on the Hugging Face hub ({type(error).__name__}). {remedy}"
            ) from None
    try:
        content = datasets.load_dataset(HUB_NAME, name)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise UserError(f"Cannot load {HUB_NAME} ({name}) from the Hugging Face hub: {error}. {remedy}") from None
    return to_parts(content, _COLUMNS.get(name, entry.fields), entry.label_names)


def to_parts(content: Mapping[str, Any], columns: tuple[str, ...], label_names: tuple[str, ...]) -> dict[str, Examples]:
    """Make examples of the hub's data sets.

    Args:
        content: a ``datasets.DatasetDict`` in the hub's layout.
        columns: the columns that hold the fields, in their order.
        label_names: the classes; empty for regression.
    """
    parts = {}
    for split, rows in content.items():
        labels = rows["label"]
        if split not in _SPLITS or set(labels) == {-1}:
            continue
        if label_names:
            order = [label_names.index(label) for label in rows.features["label"].names]
            codes: list[float] = [order[label] for label in labels]
        else:
            # float32 on the hub, and three decimals in the files: this makes both the same.
            codes = [round(label, 3) for label in labels]
        parts[_SPLITS[split]] = Examples(list(zip(*(rows[column] for column in columns), strict=True)), codes)
    return parts
