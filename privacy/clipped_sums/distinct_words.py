"""Words that `birnn` spells out once for a whole batch, told apart by unit.

`BirnnTagger` reads the characters of each distinct word of a batch once, however many examples hold it. The gradient
of such a word's spelling is then a sum over units that cannot be taken apart. So, for the time of a sum, every
character carries the number of its unit: words stay distinct by unit, the table of characters drops the numbers
again, and its rows and those of the filters after it have one owner each.
"""

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from privacy.clipped_sums.layer import Layer
from privacy.clipped_sums.units import Present
from shared.examples import Batch
from shared.models.birnn import SPELLED_APART, BirnnTagger


def find_speller(model: nn.Module) -> BirnnTagger | None:
    """The `birnn` that the model is or holds."""
    return next((module for module in model.modules() if isinstance(module, BirnnTagger)), None)


def tell_words_apart(
    tagger: BirnnTagger | None,
    layers: Sequence[Layer],
    count: Callable[[int], Present],
    set_rows: Callable[[Collection[str], Tensor], None],
) -> list[RemovableHandle]:
    """Registers the hooks, if there is a `birnn` whose spelling learns.

    Args:
        tagger: of `find_speller`.
        layers: those with trained weights.
        count: takes the number of examples, and tells the units of the micro-batch.
        set_rows: takes the local unit of each row that the named layers read, shape `(rows,)`.

    Returns:
        The hooks; whoever calls removes them.
    """
    if tagger is None:
        return []
    spelling = [layer.name for layer in layers if layer.module in (tagger.characters, tagger.filters)]
    if not spelling:
        return []
    codes = tagger.characters.num_embeddings
    once = True

    def number(_: nn.Module, args: tuple[Any, ...]) -> tuple[Batch]:
        nonlocal once
        (batch,) = args
        once = (
            SPELLED_APART not in batch.inputs
        )  # else every example has as many rows as words, padding included
        if not once:
            return (batch,)
        characters = batch.inputs["characters"]  # (examples, words, characters), 0 where there is none
        owner = count(len(characters)).owner.view(-1, 1, 1)
        marked = characters + (characters != 0) * (codes * owner)
        return (dataclasses.replace(batch, inputs={**batch.inputs, "characters": marked}),)

    def drop(_: nn.Module, args: tuple[Any, ...]) -> tuple[Tensor]:
        (marked,) = args  # (words, characters)
        if not once:
            return (marked,)
        # Padding, without a character, goes to unit 0: nothing of it reaches a score, so its gradient is zero.
        set_rows(spelling, marked.amax(dim=1) // codes)
        return (marked % codes,)

    return [
        tagger.register_forward_pre_hook(number, prepend=True),
        tagger.characters.register_forward_pre_hook(drop, prepend=True),
    ]
