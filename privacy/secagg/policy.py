"""What a hospital demands of every secure sum: a part of the node's own configuration, out of reach of messages."""

from pydantic import BaseModel, ConfigDict, Field

from privacy.secagg.identity import Roster
from privacy.secagg.packing import RING_BITS
from privacy.secagg.shares import MOST
from privacy.secagg.terms import Terms, least_threshold
from shared.refusal import Reason, RefuseRound

LEAST_HOSPITALS = 3  # of two, each knows the other's vector from the sum
LEAST_HONEST = 2  # in a sum, besides the colluders: of one, the sum is its vector


class SitePolicy(BaseModel):
    """A site's limits for secure sums."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    smallest_cohort: int = Field(default=LEAST_HOSPITALS, ge=LEAST_HOSPITALS)
    """Hospitals whose vectors a sum holds at least."""
    colluders: int = Field(default=1, ge=0)
    """Hospitals that may be in league with the aggregator; a sum must provide for at least so many."""
    ring_bits: tuple[int, ...] = RING_BITS
    """Rings that are allowed."""
    least_steps: int = Field(default=1 << 10, ge=1)
    """Steps between zero and the largest value: fewer would round this hospital's values too coarsely."""
    hybrid: bool = True
    """Insist on post-quantum keys."""

    def check(self, terms: Terms, roster: Roster, own: int) -> None:
        """Refuses terms that fall short of the policy.

        Args:
            terms: as the aggregator proposes them.
            roster: as pinned here.
            own: this hospital's index.

        Raises:
            RefuseRound: with the reason.
        """
        size, threshold, colluders = len(terms.cohort), terms.threshold, terms.colluders
        if terms.roster != roster.digest:
            raise RefuseRound(Reason.ROSTER)
        if terms.cohort and terms.cohort[-1] >= len(roster.hospitals):
            raise RefuseRound(Reason.UNKNOWN_HOSPITAL)
        if own not in terms.cohort or not max(LEAST_HOSPITALS, self.smallest_cohort) <= size <= MOST:
            raise RefuseRound(Reason.COHORT)
        if colluders < self.colluders:
            raise RefuseRound(Reason.COLLUDERS)
        if not least_threshold(size, colluders) <= threshold <= size:
            raise RefuseRound(Reason.THRESHOLD)
        if threshold < self.smallest_cohort or threshold - colluders < LEAST_HONEST:
            raise RefuseRound(Reason.THRESHOLD)
        if terms.encoding.bits not in self.ring_bits or terms.encoding.parties < size:
            raise RefuseRound(Reason.RING)
        if any(segment.steps < self.least_steps for segment in terms.encoding.segments):
            raise RefuseRound(Reason.SCALE)
        if self.hybrid and not terms.hybrid:
            raise RefuseRound(Reason.HYBRID)
