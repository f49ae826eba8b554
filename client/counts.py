"""A hospital's counts of word pairs: what may leave is decided first, then notes are counted, and the result masked.

Guarantees: a site with a budget gives noised counts only, bounded by unit and reserved before its notes are read
(`client.private`). One without gives exact counts only of a vocabulary, window and pairs that its own configuration
has approved. Neither leaves unmasked, and no exact count is cut off: what the sum's ring cannot hold is refused.
"""

from client.agent import Agent
from client.secure import SecureSums, mask_integers, sum_of_terms
from privacy.secagg.client import ClientSum, MaskedVector
from shared.cooccurrence import Counting, count_pairs
from shared.count_order import PrivateCounts
from shared.digits import DIGITS, digit_bits, to_digits
from shared.refusal import Reason, RefuseRound


def count(
    agent: Agent, secure: SecureSums, joined: ClientSum, private: PrivateCounts | None, counting: Counting
) -> MaskedVector:
    """Counts what was asked for, and masks it.

    Args:
        agent: of the hospital.
        secure: its secure sums.
        joined: the sum that wants the counts.
        private: how to make them private; None for exact ones.
        counting: what to count.

    Raises:
        RefuseRound: the site's policy forbids it, its budget is spent, or the sum cannot hold the counts.
    """
    if private is None:
        return _exact(agent, joined, counting)
    _check_ring(joined, counting.pairs.size, 1)
    texts = agent.train_texts_by_unit(private.unit)
    released = agent.private_pair_counts(private, sum_of_terms(joined), counting, texts)
    masked = mask_integers(joined, released.vector)
    secure.keep_noise(joined, released)
    agent.note_release(released.reservation)
    return masked


def _exact(agent: Agent, joined: ClientSum, counting: Counting) -> MaskedVector:
    if agent.private is not None:
        raise RefuseRound(Reason.NOT_PRIVATE)
    if counting.digest not in agent.countings:
        raise RefuseRound(Reason.COUNTING)
    parties = len(joined.terms.cohort)
    _check_ring(joined, DIGITS * counting.pairs.size, (1 << digit_bits(parties)) - 1)
    counts = count_pairs((text for texts in agent.train_texts_by_unit("note") for text in texts), counting)
    return mask_integers(joined, to_digits(counts, parties))


def _check_ring(joined: ClientSum, size: int, largest: int) -> None:
    """Refuses, before any note is read, a sum of another length or one that would cut integers off."""
    encoding = joined.terms.encoding
    if encoding.size != size or min(segment.steps for segment in encoding.segments) < largest:
        raise RefuseRound(Reason.RING)
