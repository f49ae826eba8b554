"""Streams of synthetic notes: one hospital's, or a test set over all hospitals.

Each patient has a source of chance of their own, so a stream may be cut anywhere, continued, or made twice.
"""

from collections.abc import Iterator
from random import Random

from shared.errors import FixSettings
from shared.note import Note
from shared.synthetic.composer import Composer
from shared.synthetic.diseases import Split
from shared.synthetic.houses import house

MOST_NOTES = 8
"""A patient has 1 to this many notes."""


def make_notes(
    seed: int, hospital: int, *, hospitals: int, patients: int, split: Split = "train"
) -> Iterator[Note]:
    """Makes one hospital's notes, patient by patient.

    Args:
        seed: another seed gives other patients.
        hospital: index of the hospital, from 0.
        hospitals: how many hospitals there are; `hospital` must be below. The notes do not depend on it.
        patients: how many patients; any number, since notes are made only when asked for. The first patients do not
            depend on it.
        split: `test` uses templates, disease names, people's names and words that `train` never uses.

    Returns:
        The notes; a patient's 1 to 8 notes follow each other. Diseases are in `entities` with label `Disease`, code
        and assertion; identifiers are in `phi`. `historical` also marks what stands under past medical history.

    Raises:
        FixSettings: the hospital is not one of the hospitals, or a number is negative.
    """
    if not 0 <= hospital < hospitals:
        raise FixSettings(
            f"hospital {hospital} is not one of {hospitals}",
            remedy="Count hospitals from 0 to one below their number.",
        )
    _check(patients, split)
    side = "p" if split == "train" else "t"
    return (
        note
        for patient in range(patients)
        for note in _patient(
            f"{seed}/{hospital}/{split}/{patient}", f"h{hospital}-{side}{patient}", hospital, split
        )
    )


def make_test_notes(seed: int, *, hospitals: int, patients: int) -> Iterator[Note]:
    """Makes a test set that belongs to no hospital: patients of all hospitals in turn, in the split `test`.

    Args:
        seed: another seed gives other patients.
        hospitals: how many hospitals there are, at least 1.
        patients: how many patients; any number.

    Returns:
        The notes; other patients than those of `make_notes(..., split="test")`.

    Raises:
        FixSettings: there is no hospital, or a number is negative.
    """
    if hospitals < 1:
        raise FixSettings("a test set needs at least one hospital", remedy="Set hospitals to 1 or more.")
    _check(patients, "test")
    return (
        note
        for patient in range(patients)
        for note in _patient(f"{seed}/all/test/{patient}", f"all-t{patient}", patient % hospitals, "test")
    )


def _check(patients: int, split: str) -> None:
    if patients < 0:
        raise FixSettings("the number of patients is negative", remedy="Set patients to 0 or more.")
    if split not in ("train", "test"):
        raise FixSettings("unknown split", remedy="Use train or test.")


def _patient(chance: str, patient_id: str, hospital: int, split: Split) -> list[Note]:
    """All notes of one patient, made at once: Faker's state belongs to one patient at a time."""
    rng = Random(chance)  # noqa: S311 - not for security
    composer = Composer(house(hospital), split, rng)
    count = min(MOST_NOTES, 1 + int(rng.expovariate(0.35)))
    return [composer.compose(f"{patient_id}-n{index}", patient_id) for index in range(1, count + 1)]
