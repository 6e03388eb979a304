"""How far apart two passes' predictions are."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["divergence", "symmetric_kl"]


def symmetric_kl(logits: "Tensor", other: "Tensor") -> "Tensor":
    """KL(p || q) + KL(q || p), a scalar: the mean over the batch; the gradient flows into both.

    Args:
        logits: N x classes; p is their softmax.
        other: N x classes; q is their softmax.

    Returns:
        0 or more, in nats; float32 at least, whatever the type of the logits.
    """
    import torch

    # Half precision would lose the small differences that consistency is about.
    with torch.autocast(logits.device.type, enabled=False):
        p, q = (_at_least_float32(each).log_softmax(dim=-1) for each in (logits, other))
        # Both directions share one sum: sum (p - q) log p - (p - q) log q.
        return ((p.exp() - q.exp()) * (p - q)).sum(dim=-1).mean()


def divergence(logits: "Tensor", other: "Tensor") -> "Tensor":
    """Symmetric KL of classes, squared error of a regression's scores: SMART's choice (Jiang et al., 2020).

    Args:
        logits: N x classes, N x 1 for a regression.
        other: the same shape.

    Returns:
        A scalar, the mean over the batch.
    """
    import torch

    if logits.shape[-1] > 1:
        return symmetric_kl(logits, other)
    with torch.autocast(logits.device.type, enabled=False):
        return (_at_least_float32(logits) - _at_least_float32(other)).square().mean()


def _at_least_float32(tensor: "Tensor") -> "Tensor":
    import torch

    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
