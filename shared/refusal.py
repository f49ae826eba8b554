"""Why a hospital, or the aggregator, leaves a secure sum: fixed words that say nothing of any note."""

from enum import StrEnum

from shared.errors import ClinfedError


class Reason(StrEnum):
    """What was found. The words are stable: they travel, and dashboards count them."""

    MALFORMED = "malformed"
    OUT_OF_TURN = "out-of-turn"
    STATE_LOST = "state-lost"
    UNMASKED = "unmasked"
    REPLAYED = "replayed"
    ROSTER = "roster"
    COHORT = "cohort"
    THRESHOLD = "threshold"
    COLLUDERS = "colluders"
    RING = "ring"
    SCALE = "scale"
    HYBRID = "hybrid"
    UNKNOWN_HOSPITAL = "unknown-hospital"
    SIGNATURE = "signature"
    OWN_ADVERT = "own-advert"
    REPEATED_KEY = "repeated-key"
    BAD_KEY = "bad-key"
    TOO_FEW = "too-few"
    TASK = "task"
    SHARE_FORGED = "share-forged"
    SHARE_WRONG = "share-wrong"
    MASK_DISPUTED = "mask-disputed"
    VECTOR = "vector"
    SURVIVORS = "survivors"
    ANOTHER_SET = "another-set"
    SEED_WRONG = "seed-wrong"
    BUDGET = "budget"
    NOT_PRIVATE = "not-private"
    NO_BUDGET = "no-budget"
    UNIT = "unit"
    NOISE = "noise"
    COUNTING = "counting"


EXPLANATIONS = {
    Reason.MALFORMED: "a message has another form than the protocol's",
    Reason.OUT_OF_TURN: "a message came in another phase than its own, or a second time",
    Reason.STATE_LOST: "the node was started anew since the sum began",
    Reason.UNMASKED: "the aggregator asked for a vector without a mask, which the site's policy forbids",
    Reason.REPLAYED: "this attempt at a sum was masked before",
    Reason.ROSTER: "the aggregator's roster is not the one pinned here",
    Reason.COHORT: "fewer hospitals take part than the site's policy asks for, or this one does not",
    Reason.THRESHOLD: "so low a threshold would let the aggregator unmask two sets of hospitals",
    Reason.COLLUDERS: "fewer colluding hospitals are provided for than the site's policy asks for",
    Reason.RING: "the ring has another size than the site's policy allows, or the sum would overflow it",
    Reason.SCALE: "values would be rounded more coarsely than the site's policy allows",
    Reason.HYBRID: "the site's policy asks for post-quantum keys",
    Reason.UNKNOWN_HOSPITAL: "a hospital is not in the roster or not in this sum",
    Reason.SIGNATURE: "a signature does not verify",
    Reason.OWN_ADVERT: "this hospital's own keys came back altered, or not at all",
    Reason.REPEATED_KEY: "two hospitals have one key",
    Reason.BAD_KEY: "a public key is not valid",
    Reason.TOO_FEW: "fewer hospitals than the threshold are left",
    Reason.TASK: "model or order are not the ones all hospitals agreed on",
    Reason.SHARE_FORGED: "a share does not authenticate: hospitals were shown different keys or tasks",
    Reason.SHARE_WRONG: "a share is not the one its owner committed to",
    Reason.MASK_DISPUTED: "two hospitals disagree about their common mask",
    Reason.VECTOR: "the vector to be masked has another shape or type",
    Reason.SURVIVORS: "the set of hospitals in the sum is not one this hospital can have seen",
    Reason.ANOTHER_SET: "this hospital confirmed the same task with another set of hospitals before",
    Reason.SEED_WRONG: "a seed put together from shares is not the one its hospital committed to",
    Reason.BUDGET: "what would be released costs more than is left of the site's privacy budget",
    Reason.NOT_PRIVATE: "the aggregator asked for numbers without noise, which the site's policy forbids",
    Reason.NO_BUDGET: "a private round was asked for, and the site has no privacy budget to charge",
    Reason.UNIT: "another unit of privacy was asked for than the site's policy names",
    Reason.NOISE: "less noise was asked for than the site's policy allows",
    Reason.COUNTING: "exact counts were asked for of a vocabulary that was not approved here",
}


class RefuseRound(ClinfedError):
    """A step of a secure sum must not be taken: find out who departs from the protocol, then start anew.

    Args:
        reason: what was found.
        about: the hospital whose message it was found in; empty if there is none.
    """

    code = "refuse-round"

    def __init__(self, reason: Reason, *, about: str = "") -> None:
        self.reason, self.about = reason, about
        super().__init__(EXPLANATIONS[reason], where=about)
