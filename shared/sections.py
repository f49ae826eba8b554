"""The sections of a note: which headings it has, where each section begins, and what they say of a bare finding.

Under "Past medical history" a finding is history, under "Family history" a relative's, unless its own sentence says
otherwise. `sections.tsv` lists the headings; only names from that file are ever given out.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from shared.note import ASSERTIONS

_FILE = Path(__file__).with_name("sections.tsv")
_CANDIDATE = re.compile(
    r"(?:^|(?<=[.;!?])[ \t]+|\n)[ \t]*(?:[#*\[=>•-]+[ \t]*|\d{1,2}[.)][ \t]+)?"
    r"(?P<name>[A-Za-z][^\n:.;]{1,54}?)[ \t]*(?:[*\]#=]+[ \t]*)?"
    r"(?P<mark>:|[ \t][-–—]{1,2}(?=[ \t])|(?=\n)|\Z)"
)
_SPACES = re.compile(r"[^a-z0-9]+")
_SENTENCE_END = re.compile(r"[.!?](?=\s)|\n")
_EMPTY_LINE = re.compile(r"(?<=\S)\n[ \t\r]*\n")
_BRIEF = (
    "possible",
    "negated",
    "hypothetical",
)  # one sentence beside the heading, or lines down to an empty one
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a note.

    Args:
        start: first character of its heading; 0 for what stands before any heading.
        name: from `sections.tsv`; `other` under a heading that is not listed there; empty before any heading.
        assertion: what a finding is that its own sentence says nothing about; empty for `present`.
    """

    start: int
    name: str
    assertion: str


_START = Section(0, "", "")


def sections_of(text: str) -> list[Section]:
    """Finds the sections of a note.

    Args:
        text: any Unicode.

    Returns:
        Sections in the order of the text; the first begins at 0.
    """
    known = _headings()
    found = [_START]
    for match in _CANDIDATE.finditer(text):
        name = match["name"]
        key = _SPACES.sub(" ", name.lower()).strip()
        listed = known.get(key)
        start = match.start("name")
        if listed is None:
            if found[-1].assertion and _looks_like_heading(text, match):
                found.append(Section(start, OTHER, ""))
        elif match["mark"] == ":" and listed[1] in _BRIEF:
            before = found[-1]
            found.append(Section(start, *listed))
            beside = text[match.end() : match.end() + 1] != "\n"
            end = (_SENTENCE_END if beside else _EMPTY_LINE).search(text, match.end() + 1)
            if end is not None:
                found.append(Section(end.start(), before.name, before.assertion))
        elif match["mark"] == ":" or _alone(text, match.start(), match.end(), name):
            found.append(Section(start, *listed))
    return found


def section_at(sections: list[Section], offset: int) -> Section:
    """The section that holds a character."""
    return sections[bisect_right(sections, offset, key=_start) - 1]


def _start(section: Section) -> int:
    return section.start


def _alone(text: str, start: int, end: int, name: str) -> bool:
    """Whether a heading without a colon has its line for itself, or is in capitals before a dash."""
    begins = start == 0 or text[start] == "\n"
    return begins and (text[end : end + 1] in ("\n", "") or name.isupper())


def _looks_like_heading(text: str, match: re.Match[str]) -> bool:
    """Whether a line that is not listed heads something: a colon or capitals, alone after an empty line."""
    if match["mark"] not in (":", "") or text[match.end() : match.end() + 1] not in ("\n", ""):
        return False
    name = match["name"]
    empty = text[max(0, match.start() - 1) : match.start("name")].count("\n") > 1
    capitals = name.replace(" ", "").isalpha() and name.isupper() and len(name) > 4
    return name[0].isupper() and empty and (match["mark"] == ":" or capitals)


@cache
def _headings() -> dict[str, tuple[str, str]]:
    """Name and assertion of each heading."""
    known: dict[str, tuple[str, str]] = {}
    for line in _FILE.read_text("utf-8").splitlines():
        if line and line[0] != "#":
            name, assertion, headings = line.split("\t")
            for heading in headings.split(" | "):
                known[_SPACES.sub(" ", heading).strip()] = (
                    name,
                    assertion if assertion in ASSERTIONS else "",
                )
    return known
