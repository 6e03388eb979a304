"""BERT's encoder for classification, with no work that the logits do not depend on.

Compared with transformers' own: linear layers are packed (see :mod:`robustbench_mt.packed_linears`), those of queries,
keys and values are one, GELU is part of the layer before it, padding is left out, and the last layer is computed for
the first token alone, which is all that these classifiers read.

Attention is computed for texts of one length at a time. Padding would move sums by a rounding error; without it, a
text's logits are the same to the bit whatever it shares a batch with.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.activations import GELUActivation
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from robustbench_mt.packed_linears import ROWS, PackedLinear

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
        places = _Places(hidden_states, attention_mask)
        tokens = hidden_states.flatten(0, 1).index_select(0, places.real)
        for layer in self._inner:
            tokens = layer(tokens, places)
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=self._last(tokens, places).unsqueeze(1))


class _Places:
    """Where the real tokens of a batch are, in the padded batch and among themselves.

    Attributes:
        real: rows of the real tokens in the padded batch, filled up with copies of the first, so that no packed layer
            has to.
        firsts: rows of the texts' first tokens among the real ones.
        groups: of the texts of one length each: the length, which texts, and the rows of their tokens among the real
            ones, text after text.
    """

    def __init__(self, hidden_states: Tensor, attention_mask: Tensor | None) -> None:
        texts, longest = hidden_states.shape[:2]
        if attention_mask is None:
            lengths = torch.full((texts,), longest)
            real = torch.arange(texts * longest)
        else:
            row = attention_mask[:, 0, 0]
            mask = row if row.dtype == torch.bool else row == 0
            lengths = mask.sum(dim=1)
            real = mask.flatten().nonzero().squeeze(1)
        self.real = functional.pad(real, (0, -len(real) % ROWS), value=int(real[0]))
        self.firsts = functional.pad(lengths.cumsum(0)[:-1], (1, 0))
        self.groups: list[tuple[int, Tensor, Tensor]] = []
        for length in sorted(set(lengths.tolist())):
            of_length = (lengths == length).nonzero().squeeze(1)
            rows = self.firsts[of_length].unsqueeze(1) + torch.arange(length)
            self.groups.append((length, of_length, rows.flatten()))


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

    def forward(self, tokens: Tensor, places: _Places) -> Tensor:
        projected = self._projections(tokens)
        attended = torch.zeros_like(projected[:, : projected.shape[1] // 3])
        for length, texts, rows in places.groups:
            parts = self._by_head(projected.index_select(0, rows), 3, len(texts), length)
            attended.index_copy_(0, rows, _attend(*parts))
        return self._feed_forward(tokens, attended)

    def _by_head(self, projected: Tensor, parts: int, texts: int, length: int) -> tuple[Tensor, ...]:
        """Each part as texts x heads x tokens x width of a head."""
        return projected.view(texts, length, parts, self._heads, -1).permute(2, 0, 3, 1, 4).unbind(0)

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

    def forward(self, tokens: Tensor, places: _Places) -> Tensor:
        projected = self._projections(tokens)
        firsts = tokens.index_select(0, places.firsts)
        queries = self._queries(firsts)
        attended = torch.empty_like(queries)
        for length, texts, rows in places.groups:
            keys, values = self._by_head(projected.index_select(0, rows), 2, len(texts), length)
            (own,) = self._by_head(queries.index_select(0, texts), 1, len(texts), 1)
            attended.index_copy_(0, texts, _attend(own, keys, values))
        return self._feed_forward(firsts, attended)


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """What each text's tokens attend to: a row a query."""
    attended = functional.scaled_dot_product_attention(queries, keys, values)
    return attended.transpose(1, 2).flatten(0, 1).flatten(1)
