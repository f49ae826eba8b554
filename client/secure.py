"""A hospital's secure sums: it finds the sum an order belongs to, and takes the next step of it.

Two are kept at a time, the one under way and the one whose keys are exchanged meanwhile; an order for any other is
answered with `state-lost`, and the aggregator begins a new attempt.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privacy.memory import SiteMemory
from privacy.secagg.client import ClientSum, MaskedVector
from privacy.secagg.messages import sum_of
from privacy.site import SiteSettings, read_identity, read_roster
from shared.refusal import Reason, RefuseRound
from shared.wire import Kind

KEPT = 2

log = logging.getLogger("clinfed.client")


class SecureSums:
    """The secure sums a site takes part in.

    Args:
        hospital: name in the roster.
        site: key, roster, memory and limits.

    Raises:
        FixSettings: a file of the site is missing or malformed.
    """

    def __init__(self, hospital: str, site: SiteSettings) -> None:
        self._identity = read_identity(Path(site.identity), hospital)
        self._roster = read_roster(Path(site.roster))
        self._memory = SiteMemory(Path(site.memory))
        self._policy = site.policy
        self._sums: dict[tuple[int, int], ClientSum] = {}

    def advertise(self, terms: bytes) -> bytes:
        """Joins a sum, on terms that the site's policy allows; bytes as in `privacy.secagg.client`."""
        joined = ClientSum(terms, self._identity, self._roster, self._policy, self._memory)
        self._sums[joined.terms.number, joined.terms.attempt] = joined
        while len(self._sums) > KEPT:
            del self._sums[next(iter(self._sums))]
        return joined.advertise()

    def encapsulate(self, order: bytes) -> bytes:
        """Answers `encapsulate`."""
        return self._sum(order).encapsulate(order)

    def share(self, order: bytes) -> bytes:
        """Answers `share`."""
        return self._sum(order).share(order)

    def receive(self, order: bytes, purpose: Kind, task: bytes) -> ClientSum:
        """Opens the shares that came with a task; the sum then wants this hospital's vector."""
        joined = self._sum(order)
        if joined.terms.purpose != purpose:
            raise RefuseRound(Reason.TASK)
        joined.receive(order, task)
        return joined

    def confirm(self, order: bytes, next_terms: bytes | None) -> tuple[bytes, bytes | None]:
        """Answers `confirm`, and joins the next sum if there is one on offer."""
        answer = self._sum(order).confirm(order)
        return answer, self._meanwhile(self.advertise, next_terms)

    def unmask(self, order: bytes, next_order: bytes | None) -> tuple[bytes, bytes | None]:
        """Answers `unmask`, and `encapsulate` of the next sum."""
        joined = self._sum(order)
        answer = joined.unmask(order)
        del self._sums[joined.terms.number, joined.terms.attempt]
        return answer, self._meanwhile(self.encapsulate, next_order)

    def _sum(self, order: bytes) -> ClientSum:
        joined = self._sums.get(sum_of(order))
        if joined is None:
            raise RefuseRound(Reason.STATE_LOST)
        return joined

    def _meanwhile(self, step: Callable[[bytes], bytes], order: bytes | None) -> bytes | None:
        """A step of the next sum; if it fails, that sum begins anew, and this one goes on."""
        if order is None:
            return None
        try:
            return step(order)
        except RefuseRound as refusal:
            log.warning("next sum: %s", refusal.reason)
            return None


def encode_and_mask(joined: ClientSum, values: NDArray[np.float32]) -> MaskedVector:
    """Lays a vector on the sum's integers and masks it; the vector is overwritten.

    Raises:
        RefuseRound: a value is not finite, or the vector has another shape than the terms say.
    """
    encoded, clipped = joined.terms.encoding.encode(values, overwrite=True)
    if clipped:
        log.warning("%d of %d values were clipped", clipped, values.size)
    return joined.mask(encoded)
