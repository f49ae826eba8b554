"""Public text as a federation of one, so that pretraining, too, has rounds, checkpoints and a report."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from server.federation import Federation
from server.public_text import mentions, read_public, replace_mentions, usable_names
from server.settings import TestSource
from shared.errors import FixFederation, FixSettings
from shared.formats import write_notes
from shared.note import Note
from shared.sources import NoteSource
from shared.terms import read_terms

PUBLIC = "public"
HELD_OUT = 0.05  # of the documents; enough to see that training works


@dataclass(frozen=True)
class Variation:
    """What is done to public notes before they are learned from.

    Args:
        leave_out: files or folders of notes that must not be among them.
        dictionaries: term lists whose names replace mentions; without any, the notes' own mentions do.
        replaced: share of the distinct mentions of a note that are replaced, 0 to 1.
        copies: of each note, each with mentions replaced anew.
        seed: of what is replaced by what.
    """

    leave_out: tuple[Path, ...] = ()
    dictionaries: tuple[Path, ...] = ()
    replaced: float = 0.0
    copies: int = 1
    seed: int = 1


def public_federation(
    notes: Sequence[Path], labels: tuple[str, ...], variation: Variation, out: Path
) -> Federation:
    """One hospital that holds the public notes; its held-out notes are the test.

    Args:
        notes: files or folders.
        labels: to learn.
        variation: of the notes; where there is any, they are written down as they are learned from.
        out: folder of the run; the notes then stand beside it, as `OUT-notes.jsonl.gz`.

    Raises:
        FixFederation: a path does not exist.
        FixSettings: mentions are to be replaced and there is no name short enough.
        FixNotes: a note is malformed, or none is left.
    """
    for path in (*notes, *variation.leave_out):
        if not path.exists():
            raise FixFederation("no such file or folder", where=str(path), remedy="Name public notes.")
    places = [str(path.resolve()) for path in notes]
    if variation.leave_out or variation.replaced or variation.copies > 1:
        dictionaries = [read_terms(path) for path in variation.dictionaries] if variation.replaced else []
        kept = read_public(notes, labels, variation.leave_out)
        names = _names(dictionaries or [mentions(kept)]) if variation.replaced else []
        written = out.resolve().with_name(f"{out.resolve().name}-notes.jsonl.gz")
        written.parent.mkdir(parents=True, exist_ok=True)
        write_notes(written, _varied(kept, names, variation))
        places = [str(written)]
    source = NoteSource(hospital=PUBLIC, notes="\n".join(places), labels=",".join(labels), held_out=HELD_OUT)
    return Federation(hospitals=(source,), labels=labels, test=TestSource())


def _names(lists: Sequence[Sequence[str]]) -> list[list[str]]:
    names = [usable_names(terms) for terms in lists]
    if not all(names):
        raise FixSettings(
            "a dictionary, or the public notes themselves, have no short names",
            where="--replace-mentions",
            remedy="Name other dictionaries, or replace no mentions.",
        )
    return names


def _varied(notes: Sequence[Note], names: Sequence[Sequence[str]], variation: Variation) -> Iterator[Note]:
    draw = random.Random(variation.seed)  # noqa: S311  nothing here is secret
    for copy in range(1, variation.copies + 1):
        for note in notes:
            varied = replace_mentions(note, names, variation.replaced, draw) if names else note
            # One document, one patient: all its copies are learned from, or all are held out.
            yield varied if copy == 1 else replace(varied, note_id=f"{note.note_id}#{copy}")
