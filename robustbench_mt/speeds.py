"""How fast this machine does the cells of an experiment, for a dry run."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from robustbench_mt.calibration import Speed, calibrate
from robustbench_mt.cell import Cell
from robustbench_mt.costs import settings_of
from robustbench_mt.errors import UserError
from robustbench_mt.progress import progress
from robustbench_mt.shapes import RandomBases
from robustbench_mt.tasks.task import Task
from robustbench_mt.wording import first_line

__all__ = ["calibrated", "kind_of"]

_SECONDS = 60.0


def kind_of(cell: Cell) -> tuple[object, ...]:
    """The same for cells whose trainings, or the scoring of whose checkpoints, take equally long a token."""
    settings = settings_of(cell)
    return settings.base, settings.batch_size, settings.max_length, settings.precision


def calibrated(cells: Sequence[Cell]) -> tuple[dict[tuple[object, ...], Speed], list[str]]:
    """The speed of each kind of cells, from a minute's calibration, and remarks: how it came about, why some have none.

    Args:
        cells: those that are to be done.
    """
    kinds: dict[tuple[object, ...], list[Cell]] = {}
    for cell in cells:
        kinds.setdefault(kind_of(cell), []).append(cell)
    speeds: dict[tuple[object, ...], Speed] = {}
    remarks = []
    ends = time.monotonic() + _SECONDS
    with progress("calibrating", len(kinds)) as set_done, TemporaryDirectory(prefix="robustbench-mt-") as scratch:
        random = RandomBases(Path(scratch))
        for number, (kind, of_kind) in enumerate(kinds.items()):
            allow_network, settings = of_kind[0].data.allow_network, settings_of(of_kind[0])
            ends_for_this = time.monotonic() + (ends - time.monotonic()) / (len(kinds) - number)
            try:
                task = _task_here(of_kind)
                timed = replace(settings, base=random.in_place_of(settings.base, allow_network))
                left = ends_for_this - time.monotonic()
                speeds[kind] = calibrate(task, timed, left, allow_network=allow_network)
            except Exception as error:  # what cannot be done here, for memory that runs out too, is an answer
                remarks.append(f"Hours with the base {settings.base} cannot be calibrated here: {first_line(error)}")
            set_done(number + 1)
    remarks += [
        f"Hours with the base {base}, whose weights are not here, were calibrated on a model of its shape with random "
        f"weights ({parameters:,} parameters), which is as fast, on {_device()}; on another device they differ."
        for base, parameters in random.parameters.items()
        if any(kind[0] == base for kind in speeds)
    ]
    if speeds:
        remarks.append(
            "Hours are for this machine as it is now, from a few steps of vanilla and a few scored texts. A method's "
            "extra passes are counted, what else it does is not; of attacks, the scoring alone."
        )
    return speeds, remarks


def _task_here(cells: Sequence[Cell]) -> Task:
    """The first of the cells' tasks whose data are here.

    Raises:
        UserError: none is.
    """
    for cell in cells[:-1]:
        with suppress(UserError):
            return cell.task
    return cells[-1].task


def _device() -> str:
    """What trainings run on here, in words."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        return "Apple's GPU"
    threads = torch.get_num_threads()
    return f"the CPU ({threads} thread{'' if threads == 1 else 's'})"
