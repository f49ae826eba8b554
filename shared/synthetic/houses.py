"""The hospitals of the synthetic clinic: what each treats and how its notes look.

A hospital is its index: name, specialty and house style follow from that alone, so hospital 3 is the same for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from types import MappingProxyType

from shared.errors import FixSettings
from shared.synthetic.diseases import specialties

# fmt: off
_PLACES = (
    "north", "lakeside", "riverside", "hillcrest", "bayview", "oakwood", "eastgate", "summit", "harbor",
    "meadow", "westfield", "cedar", "granite", "valley", "stonebridge", "maple", "fairview", "northgate",
    "southport", "redwood", "highland", "brookside", "clearwater", "elmwood", "foxhill", "glenview",
    "heron", "ironwood", "juniper", "kingsway", "larkspur", "midtown", "newport", "orchard", "prairie",
    "quarry", "rosewood", "silverlake", "timber", "union", "vineyard", "willow", "yarrow", "zenith",
    "amber", "birch", "canyon", "delta", "ember", "fern", "garnet", "hazel", "indigo", "jasper", "kestrel",
    "laurel", "magnolia", "nectar", "olive", "pebble", "quartz", "raven", "sage", "thistle", "upland",
    "violet", "walnut", "aspen", "beacon", "coral", "dune", "evergreen", "falcon", "grove", "hollow",
    "island", "jade", "knoll", "linden", "marsh", "nova", "opal", "pine", "quail", "ridge", "spruce",
    "tide", "ursa", "vista",
)
# fmt: on

KINDS = ("discharge", "emergency", "clinic", "radiology", "pathology", "nursing")
HEADINGS = ("caps", "title", "underlined", "stars", "brackets")
BULLETS = ("numbered", "dashed", "starred", "commas", "lines")
DATES = ("%m/%d/%Y", "%B %d, %Y", "%d %b %Y", "%Y-%m-%d", "%m/%d/%y", "%d.%m.%Y", "%b %d, %Y", "%m-%d-%Y")
BRIEF_DATES = ("%m/%d", "%A, %B %d", "%b %d")


@dataclass(frozen=True, slots=True)
class House:
    """One hospital's patients and style.

    Args:
        name: readable and unique, such as `north-cardiology`.
        specialties: share of each specialty among the patients' diseases, in 0..1.
        kinds: weight of each kind of note.
        heading: one of `HEADINGS`.
        bullet: one of `BULLETS`.
        dates: strftime formats, the usual one first.
        abbreviate: chance in 0..1 that a disease with an abbreviation is abbreviated.
        shorthand: whether sentences use `h/o`, `w/` and the like.
        typo_rate: chance in 0..1 that a longer word is misspelt.
        width: longest line in characters; 0 for no wrapping.
        breaks_spans: whether lines may end inside a name or a disease.
    """

    name: str
    specialties: Mapping[str, float]
    kinds: Mapping[str, float]
    heading: str
    bullet: str
    dates: tuple[str, ...]
    abbreviate: float
    shorthand: bool
    typo_rate: float
    width: int
    breaks_spans: bool


def hospital_names(count: int) -> list[str]:
    """Names the first hospitals of the clinic.

    Args:
        count: how many; any number.

    Returns:
        Unique names that tell the specialty, such as `north-cardiology`; the first names do not depend on `count`.
    """
    return [_name(index) for index in range(count)]


def _name(index: int) -> str:
    block, ward = divmod(index, len(specialties()))
    again, turn = divmod(block, len(_PLACES))
    name = f"{_PLACES[(ward + turn) % len(_PLACES)]}-{specialties()[ward]}"
    return f"{name}-{again + 1}" if again else name


@lru_cache(maxsize=4096)
def house(index: int) -> House:
    """Describes one hospital.

    Args:
        index: from 0.

    Returns:
        The hospital; always the same for the same index.

    Raises:
        FixSettings: the index is negative.
    """
    if index < 0:
        raise FixSettings("a hospital's index is negative", remedy="Count hospitals from 0.")
    rng = Random(f"house {index}")  # noqa: S311 - not for security
    first, *rest = rng.sample(KINDS, 3)
    wrapped = rng.random() < 0.5
    return House(
        name=_name(index),
        specialties=MappingProxyType(_mix(index, rng)),
        kinds=MappingProxyType({first: 0.6, rest[0]: 0.25, rest[1]: 0.15}),
        heading=HEADINGS[(index + index // len(HEADINGS)) % len(HEADINGS)],
        bullet=rng.choice(BULLETS),
        dates=(*rng.sample(DATES, 2), rng.choice(BRIEF_DATES)),
        abbreviate=rng.uniform(0.1, 0.6),
        shorthand=rng.random() < 0.4,
        typo_rate=rng.choice((0.0, 0.002, 0.005, 0.01, 0.02)),
        width=rng.choice((72, 80, 100)) if wrapped else 0,
        breaks_spans=wrapped and rng.random() < 0.3,
    )


def _mix(index: int, rng: Random) -> dict[str, float]:
    """Three quarters and more of one specialty, some of a second, a little of all."""
    every = specialties()
    own = every[index % len(every)]
    second = rng.choice([name for name in every if name != own])
    share = rng.uniform(0.75, 0.80)
    rest = 1 - share
    mix = {name: rest * 0.4 / (len(every) - 2) for name in every}
    mix[own], mix[second] = share, rest * 0.6
    return mix
