"""A hostile aggregator from the shares on: tasks, inboxes, survivors, replays; each attack with its twin."""

from collections.abc import Callable

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey

from privacy.secagg.keys import commit_mask, commit_share
from privacy.secagg.messages import SEALED_SHARES, unmask_order
from shared.refusal import Reason
from tests.privacy.secagg.rehearsal import TASK, Rehearsal
from tests.privacy.secagg.rogue import Gain, Rogue, Vector
from tests.privacy.secagg.twins import (
    AUTHENTIC,
    COMMITTED,
    ENOUGH,
    ENOUGH_SIGNATURES,
    FROM_ITS_OWNER,
    LEAST_HONEST,
    NO_STRANGER,
    ONE_TASK,
    SAME_SHARERS,
    SIGNED_SURVIVORS,
    SIGNERS_ONCE,
    TASK_IS_CONTENT,
    Attack,
    Check,
    Patch,
)

VICTIM = 0
OTHER_TASK = bytes(32)


def zeros_but_the_victims(rehearsal: Rehearsal) -> dict[int, Vector]:
    """Vectors where all but the victim compute what the aggregator knows beforehand."""
    vectors = dict(enumerate(rehearsal.vectors().values()))
    return {i: vector if i == VICTIM else np.zeros_like(vector) for i, vector in vectors.items()}


# Tasks.


def another_task_for_all_but_the_victim() -> Gain:
    """The others' task has a result that the aggregator knows, say an order to learn at rate zero."""
    rehearsal = Rehearsal(4)
    rogue = Rogue(rehearsal, vectors=zeros_but_the_victims(rehearsal))
    rogue.enter()
    rogue.advertise()
    rogue.encapsulate()
    rogue.share(lambda i: TASK if i == VICTIM else OTHER_TASK)
    return sum_of_all(rogue), rogue.vectors[VICTIM]


def another_model_than_agreed_on() -> Gain:
    """Everyone agreed on one task, and all but the victim are sent the content of another."""
    rehearsal = Rehearsal(4)
    rogue = Rogue(rehearsal, vectors=zeros_but_the_victims(rehearsal)).play("share")
    return sum_of_all(rogue, lambda i: TASK if i == VICTIM else OTHER_TASK), rogue.vectors[VICTIM]


def sum_of_all(rogue: Rogue, content: Callable[[int], bytes] | None = None) -> Vector:
    rogue.receive(content=content)
    rogue.mask()
    rogue.confirm()
    rogue.unmask()
    return rogue.sum_of(rogue.clients)


# Inboxes.


def inbox_of_its_league_only() -> Gain:
    rogue = Rogue(Rehearsal(4), league=[3]).play("share")
    rogue.receive(lambda i: [3] if i == VICTIM else range(4))
    rogue.mask()
    rogue.confirm(lambda i: range(4), 1, 2)
    rogue.unmask()
    rogue.collude()
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


def inboxes_that_differ() -> Gain:
    """The victim masks with 1 and the league; 1 is said to have vanished, and 2 to be in the sum."""
    rogue = Rogue(Rehearsal(4), league=[3]).play("share")
    rogue.receive(lambda i: [1, 3] if i == VICTIM else range(4))
    rogue.mask()
    survivors = [VICTIM, 2, 3]
    rogue.confirm(lambda i: survivors, VICTIM, 2)
    rogue.unmask()
    rogue.collude()
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


def misrouted_shares() -> Gain:
    """One set is signed twice; the second time, shares of 0 and 3 were swapped, and another sum comes out."""
    rehearsal = Rehearsal(4)
    signed = [0, 1, 2]
    honest = Rogue(rehearsal, league=[3]).play("mask")
    honest.confirm(lambda i: signed)
    honest.unmask()
    honest.collude()
    rehearsal.retry()
    rogue = Rogue(rehearsal, league=[3]).play("share")
    rogue.receive(route=lambda i: {0: (3, i), 3: (0, i)} if i in (1, 2) else {})
    rogue.mask()
    rogue.confirm(lambda i: signed)
    rogue.unmask()
    rogue.collude()
    apart = honest.sum_of(signed) - rogue.sum_of([1, 2, 3])
    return apart + rogue.vectors[3], rogue.vectors[VICTIM]


