"""One assertion for each finding, with what decided it.

What stands in the finding's own clause comes first; then a line that ends in a cue and a colon, above it; then its
section. A finding that nothing speaks about is present.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from shared.assertion.lexicon import Found, Lexicon, lexicon
from shared.assertion.scopes import Reach, is_symptom, past_findings, reaches
from shared.assertion.words import Words, read_words, word_set
from shared.sections import Section, section_at

Assertion = Literal["present", "negated", "possible", "historical", "family", "hypothetical"]

_ORDER = ("negated", "family", "hypothetical", "possible", "historical")
_WITHIN = word_set(  # words that say it even where they are marked as part of the finding
    "possible probable suspected presumed questionable resolved old prior previous remote former no past"
)
_ITEM_WORDS = 12


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a note says of one finding, and where.

    Args:
        assertion: one of `shared.note.ASSERTIONS`.
        rule: `cue after it`, `cue before it`, `cue in it`, `list under a cue`, `section` or `no cue`.
        cue: the phrase of the lexicon that decided, or nothing.
        start: first character of that phrase in the note; None without one.
        end: one past its last; None without one.
    """

    assertion: Assertion
    rule: str = "no cue"
    cue: str = ""
    start: int | None = None
    end: int | None = None


PRESENT = Judgement("present")


def assertions_of(
    text: str, spans: Sequence[tuple[int, int]], sections: Sequence[Section]
) -> list[Judgement]:
    """Judges the findings of one note.

    Args:
        text: the note.
        spans: character offsets of its findings, end exclusive, sorted, not overlapping.
        sections: of the note, from `shared.sections.sections_of`.

    Returns:
        As many judgements as spans.
    """
    if not spans:
        return []
    words = read_words(text)
    places = [words.span(start, end) for start, end in spans]
    barred = bytearray(len(words.lower))
    for first, last in places:
        barred[first:last] = b"\1" * (last - first)
    cues = lexicon()
    judged: list[Judgement] = []
    at = 0
    above: Found | None = None
    listed = list(sections)
    for (start, end), blank in zip(words.clauses, words.blanks, strict=True):
        if blank:
            above = None
        here: list[tuple[int, int]] = []
        while at + len(here) < len(places) and places[at + len(here)][0] < end:
            here.append(places[at + len(here)])
        ends_open = end > start and words.lower[end - 1] == ":"
        if not here and not ends_open:
            continue
        found = list(cues.find(words.lower, start, end, barred))
        if here:
            offset = spans[at][0]
            judged += _judge(
                words, cues, (start, end), found, here, above, section_at(listed, offset), listed
            )
            at += len(here)
        if ends_open:
            above = _opened(words, end, found)
        elif above is not None and end - start > _ITEM_WORDS:
            above = None
    return judged


def _opened(words: Words, end: int, found: Sequence[Found]) -> Found | None:
    """The cue that a line such as "Denies the following:" ends in."""
    for cue in reversed(found):
        if (
            cue.cue.meaning in _ORDER
            and cue.cue.scope in ("after", "answer", "around")
            and end - cue.end <= 4
        ):
            return cue
    return None


def _judge(
    words: Words,
    cues: Lexicon,
    clause: tuple[int, int],
    found: Sequence[Found],
    findings: Sequence[tuple[int, int]],
    above: Found | None,
    section: Section,
    sections: list[Section],
) -> list[Judgement]:
    """Judges the findings of one clause."""
    lower = words.lower
    reached = reaches(lower, *clause, found, findings) if found else []
    past = past_findings(lower, found, findings) if found else {}
    judged: list[Judgement] = []
    for finding in findings:
        mine = [one for one in reached if one.first <= finding[0] and finding[1] <= one.last]
        if len(mine) > 1:
            mine = _nearest(lower, mine, finding)
        chosen = _choose(lower, mine, finding)
        if chosen is not None:
            rule = "cue after it" if chosen.is_back else "cue before it"
            judged.append(_judgement(words, chosen.found, rule, chosen.meaning))
            continue
        inner = _within(lower, cues, finding)
        if inner is not None:
            judged.append(_judgement(words, inner, "cue in it", inner.cue.meaning))
        elif finding in past:
            judged.append(_judgement(words, past[finding], "time that is over", "historical"))
        elif any(one.meaning == "present" for one in mine):
            one = next(one for one in mine if one.meaning == "present")
            rule = "cue after it" if one.is_back else "cue before it"
            judged.append(_judgement(words, one.found, rule, "present"))
        elif above is not None:
            judged.append(_judgement(words, above, "list under a cue", above.cue.meaning))
        else:
            judged.append(_of_section(words, found, finding, section_at(sections, words.starts[finding[0]])))
    return judged


def _of_section(
    words: Words, found: Sequence[Found], finding: tuple[int, int], section: Section
) -> Judgement:
    """What a section says of a finding that its own clause says nothing about."""
    if not section.assertion:
        return PRESENT
    if section.assertion == "family":
        for cue in found:
            is_patient = cue.cue.meaning == "stop-family" and cue.end <= finding[0]
            if is_patient and words.lower[cue.end : cue.end + 1] in (["has"], ["is"], ["had"], ["reports"]):
                return _judgement(words, cue, "cue before it", "present")
    return Judgement(section.assertion, f"section: {section.name}")  # type: ignore[arg-type]


def _nearest(lower: Sequence[str], mine: list[Reach], finding: tuple[int, int]) -> list[Reach]:
    """Leaves out a cue far before the finding, across a comma, where one right after it says something else."""
    back = [one for one in mine if one.is_back]
    if not back:
        return mine
    answer = lower[finding[1]] if finding[1] < len(lower) else ""
    answers = [one for one in back if one.found.cue.scope == "answer" and one.found.start == finding[1] + 1]
    if answer == ":" and answers:
        return answers
    kept: list[Reach] = []
    for one in mine:
        if not one.is_back and one.meaning not in ("family", "hypothetical"):
            between = lower[one.found.end : finding[0]]
            comma = len(between) - 1 - between[::-1].index(",") if "," in between else -1
            if comma >= 0 and {"or", "nor"}.isdisjoint(between[comma:]):
                continue
        kept.append(one)
    return kept


def _choose(lower: Sequence[str], mine: Sequence[Reach], finding: tuple[int, int]) -> Reach | None:
    """The cue that counts among those that reach a finding."""
    best: Reach | None = None
    rank = len(_ORDER)
    for one in mine:
        if one.found.cue.reach in ("symptom", "disease") and (one.found.cue.reach == "symptom") != is_symptom(
            lower, finding
        ):
            continue
        if one.meaning in _ORDER and _ORDER.index(one.meaning) <= rank:
            if _ORDER.index(one.meaning) == rank and best is not None and best.is_back:
                continue
            best, rank = one, _ORDER.index(one.meaning)
    return best


def _within(lower: Sequence[str], cues: Lexicon, finding: tuple[int, int]) -> Found | None:
    """A cue that was marked as the beginning of the finding."""
    if lower[finding[0]] not in _WITHIN or finding[1] - finding[0] < 2:
        return None
    inner = next(cues.find(lower, finding[0], finding[1], bytes(finding[1])), None)
    usable = inner is not None and inner.start == finding[0] and inner.cue.meaning in _ORDER
    return inner if usable else None


def _judgement(words: Words, found: Found, rule: str, meaning: str) -> Judgement:
    phrase = " ".join("<n>" if word.isdecimal() else word for word in words.lower[found.start : found.end])
    start, end = words.starts[found.start], words.ends[found.end - 1]
    return Judgement(meaning, rule, phrase, start, end)  # type: ignore[arg-type]
