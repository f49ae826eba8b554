"""DP-SGD at one hospital, for consortia that do not trust the secure sum: every step has all of its noise.

Guarantees: the weights after `steps` steps are a post-processing of as many releases of `privacy.release`, each
with noise of `noise_multiplier` drawn here, so what the ledger charges for them holds against everyone,
whatever becomes of the weights.
"""

from collections.abc import Sequence

import torch

from privacy.generator import Generator
from privacy.quantise import dequantise
from privacy.release import draw_noise, gradient_sum, shares_of
from shared.examples import Example
from shared.models.tagger import Tagger
from shared.private import PrivateRound
from shared.training import Recipe, optimizer_of, rate_at


def train_privately(
    tagger: Tagger,
    examples: Sequence[Example],
    unit_of: Sequence[int],
    asked: PrivateRound,
    recipe: Recipe,
    *,
    steps: int,
    begin: float,
    end: float,
    units: int,
) -> None:
    """Trains in place.

    Args:
        tagger: the network; its trained weights change.
        examples: prepared by the tagger.
        unit_of: unit of each.
        asked: sampling rate, clipping norm, grid and noise of each step.
        recipe: learning rates and optimizer.
        steps: private steps.
        begin: share of the whole run before them, from 0.
        end: share of the whole run after them, up to 1.
        units: declared number of units, by which sums become means.
    """
    optimizer = optimizer_of(tagger, recipe)
    shares = shares_of("local", asked.noise_multiplier, asked.grid, hospitals=1, threshold=1, colluders=0)
    tagger.eval()
    for done in range(steps):
        total = gradient_sum(tagger, examples, unit_of, asked, Generator())
        total += draw_noise(shares, total.size).values
        mean = torch.from_numpy(
            dequantise(total, asked.max_grad_norm, asked.grid) / (asked.sample_rate * units)
        )
        at = 0
        for weight in tagger.trained().values():
            weight.grad = mean[at : at + weight.numel()].view_as(weight).to(weight.dtype)
            at += weight.numel()
        rate = rate_at(begin + (end - begin) * (done + 0.5) / steps, recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        optimizer.step()
    for weight in tagger.trained().values():
        weight.grad = None
