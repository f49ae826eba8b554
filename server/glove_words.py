"""What all hospitals count: words and pairs from public lists or public notes, never from theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.cooccurrence import Counting, frequent_pairs
from shared.errors import FixNotes, FixSettings
from shared.formats import read_notes
from shared.pairs import listed_pairs
from shared.vocabulary import LARGEST, Vocabulary, frequent_words, read_list

MOST = 1000  # words of public notes, if no number is given


@dataclass(frozen=True)
class PublicText:
    """Where words and pairs come from.

    Args:
        lists: files of words or terms, a line each, or dictionaries.
        notes: files or folders of public notes, in any form.
        most: words; None for all of the lists', or the notes' `MOST` most frequent.
        pairs: file of pairs; None for all of them, or for those of the notes.
        most_pairs: so many pairs that count most in the notes; None for all.
    """

    lists: tuple[Path, ...] = ()
    notes: tuple[Path, ...] = ()
    most: int | None = None
    pairs: Path | None = None
    most_pairs: int | None = None


def public_counting(public: PublicText, window: int) -> Counting:
    """Makes a vocabulary and a list of pairs.

    Args:
        public: where from.
        window: words between which two are neighbours.

    Raises:
        FixSettings: there are no words, or words or pairs come from two places; a list is missing or malformed.
        FixNotes: a note is malformed.
    """
    if bool(public.lists) == bool(public.notes):
        raise _unclear(
            "the vocabulary comes either from lists or from public notes",
            "--words FILE, or --public-notes PATH",
        )
    if public.most_pairs is not None and (public.pairs is not None or not public.notes):
        raise _unclear(
            "pairs come from a list, or so many of them from public notes",
            "--pairs FILE, or --public-notes PATH with --most-pairs N",
        )
    for path in public.notes:
        if not path.exists():
            raise FixNotes("no such file or folder", where=str(path), remedy="Name public notes.")
    vocabulary = _vocabulary(public)
    if public.most_pairs is not None:
        pairs = frequent_pairs(_texts(public.notes), vocabulary, window, public.most_pairs)
    else:
        pairs = listed_pairs(public.pairs, vocabulary)
    return Counting(vocabulary, window, pairs)


def _vocabulary(public: PublicText) -> Vocabulary:
    if public.lists:
        entries = (entry for path in public.lists for entry in read_list(path))
        return frequent_words(entries, public.most or LARGEST)
    return frequent_words(_texts(public.notes), public.most or MOST)


def _texts(paths: Sequence[Path]) -> Iterator[str]:
    for path in paths:
        for note in read_notes(path, labels=()):
            yield note.text


def _unclear(what: str, options: str) -> FixSettings:
    return FixSettings(what, where="clinfed aggregator glove", remedy=f"Use {options}.")
