"""What a user may say about a task's data, and what may be downloaded: the source of the command line's options."""

from dataclasses import dataclass
from pathlib import Path

from robustbench_mt.setting_checks import check_counts

__all__ = ["NetworkOptions", "SplitOptions", "TaskOptions"]


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Whether anything is downloaded."""

    allow_network: bool = False
    """Download what is not here from the Hugging Face hub: a task, a base, a checkpoint."""


@dataclass(frozen=True)
class SplitOptions:
    """Which examples of a task."""

    split: str = "test"
    """train, validation or test."""


@dataclass(frozen=True)
class TaskOptions(NetworkOptions):
    """Where a task's data is and how to read it. The columns and labels are for files of the user's own.

    Example:
        >>> load_task("reviews.csv", TaskOptions(label_names=("positive", "negative"))).label_names
        ('positive', 'negative')
    """

    data_dir: Path | None = None
    """Folder of data sets' own folders (CoLA, ..., ag_news_csv); default: the environment's ROBUSTBENCH_MT_GLUE."""

    text_column: tuple[str, ...] | None = None
    """Columns that hold the text, one or two; default: guessed from the usual names."""

    label_column: str | None = None
    """Column that holds the label; default: guessed from the usual names."""

    label_names: tuple[str, ...] | None = None
    """Classes in the order of their indices; default: the labels in the training data, sorted."""

    regression: bool = False
    """Read the labels as numbers to predict, even where all are whole."""

    protect: tuple[str, ...] | None = None
    """Fields that an attack must not change; default: the task's own choice (the premise)."""

    test_examples: int | None = None
    """Of the test split read only this many, at even distances from each other; default: all."""

    def __post_init__(self) -> None:
        check_counts(self, "test_examples")
