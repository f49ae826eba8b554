"""Draws names, places, organisations and codes for training, from many countries and from nothing at all."""

import importlib
import re
from functools import cache
from random import Random

from faker.config import AVAILABLE_LOCALES

from privacy.phi.wordlists import word_list

_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f' .-]+")
_ONSETS = "b br c ch d dr f g gr h j k kl l m n p pr qu r s sch sh sk st t tr v w y z ".split(" ")  # noqa: SIM905 - the last one is empty
_VOWELS = word_list("a e i o u ai au ea ei ie oo ou ia")
_CODAS = ["", "", "", "n", "r", "s", "l", "m", "t", "ck", "nd", "ng", "rt", "ss", "tz", "k", "x"]
_ENDS = [
    "",
    "",
    "",
    "son",
    "sen",
    "ski",
    "ez",
    "ova",
    "ev",
    "ini",
    "man",
    "berg",
    "ley",
    "ton",
    "ic",
    "escu",
    "oglu",
    "yan",
    "idis",
]
_PLACE_ENDS = [
    "ville",
    "ton",
    "burg",
    "ford",
    "field",
    "dale",
    "heim",
    "stad",
    "by",
    "mouth",
    "bury",
    "view",
    "port",
    "shire",
    "haven",
    "borough",
    "side",
    "fort",
    "land",
    "chester",
]
_PLACE_STARTS = [
    "",
    "",
    "",
    "",
    "North ",
    "South ",
    "East ",
    "West ",
    "New ",
    "Lake ",
    "Port ",
    "San ",
    "Santa ",
    "St. ",
    "Fort ",
    "Mount ",
]
_STREETS = word_list(
    "Street St St. Avenue Ave Ave. Road Rd Rd. Drive Dr Lane Ln Court Ct Place Pl "
    "Boulevard Blvd Way Terrace Parkway Pkwy Circle Square Highway Loop "
    "Trail Alley Crescent Close Grove Hill Path Plaza Ridge Row Run Walk Mews Gardens Crossing "
    "Station Mall Ranch Green Heights Island Key Knolls Lodge "
    "Manor Meadow Mill Oval Pass Pike Pine Point Rue Shoals Shore Spring Summit Throughway Track "
    "Tunnel Turnpike Union Unions Valley Via View Village Vista Well"
)
_ABROAD = [
    "Rue de {}",
    "Rua {}",
    "Via {}",
    "Calle {}",
    "Avenida {}",
    "{}straße",
    "{}strasse",
    "{}gatan",
    "{} utca",
    "{}vej",
    "{}straat",
    "ul. {}",
    "{}veien",
    "{}katu",
    "Piazza {}",
    "Plaza {}",
    "Place {}",
    "Strada {}",
    "{}weg",
    "{}gade",
]
_STATES = word_list(
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE "
    "NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR"
)
_STATE_NAMES = [
    *word_list(
        "Alabama Alaska Arizona Arkansas California Colorado Connecticut Delaware Florida "
        "Georgia Hawaii Idaho Illinois Indiana Iowa Kansas Kentucky Louisiana Maine Maryland "
        "Massachusetts Michigan Minnesota Mississippi Missouri Montana Nebraska Nevada Ohio "
        "Oklahoma Oregon Pennsylvania Tennessee Texas Utah Vermont Virginia Washington "
        "Wisconsin Wyoming"
    ),
    "New York",
    "New Jersey",
    "North Carolina",
    "South Dakota",
    "New Mexico",
    "Rhode Island",
    "West Virginia",
    "New Hampshire",
    "Puerto Rico",
]
_COUNTRIES = [
    *word_list(
        "France Germany Italy Spain Portugal Poland Hungary Romania Greece Turkey Sweden Norway "
        "Denmark Finland Iceland Ireland Scotland England Wales Netherlands Belgium Switzerland "
        "Austria Russia Ukraine China Japan India Pakistan Bangladesh Nepal Thailand Vietnam "
        "Philippines Indonesia Malaysia Singapore Australia Canada Mexico Guatemala Honduras "
        "Nicaragua Panama Cuba Jamaica Haiti Colombia Venezuela Ecuador Peru Bolivia Chile "
        "Argentina Uruguay Brazil Morocco Algeria Tunisia Egypt Sudan Ethiopia Kenya Uganda "
        "Tanzania Nigeria Ghana Senegal Liberia Cameroon Angola Zambia Israel Jordan Lebanon "
        "Syria Iraq Iran Afghanistan"
    ),
    "United States",
    "United Kingdom",
    "South Korea",
    "Saudi Arabia",
    "Czech Republic",
    "New Zealand",
    "South Africa",
    "Dominican Republic",
    "Costa Rica",
    "El Salvador",
    "Sri Lanka",
    "Puerto Rico",
]
_SUFFIXES = [
    "Inc",
    "Inc.",
    "LLC",
    "Ltd",
    "Ltd.",
    "PLC",
    "Group",
    "and Sons",
    "Corp",
    "Corp.",
    "Corporation",
    "GmbH",
    "Co.",
    "& Co",
    "Partners",
    "Holdings",
    "Industries",
    "Logistics",
    "Bank",
    "Foundation",
    "Systems",
    "Services",
    "Electric",
    "Foods",
    "University",
    "School District",
    "College",
]
_KINDS_OF_HOSPITAL = [
    "General Hospital",
    "Medical Center",
    "Community Hospital",
    "Clinic",
    "Memorial Hospital",
    "Regional Medical Center",
    "Hospital",
    "Health Center",
    "Nursing Home",
    "Rehabilitation Center",
    "Children's Hospital",
    "Infirmary",
    "Medical Group",
    "Health",
    "VA Medical Center",
    "Hospice",
    "Senior Living",
    "Skilled Nursing Facility",
    "University Hospital",
    "County Hospital",
]
_CODES = [
    "########",
    "###-##-##",
    "H######",
    "#######-#",
    "AB#########",
    "AC######",
    "##-######",
    "MD######",
    "S##-#####",
    "A#####",
    "XY##-#####",
    "ABC-####",
    "#######",
    "##########",
    "M######",
    "AB-####-##",
    "###-###-###",
    "A##-####-#",
    "######-A",
]


