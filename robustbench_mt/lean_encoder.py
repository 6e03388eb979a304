"""BERT's encoder for classification, with no work that the logits do not depend on.

Compared with transformers' own: linear layers are packed (see :mod:`robustbench_mt.packing`), those of queries, keys
and values are one, GELU is part of the layer before it, padding is left out of all but attention, and the last layer is
computed for the first token alone, which is all that these classifiers read.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import GELUActivation
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from robustbench_mt.packing import ROWS, PackedLinear

__all__ = ["LeanEncoder", "has_lean_encoder"]

# Of one build: layers named as BERT's, and a head that reads the first token alone.
_CLASSIFIERS = (
    "BertForSequenceClassification",
    "CamembertForSequenceClassification",
    "ElectraForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
)


def has_lean_encoder(model: PreTrainedModel) -> bool:
    """Whether a :class:`LeanEncoder` can stand in for ``model.base_model.encoder``."""
    config = model.config
    return (
        type(model).__name__ in _CLASSIFIERS
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and not getattr(config, "is_decoder", False)
    )


class LeanEncoder(nn.Module):
    """Stands in for the encoder of a BERT-like classifier, for inference in float32 on CPU.

    Args:
        encoder: transformers' own, whose ``layer`` is a list of BERT's layers.
        heads: attention heads of a layer.
    """

    def __init__(self, encoder: Any, heads: int) -> None:
        super().__init__()
        *inner, last = encoder.layer
        self._inner = nn.ModuleList(_Layer(layer, heads) for layer in inner)
        self._last = _LastLayer(last, heads)

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Any:
        """The last layer's output for the first tokens.

        Args:
            hidden_states: embeddings, texts x tokens x width.
            attention_mask: what transformers makes of the padding mask: texts x 1 x any x tokens, 0 or true for real
                tokens; ``None`` where there is no padding.

        Returns:
            ``last_hidden_state`` of shape texts x 1 x width.
        """
        shape = _Padding(hidden_states, attention_mask)
        tokens = shape.without_padding(hidden_states.flatten(0, 1))
        for layer in self._inner:
            tokens = layer(tokens, shape)
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=self._last(tokens, shape).unsqueeze(1))


class _Padding:
    """Where the real tokens of a batch are.

    Attributes:
        texts, length: of the padded batch.
        mask: texts x 1 x 1 x length, true for real tokens; ``None`` where all are.
        firsts: rows of the first tokens among the real ones.
    """

    def __init__(self, hidden_states: Tensor, attention_mask: Tensor | None) -> None:
        self.texts, self.length = hidden_states.shape[:2]
        self.mask: Tensor | None = None
        if attention_mask is None:
            self._real = torch.arange(self.texts * self.length)
            self.firsts = self._real[:: self.length]
        else:
            row = attention_mask[:, :1, :1]
            self.mask = row if row.dtype == torch.bool else row == 0
            lengths = self.mask.sum(dim=(1, 2, 3))
            real = self.mask.flatten()
            self._real = real.nonzero().squeeze(1)
            # Padding becomes a copy of some real token, which is masked; empty memory may hold NaN, which stays.
            self._slots = (real.cumsum(0) - 1).clamp(min=0)
            self.firsts = functional.pad(lengths.cumsum(0)[:-1], (1, 0))
        # Filled up with copies of the first, so that no packed layer has to.
        self._real = functional.pad(self._real, (0, -len(self._real) % ROWS))

    def without_padding(self, rows: Tensor) -> Tensor:
        return rows.index_select(0, self._real)

    def with_padding(self, rows: Tensor) -> Tensor:
        return rows[: self.texts * self.length] if self.mask is None else rows.index_select(0, self._slots)


class _Layer(nn.Module):
    """A layer of BERT, over the rows of real tokens: tokens x width."""

    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__()
        attention, output = layer.attention, layer.output
        own = attention.self
        self._heads = heads
        self._projections = PackedLinear.joined(own.query, own.key, own.value)
        self._attended = PackedLinear(attention.output.dense)
        self._attended_norm = attention.output.LayerNorm
        activation = layer.intermediate.intermediate_act_fn
        is_gelu = type(activation) is GELUActivation and activation.act is functional.gelu
        self._activation = nn.Identity() if is_gelu else activation
        self._wide = PackedLinear(layer.intermediate.dense, "gelu" if is_gelu else "none")
        self._narrow = PackedLinear(output.dense)
        self._norm = output.LayerNorm

    def forward(self, tokens: Tensor, shape: _Padding) -> Tensor:
        projected = shape.with_padding(self._projections(tokens))
        queries, keys, values = self._by_head(projected, 3, shape)
        return self._feed_forward(tokens, shape.without_padding(_attend(queries, keys, values, shape)))

    def _by_head(self, projected: Tensor, parts: int, shape: _Padding) -> tuple[Tensor, ...]:
        """Each part as texts x heads x tokens x width of a head."""
        return projected.view(shape.texts, shape.length, parts, self._heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

    def _feed_forward(self, tokens: Tensor, attended: Tensor) -> Tensor:
        tokens = self._attended_norm(self._attended(attended) + tokens)
        result: Tensor = self._norm(self._narrow(self._activation(self._wide(tokens))) + tokens)
        return result


class _LastLayer(_Layer):
    """The last layer, for the first token of each text alone: texts x width."""

    def __init__(self, layer: Any, heads: int) -> None:
        super().__init__(layer, heads)
        own = layer.attention.self
        self._projections = PackedLinear.joined(own.key, own.value)
        self._queries = PackedLinear(own.query)

    def forward(self, tokens: Tensor, shape: _Padding) -> Tensor:
        keys, values = self._by_head(shape.with_padding(self._projections(tokens)), 2, shape)
        firsts = tokens.index_select(0, shape.firsts)
        queries = self._queries(firsts).view(shape.texts, 1, self._heads, -1).transpose(1, 2)
        return self._feed_forward(firsts, _attend(queries, keys, values, shape))


def _attend(queries: Tensor, keys: Tensor, values: Tensor, shape: _Padding) -> Tensor:
    attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=shape.mask)
    return attended.transpose(1, 2).reshape(shape.texts * queries.shape[2], -1)
