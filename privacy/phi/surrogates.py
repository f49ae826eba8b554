"""Stand-ins for identifiers: the same one for the same value of one patient, another one for another patient.

Keyed: whoever lacks the key cannot tell which value a stand-in or a hash came from.
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from importlib import import_module

from privacy.phi.lexicon import FIRST, lexicon
from privacy.phi.shifted_dates import shift_date
from privacy.phi.wordlists import word_list

_SMALL_PREFIXES = frozenset(
    word_list("036 059 063 102 203 205 369 556 692 790 821 823 830 831 878 879 884 890 893")
)
"""First three digits of ZIP codes whose areas hold 20,000 people or fewer (census of 2000 and of 2010 together)."""

_MOST_DAYS = 364
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"


class Surrogates:
    """Makes stand-ins for one patient.

    Args:
        key: secret of at least 16 bytes.
        patient: whose identifiers; the same value gives the same stand-ins.

    Guarantees:
        Against a reader without the key: a stand-in depends on the value only through HMAC-SHA-256; all dates of a
        patient move by one secret offset of 1 to 364 days, so intervals stay. Does not hold against a reader who
        knows one true date of a patient: that reader learns the offset and so all dates of this patient.
    """

    def __init__(self, key: bytes, patient: str) -> None:
        self._key = hmac.new(
            key, b"patient\x00" + patient.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).digest()
        drawn = self._draw("offset", "", 4)
        days = 1 + drawn % _MOST_DAYS
        self.offset = timedelta(days=days if drawn >> 20 & 1 else -days)

    def hashed(self, entity: str, value: str) -> str:
        """A keyed token, such as `<NAME:9f86d081884c>`."""
        return f"<{entity}:{self._digest(entity, _plain(value)).hex()[:12]}>"

    def stand_in(self, entity: str, value: str) -> str:
        """A made-up value of the same kind and form.

        Args:
            entity: one of `privacy.phi.entities.ENTITIES`.
            value: the identifying text.

        Returns:
            Text to put in its place.
        """
        maker: Callable[[str], str] | None = getattr(self, f"_{entity.lower()}", None)
        return maker(value) if maker else self._same_form(entity, value)

    def _name(self, value: str) -> str:
        return re.sub(r"[^\W\d_]+", lambda word: self._name_word(word[0]), value)

    def _name_word(self, word: str) -> str:
        low = word.lower()
        if low in (
            "van",
            "von",
            "der",
            "de",
            "la",
            "del",
            "jr",
            "sr",
            "ii",
            "iii",
            "md",
            "dr",
            "mr",
            "mrs",
            "ms",
        ):
            return word
        if len(word) == 1:
            return _like(word, _LETTERS[self._draw("initial", low, 2) % len(_LETTERS)])
        given, family = _faker_names()
        names = given if lexicon().get(low, 0) & FIRST == 2 << 2 else family
        return _like(word, names[self._draw("name", low, 4) % len(names)])

    def _location(self, value: str) -> str:
        if re.fullmatch(r"\d{5}(?:-\d{4})?", value):
            return zip3(value) + "00"
        _, family = _faker_names()
        town = f"{family[self._draw('town', _plain(value), 4) % len(family)]}ville"
        if not re.search(r"\d", value):
            return _like(value, town)
        street = family[self._draw("street", _plain(value), 4) % len(family)]
        code = re.search(r"\b\d{5}(?:-\d{4})?\s*$", value)
        state = re.search(r"\b([A-Z]{2})[ ,]+\d{5}", value)
        made = f"{1 + self._draw('house', _plain(value), 2) % 999} {street} Street"
        if state or code:
            made += (
                f", {town}"
                + (f", {state[1]}" if state else "")
                + (f" {zip3(code[0].strip())}00" if code else "")
            )
        return made

    def _organization(self, value: str) -> str:
        _, family = _faker_names()
        kind = re.search(
            r"(?i)\b(?:general hospital|medical center|community hospital|memorial hospital|hospital"
            r"|clinic|center|university|school|bank)\b",
            value,
        )
        return f"{family[self._draw('organisation', _plain(value), 4) % len(family)]} {kind[0] if kind else 'Group'}"

    def _date(self, value: str) -> str:
        return shift_date(value, self.offset) or "<DATE>"

    def _age(self, value: str) -> str:
        return "90+" if re.search(r"\d", value) else "over ninety"

    def _email(self, value: str) -> str:
        return f"user{self._draw('email', _plain(value), 3) % 100000}@example.org"

    def _url(self, value: str) -> str:
        return f"https://example.org/{self._draw('url', value, 3) % 100000}"

    def _ip(self, value: str) -> str:
        return f"203.0.113.{1 + self._draw('ip', value, 2) % 254}"  # for documentation: RFC 5737

    def _ssn(self, value: str) -> str:
        made = self._same_form("SSN", value)
        return re.sub(r"\d", "9", made, count=1)  # none begins with 9

    def _same_form(self, entity: str, value: str) -> str:
        """Digits for digits and letters for letters."""
        stream = self._digest(entity, _plain(value))
        while len(stream) < len(value):
            stream += hashlib.sha256(stream).digest()
        return "".join(
            str(drawn % 10)
            if sign.isdigit()
            else _like(sign, _LETTERS[drawn % len(_LETTERS)])
            if sign.isalpha()
            else sign
            for sign, drawn in zip(value, stream, strict=False)
        )

    def _digest(self, purpose: str, value: str) -> bytes:
        return hmac.new(
            self._key, f"{purpose}\x00{value}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).digest()

    def _draw(self, purpose: str, value: str, size: int) -> int:
        return int.from_bytes(self._digest(purpose, value)[:size], "big")


def zip3(code: str) -> str:
    """The part of a ZIP code that may stay: its first three digits, 000 where too few people live.

    Args:
        code: five digits or nine.

    Returns:
        Three digits.
    """
    return "000" if code[:3] in _SMALL_PREFIXES else code[:3]


def _plain(value: str) -> str:
    """A value without differences of writing."""
    return re.sub(r"[\W_]+", "", value).lower()


def _like(model: str, text: str) -> str:
    """Text in the case of a model."""
    return (
        text.upper()
        if model.isupper() and (len(model) > 1 or len(text) == 1)
        else text.lower()
        if model.islower()
        else text
    )


@cache
def _faker_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Given and family names of American English."""
    people = import_module("faker.providers.person.en_US").Provider
    return tuple(sorted(people.first_names)), tuple(sorted(people.last_names))
