"""`nn.LayerNorm` (Ba et al. 2016, arXiv:1607.06450): scale and shift of what was normalised."""

from collections.abc import Collection

from torch import Tensor, nn
from torch.nn.functional import layer_norm
from typing_extensions import override

from privacy.clipped_sums.layer import PlainKind
from privacy.clipped_sums.outer import Grams
from privacy.clipped_sums.terms import Sum, Term
from privacy.clipped_sums.units import UnitRows


class LayerNormKind(PlainKind):
    """Reads and writes `(rows, ..., *normalized_shape)`."""

    @override
    def refusal(self, module: nn.LayerNorm) -> str:
        return ""

    @override
    def needs_inputs(self, wanted: Collection[str]) -> bool:
        return "weight" in wanted

    @override
    def terms(
        self,
        module: nn.LayerNorm,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        size = 1
        for length in module.normalized_shape:
            size *= length
        gradient = gradient.reshape(len(gradient), -1, size)  # (rows, positions, size)
        terms: dict[str, Term] = {}
        if "weight" in wanted:
            normal = layer_norm(inputs.float(), module.normalized_shape, eps=module.eps).view_as(gradient)
            terms["weight"] = Sum(normal.mul_(gradient.float()), rows)
        if "bias" in wanted:
            terms["bias"] = Sum(gradient, rows)
        return terms
