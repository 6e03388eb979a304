"""Training in several processes, as ``accelerate launch`` and ``torchrun`` start them: one of them speaks and writes.

What they are is told by the environment variables that both launchers set.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["has_joined", "is_main_process", "leave", "several_processes", "shared_scratch"]


def is_main_process() -> bool:
    """Whether this process prints, and writes checkpoints and records; true where there is only one."""
    return int(os.environ.get("RANK", "0")) == 0


def several_processes() -> bool:
    """Whether a launcher started this process together with others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def shared_scratch() -> Iterator[Path]:
    """A temporary directory, the same for all processes of this machine, that lasts until all have left the block."""
    with tempfile.TemporaryDirectory(prefix="robustbench-mt-") as own:
        if not several_processes():
            yield Path(own)
            return
        yield Path(_from_main(own))
        _wait()


def has_joined() -> bool:
    """Whether this process belongs to a group by now; some builds of PyTorch know no groups."""
    from torch import distributed

    return distributed.is_available() and distributed.is_initialized()


def leave() -> None:
    """Wait for the other processes and part with them: after the last training, and after all is written."""
    import torch

    if has_joined():
        _wait()
        torch.distributed.destroy_process_group()


def _from_main(value: str) -> str:
    import torch
    from accelerate import PartialState

    # Unless it is told of CPUs, it looks for GPUs only, and takes the processes for strangers.
    PartialState(cpu=not torch.cuda.is_available())
    values = [value]
    torch.distributed.broadcast_object_list(values)
    return values[0]


def _wait() -> None:
    import torch

    torch.distributed.barrier()
