"""Writes `names.tsv.gz`: `python -m shared.codes.make_names FOLDER`, a folder with the three open dictionaries.

One line a code: the code, its official name, then the keys by which it is found. Equal input gives the same bytes.
"""

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shared.codes.normal import key_of, read_words

_ICD, _DOID, _MONDO = (
    "icd10cm-2021.jsonl.gz",
    "doid-names-xrefs-2026-08.jsonl.gz",
    "mondo-sssom-2026-08.jsonl.gz",
)
_OUT = Path(__file__).with_name("names.tsv.gz")
_ALIASES = Path(__file__).with_name("aliases.tsv")
_SUBTYPE = re.compile(r"\d|[A-Z]$|autosomal|familial .* type")
_LONGEST = 9  # words of a key
_PREFIX = "ICD10CM:"


def make(folder: Path) -> bytes:
    """Builds the file.

    Args:
        folder: holds the dictionaries as JSON lines, gzipped.

    Returns:
        What `names.tsv.gz` holds.
    """
    wanted = {
        line.split("\t")[0] for line in _ALIASES.read_text("utf-8").splitlines() if line[:1] not in ("#", "")
    }
    official: dict[str, str] = {}
    keys: dict[str, str] = {}
    records = {row["id"].removeprefix(_PREFIX): row for row in _read(folder / _ICD)}
    for code in sorted(records, key=lambda one: (len(one), one)):
        if code in wanted or _is_kept(code):
            official[code] = records[code]["name"]
    for code in official:
        for name in (records[code]["name"], *records[code]["synonyms"]):
            _add(keys, name, code)
    for file in (_DOID, _MONDO):
        for row in _read(folder / file):
            codes = [one.removeprefix(_PREFIX) for one in row["xrefs"] if one.startswith(_PREFIX)]
            if len(codes) == 1 and codes[0] in official and codes[0][0] not in "SVWXYZ":
                for name in (row["name"], *row["synonyms"]):
                    if not _SUBTYPE.search(name):
                        _add(keys, name, codes[0])
    lines: dict[str, list[str]] = {code: [code, name] for code, name in official.items()}
    for key, code in sorted(keys.items()):
        lines[code].append(key)
    text = "".join("\t".join(line) + "\n" for line in lines.values())
    return gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)


def _is_kept(code: str) -> bool:
    """Whether a code is listed: all conditions; injuries, causes and encounters without their finest digits."""
    size = len(code.replace(".", ""))
    if code[0] in "VWXY":
        return False
    return size <= 4 if code[0] in "STZ" else size <= 5 if code[0] in "MHO" else True


def _add(keys: dict[str, str], name: str, code: str) -> None:
    words = read_words(name)
    if 0 < len(words) <= _LONGEST:
        keys.setdefault(key_of(words), code)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    _OUT.write_bytes(make(Path(sys.argv[1])))
