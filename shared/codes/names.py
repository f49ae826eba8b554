"""Official names of ICD-10-CM codes, and synonyms from open dictionaries, read when first needed.

`names.tsv.gz` is written by `shared.codes.make_names` from the ICD-10-CM tabular list (public domain), the
Human Disease Ontology (CC0) and Mondo (CC BY 4.0); see NOTICE.
"""

import gzip
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.codes.normal import key_of, read_words

_NAMES = Path(__file__).with_name("names.tsv.gz")
_ALIASES = Path(__file__).with_name("aliases.tsv")


@dataclass(frozen=True)
class Names:
    """The code list.

    Args:
        official: name of each code.
        keys: for each key of a name or synonym its code.
    """

    official: dict[str, str]
    keys: dict[str, str]


@cache
def names() -> Names:
    """The code list that clinfed ships."""
    official: dict[str, str] = {}
    keys: dict[str, str] = {}
    for line in gzip.decompress(_NAMES.read_bytes()).decode("utf-8").splitlines():
        code, name, *own = line.split("\t")
        official[code] = name
        for key in own:
            keys[key] = code
    return Names(official, keys)


@cache
def aliases() -> dict[str, list[str]]:
    """For each key of a curated alias its codes, the likeliest first."""
    known: dict[str, list[str]] = {}
    later: list[tuple[str, str]] = []
    for line in _ALIASES.read_text("utf-8").splitlines():
        if line[0] == "#":
            continue
        code, written = line.split("\t")
        for alias in written.split("|"):
            key = key_of(read_words(alias))
            if alias[0] == "?":
                later.append((key, code))
            elif code not in known.setdefault(key, []):
                known[key].append(code)
    for key, code in later:
        if code not in known.setdefault(key, []):
            known[key].append(code)
    return known
