"""Where the folders of published data sets lie: GLUE's own (``CoLA``, ``SST-2``, ...), ``ag_news_csv``, ..."""

import os
from pathlib import Path

from robustbench_mt.errors import MissingDataError
from robustbench_mt.paths import expanded
from robustbench_mt.tasks.files.text import reading
from robustbench_mt.tasks.options import TaskOptions

__all__ = ["data_folder"]

_VARIABLE = "ROBUSTBENCH_MT_GLUE"


def data_folder(task: str, name: str, options: TaskOptions) -> Path | None:
    """A data set's folder, in ``options.data_dir`` or in what the environment names; ``None`` to fetch it from the hub.

    The environment is set for all commands: a folder that lacks this data set does not forbid the hub, where the
    network is allowed. A folder that was given to this command does.

    Args:
        task: its name.
        name: of the data set's folder, inside the other.
        options: where the data are, and whether the network may be used.

    Raises:
        UserError: there is no such folder, and the hub may not be asked in its place.
    """
    given = options.data_dir or os.environ.get(_VARIABLE)
    if given:
        folder = expanded(given) / name
        with reading(folder):
            if folder.is_dir():
                return folder
        if options.data_dir or not options.allow_network:
            raise MissingDataError(
                f"There is no folder {folder}: --data-dir (or {_VARIABLE}) must name the folder that holds {name}."
            )
    elif not options.allow_network:
        raise MissingDataError(
            f"Task {task} needs the folder {name}: give the folder that holds it with --data-dir or in {_VARIABLE}, or "
            "fetch the data from the Hugging Face hub with --allow-network."
        )
    return None
