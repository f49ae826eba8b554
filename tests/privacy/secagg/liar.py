"""A hospital that lies, among honest ones and under an honest aggregator; and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from privacy.secagg.client import ClientSum
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg import rehearsal as stage
from tests.privacy.secagg.rehearsal import Rehearsal
from tests.privacy.secagg.rogue import Vector
from tests.privacy.secagg.twins import Patch

FIRST, LAST = "h000", "h005"
WRONG_SUM, FRAMED, NO_SUM = "a wrong sum", "an honest hospital is named", "no sum, and nobody is named"


@dataclass
class Played:
    """A sum with a liar in it, and how it came out."""

    site: Rehearsal
    liar: str
    vectors: dict[str, Vector]
    total: Vector | None = None
    error: RefuseRound | None = None

    def run(self, **more: Any) -> "Played":
        """Plays it."""
        try:
            self.total = self.site.run(self.vectors, **more)
        except RefuseRound as error:
            self.error = error
        return self

    @property
    def found(self) -> list[tuple[str, Reason]]:
        """Who was named, by whomever, and for what."""
        refusals = [(refusal.about, refusal.reason) for refusal in self.site.refused.values()]
        refusals += [(error.about or name, error.reason) for name, error in self.site.rejected.items()]
        refusals += [(name, Reason.MASK_DISPUTED) for name in self.site.server.disputed]
        return refusals + ([(self.error.about, self.error.reason)] if self.error else [])

    @property
    def harm(self) -> str:
        """The worst that came of it; empty if the sum is exact or the liar is named, and nobody else is."""
        if self.total is not None:
            summed = [self.vectors[name].astype(np.int64) for name in self.site.server.survivors]
            if not np.array_equal(self.total, np.sum(summed, axis=0)):
                return WRONG_SUM
        honest = set(self.site.names) - {self.liar}
        if honest & {name for name, _ in self.found}:
            return FRAMED
        return NO_SUM if self.error and self.error.about != self.liar else ""


def play(liar: str = LAST, **more: Any) -> Played:
    """Six hospitals; four are enough."""
    rehearsal = Rehearsal(6, threshold=4, **more)
    return Played(rehearsal, liar, rehearsal.vectors())


def answers(liar: str, phase: str, lie: Callable[[bytes], bytes]) -> stage.Tamper:
    """What the liar makes of one of its answers."""
    return lambda now, hospital, message: lie(message) if (now, hospital) == (phase, liar) else message


def liar_is(patch: Patch, liar: str, kind: type[ClientSum]) -> None:
    """The liar runs a program of its own."""

    def made(order: bytes, identity: Any, *rest: Any) -> ClientSum:
        return (kind if identity.hospital == liar else ClientSum)(order, identity, *rest)

    patch.setattr(stage, "ClientSum", made)
