"""The terms of one attempt at a secure sum: what every hospital must agree on before it shows a key."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from privacy.secagg.canonical import MAGIC, Reader, Writer
from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.transcript import DIGEST, tagged_hash
from shared.refusal import Reason, RefuseRound

VERSION = 1
RUN = 16  # bytes
TERMS_KIND = 1  # the first byte after the magic number, as in `messages`

Purpose = Literal["train", "evaluate", "count"]
_PURPOSES: tuple[Purpose, ...] = ("train", "evaluate", "count")


@dataclass(frozen=True)
class Terms:
    """One attempt at one sum.

    Args:
        run: 16 bytes that name the run.
        number: of the sum within the run, from 1.
        attempt: at this sum, from 1.
        purpose: what the vectors are.
        roster: digest of the roster.
        cohort: indices of the hospitals that are asked, ascending.
        threshold: hospitals that must remain in every phase.
        colluders: hospitals that may help the aggregator without anything being learned.
        hybrid: whether pair secrets also come from ML-KEM-768.
        encoding: of vectors; its parties are at least the cohort.
    """

    run: bytes
    number: int
    attempt: int
    purpose: Purpose
    roster: bytes
    cohort: tuple[int, ...]
    threshold: int
    colluders: int
    hybrid: bool
    encoding: FixedPoint

    def to_bytes(self) -> bytes:
        """The canonical form."""
        out = Writer().raw(MAGIC).unsigned(TERMS_KIND, 1).unsigned(VERSION, 1).raw(self.run)
        out.unsigned(self.number, 4).unsigned(self.attempt, 4).unsigned(_PURPOSES.index(self.purpose), 1)
        out.raw(self.roster).indices(list(self.cohort))
        out.unsigned(self.threshold, 2).unsigned(self.colluders, 2).unsigned(int(self.hybrid), 1)
        encoding = self.encoding
        out.unsigned(encoding.parties, 2).unsigned(encoding.bits, 1).unsigned(len(encoding.segments), 1)
        for segment in encoding.segments:
            out.unsigned(segment.length, 8).real(segment.bound).real(segment.scale)
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Terms":
        """Reads what `to_bytes` wrote.

        Raises:
            RefuseRound: `MALFORMED` for another form, `RING` for an encoding that could overflow.
        """
        read = Reader(data)
        read.expect(MAGIC + bytes([TERMS_KIND, VERSION]))
        run, number, attempt, purpose = read.raw(RUN), read.unsigned(4), read.unsigned(4), read.unsigned(1)
        roster, cohort = read.raw(DIGEST), tuple(read.indices())
        threshold, colluders, hybrid = read.unsigned(2), read.unsigned(2), read.unsigned(1)
        parties, bits, segments = read.unsigned(2), read.unsigned(1), read.unsigned(1)
        parts = tuple(Segment(read.unsigned(8), read.real(), read.real()) for _ in range(segments))
        read.end()
        if purpose >= len(_PURPOSES) or hybrid > 1 or number < 1 or attempt < 1:
            raise RefuseRound(Reason.MALFORMED)
        encoding = FixedPoint(parts, parties, bits)
        return cls(
            run=run,
            number=number,
            attempt=attempt,
            purpose=_PURPOSES[purpose],
            roster=roster,
            cohort=cohort,
            threshold=threshold,
            colluders=colluders,
            hybrid=bool(hybrid),
            encoding=encoding,
        )

    @cached_property
    def digest(self) -> bytes:
        """The canonical form's tagged hash (`h` in the design)."""
        return tagged_hash("terms", self.to_bytes())


def least_threshold(cohort: int, colluders: int) -> int:
    """The lowest threshold with which no two sets of survivors can both be confirmed.

    Two sets need `2 * threshold` signatures; `cohort - colluders` hospitals sign once and the colluders twice, which
    makes `cohort + colluders` at most.
    """
    return (cohort + colluders) // 2 + 1


def usual_threshold(cohort: int, colluders: int) -> int:
    """Two thirds of the cohort and one, or more if the colluders ask for it."""
    return min(cohort, max(2 * cohort // 3 + 1, least_threshold(cohort, colluders)))
