"""Synthetic patients to be searched for, each with identifiers of its own."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from faker import Faker

from privacy.logs.words import listed

_LETTERS = 6
_STREETS = ("Street", "Road", "Avenue", "Lane")
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Canary:
    """One patient who must not be found."""

    number: int
    given: str
    family: str
    mrn: int
    ssn: str
    phone: str
    birth: str
    street: str

    @property
    def name(self) -> str:
        """Given name and family name."""
        return f"{self.given} {self.family}"

    @property
    def email(self) -> str:
        """An address that spells the name."""
        return f"{self.given}.{self.family}@example.org".lower()

    @property
    def sentence(self) -> str:
        """As a person, or a hospital's interface, would write it."""
        return (
            f"Patient {self.name}, MRN {self.mrn}, DOB {self.birth}, SSN {self.ssn}, phone {self.phone},"
            f" email {self.email}, lives at {self.street}"
        )

    def values(self) -> dict[str, str]:
        """Every identifier, whole, by its kind."""
        return {
            "name": self.name,
            "mrn": str(self.mrn),
            "ssn": self.ssn,
            "phone": self.phone,
            "email": self.email,
            "birth": self.birth,
            "street": self.street,
        }

    def parts(self) -> set[str]:
        """Each word or number of four or more characters, small letters, and each number without its gaps."""
        own = {
            key: value.lower() for key, value in self.values().items() if key != "email"
        }  # it spells the name
        words = {word for value in own.values() for word in _WORD.findall(value) if len(word) >= 4}
        return (
            words | {re.sub(r"\D", "", own[kind]) for kind in ("mrn", "ssn", "phone", "birth")}
        ) - _GENERAL


_GENERAL = listed(  # of a street's name: said of a million streets
    "street road avenue lane drive court circle island islands station suite apartment north south east west"
)


def make_canaries(number: int, seed: int, avoid: str = "") -> list[Canary]:
    """Draws patients.

    Args:
        number: how many.
        seed: of everything that is drawn.
        avoid: text, small letters, in which no part of a patient may occur: what a run prints anyway.

    Returns:
        Patients no two of whom share a part.
    """
    rng, made, taken = Random(seed), list[Canary](), set[str]()  # noqa: S311
    faker = Faker("en_US")
    faker.seed_instance(seed)
    while len(made) < number:
        digits = [rng.choice("123456789") for _ in range(40)]
        canary = Canary(
            number=len(made),
            given=_long(faker.first_name),
            family=_long(faker.last_name),
            mrn=int("".join(digits[:8])),
            ssn=f"{rng.randrange(100, 666)}-{rng.randrange(10, 99)}-{rng.randrange(2100, 9999)}",
            phone=f"({rng.randrange(201, 989)}) {rng.randrange(201, 989)}-{rng.randrange(2100, 9999)}",
            birth=f"{rng.randrange(1, 12):02d}/{rng.randrange(1, 28):02d}/{rng.randrange(1910, 1934)}",
            street=f"{rng.randrange(2100, 9899)} {_long(faker.last_name)} {rng.choice(_STREETS)}",
        )
        own = canary.parts()
        unlike = {part for part in own if not part.startswith("19")}  # years of birth are few
        if unlike.isdisjoint(taken) and not any(part in avoid for part in own):
            made.append(canary)
            taken |= unlike
    return made


def _long(draw: Callable[[], str]) -> str:
    """A name of six letters or more: shorter ones come about by chance where two words touch."""
    while len(name := draw()) < _LETTERS or not name.isalpha():
        pass
    return name
