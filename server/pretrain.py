"""Public text as a federation of one, so that pretraining, too, has rounds, checkpoints and a report."""

from collections.abc import Sequence
from pathlib import Path

from server.federation import Federation
from server.settings import TestSource
from shared.errors import FixFederation
from shared.sources import NoteSource

PUBLIC = "public"


def public_federation(notes: Sequence[Path], labels: tuple[str, ...]) -> Federation:
    """One hospital that holds the public notes; its held-out notes are the test.

    Args:
        notes: files or folders.
        labels: to learn.

    Raises:
        FixFederation: a path does not exist.
    """
    for path in notes:
        if not path.exists():
            raise FixFederation("no such file or folder", where=str(path), remedy="Name public notes.")
    source = NoteSource(
        hospital=PUBLIC, notes="\n".join(str(path.resolve()) for path in notes), labels=",".join(labels)
    )
    return Federation(hospitals=(source,), labels=labels, test=TestSource())
