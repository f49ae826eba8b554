"""`nn.Linear`, and with it peft's LoRA, whose A and B are two of them (Hu et al. 2021, arXiv:2106.09685)."""

from collections.abc import Collection

from torch import Tensor, nn
from typing_extensions import override

from privacy.clipped_sums.layer import PlainKind, by_position
from privacy.clipped_sums.outer import Grams, Outer
from privacy.clipped_sums.terms import Sum, Term
from privacy.clipped_sums.units import UnitRows


class LinearKind(PlainKind):
    """Reads `(rows, ..., n)`, writes `(rows, ..., m)`."""

    @override
    def refusal(self, module: nn.Linear) -> str:
        return ""

    @override
    def needs_inputs(self, wanted: Collection[str]) -> bool:
        return "weight" in wanted

    @override
    def terms(
        self,
        module: nn.Linear,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        gradient = by_position(gradient)
        terms: dict[str, Term] = {}
        if "weight" in wanted:
            # Under autocast the layer multiplied a rounded copy of what it was given.
            inputs = by_position(inputs).to(gradient.dtype)
            terms["weight"] = Outer(inputs, gradient, rows, grams)
        if "bias" in wanted:
            terms["bias"] = Sum(gradient, rows)
        return terms
