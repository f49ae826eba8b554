"""What each test of a bad file asks: a typed error with place and remedy that gives nothing of the note away."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.errors import FixNotes
from shared.formats import read_notes

CANARY = "Zebrafinch"  # stands in the text, the surfaces and the ids of every bad file

Refused = Callable[..., FixNotes]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def gives_away(error: BaseException) -> bool:
    """Whether the canary shows in the error, its formatted traceback, or any error it was raised from or during."""
    shown = [str(error), "".join(traceback.format_exception(error))]
    shown += [f"{link.args!r} {vars(link)!r} {getattr(link, 'object', '')!r}" for link in _chain(error)]
    return any(CANARY in text for text in shown)


@pytest.fixture
def refused() -> Refused:
    """Reads a path to the end and returns the error that stops it."""

    def read(path: Path, labels: list[str] | None = None) -> FixNotes:
        with pytest.raises(FixNotes) as refusal:
            list(read_notes(path, labels=labels))
        error = refusal.value
        assert error.where
        assert error.remedy
        assert error.code == "fix-notes"
        assert not gives_away(error)
        assert error.__cause__ is None
        assert error.__context__ is None
        return error

    return read


@pytest.fixture
def canary() -> str:
    return CANARY


@pytest.fixture
def leaks() -> Callable[[BaseException], bool]:
    return gives_away
