"""Facts as rows of OMOP CDM 5.4 `note_nlp`: what is stated as the patient's, with the modifiers that say how.

`term_exists` follows the OMOP rules: a finding that is negated, a relative's, hypothetical or to be ruled out does
not exist; one that is only possible does, with low certainty. Concept ids are 0: mapping them is the site's.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from shared.facts import Fact

COLUMNS = (
    "note_nlp_id",
    "note_id",
    "section_concept_id",
    "snippet",
    "offset",
    "lexical_variant",
    "note_nlp_concept_id",
    "note_nlp_source_concept_id",
    "nlp_system",
    "nlp_date",
    "nlp_datetime",
    "term_exists",
    "term_temporal",
    "term_modifiers",
)
_WIDE, _AROUND = 250, 60  # characters of a varchar column; of the note on each side of a finding
_RULE_OUT = ("r / o", "rule out", "rule - out", "r / out", "ro")


def note_nlp_rows(
    facts: Sequence[Fact], text: str, note_id: str, first_id: int, day: date
) -> Iterator[tuple[str, ...]]:
    """Writes the facts of one note as rows.

    Args:
        facts: of one note.
        text: the note.
        note_id: of the note in the site's OMOP database.
        first_id: `note_nlp_id` of the first row; the table has no sequence of its own.
        day: when the note was read.

    Yields:
        The columns of `COLUMNS`, as text.
    """
    for number, fact in enumerate(facts, start=first_id):
        reason = fact.reason
        system = f"{reason.model} sha256:{reason.version}" if reason.version else reason.model
        yield (
            str(number),
            note_id,
            "0",
            _snippet(text, fact),
            str(fact.start),
            _one_line(fact.text)[:_WIDE],
            "0",
            "0",
            system[:_WIDE],
            day.isoformat(),
            "",
            "Y" if term_exists(fact) else "N",
            "past" if fact.assertion == "historical" else "",
            term_modifiers(fact),
        )


def term_exists(fact: Fact) -> bool:
    """Whether the note says that the patient has or had it."""
    if fact.assertion == "possible":
        return not _to_rule_out(fact)
    return fact.assertion in ("present", "historical")


def term_modifiers(fact: Fact) -> str:
    """What stands beside the finding, as OMOP writes it: `name=value`, separated by commas."""
    modifiers = {
        "negated": "yes" if fact.assertion == "negated" else "no",
        "subject": "family" if fact.assertion == "family" else "patient",
        "certainty": "low" if fact.assertion == "possible" else "high",
        "conditional": "true" if fact.assertion == "hypothetical" else "false",
        "rule_out": "true" if _to_rule_out(fact) else "false",
    }
    if fact.codes and fact.codes[0].how != "suggested":
        modifiers["icd10cm"] = fact.codes[0].code
    return ",".join(f"{name}={value}" for name, value in modifiers.items())


def _to_rule_out(fact: Fact) -> bool:
    return fact.assertion == "possible" and fact.reason.cue in _RULE_OUT


def _snippet(text: str, fact: Fact) -> str:
    spare = max(0, _WIDE - (fact.end - fact.start)) // 2
    start = max(0, fact.start - min(spare, _AROUND))
    return _one_line(text[start : fact.end + min(spare, _AROUND)])[:_WIDE]


def _one_line(text: str) -> str:
    return " ".join(text.split())
