"""Counts how words are written: `python -m privacy.phi.training.cased FOLDER... > cased.tsv`.

A word that stands in lower case in the middle of sentences is a word; one that stands with a capital is a name. The
folders are those of installed open-source packages; only counts leave this program.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_INSIDE = re.compile(r"(?<=[a-z,;] )[A-Za-z]{2,20}(?=[ ,.;)])")
_NAMES_OF_CODE = re.compile(r"[A-Z]?[a-z]{2,20}")
_KINDS = (".py", ".md", ".rst", ".txt", "METADATA", ".h", ".html", ".js", ".json", "copyright")
_LARGEST = 2_000_000
_RAREST = 3


def main() -> None:
    """Prints a word, its counts in lower case and with a capital, and the number of source files that use it."""
    lower: Counter[str] = Counter()
    title: Counter[str] = Counter()
    code: Counter[str] = Counter()
    for path, text in _texts([Path(folder) for folder in sys.argv[1:]]):
        for word in _INSIDE.findall(text):
            if word.islower():
                lower[word] += 1
            elif word[0].isupper() and word[1:].islower():
                title[word.lower()] += 1
        if path.suffix == ".py":
            code.update({word.lower() for word in _NAMES_OF_CODE.findall(text)})
    for word in sorted(lower.keys() | title.keys() | code.keys()):
        if lower[word] + title[word] + code[word] >= _RAREST:
            print(f"{word}\t{lower[word]}\t{title[word]}\t{code[word]}")  # noqa: T201


def _texts(folders: list[Path]) -> Iterator[tuple[Path, str]]:
    """Every different text file."""
    seen: set[int] = set()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if (
                not path.is_file()
                or path.is_symlink()
                or not path.name.endswith(_KINDS)
                or path.stat().st_size > _LARGEST
            ):
                continue
            text = path.read_bytes().decode("utf-8", "ignore")
            if hash(text) not in seen:
                seen.add(hash(text))
                yield path, text


if __name__ == "__main__":
    main()