def reflected_share() -> Gain:
    """The victim gets its own share for 1 back as if it came from 1, and 1 is said to have vanished.

    What comes of it is one share of the recovery seed of a hospital that is in the sum. Within the thresholds that a
    site allows that is one too few, as no more hospitals can vanish than a threshold leaves out.
    """
    rogue = Rogue(Rehearsal(4), league=[3]).play("share")
    rogue.receive(route=lambda i: {1: (VICTIM, 1)} if i == VICTIM else {})
    rogue.mask()
    rogue.confirm(lambda i: [0, 2, 3], 0, 2)
    rogue.unmask()
    share = rogue.shares["recovery", VICTIM][1]
    committed = rogue.shared[VICTIM].commitments[1][1]
    return commit_share(rogue.views[VICTIM], "recovery", VICTIM, 1, share), committed


def flipped_bit_of_a_sealed_share() -> Gain:
    """An honest hospital ends up as the one whose share is wrong."""
    rehearsal = Rehearsal(5)

    def flip(phase: str, hospital: str, order: bytes) -> bytes:
        if (phase, hospital) != ("mask", "h001"):
            return order
        at = len(order) - 64 - SEALED_SHARES  # where the last sealed share begins, before its commitments
        return order[:at] + bytes([order[at] ^ 1]) + order[at + 1 :]

    rehearsal.run(rehearsal.vectors(), tamper=flip)
    for refusal in rehearsal.refused.values():
        refusal.add_note("receive")
        raise refusal
    blamed = [(str(e.reason), e.about) for e in rehearsal.rejected.values()]
    return blamed, [(str(Reason.SHARE_WRONG), "h001")]


def swapped_kem_ciphertext() -> Gain:
    """In an honest peer's place, the aggregator makes the KEM secret; X25519 is broken later."""
    rogue = Rogue(Rehearsal(4, hybrid=True))
    rogue.enter()
    rogue.advertise()
    broken = rogue.clients[VICTIM]._keys._agreement
    rogue.encapsulate()
    theirs = MLKEM768PublicKey.from_public_bytes(rogue.advert(rogue.adverts[VICTIM]).keys.kem)
    secret, ciphertext = theirs.encapsulate()
    rogue.share(ciphertexts=lambda i, received: received | ({1: ciphertext} if i == VICTIM else {}))
    rogue.receive()
    rogue.mask(VICTIM)
    mask = rogue.broken_pair(VICTIM, 1, broken, secret, ciphertext).mask
    committed = rogue.shared[VICTIM].masks[1]
    return commit_mask(rogue.views[VICTIM], VICTIM, 1, mask), committed


# Survivors and signatures.

VANISHED = {0: (2, 3), 1: (4,), 2: (3, 4), 3: (2, 4), 4: (2, 3)}
"""Among six hospitals, 5 in its league: who is said to have vanished, so that 2, 3 and 4 are each by a threshold."""


def told_apart(order: Callable[[Rogue, int], bytes]) -> Gain:
    """Everyone hears of another set of survivors, each large enough; what comes out is the sum of two."""
    rehearsal = Rehearsal(6, threshold=4)
    rogue = Rogue(rehearsal, league=[5]).play("mask")
    rogue.confirm(lambda i: set(range(6)) - set(VANISHED[i]))
    rogue.unmask(lambda i: order(rogue, i))
    rogue.collude()
    return rogue.sum_of([0, 1]), rogue.vectors[0] + rogue.vectors[1]


def survivors_that_differ() -> Gain:
    """Everyone's own signature is passed on, though it is under another set."""

    def passed_on(rogue: Rogue, i: int) -> bytes:
        told = rogue.told[i]
        return unmask_order(
            rogue.terms, {j: s for j, s in rogue.signatures.items() if j in told} | rogue.signed_alike(i)
        )

    return told_apart(passed_on)


