"""A hospital's secure sums: it finds the sum an order belongs to, and takes the next step of it.

Two are kept at a time, the one under way and the one whose keys are exchanged meanwhile; an order for any other is
answered with `state-lost`, and the aggregator begins a new attempt.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from client.private import Released, Sum
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
        self._noise: dict[tuple[int, int], Released] = {}

    def advertise(self, terms: bytes) -> bytes:
        """Joins a sum, on terms that the site's policy allows; bytes as in `privacy.secagg.client`."""
        joined = ClientSum(terms, self._identity, self._roster, self._policy, self._memory)
        self._sums[joined.terms.number, joined.terms.attempt] = joined
        while len(self._sums) > KEPT:
            oldest = next(iter(self._sums))
            del self._sums[oldest]
            self._noise.pop(oldest, None)
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

    def keep_noise(self, joined: ClientSum, released: Released) -> None:
        """Keeps what was added to a vector, until it is known how much of it was not needed."""
        self._noise[joined.terms.number, joined.terms.attempt] = released

    def unmask(self, order: bytes, next_order: bytes | None) -> tuple[bytes, bytes | None, bytes]:
        """Answers `unmask`, and `encapsulate` of the next sum; and the seeds of the noise that was not needed."""
        joined = self._sum(order)
        answer = joined.unmask(order)
        key = joined.terms.number, joined.terms.attempt
        del self._sums[key]
        noise, seeds = self._noise.pop(key, None), b""
        if noise is not None and len(noise.seeds) > 1:
            seeds = b"".join(noise.seeds[part] for part in noise.shares.removed(joined.survivors))
        return answer, self._meanwhile(self.encapsulate, next_order), seeds

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


def sum_of_terms(joined: ClientSum) -> Sum:
    """What a sum promises about itself, now that the hospitals in it are known."""
    terms = joined.terms
    return Sum(terms.run.hex(), joined.sharers, terms.threshold, terms.colluders)


def mask_integers(joined: ClientSum, values: NDArray[np.int64]) -> MaskedVector:
    """Masks integers; what is beyond the ring is cut off, after the noise, so that costs no privacy.

    Raises:
        RefuseRound: the vector has another length than the terms say, or they do not lay integers on integers.
    """
    encoding = joined.terms.encoding
    if values.shape != (encoding.size,) or any(segment.scale != 1.0 for segment in encoding.segments):
        raise RefuseRound(Reason.RING)
    most = min(segment.steps for segment in encoding.segments)
    return joined.mask(np.clip(values, -most, most).astype(np.int32))


def encode_and_mask(joined: ClientSum, values: NDArray[np.float32]) -> MaskedVector:
    """Lays a vector on the sum's integers and masks it; the vector is overwritten.

    Raises:
        RefuseRound: a value is not finite, or the vector has another shape than the terms say.
    """
    encoded, clipped = joined.terms.encoding.encode(values, overwrite=True)
    if clipped:
        log.warning("%d of %d values were clipped", clipped, values.size)
    return joined.mask(encoded)
