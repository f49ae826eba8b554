"""What a detector finds: a span of the original text, the kind of identifier, and how sure the finding is."""

from dataclasses import dataclass
from typing import Literal

Profile = Literal["logs", "notes"]
"""`logs`: recall first, for machines. `notes`: de-identification for people, who must still read the note."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One identifier in a text.

    Args:
        start: first character, as an index into the original text.
        end: one past the last character.
        entity: kind of identifier, one of `privacy.phi.entities.ENTITIES`.
        score: confidence in 0..1; findings below the profile's threshold are never returned.
    """

    start: int
    end: int
    entity: str
    score: float
