"""A classifier's linear layers with their weights packed once, as CPUs read them fastest.

PyTorch's own ``Linear`` lays its weights out anew in every call. oneDNN, which comes with PyTorch, can do that once.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import skip_init

__all__ = ["ROWS", "PackedLinear", "can_pack", "pack_linears"]

ROWS = 32
"""Inputs are filled up to a multiple of so many rows: oneDNN compiles a layer anew for each number of rows, and keeps a
thousand of these kernels, which took 200 MB and kept memory growing."""

# Rows that oneDNN chooses a layout for; others work as well.
_TYPICAL_ROWS = 1024


class PackedLinear(nn.Module):
    """``Linear`` for inference, float32 on CPU.

    Args:
        linear: whose weights are packed.
        activation: ``none``, or ``gelu`` to apply it in the same pass.
    """

    def __init__(self, linear: nn.Linear, activation: str = "none") -> None:
        super().__init__()
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _TYPICAL_ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()
        self._activation = activation

    @classmethod
    def joined(cls, *linears: nn.Linear) -> "PackedLinear":
        """Several layers over the same input as one; their outputs come side by side."""
        first = linears[0]
        width = sum(linear.out_features for linear in linears)
        joined = skip_init(nn.Linear, first.in_features, width)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            joined.weight.copy_(torch.cat([linear.weight for linear in linears]))
            joined.bias.copy_(torch.cat([linear.bias for linear in linears]))
        return cls(joined)

    def forward(self, inputs: Tensor) -> Tensor:
        rows = inputs.flatten(0, -2)
        missing = -len(rows) % ROWS
        filled = functional.pad(rows, (0, 0, 0, missing)) if missing else rows
        operator = torch.ops.mkldnn._linear_pointwise
        outputs: Tensor = operator(filled, self._packed, self._bias, self._activation, [], "none")
        return outputs[: len(rows)].view(*inputs.shape[:-1], -1)


def can_pack(model: nn.Module) -> bool:
    """Whether packing applies: float32 on CPU, and a PyTorch that has the operators (they are private)."""
    return (
        all(parameter.device.type == "cpu" and parameter.dtype == torch.float32 for parameter in model.parameters())
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, operator) for operator in ("_reorder_linear_weight", "_linear_pointwise"))
    )


def pack_linears(module: nn.Module) -> None:
    """Replace the linear layers of a module by packed ones, in place."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            # Subclasses of Linear do something else besides.
            if type(child) is nn.Linear:
                setattr(parent, name, PackedLinear(child))
