"""Noise on the word embeddings of a batch."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from robustbench_mt.errors import UnfitBaseError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.hooks import RemovableHandle
    from transformers import PreTrainedModel

__all__ = ["EmbeddingNoise"]


class EmbeddingNoise:
    """Draws noise for a model's word embeddings, and adds it while asked to.

    Args:
        model: the plain model, not wrapped for several devices.
        seed: of the draws, which leave torch's global generators alone.
    """

    def __init__(self, model: "PreTrainedModel", seed: int) -> None:
        import torch

        self._embeddings: Any = model.get_input_embeddings()
        self._generator = torch.Generator(next(model.parameters()).device).manual_seed(seed)
        self._delta: Tensor | None = None
        # One hook for the whole training: a compiled model does not notice those that come and go.
        self._hook: RemovableHandle = self._embeddings.register_forward_hook(self._add)

    def normal(self, batch: "Mapping[str, Tensor]") -> "Tensor":
        """A standard normal draw, N x tokens x d, 0 at padding."""
        return self._empty(batch).normal_(generator=self._generator) * _is_token(batch)

    def uniform(self, batch: "Mapping[str, Tensor]") -> "Tensor":
        """A draw from -1 to 1, N x tokens x d, 0 at padding."""
        return self._empty(batch).uniform_(-1, 1, generator=self._generator) * _is_token(batch)

    @contextmanager
    def adding(self, delta: "Tensor") -> Iterator[None]:
        """Add ``delta`` (N x tokens x d) to the word embeddings of every forward pass made inside."""
        self._delta = delta
        try:
            yield
        finally:
            self._delta = None

    def remove(self) -> None:
        """Leave an ordinary model."""
        self._hook.remove()

    def _empty(self, batch: "Mapping[str, Tensor]") -> "Tensor":
        import torch

        ids = batch["input_ids"]
        return torch.empty(*ids.shape, self._embeddings.weight.shape[-1], device=ids.device)

    def _add(self, _module: Any, _inputs: Any, output: "Tensor") -> "Tensor":
        if self._delta is None:
            return output
        if output.shape != self._delta.shape:
            raise UnfitBaseError(
                f"The base embeds a batch as {tuple(output.shape)}, not instances x tokens x features "
                f"{tuple(self._delta.shape)}: noise cannot be added to it; choose another base or method."
            )
        return output + self._delta.to(output.dtype)


def _is_token(batch: "Mapping[str, Tensor]") -> "Tensor":
    """1 for a token, 0 for padding, N x tokens x 1."""
    return batch["attention_mask"].unsqueeze(-1).float()
