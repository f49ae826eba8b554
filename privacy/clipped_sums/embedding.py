"""`nn.Embedding` and `nn.EmbeddingBag`: a table whose rows learn where they are met."""

from collections.abc import Collection

import torch
from torch import Tensor, nn
from typing_extensions import override

from privacy.clipped_sums.layer import PlainKind
from privacy.clipped_sums.outer import Grams
from privacy.clipped_sums.terms import Scatter, Term
from privacy.clipped_sums.units import UnitRows


class EmbeddingKind(PlainKind):
    """Reads indices `(rows, ...)`, writes `(rows, ..., width)`."""

    @override
    def refusal(self, module: nn.Embedding) -> str:
        return _table_refusal(module)

    @override
    def terms(
        self,
        module: nn.Embedding,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        index = inputs.reshape(len(inputs), -1)  # (rows, positions)
        values = gradient.reshape(*index.shape, module.embedding_dim)
        return {"weight": _scatter(module, index, values, rows)}


class EmbeddingBagKind(PlainKind):
    """Reads bags of equal size `(rows, bag)`, writes their sum or mean `(rows, width)`."""

    @override
    def refusal(self, module: nn.EmbeddingBag) -> str:
        return _table_refusal(module) or ("it takes the maximum of a bag" if module.mode == "max" else "")

    @override
    def terms(
        self,
        module: nn.EmbeddingBag,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        if module.mode == "mean":
            # A bag of padding alone is read as zero, and has no index that learns.
            learns = torch.ones_like(inputs) if module.padding_idx is None else inputs != module.padding_idx
            gradient = gradient / learns.sum(1, keepdim=True).clamp(min=1)
        values = gradient.unsqueeze(1).expand(-1, inputs.shape[1], -1)  # (rows, bag, width)
        return {"weight": _scatter(module, inputs, values, rows)}


def _table_refusal(module: nn.Embedding | nn.EmbeddingBag) -> str:
    if module.max_norm is not None:
        return "it rescales its rows as it reads them"
    return "it divides gradients by counts over all units" if module.scale_grad_by_freq else ""


def _scatter(
    module: nn.Embedding | nn.EmbeddingBag, index: Tensor, values: Tensor, rows: UnitRows
) -> Scatter:
    return Scatter(index, values, rows, size=module.num_embeddings, padding=module.padding_idx)
