"""How often each class stands in the training set."""

from typing import TYPE_CHECKING

from robustbench_mt.methods.method import Plan

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

__all__ = ["balanced_weights", "class_frequencies"]


def class_frequencies(model: "PreTrainedModel", plan: Plan) -> "Tensor":
    """Training examples of each class, counted in one pass over the training set.

    Args:
        model: what is trained.
        plan: of its training.

    Returns:
        Integers, one a class, on the labels' device; 0 for a class that the training set lacks.
    """
    import torch

    labels = torch.cat([batch["labels"] for batch in plan.batches()])
    return torch.bincount(labels, minlength=model.config.num_labels)


def balanced_weights(frequencies: "Tensor") -> "Tensor":
    """scikit-learn's balanced class weights, n / (classes * n_c), whose mean over the n examples is 1.

    Classes that the training set lacks do not count, and weigh 1: there is no example for a weight of theirs to act on.

    Args:
        frequencies: n_c of each class.

    Returns:
        Weights of float32, one a class, on the same device.
    """
    import numpy as np
    import torch
    from sklearn.utils.class_weight import compute_class_weight

    counts = frequencies.cpu().numpy()
    present = np.flatnonzero(counts)
    weights = np.ones(len(counts))
    labels = np.repeat(np.arange(len(counts)), counts)
    weights[present] = compute_class_weight("balanced", classes=present, y=labels)
    return torch.as_tensor(weights, dtype=torch.float32, device=frequencies.device)
