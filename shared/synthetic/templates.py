"""The sentences of the synthetic clinic: text with slots, by split, specialty and section of a note.

`templates.tsv` holds one sentence a line. `{present}`, `{negated}`, ... are diseases with that assertion, `{drug}`,
`{finding}`, ... are words from the vocabulary, `{patient}`, `{date}`, ... are identifiers. A slot written with a
capital, `{Present}`, begins a sentence.
"""

import re
from dataclasses import dataclass
from functools import cache

from shared.synthetic.diseases import Split
from shared.synthetic.tables import read_table

_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Piece:
    """Literal text, or a slot to fill.

    Args:
        text: the literal text, or the name of the slot in lower case.
        is_slot: whether `text` names a slot.
        is_capital: whether the slot's value begins a sentence.
    """

    text: str
    is_slot: bool = False
    is_capital: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """One sentence with slots.

    Args:
        split: `train` or `test`.
        specialty: the specialty that writes so, `*` for all.
        section: the part of a note where it may stand.
        text: the sentence as in the data file.
        pieces: the sentence cut at its slots.
    """

    split: str
    specialty: str
    section: str
    text: str
    pieces: tuple[Piece, ...]


def parse(text: str) -> tuple[Piece, ...]:
    """Cuts a sentence at its slots.

    Args:
        text: such as `Started {drug} for {present}.`

    Returns:
        Literal pieces and slots in turn, empty literals left out.
    """
    pieces = []
    for index, part in enumerate(_SLOT.split(text)):
        if index % 2:
            pieces.append(Piece(part.lower(), True, part[0].isupper()))
        elif part:
            pieces.append(Piece(part))
    return tuple(pieces)


@cache
def templates() -> tuple[Template, ...]:
    """All templates, in the order of the data file."""
    return tuple(
        Template(split, specialty, section, text, parse(text))
        for split, specialty, section, text in read_table("templates.tsv")
    )


@cache
def templates_for(section: str, specialty: str, split: Split) -> tuple[Template, ...]:
    """The templates a writer can choose from.

    Args:
        section: the part of the note.
        specialty: what the note is about.
        split: `train` or `test`; the two share no template.

    Returns:
        The section's templates; the specialty's own stand three times, so that they are chosen more often.
    """
    fit = [t for t in templates() if t.split == split and t.section == section]
    own = [t for t in fit if t.specialty == specialty]
    return tuple([t for t in fit if t.specialty == "*"] + own * 3)
