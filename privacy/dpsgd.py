"""A hospital's private gradient of its tagger: examples cut into micro-batches, gradients clipped by unit.

The loss of an example is the mean cross-entropy of its scored words; a unit's loss is the sum over its examples. So a
long sentence counts as much as a short one, a long note (many windows) pulls harder than a short one but, clipped, no
harder than C, and the loss of an example is the same whatever it is batched with.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from privacy.clipped_sums import ClippedSum, clipped_sum, per_unit_gradients
from shared.errors import FixSettings
from shared.examples import Batch, Example, collate
from shared.models.tagger import Tagger
from shared.tags import IGNORED

MOST_INPUTS = 1024  # of a micro-batch: words or subtokens, padding included
_CHECKED = 3  # units, and examples of each
_TOLERANCE = 0.05  # relative; bfloat16 differs by a hundredth with the padding
_NOTHING = 1e-6  # length of a gradient that is all rounding


def clipped_gradient(
    tagger: Tagger,
    examples: Sequence[Example],
    unit_of: Sequence[int],
    max_grad_norm: float,
    *,
    most_inputs: int = MOST_INPUTS,
) -> ClippedSum:
    """Sums the units' clipped gradients; see `privacy.clipped_sums.clipped_sum` for what is guaranteed.

    Args:
        tagger: the network, in training or evaluation mode.
        examples: prepared by the tagger.
        unit_of: unit id of each example.
        max_grad_norm: C, above 0.
        most_inputs: bounds what is in memory at a time.

    Returns:
        The sum; norms in the order in which unit ids first appear in `unit_of`.
    """
    cut = cut_by_unit(examples, unit_of, most_inputs)
    order = [index for chosen in cut for index in chosen]
    turned = [unit_of[index] for index in order]
    found = clipped_sum(
        tagger, tagger.trained(), token_losses(tagger), _batches(examples, cut), turned, max_grad_norm
    )
    norm_of = dict(zip(dict.fromkeys(turned), found.norms, strict=True))
    norms = np.array([norm_of[unit] for unit in dict.fromkeys(unit_of)], dtype=np.float64)
    return ClippedSum(found.gradients, norms, found.loss, found.units)


def unit_gradients(
    tagger: Tagger,
    examples: Sequence[Example],
    unit_of: Sequence[int],
    *,
    most_inputs: int = MOST_INPUTS,
    alone: bool = False,
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Gives one unit's gradient after another; see `privacy.clipped_sums.per_unit_gradients`.

    Args:
        tagger: as for `clipped_gradient`.
        examples: as for `clipped_gradient`.
        unit_of: as for `clipped_gradient`.
        most_inputs: as for `clipped_gradient`.
        alone: run no two units together, for a sensitivity that is exact, at twice to ten times the time.

    Yields:
        Unit id and gradient, float32, shape `(size,)`, in the order of `tagger.trained()`; units in any order.

    Guarantees: with `alone`, on one thread and without dropout, a unit's vector is a function of its own examples
    and the weights to the last bit; with dropout, of these and of masks drawn for it alone. So a sum of such vectors,
    each through `privacy.quantise.quantise`, changes by an L2 norm of at most `grid` if a unit comes or goes.
    Without `alone`, units that share a micro-batch share its padding and its matrix products, whose float32 rounding
    may depend on their shape: now and then one of another unit's integers moves by one step. `privacy.block_sum` is
    for units that share a micro-batch.
    """
    cut = cut_by_unit(examples, unit_of, most_inputs, alone=alone)
    turned = [unit_of[index] for chosen in cut for index in chosen]
    return per_unit_gradients(tagger, tagger.trained(), token_losses(tagger), _batches(examples, cut), turned)


