"""Units of privacy: whose presence in the training data is hidden, and which examples each of them owns.

A hospital chooses the unit in its policy, and answers orders for that unit only: a sum that is clipped by
patient moves further than its clip when one sentence of a patient goes.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from shared.examples import Example

Unit = Literal["patient", "note", "sentence"]
UNITS: tuple[Unit, ...] = get_args(Unit)


def note_or_patient(unit: Unit) -> Unit:
    """The unit that counts are made by: a tag depends on the sentences around it, so not by sentence."""
    return "patient" if unit == "patient" else "note"


def owners(unit: Unit, examples: Sequence[Example]) -> list[int]:
    """Which unit each example belongs to.

    Args:
        unit: of privacy. `sentence` needs windows of one sentence (`window = 0`), for packed windows move when one
            sentence is gone.
        examples: of one hospital.

    Returns:
        A number for each example; units are counted from 0 in the order in which they first appear.
    """
    keys: list[object]
    if unit == "patient":
        keys = [example.patient_id for example in examples]
    elif unit == "note":
        keys = [example.note for example in examples]
    else:
        keys = [(example.note, example.sentence) for example in examples]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return [numbers[key] for key in keys]
