"""Which layers can be told apart by unit, and who holds which trained weight."""

from collections.abc import Mapping

import torch
from torch import nn

from privacy.clipped_sums.convolution import Conv1dKind
from privacy.clipped_sums.embedding import EmbeddingBagKind, EmbeddingKind
from privacy.clipped_sums.gru import GruKind
from privacy.clipped_sums.layer import Kind, Layer
from privacy.clipped_sums.layer_norm import LayerNormKind
from privacy.clipped_sums.linear import LinearKind
from privacy.clipped_sums.lstm import LstmKind
from privacy.clipped_sums.opacus_layers import opacus_kind
from shared.errors import FixSettings

KINDS: Mapping[type[nn.Module], Kind] = {
    nn.Linear: LinearKind(),
    nn.LayerNorm: LayerNormKind(),
    nn.Embedding: EmbeddingKind(),
    nn.EmbeddingBag: EmbeddingBagKind(),
    nn.Conv1d: Conv1dKind(),
    nn.LSTM: LstmKind(),
    nn.GRU: GruKind(),
}
"""By the very type: a subclass may compute something else."""


def find_layers(model: nn.Module, named_parameters: Mapping[str, nn.Parameter]) -> tuple[Layer, ...]:
    """The layers that hold the trained weights.

    Args:
        model: the network.
        named_parameters: the trained weights.

    Raises:
        FixSettings: a weight is nowhere in the model, is shared by several layers, is not float32, or belongs to a
            layer whose gradients cannot be told apart by unit.
    """
    holders: dict[int, list[tuple[str, nn.Module, str]]] = {}
    for name, module in model.named_modules():
        for own, weight in module.named_parameters(recurse=False, remove_duplicate=False):
            holders.setdefault(id(weight), []).append((name, module, own))
    found: dict[str, tuple[nn.Module, dict[str, str]]] = {}
    seen: set[int] = set()
    for weight_name, weight in named_parameters.items():
        held = holders.get(id(weight), [])
        if len(held) != 1 or id(weight) in seen:
            raise FixSettings(
                f"a trained weight is held by {len(held)} layers" if len(held) != 1 else "it is named twice",
                where=weight_name,
                remedy="Train weights that belong to one layer each.",
            )
        if weight.dtype != torch.float32:
            raise FixSettings("it is not float32", where=weight_name, remedy="Convert the model.")
        seen.add(id(weight))
        ((name, module, own),) = held
        found.setdefault(name, (module, {}))[1][own] = weight_name
    return tuple(_layer(name, module, weights) for name, (module, weights) in found.items())


def _layer(name: str, module: nn.Module, weights: Mapping[str, str]) -> Layer:
    kind = KINDS.get(type(module)) or opacus_kind(module)
    if kind is not None and (reason := kind.refusal(module)):
        raise Layer(name, module, weights, kind).unfit(reason)
    if kind is None or not weights.keys() <= kind.names:
        raise FixSettings(
            f"no way is known to tell the gradients of {type(module).__name__} apart by unit",
            where=name or next(iter(weights.values())),
            remedy="Freeze its weights, or train another set of weights.",
        )
    return Layer(name, module, weights, kind)