def check_gradients(tagger: Tagger, examples: Sequence[Example], unit_of: Sequence[int]) -> None:
    """Compares a few units' gradients, computed together, with autograd's, each unit alone.

    To be called once before the first step: it finds a network whose examples mix, or whose layers do not read
    example by example, which no hook can see. Nothing changes, and no result is given: it spends no privacy.

    Args:
        tagger: the network.
        examples: some, prepared by the tagger.
        unit_of: unit id of each; the first few examples of the first few units are used.

    Raises:
        FixSettings: the gradients differ, so clipping would not bound what a unit contributes.
    """
    chosen: dict[int, list[Example]] = {}
    for unit, example in zip(unit_of, examples, strict=True):
        if unit in chosen or len(chosen) < _CHECKED:
            chosen.setdefault(unit, []).append(example)
    few = {unit: own[:_CHECKED] for unit, own in chosen.items()}
    together = [example for own in few.values() for example in own]
    units = [unit for unit, own in few.items() for _ in own]
    weights, loss_of, training = tagger.trained(), token_losses(tagger), tagger.training
    tagger.eval()
    try:
        found = dict(per_unit_gradients(tagger, weights, loss_of, [collate(together)], units))
        for unit, own in few.items():
            loss = torch.stack([loss_of(collate([example])).sum() for example in own]).sum()
            alone = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
            expected = torch.cat([gradient.flatten() for gradient in alone])
            apart = float((torch.from_numpy(found[unit]) - expected).norm())
            if not apart <= _TOLERANCE * float(expected.norm()) + _NOTHING:
                raise FixSettings(
                    "a unit's gradient depends on what it is batched with, or autograd finds another",
                    where="gradients",
                    remedy="Train another set of weights, or a network whose examples do not mix.",
                )
    finally:
        tagger.train(training)


def token_losses(tagger: Tagger) -> Callable[[Batch], Tensor]:
    """The loss of each example of a batch: mean cross-entropy of its scored words, shape `(examples,)`."""

    def losses(batch: Batch) -> Tensor:
        scores = tagger(batch)  # (examples, words, tags)
        each = cross_entropy(
            scores.flatten(0, 1), batch.tags.flatten(), ignore_index=IGNORED, reduction="none"
        ).view(batch.tags.shape)  # (examples, words)
        scored = (batch.tags != IGNORED).sum(1).clamp(min=1)
        return each.sum(1) / scored

    return losses


def cut_by_unit(
    examples: Sequence[Example], unit_of: Sequence[int], most_inputs: int, *, alone: bool = False
) -> list[list[int]]:
    """Cuts examples into micro-batches: whole units of like length together, a unit too large for one by itself.

    Args:
        examples: any.
        unit_of: unit id of each.
        most_inputs: words or subtokens of a micro-batch, padding included; a single longer example is let through.
        alone: whether no two units share a micro-batch.

    Returns:
        Indices of examples, each exactly once; at most one unit is unfinished at the end of any micro-batch.
    """
    own: dict[int, list[int]] = {}
    for index, unit in enumerate(unit_of):
        own.setdefault(unit, []).append(index)
    for indices in own.values():
        indices.sort(key=lambda index: examples[index].cost)
    cut: list[list[int]] = []
    filled = 0  # examples of the last micro-batch, if units may join it
    for indices in sorted(own.values(), key=lambda indices: (examples[indices[-1]].cost, indices[0])):
        longest = examples[indices[-1]].cost
        if len(indices) * longest > most_inputs:
            cut += _pieces(examples, indices, most_inputs)
            filled = 0
        elif not alone and filled and (filled + len(indices)) * longest <= most_inputs:
            cut[-1] += indices
            filled += len(indices)
        else:
            cut.append(list(indices))
            filled = len(indices)
    return cut


def _pieces(examples: Sequence[Example], indices: Sequence[int], most_inputs: int) -> Iterator[list[int]]:
    """One unit's examples, shortest first, in several micro-batches."""
    piece: list[int] = []
    for index in indices:
        if piece and (len(piece) + 1) * examples[index].cost > most_inputs:
            yield piece
            piece = []
        piece.append(index)
    yield piece


def _batches(examples: Sequence[Example], cut: Sequence[Sequence[int]]) -> Iterator[Batch]:
    return (collate([examples[index] for index in chosen]) for chosen in cut)