@cache
def _names() -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Given names, family names and cities of all countries that write Latin letters."""
    given: set[str] = set()
    family: set[str] = set()
    cities: set[str] = set()
    for locale in AVAILABLE_LOCALES:
        for kind in ("person", "address"):
            try:
                provider = importlib.import_module(f"faker.providers.{kind}.{locale}").Provider
            except ImportError:
                continue
            for field in dir(provider):
                value = getattr(provider, field)
                if not isinstance(value, (tuple, list, dict)) or re.search(
                    "format|prefix|suffix|abbr|code|street", field
                ):
                    continue
                into = None
                if kind == "person":
                    into = (
                        given
                        if "first" in field
                        else family
                        if "last" in field or "surname" in field
                        else None
                    )
                elif re.search("cit(y|ies)|town|village|municip", field):
                    into = cities
                if into is not None:
                    into.update(
                        item
                        for item in value
                        if isinstance(item, str) and len(item) > 1 and _LATIN.fullmatch(item)
                    )
    return tuple(sorted(given)), tuple(sorted(family)), tuple(sorted(cities))


class Draw:
    """Draws identifying words.

    Args:
        rng: source of chance.
    """

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.given, self.family, self.cities = _names()
        american = importlib.import_module("faker.providers.person.en_US").Provider
        self.american_given: tuple[str, ...] = tuple(american.first_names)
        self.american_family: tuple[str, ...] = tuple(american.last_names)

    def invent(self, syllables: int) -> str:
        """A word that no list holds."""
        rng = self.rng
        parts = [rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(syllables)]
        return "".join(parts).capitalize()

    def first(self) -> str:
        """A given name."""
        roll = self.rng.random()
        if roll < 0.45:
            return self.rng.choice(self.american_given)
        return self.rng.choice(self.given).strip() if roll < 0.9 else self.invent(2)

    def last(self) -> str:
        """A family name."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.4:
            name = rng.choice(self.american_family)
        elif roll < 0.8:
            name = rng.choice(self.family).strip()
        else:
            name = self.invent(rng.choice((1, 2))) + rng.choice(_ENDS)
        roll = rng.random()
        if roll < 0.03:
            return f"{name}-{rng.choice(self.american_family)}"
        if roll < 0.05:
            return (
                rng.choice(
                    ("O'", "Mc", "De ", "van ", "von ", "van der ", "de la ", "El ", "Al-", "bin ", "Mac")
                )
                + name
            )
        return name

    def name(self) -> str:
        """A whole name in one of many forms."""
        rng = self.rng
        first, last = self.first(), self.last()
        roll = rng.random()
        if roll < 0.6:
            return f"{first} {last}"
        if roll < 0.7:
            return f"{first} {rng.choice('ABCDEFGHJKLMNPRSTVW')}. {last}"
        if roll < 0.75:
            return f"{first} {rng.choice('ABCDEFGHJKLMNPRSTVW')} {last}"
        if roll < 0.8:
            return f"{first[0]}. {last}"
        if roll < 0.84:
            return f"{first} {self.first()} {last}"
        if roll < 0.88:
            return f"{last}, {first}"
        if roll < 0.9:
            return f"{first} {last} {rng.choice(('Jr.', 'Sr.', 'III', 'II'))}"
        if roll < 0.94:
            return first
        return last if roll < 0.97 else f"{first[0]}.{rng.choice('ABCDEFGH')}. {last}"

    def city(self) -> str:
        """A town or village."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.45:
            return rng.choice(self.cities).strip()
        if roll < 0.75:
            base = rng.choice(self.american_family) if rng.random() < 0.6 else self.invent(1)
            return rng.choice(_PLACE_STARTS) + base + rng.choice(_PLACE_ENDS)
        return rng.choice(_PLACE_STARTS) + (self.invent(2) if roll < 0.9 else rng.choice(self.american_given))

    def place(self) -> str:
        """A town, state or country."""
        rng, roll = self.rng, self.rng.random()
        if roll < 0.55:
            return self.city()
        if roll < 0.7:
            return rng.choice(_COUNTRIES)
        if roll < 0.82:
            return f"{self.city()}, {rng.choice(_STATES)}"
        if roll < 0.9:
            return rng.choice(_STATE_NAMES)
        return f"{self.city()}, {rng.choice(_COUNTRIES)}"

    def street(self) -> str:
        """A street with a number."""
        rng = self.rng
        number = str(rng.randrange(1, 9999) if rng.random() < 0.7 else rng.randrange(10000, 99999))
        roll = rng.random()
        if roll < 0.7:
            base = (
                rng.choice(self.american_family + self.american_given)
                if rng.random() < 0.6
                else rng.choice(
                    (
                        "Main",
                        "Oak",
                        "Maple",
                        "Park",
                        "Church",
                        "High",
                        "Elm",
                        "Station",
                        "1st",
                        "5th",
                        "Second",
                        "Lincoln",
                        "Washington",
                        "Lake",
                        "Mill",
                        "River",
                    )
                )
            )
            street = f"{base} {rng.choice(_STREETS)}"
            return f"{number} {street}"
        base = rng.choice(self.family).strip() if rng.random() < 0.7 else self.invent(2)
        street = rng.choice(_ABROAD).format(base)
        return f"{street} {rng.randrange(1, 300)}" if rng.random() < 0.6 else f"{number} {street}"

    def address(self) -> str:
        """A postal address on one line or several."""
        rng = self.rng
        line = rng.choice((", ", ", ", "\n", " ", "\n "))
        unit = rng.choice(
            (
                "",
                "",
                "",
                f" Apt. {rng.randrange(1, 999)}",
                f" Suite {rng.randrange(1, 999)}",
                f" #{rng.randrange(1, 99)}",
                f", Unit {rng.randrange(1, 99)}",
                f" Apt {rng.randrange(1, 40)}{rng.choice('ABC')}",
            )
        )
        if rng.random() < 0.06:
            street = rng.choice(
                (
                    f"P.O. Box {rng.randrange(10, 9999)}",
                    f"PO Box {rng.randrange(10, 9999)}",
                    f"Unit {rng.randrange(1000, 9999)} Box {rng.randrange(100, 9999)}",
                )
            )
        else:
            street = self.street() + unit
        digits = "".join(str(rng.randrange(10)) for _ in range(5))
        town = self.city()
        roll = rng.random()
        if roll < 0.55:
            return f"{street}{line}{town}, {rng.choice(_STATES)} {digits}"
        if roll < 0.65:
            return f"{street}{line}{town} {digits}"
        if roll < 0.78:
            return f"{street}{line}{digits} {town}{line}{rng.choice(_COUNTRIES)}"
        if roll < 0.9:
            return f"{street}{line}{town.upper()}{line}{rng.choice(_COUNTRIES)} {digits}"
        return f"{street}{line}{town}"

    def organisation(self) -> str:
        """A company."""
        rng, roll = self.rng, self.rng.random()
        base = rng.choice(self.american_family) if rng.random() < 0.5 else self.last()
        if roll < 0.3:
            return f"{base} {rng.choice(_SUFFIXES)}"
        if roll < 0.5:
            return f"{base}, {rng.choice(self.american_family)} and {rng.choice(self.american_family)}"
        if roll < 0.7:
            return f"{base}-{rng.choice(self.american_family)}"
        return f"{self.invent(2)} {rng.choice(_SUFFIXES)}"

    def hospital(self) -> str:
        """A hospital or a nursing home."""
        rng = self.rng
        base = (
            self.city()
            if rng.random() < 0.6
            else rng.choice(
                (
                    f"St. {self.first()}'s",
                    f"Saint {self.first()}",
                    f"{self.last()}",
                    "Mercy",
                    "Sacred Heart",
                    "Good Samaritan",
                    "Lakeside",
                    "Riverside",
                )
            )
        )
        return f"{base} {rng.choice(_KINDS_OF_HOSPITAL)}"

    def code(self) -> str:
        """A number or a code of letters and digits."""
        rng = self.rng
        letters = str.maketrans({letter: rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for letter in "ABCHMSXYD"})
        form = rng.choice(_CODES)
        form = form.translate(letters) if rng.random() < 0.7 else form
        return "".join(str(rng.randrange(10)) if sign == "#" else sign for sign in form)
