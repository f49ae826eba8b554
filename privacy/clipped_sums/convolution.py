"""`nn.Conv1d`: a linear layer over windows of what it reads."""

from collections.abc import Collection

from torch import Tensor, nn
from torch.nn.functional import pad
from typing_extensions import override

from privacy.clipped_sums.layer import PlainKind
from privacy.clipped_sums.outer import Grams, Outer
from privacy.clipped_sums.terms import Sum, Term
from privacy.clipped_sums.units import UnitRows


class Conv1dKind(PlainKind):
    """Reads `(rows, channels, length)`, writes `(rows, filters, places)`."""

    @override
    def refusal(self, module: nn.Conv1d) -> str:
        if module.groups != 1:
            return "its channels are in groups"
        return "" if module.padding_mode == "zeros" else "it pads with something else than zeros"

    @override
    def needs_inputs(self, wanted: Collection[str]) -> bool:
        return "weight" in wanted

    @override
    def terms(
        self,
        module: nn.Conv1d,
        inputs: Tensor,
        gradient: Tensor,
        rows: UnitRows,
        wanted: Collection[str],
        grams: Grams,
    ) -> dict[str, Term]:
        gradient = gradient.transpose(1, 2)  # (rows, places, filters)
        terms: dict[str, Term] = {}
        if "weight" in wanted:
            terms["weight"] = Outer(_windows(module, inputs), gradient, rows, grams)
        if "bias" in wanted:
            terms["bias"] = Sum(gradient, rows)
        return terms


def _windows(module: nn.Conv1d, inputs: Tensor) -> Tensor:
    """What each place reads, shape `(rows, places, channels * kernel)`."""
    (kernel,), (stride,), (dilation,) = module.kernel_size, module.stride, module.dilation
    span = dilation * (kernel - 1) + 1
    if module.padding == "same":
        before = (span - 1) // 2
        after = span - 1 - before
    elif module.padding == "valid":
        before = after = 0
    else:
        before = after = int(module.padding[0])
    spans = pad(inputs, (before, after)).unfold(2, span, stride)  # (rows, channels, places, span)
    return spans[..., ::dilation].transpose(1, 2).flatten(2)
