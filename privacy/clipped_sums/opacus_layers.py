"""Layers that only Opacus knows: its samplers form the gradient of every row, which are then added up by unit.

The last resort: for `nn.Conv2d`, `nn.GroupNorm` and whatever else Opacus registers. A row's gradient is as large as
the layer's weights, so memory grows with the rows of a micro-batch. Opacus takes seconds to import and is imported
only when such a layer is there.
"""

from collections.abc import Collection
from typing import Any

from torch import Tensor, nn
from typing_extensions import override

from privacy.clipped_sums.layer import Kind, PlainKind
from privacy.clipped_sums.outer import Grams
from privacy.clipped_sums.terms import Sum, Term
from privacy.clipped_sums.units import UnitRows


def opacus_kind(module: nn.Module) -> Kind | None:
    """How Opacus handles a module of this very type; None if it does not."""
    from opacus.grad_sample import GradSampleModule  # type: ignore[import-untyped]

    sampler = GradSampleModule.GRAD_SAMPLERS.get(type(module))
    return None if sampler is None else _OpacusKind(sampler)


class _OpacusKind(PlainKind):
    """Reads and writes `(rows, ...)`."""

    def __init__(self, sampler: Any) -> None:
        self._sampler = sampler

    @override
    def refusal(self, module: nn.Module) -> str:
        return ""

    @override
    def terms(
        self,
        module: nn.Module,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        weights = {name: getattr(module, name) for name in wanted}
        for weight in weights.values():
            weight.requires_grad_()  # Opacus passes over frozen ones
        try:
            samples = self._sampler(module, [inputs.float()], gradient.float())
        finally:
            for weight in weights.values():
                weight.requires_grad_(False)
        return {name: Sum(samples[weight].flatten(1).unsqueeze(1), rows) for name, weight in weights.items()}
