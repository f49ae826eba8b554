"""Training of one extractor on one hospital's examples, for a stretch of the whole run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.functional import cross_entropy

from shared.errors import FixNotes
from shared.examples import Example, batches, collate
from shared.models.tagger import Tagger
from shared.tags import IGNORED


class Recipe(BaseModel):
    """How weights learn; the same at every hospital."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learning_rate: float = Field(gt=0)
    """At its peak; it warms up and then falls linearly over the whole run, not over one round."""
    head_learning_rate: float | None = Field(default=None, gt=0)
    """Of the tag head; None for the same."""
    batch_size: int = Field(default=16, ge=1)
    local_epochs: int = Field(default=1, ge=1)
    """Passes over a hospital's examples in a round."""
    local_steps: int | None = Field(default=None, ge=1)
    """Batches in a round, in place of `local_epochs`."""
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the whole run in which the learning rate rises."""
    max_grad_norm: float = Field(default=1.0, gt=0)


@dataclass(frozen=True)
class Trained:
    """What a stretch of training reports: examples that weigh the update, and their mean loss."""

    examples: int
    loss: float


def train(
    tagger: Tagger,
    examples: Sequence[Example],
    recipe: Recipe,
    *,
    seed: int,
    steps: int,
    begin: float = 0.0,
    end: float = 1.0,
    on_step: Callable[[], None] | None = None,
) -> Trained:
    """Trains in place.

    Args:
        tagger: the network; its trained weights change.
        examples: from `read_examples`, prepared by the tagger.
        recipe: how.
        seed: of order and dropout; the result depends on it, the weights and the examples only.
        steps: batches to train on; epoch follows epoch until they are done.
        begin: share of the whole run that lies before this stretch, from 0.
        end: share of the whole run after it, up to 1.
        on_step: called after every batch.

    Returns:
        Number of examples and mean loss per batch.

    Raises:
        FixNotes: there is no example to train on.
    """
    if not examples:
        raise FixNotes("no words to train on", where="notes", remedy="Give every hospital at least one note.")
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    optimizer = optimizer_of(tagger, recipe)
    costs = [example.cost for example in examples]
    tagger.train()
    loss_sum, done = torch.zeros(()), 0
    while done < steps:
        for chosen in batches(costs, recipe.batch_size, order)[: steps - done]:
            progress = begin + (end - begin) * (done + 0.5) / steps
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate_at(progress, recipe.warmup)
            batch = collate([examples[index] for index in chosen])
            scores = tagger(batch)
            loss = cross_entropy(scores.flatten(0, 1), batch.tags.flatten(), ignore_index=IGNORED)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(tagger.trained().values(), recipe.max_grad_norm)
            optimizer.step()
            loss_sum += loss.detach()
            done += 1
            if on_step is not None:
                on_step()
    return Trained(examples=len(examples), loss=float(loss_sum) / steps)


def steps_a_round(recipe: Recipe, examples: int) -> int:
    """Batches that one hospital trains on in a round."""
    return recipe.local_steps or recipe.local_epochs * -(-examples // recipe.batch_size)


def optimizer_of(tagger: Tagger, recipe: Recipe) -> torch.optim.Optimizer:
    """AdamW over the trained weights; each group knows its peak learning rate as `peak`."""
    head = tagger.head_names()
    peaks = {True: recipe.head_learning_rate or recipe.learning_rate, False: recipe.learning_rate}
    groups = []
    for in_head, peak in peaks.items():
        weights = [weight for name, weight in tagger.trained().items() if (name in head) is in_head]
        if weights:
            groups.append({"params": weights, "peak": peak})
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True)


def rate_at(progress: float, warmup: float) -> float:
    """The learning rate as a share of its peak: it rises to 1 within the warm-up, then falls linearly to 0.

    Args:
        progress: share of the whole run, 0 to 1.
        warmup: share of the whole run in which it rises, below 1.
    """
    return progress / warmup if progress < warmup else (1 - progress) / (1 - warmup)
