"""From entities to facts: what a note says of a finding, which code it may have, where it stands, and why.

An extractor marks spans. A fact adds the assertion (`shared.assertion`), candidate codes (`shared.codes`), the
section (`shared.sections`) and the reason, so that a clinician can check it at a glance. Nothing of a note is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.assertion import Assertion, assertions_of
from shared.codes import Code
from shared.codes.finder import look_up
from shared.extractor import Extractor
from shared.note import Entity
from shared.sections import section_at, sections_of

__all__ = ["Assertion", "Code", "Fact", "FactFinder", "Reason", "facts_of"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a fact is what it is; holds words of our lexicons, never text of the note.

    Args:
        cue: the phrase that decided the assertion, as our lexicon knows it; empty if none did.
        cue_start: its first character in the note; None without a cue.
        cue_end: one past its last; None without a cue.
        rule: how it decided: `cue before it`, `cue after it`, `cue in it`, `list under a cue`, `time that is over`,
            `section: NAME` or `no cue`.
        alias: the curated alias that gave the first code; empty if something else did.
        model: what marked the span.
        version: of that model; hexadecimal.
    """

    cue: str
    cue_start: int | None
    cue_end: int | None
    rule: str
    alias: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One finding of a note.

    Args:
        start: first character.
        end: one past the last character.
        text: the note between them.
        label: type of the entity, such as `Disease`.
        score: how sure the extractor is of the span, from 0 to 1.
        assertion: one of `shared.note.ASSERTIONS`.
        codes: candidate ICD-10-CM codes, the likeliest first; may be empty.
        section: from `shared/sections.tsv`; empty before any heading.
        reason: why.
    """

    start: int
    end: int
    text: str
    label: str
    score: float
    assertion: Assertion
    codes: tuple[Code, ...]
    section: str
    reason: Reason


def facts_of(
    text: str,
    entities: Sequence[Entity],
    scores: Sequence[float] | None = None,
    model: str = "",
    version: str = "",
) -> list[Fact]:
    """Turns the entities of one note into facts.

    Args:
        text: the note.
        entities: its findings, sorted, not overlapping.
        scores: how sure each is, from 0 to 1; without them 1.
        model: what marked them.
        version: of that model.

    Returns:
        As many facts as entities, in their order.
    """
    sections = sections_of(text)
    judged = assertions_of(text, [(entity.start, entity.end) for entity in entities], sections)
    sure = [1.0] * len(entities) if scores is None else scores
    facts: list[Fact] = []
    for entity, score, judgement in zip(entities, sure, judged, strict=True):
        surface = text[entity.start : entity.end]
        codes, alias = look_up(surface)
        facts.append(
            Fact(
                entity.start,
                entity.end,
                surface,
                entity.label,
                score,
                judgement.assertion,
                codes,
                section_at(sections, entity.start).name,
                Reason(
                    judgement.cue,
                    judgement.start,
                    judgement.end,
                    judgement.rule,
                    alias,
                    model,
                    version,
                ),
            )
        )
    return facts


class FactFinder:
    """Finds facts in notes with one extractor.

    Args:
        extractor: marks the spans.
    """

    def __init__(self, extractor: Extractor) -> None:
        self.extractor = extractor

    def facts(self, texts: Iterable[str]) -> list[list[Fact]]:
        """Finds the facts of each text.

        Args:
            texts: any Unicode.

        Returns:
            For each text its facts, sorted, not overlapping.
        """
        notes = list(texts)
        model, version = self.extractor.model, self.extractor.version
        return [
            facts_of(text, [entity for entity, _ in found], [score for _, score in found], model, version)
            for text, found in zip(notes, self.extractor.extract_scored(notes), strict=True)
        ]
