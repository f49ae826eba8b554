"""What notes say besides diseases: drugs, procedures, tests, anatomy, symptoms, normal findings, devices, values.

These are the clinic's distractors: no item is ever marked as a disease. Every fourth item of a list in
`vocabulary.tsv` occurs in test notes only.
"""

from functools import cache
from random import Random

from shared.synthetic.diseases import Split
from shared.synthetic.tables import items, read_table


@cache
def _lists() -> dict[tuple[str, str], tuple[str, ...]]:
    return {(slot, specialty): items(field) for slot, specialty, field in read_table("vocabulary.tsv")}


@cache
def word_list(slot: str, specialty: str, split: Split) -> tuple[str, ...]:
    """The items that fill a slot.

    Args:
        slot: such as `drug` or `finding`.
        specialty: whose list to use; slots common to all specialties ignore it.
        split: test notes use all items, training notes three of four.

    Returns:
        At least one item; empty if there is no such slot.
    """
    lists = _lists()
    every = lists.get((slot, specialty)) or lists.get((slot, "*"), ())
    return every if split == "test" else tuple(item for index, item in enumerate(every) if index % 4 != 3)


def draw_word(slot: str, specialty: str, split: Split, rng: Random) -> str:
    """Draws one item of `word_list`."""
    return rng.choice(word_list(slot, specialty, split))


def slots() -> frozenset[str]:
    """All slots that the vocabulary can fill."""
    return frozenset(slot for slot, _ in _lists())
