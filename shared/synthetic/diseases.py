"""The diseases of the synthetic clinic: what each is called, its ICD-10-CM code, and who treats it.

`diseases.tsv` keeps two sets of names for each disease: those that training notes use, and those held out for test
notes. A disease without training names is itself held out. Within a specialty the common ones come first.
"""

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from random import Random
from typing import Literal

from shared.synthetic.tables import items, read_table

Split = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class Disease:
    """One disease.

    Args:
        code: ICD-10-CM code with its dot, such as `E11.9`.
        specialty: the specialty whose patients have it most.
        train: names used in training notes, the canonical one first; empty if the disease is held out.
        test: names used in test notes only.
    """

    code: str
    specialty: str
    train: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def name(self) -> str:
        """The canonical name."""
        return (self.train or self.test)[0]

    @property
    def concept(self) -> str:
        """The code as notes carry it, such as `ICD10CM:E11.9`."""
        return f"ICD10CM:{self.code}"

    def forms(self, split: Split) -> tuple[str, ...]:
        """Every name that notes of the split may use."""
        return self.train if split == "train" else self.test


def is_abbreviation(form: str) -> bool:
    """Tells whether a name is an abbreviation, such as `T2DM`: one word, mostly capitals and digits."""
    capitals = sum(character.isupper() or character.isdigit() for character in form)
    return " " not in form and capitals >= 2 and 2 * capitals >= len(form)


@cache
def diseases() -> tuple[Disease, ...]:
    """All diseases, in the order of the data file."""
    return tuple(Disease(code, where, items(a), items(b)) for code, where, a, b in read_table("diseases.tsv"))


@cache
def specialties() -> tuple[str, ...]:
    """All specialties, in the order of the data file."""
    return tuple(dict.fromkeys(disease.specialty for disease in diseases()))


@cache
def _ward(specialty: str, split: Split) -> tuple[tuple[Disease, ...], tuple[float, ...]]:
    """The specialty's diseases that the split can name, with cumulative weights, common ones first."""
    known = tuple(d for d in diseases() if d.specialty == specialty and d.forms(split))
    return known, tuple(accumulate(1 / (rank + 12) for rank in range(len(known))))


def draw_disease(specialty: str, split: Split, rng: Random) -> Disease:
    """Draws a disease of one specialty, common ones more often.

    Args:
        specialty: one of `specialties()`.
        split: which names must exist.
        rng: the patient's source of chance.

    Returns:
        A disease with at least one name in the split.
    """
    known, weights = _ward(specialty, split)
    return rng.choices(known, cum_weights=weights)[0]


@cache
def _spellings(disease: Disease, split: Split) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The split's full names and its abbreviations; where one kind is missing, both are the other."""
    forms = disease.forms(split)
    short = tuple(form for form in forms if is_abbreviation(form))
    full = tuple(form for form in forms if not is_abbreviation(form))
    return full or short, short or full


def draw_name(disease: Disease, split: Split, abbreviate: float, rng: Random) -> str:
    """Draws one name of a disease.

    Args:
        disease: the disease.
        split: which set of names.
        abbreviate: chance in 0..1 of an abbreviation where there is one.
        rng: the patient's source of chance.

    Returns:
        A name, not yet misspelt.
    """
    full, short = _spellings(disease, split)
    return rng.choice(short if rng.random() < abbreviate else full)
