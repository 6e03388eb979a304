"""Batches that lie on several devices, seen as one, and numbers that all devices share."""

from typing import Any

import torch
from torch import Tensor, distributed

from robustbench_mt.distributed import has_joined

__all__ = ["gather_rows", "mean_over_processes"]


def gather_rows(rows: Tensor) -> tuple[Tensor, slice]:
    """The rows of all processes' batches, in the order of the processes, and which of them are this process's.

    Gradients flow back to the process that a row came from, summed over all. With one process these are the rows.

    Args:
        rows: N x anything, of the same shape in every process (as the trainer makes batches); each must call this as
            often as the others, else all wait for ever.
    """
    if not has_joined():
        return rows, slice(None)
    gathered: Tensor = _Gather.apply(rows)  # type: ignore[no-untyped-call]
    return gathered, _own(len(rows))


def mean_over_processes(value: float, device: torch.device) -> float:
    """The mean of the processes' numbers, the same to the bit in all; with one process its own.

    Args:
        value: this process's; each must call this as often as the others, else all wait for ever.
        device: of this process.
    """
    if not has_joined():
        return value
    values, _ = gather_rows(torch.tensor([value], dtype=torch.float64, device=device))
    return float(values.mean())


class _Gather(torch.autograd.Function):
    """PyTorch's own, torch.distributed.nn.functional.all_gather, is deprecated."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.own = _own(len(rows))
        gathered = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(gathered, rows.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # In place, so not on what autograd may still hand to others.
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total[ctx.own]


def _own(n: int) -> slice:
    first = distributed.get_rank() * n
    return slice(first, first + n)
