"""The sum of clipped gradients, and the gradients of one unit after another."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privacy.clipped_sums.tape import Part, backward_passes
from privacy.clipped_sums.units import Roll
from shared.errors import FixSettings

M = TypeVar("M")

BLOCK = 1 << 24  # bytes; memory up to twice that is given again without being cleared by the system
_MARGIN = 1e-6  # relative; float32 sums are rounded, and the clipped norm must not pass the bound for it


@dataclass(frozen=True)
class ClippedSum:
    """The sum over units of each unit's clipped gradient.

    Args:
        gradients: float32, by the trained weight's name, of its shape.
        norms: of each unit's gradient before clipping, float64, shape `(units,)`, in the order in which unit ids
            first appear; not finite where the gradient is not, and that unit is left out of the sum.
        loss: sum of the losses of all examples; for the site's own eyes, it is not private.
        units: how many.
    """

    gradients: dict[str, NDArray[np.float32]]
    norms: NDArray[np.float64]
    loss: float
    units: int


@torch.no_grad()
def clipped_sum(
    model: nn.Module,
    named_parameters: Mapping[str, nn.Parameter],
    loss_of: Callable[[M], Tensor],
    microbatches: Iterable[M],
    unit_of: Sequence[int],
    max_grad_norm: float,
) -> ClippedSum:
    """Sums the units' gradients, each scaled down to L2 norm `max_grad_norm` at most.

    A unit whose examples all lie in one micro-batch costs no gradient of its own. One that is spread over several
    has its gradient, as large as the trained weights, added up until its last example has come; order the examples
    so that few units are spread at a time, and keep a micro-batch small rather than a unit (`privacy.dpsgd` does).

    Args:
        model: the network, in training or evaluation mode; one example's loss must not depend on another's.
        named_parameters: the trained weights; their gradients, hooks and `requires_grad` stay as they are.
        loss_of: the loss of each example of a micro-batch, shape `(examples,)`. It calls the model once.
        microbatches: what `loss_of` takes.
        unit_of: unit id of each example, in the order in which the micro-batches bring them.
        max_grad_norm: C, above 0.

    Returns:
        The sum, which does not depend on how examples are cut into micro-batches, up to float32 rounding.

    Raises:
        FixSettings: a layer cannot be told apart by unit (of an unknown type, used twice, sharing a weight), or the
            arguments do not fit together.

    Guarantees:
        - One unit's share of the sum has an L2 norm of at most C (1 + 1e-6), so adding or removing a unit moves it by
          no more, up to the rounding of the other units' float32 sum.
        - That bound is one of floating point. It does not hold to the last bit, and norms from `Outer`'s ghost form
          are as exact as float32 products are: for a sensitivity that is exact in integers, quantise the vectors of
          `per_unit_gradients` instead.
        - A unit whose gradient is not finite adds nothing.
    """
    if not (math.isfinite(max_grad_norm) and max_grad_norm > 0):
        raise FixSettings("not a number above 0", where="max_grad_norm", remedy="Give the norm to clip to.")
    roll = Roll(unit_of)
    totals = {name: torch.zeros_like(weight) for name, weight in named_parameters.items()}
    norms = torch.zeros(len(roll.ids), dtype=torch.float64)
    spread: dict[int, dict[str, Tensor]] = {}
    loss = 0.0
    for part in backward_passes(model, named_parameters, loss_of, microbatches, roll, norms=True):
        whole, units = part.present.whole, part.present.units
        if bool(whole.any()):
            lengths = part.squares.sqrt()
            norms[units[whole]] = lengths[whole]
            weights = torch.where(whole, _weights(lengths, max_grad_norm), 0.0)
            for name, term in part.terms.items():
                term.add_weighted(weights, totals[name])
        for local in (~whole).nonzero().flatten().tolist():
            unit = int(units[local])
            own = spread.setdefault(unit, {name: torch.zeros_like(total) for name, total in totals.items()})
            only = torch.zeros(len(units))
            only[local] = 1.0
            for name, term in part.terms.items():
                term.add_weighted(only, own[name])
            if roll.is_last(unit, part.end):
                del spread[unit]
                norms[unit] = _length(own)
                (weight,) = _weights(norms[unit : unit + 1], max_grad_norm).tolist()
                for name, gradient in own.items() if weight else ():
                    totals[name].add_(gradient, alpha=weight)
        loss += part.loss
        del part
    gradients = {name: total.numpy() for name, total in totals.items()}
    return ClippedSum(gradients, norms.numpy(), loss, len(roll.ids))


@torch.no_grad()
def per_unit_gradients(
    model: nn.Module,
    named_parameters: Mapping[str, nn.Parameter],
    loss_of: Callable[[M], Tensor],
    microbatches: Iterable[M],
    unit_of: Sequence[int],
    *,
    block: int = BLOCK,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Gives one unit's gradient after another, not clipped.

    For few trained weights (heads, adapters, small networks): what is made is as large as units times weights, though
    never more than `block` bytes of it at a time, or one unit.

    Args:
        model: as for `clipped_sum`.
        named_parameters: as for `clipped_sum`.
        loss_of: as for `clipped_sum`.
        microbatches: as for `clipped_sum`.
        unit_of: as for `clipped_sum`.
        block: bytes of gradients made at a time.

    Yields:
        Unit id and gradient, float32, shape `(size,)`: the trained weights in the order of `named_parameters`, each
        in row-major order. Units come as their last examples do. Each array is the caller's own to change.

    Raises:
        FixSettings: as for `clipped_sum`.

    Guarantees:
        - Each unit comes once, with the sum of its examples' gradients, and no other unit's examples enter it.
        - Where micro-batches hold one unit each, the vector is a function of that unit alone to the last bit (on one
          thread; with dropout, of masks drawn for it, too). Clipped and rounded to integers, it then has an exact
          sensitivity, whatever the rounding of floats here. Where units share a micro-batch, they share its padding
          and the shapes of its products, on which float32 rounding may depend: one unit's absence may then move
          another's vector in the last bits, and now and then one of its integers by one step.
        - A gradient that is not finite, or whose coordinates add up to no float32, is given as zeros.
    """
    roll = Roll(unit_of)
    places: dict[str, tuple[int, int]] = {}
    size = 0
    for name, weight in named_parameters.items():
        places[name] = (size, size + weight.numel())
        size += weight.numel()
    most = max(1, block // (4 * max(1, size)))
    spread: dict[int, Tensor] = {}
    for part in backward_passes(model, named_parameters, loss_of, microbatches, roll, norms=False):
        for first in range(0, len(part.present.units), most):
            last = min(first + most, len(part.present.units))
            gradients = _units(part, first, last, places, size)
            for row, unit in zip(gradients, part.present.units[first:last].tolist(), strict=True):
                own = row if unit not in spread else spread.pop(unit).add_(row)
                if roll.is_last(unit, part.end):
                    finite = math.isfinite(float(own.sum()))  # much faster than to look at each
                    yield roll.ids[unit], (own if finite else own.zero_()).numpy()
                else:
                    spread[unit] = own.clone() if own is row else own
        del part


def _units(part: Part, first: int, last: int, places: Mapping[str, tuple[int, int]], size: int) -> Tensor:
    """Gradients of the local units `first` up to and without `last`, shape `(units, size)`."""
    gradients = torch.empty(last - first, size)
    for name, (begin, end) in places.items():
        into, term = gradients[:, begin:end], part.terms.get(name)
        if term is None:
            into.zero_()
        else:
            term.write_units(first, last, into)
    return gradients


def _weights(norms: Tensor, max_grad_norm: float) -> Tensor:
    """What each unit's gradient is multiplied by, float32; 0 where it is not finite."""
    weights = (max_grad_norm * (1 - _MARGIN) / norms).clamp(max=1.0)
    return torch.where(torch.isfinite(norms), weights, 0.0).float()


def _length(gradient: Mapping[str, Tensor]) -> float:
    """L2 norm over all weights."""
    squares = (torch.linalg.vector_norm(part, dtype=torch.float64).square() for part in gradient.values())
    return math.sqrt(sum(float(square) for square in squares))
