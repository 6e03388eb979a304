"""Data sets from the Hugging Face hub."""

from collections.abc import Mapping
from typing import Any

from robustbench_mt.errors import BadLabelError, NoNetworkError
from robustbench_mt.tasks.task import Examples

__all__ = ["fetch", "to_parts"]

_PATIENCE = 10.0  # seconds

# MNLI has two development sets.
_SPLITS = {
    "train": "train",
    "validation": "validation",
    "test": "test",
    "validation_matched": "validation",
    "validation_mismatched": "mismatched",
}


def fetch(
    repository: str, part: str | None, columns: tuple[str, ...], label_names: tuple[str, ...]
) -> dict[str, Examples]:
    """Download a data set, or take it from the hub's cache.

    Args:
        repository: its name on the hub.
        part: of the data set, where it has several.
        columns: that hold the fields, in their order.
        label_names: the classes; empty for regression.

    Returns:
        The sets that have labels, by split; ``mismatched`` is MNLI's second development set.

    Raises:
        UserError: the hub cannot be reached, or does not give the data.
    """
    import datasets
    from huggingface_hub import HfApi, constants

    remedy = "Mend the connection, set HF_HUB_OFFLINE=1 if it was fetched before, or give its files (--data-dir)."
    if not constants.HF_HUB_OFFLINE:
        # Asked first, because datasets tries for half a minute before it gives up.
        try:
            HfApi().dataset_info(repository, timeout=_PATIENCE)
        except Exception as error:  # the hub's client raises requests' errors or httpx's, by its version
            raise NoNetworkError(
                f"Cannot reach {repository} on the Hugging Face hub ({type(error).__name__}). {remedy}"
            ) from None
    try:
        content = datasets.load_dataset(repository, part)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        what = f"{repository} ({part})" if part else repository
        raise NoNetworkError(f"Cannot load {what} from the Hugging Face hub: {error}. {remedy}") from None
    return to_parts(content, columns, label_names)


def to_parts(content: Mapping[str, Any], columns: tuple[str, ...], label_names: tuple[str, ...]) -> dict[str, Examples]:
    """Make examples of the hub's data sets.

    Args:
        content: a ``datasets.DatasetDict`` in the hub's layout.
        columns: the columns that hold the fields, in their order.
        label_names: the classes; empty for regression.

    Raises:
        UserError: there are other classes.
    """
    parts = {}
    for split, rows in content.items():
        labels = rows["label"]
        if split not in _SPLITS or set(labels) == {-1}:
            continue
        if label_names:
            names = rows.features["label"].names
            if unknown := [name for name in names if name not in label_names]:
                raise BadLabelError(
                    f"The hub's data set has a class {unknown[0]!r}, where {', '.join(label_names)} are expected: it "
                    "was changed; give its files with --data-dir."
                )
            order = [label_names.index(name) for name in names]
            codes: list[float] = [order[label] for label in labels]
        else:
            # float32 on the hub, and three decimals in the files: this makes both the same.
            codes = [round(label, 3) for label in labels]
        parts[_SPLITS[split]] = Examples(list(zip(*(rows[column] for column in columns), strict=True)), codes)
    return parts