def forged_survivor_signatures() -> Gain:
    def forged(rogue: Rogue, i: int) -> bytes:
        return unmask_order(rogue.terms, dict.fromkeys(rogue.told[i], bytes(64)) | rogue.signed_alike(i))

    return told_apart(forged)


def one_signature_short() -> Gain:
    """0, 4 and the league sign alike; that is one less than the threshold."""
    return told_apart(lambda rogue, i: unmask_order(rogue.terms, rogue.signed_alike(i)))


def one_signature_many_times() -> Gain:
    def repeated(rogue: Rogue, i: int) -> bytes:
        head = unmask_order(rogue.terms, {})[:-2]
        times = rogue.terms.threshold
        signers = i.to_bytes(2, "big") * times
        return head + times.to_bytes(2, "big") + signers + rogue.signatures[i] * times

    return told_apart(repeated)


def too_few_survivors() -> Gain:
    rogue = Rogue(Rehearsal(4), league=[3]).play("mask")
    rogue.confirm(lambda i: {i, VICTIM, 3})
    rogue.unmask()
    rogue.collude()
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


A_VECTOR = "one hospital's vector"
SUM_OF_TWO = "a sum of two honest hospitals where the threshold promises three"
SHARE = Reason.SHARE_FORGED
ATTACKS = [
    Attack(another_task_for_all_but_the_victim, "receive", SHARE, A_VECTOR, ONE_TASK),
    Attack(another_model_than_agreed_on, "receive", Reason.TASK, A_VECTOR, TASK_IS_CONTENT),
    Attack(inbox_of_its_league_only, "receive", Reason.TOO_FEW, A_VECTOR, ENOUGH),
    Attack(inboxes_that_differ, "confirm", Reason.SURVIVORS, A_VECTOR, NO_STRANGER, SAME_SHARERS),
    Attack(
        misrouted_shares,
        "receive",
        SHARE,
        "two sums for one signed set: a vector, once its league's is taken away",
        FROM_ITS_OWNER,
        COMMITTED,
    ),
    Attack(
        reflected_share,
        "receive",
        SHARE,
        "a share of the recovery seed of one that is in the sum",
        FROM_ITS_OWNER,
        COMMITTED,
    ),
    Attack(
        flipped_bit_of_a_sealed_share,
        "receive",
        SHARE,
        "no vector, but an honest hospital is named a liar",
        AUTHENTIC,
        COMMITTED,
    ),
    Attack(
        swapped_kem_ciphertext,
        "receive",
        SHARE,
        "a pair's mask key, once X25519 is broken",
        AUTHENTIC,
        COMMITTED,
    ),
    Attack(survivors_that_differ, "unmask", Reason.SIGNATURE, SUM_OF_TWO, SIGNED_SURVIVORS),
    Attack(forged_survivor_signatures, "unmask", Reason.SIGNATURE, SUM_OF_TWO, SIGNED_SURVIVORS),
    Attack(one_signature_short, "unmask", Reason.TOO_FEW, SUM_OF_TWO, ENOUGH_SIGNATURES),
    Attack(
        one_signature_many_times,
        "unmask",
        Reason.MALFORMED,
        SUM_OF_TWO,
        SIGNERS_ONCE,
        ENOUGH_SIGNATURES,
    ),
    Attack(too_few_survivors, "confirm", Reason.TOO_FEW, A_VECTOR, ENOUGH, LEAST_HONEST, ENOUGH_SIGNATURES),
]
BACKED = [(attack, check) for attack in ATTACKS if len(attack.checks) > 1 for check in attack.checks]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused(attack: Attack) -> None:
    attack.is_refused()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name}: {attack.gain}")
def test_works_without_its_checks(attack: Attack, monkeypatch: Patch) -> None:
    attack.works(monkeypatch)


@pytest.mark.parametrize(("attack", "kept"), BACKED, ids=lambda row: row.name)
def test_one_of_its_checks_is_enough(attack: Attack, kept: Check, monkeypatch: Patch) -> None:
    attack.is_refused_by(kept, monkeypatch)
