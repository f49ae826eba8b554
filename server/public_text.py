"""Public notes made ready to pretrain on: what must stay unseen left out, and disease names varied.

A model that learned from public text can only be tried on a corpus that this text does not hold, so documents and
sentences of that corpus are left out. And public corpora repeat few diseases: with mentions replaced by names from
open dictionaries, and acronyms brought in as authors do it, a model learns where diseases stand, not which.
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from shared.errors import FixNotes
from shared.formats import read_notes
from shared.note import Entity, Note
from shared.sentences import sentences
from shared.tokenize import words

MOST_WORDS = 6  # of a name that replaces a mention
SHORTEST_SENTENCE = 5  # words from which two equal sentences are one and the same
DEFINED, ALONE = 0.3, 0.7  # names whose acronym is given with them; later mentions that are the acronym alone
_LETTERS = re.compile(r"[^\W\d_]")


def leave_out(notes: Iterable[Note], unwanted: Iterable[Note]) -> list[Note]:
    """Drops every note that is one of the unwanted, or shares a sentence with one.

    Args:
        notes: public ones.
        unwanted: those that must not be among them.

    Returns:
        The notes that are left.
    """
    ids, said = set[str](), set[str]()
    for note in unwanted:
        ids.add(note.note_id)
        said.update(_sentences(note.text))
    return [note for note in notes if note.note_id not in ids and said.isdisjoint(_sentences(note.text))]


def replace_mentions(note: Note, names: Sequence[Sequence[str]], share: float, draw: random.Random) -> Note:
    """Replaces mentions by names from dictionaries, everywhere in the note alike, some with their acronyms.

    Args:
        note: with gold entities.
        names: of each dictionary, as for a sentence; each dictionary is drawn from equally often.
        share: of the distinct mentions of a note, 0 to 1.
        draw: source of everything at random.

    Returns:
        The note with other text and entities; an acronym in brackets is an entity of its own.
    """
    new_name: dict[str, str | None] = {}
    acronyms: dict[str, str] = {}
    parts: list[str] = []
    entities: list[Entity] = []
    length = end = 0

    def write(text: str) -> int:
        nonlocal length
        parts.append(text)
        length += len(text)
        return length - len(text)

    def mark(text: str, entity: Entity) -> None:
        start = write(text)
        entities.append(replace(entity, start=start, end=start + len(text), concept=None))

    for entity in note.entities:
        write(note.text[end : entity.start])
        end = entity.end
        own = note.text[entity.start : end]
        key = own.casefold()
        if key not in new_name:
            new_name[key] = draw.choice(draw.choice(names)) if draw.random() < share else None
        name = new_name[key]
        if name is None:
            start = write(own)
            entities.append(replace(entity, start=start, end=start + len(own)))
        elif key in acronyms and draw.random() < ALONE:
            mark(acronyms[key], entity)
        else:
            mark(name, entity)
            short = _acronym(name)
            if key not in acronyms and short and draw.random() < DEFINED:
                acronyms[key] = short
                write(" (")
                mark(short, entity)
                write(")")
    write(note.text[end:])
    return replace(note, text="".join(parts), entities=tuple(entities))


def mentions(notes: Iterable[Note]) -> list[str]:
    """The distinct mentions of notes, in the order of the text."""
    found = (note.text[entity.start : entity.end] for note in notes for entity in note.entities)
    return list(dict.fromkeys(found))


def usable_names(terms: Iterable[str]) -> list[str]:
    """The terms short and plain enough to stand in a sentence, written as within one."""
    return [_within(term) for term in terms if len(words(term)) <= MOST_WORDS and "," not in term]


def read_public(paths: Iterable[Path], labels: Sequence[str], unwanted: Iterable[Path]) -> list[Note]:
    """Reads public notes without those that must be left out.

    Raises:
        FixNotes: a note is malformed, or none is left.
    """
    aside = (note for path in unwanted for note in read_notes(path, labels=()))
    kept = leave_out((note for path in paths for note in read_notes(path, labels=labels)), aside)
    if not kept:
        raise FixNotes("no notes are left", where="--leave-out", remedy="Name other public notes.")
    return kept


def _sentences(text: str) -> set[str]:
    """Sentences by their letters and digits alone: another tokenizer's spaces do not hide one."""
    found = set()
    for start, end in sentences(text):
        said = [text[start + a : start + b].casefold() for a, b in words(text[start:end])]
        told = [word for word in said if word.isalnum()]
        if len(told) >= SHORTEST_SENTENCE:
            found.add("".join(told))
    return found


def _acronym(name: str) -> str:
    """First letters of a name of two to five words; empty otherwise."""
    firsts = [name[start] for start, end in words(name) if _LETTERS.match(name[start:end])]
    return "".join(firsts).upper() if 2 <= len(firsts) <= 5 else ""


def _within(term: str) -> str:
    """A name as it stands within a sentence: "Typhoid fever" begins small, "ADA deficiency" does not."""
    head = term.split(" ", 1)[0]
    return term[0].lower() + term[1:] if head[1:].islower() and not head.endswith("'s") else term
