"""What else a hostile aggregator may send, and hospitals refuse.

These have no twin that gains anything: another guarantee makes them useless, named in each row. The check is there
so that a hospital leaves early and says why.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from privacy.secagg.client import Step
from privacy.secagg.identity import Roster
from privacy.secagg.keys import PublicKeys
from privacy.secagg.messages import Inbox, ShareOrder, adverts_order, survivors_order, unmask_order
from privacy.secagg.packing import RING_BITS
from privacy.secagg.policy import SitePolicy
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.rehearsal import TASK, Rehearsal
from tests.privacy.secagg.rogue import STEPS, Rogue
from tests.privacy.secagg.twins import IN_TURN, Patch

VICTIM = 0
ASKED, LATER = STEPS[1:], STEPS[2:]


def played_to(step: str) -> Rogue:
    """Nothing special, until this step is next; four hospitals, 3 in the aggregator's league."""
    return Rogue(Rehearsal(4), league=[3]).play(STEPS[STEPS.index(step) - 1])


def order_for(rogue: Rogue, step: str) -> tuple[Any, ...]:
    """What an honest aggregator would hand the victim for a step, as far as it can have it by now."""
    terms = rogue.terms
    if step == "encapsulate":
        return (adverts_order(terms, [rogue.adverts[i] for i in sorted(rogue.adverts)]),)
    if step == "share":
        return (ShareOrder(TASK, [0, 1, 2, 3], {}).to_bytes(terms),)
    if step == "receive":
        return (Inbox({}, {}).to_bytes(terms), TASK)
    if step == "mask":
        return (rogue.vectors[VICTIM].copy(),)
    if step == "confirm":
        return (survivors_order(terms, [0, 1, 2, 3]),)
    return (unmask_order(terms, {VICTIM: bytes(64)}),) if step == "unmask" else ()


# Steps.


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("due", ASKED)
def test_no_step_is_skipped_or_taken_again(due: str, asked: str) -> None:
    rogue = played_to(due)
    victim = rogue.clients[VICTIM]
    if asked == due:
        assert victim.next is Step[due.upper()]
        return
    with pytest.raises(RefuseRound) as refusal:
        getattr(victim, asked)(*order_for(rogue, asked))
    assert refusal.value.reason is Reason.OUT_OF_TURN


@pytest.mark.parametrize("asked", LATER)
@pytest.mark.parametrize("checked", [True, False], ids=["checked", "twin: unchecked"])
def test_a_hospital_that_was_started_anew_does_not_go_on(
    asked: str, checked: bool, monkeypatch: Patch
) -> None:
    """It cannot, either: whatever a step needs is gone with the process."""
    rogue = played_to(asked)
    if not checked:
        IN_TURN.remove(monkeypatch)
    fresh = rogue.rehearsal.client(rogue.rehearsal.names[VICTIM])
    with pytest.raises(RefuseRound if checked else AttributeError) as refusal:
        getattr(fresh, asked)(*order_for(rogue, asked))
    assert getattr(refusal.value, "reason", Reason.OUT_OF_TURN) is Reason.OUT_OF_TURN


@pytest.mark.parametrize("step", LATER)
def test_who_refused_has_left_for_good(step: str) -> None:
    rogue = played_to(step)
    victim = rogue.clients[VICTIM]
    bad = (np.zeros(1, np.int8),) if step == "mask" else (b"", TASK) if step == "receive" else (b"",)
    with pytest.raises(RefuseRound):
        getattr(victim, step)(*bad)
    for again in ASKED:
        with pytest.raises(RefuseRound) as refusal:
            getattr(victim, again)(*order_for(rogue, again))
        assert refusal.value.reason is Reason.OUT_OF_TURN


# Orders.


def _adverts(rogue: Rogue, *adverts: bytes) -> bytes:
    return adverts_order(rogue.terms, adverts)


def _copied_key(rogue: Rogue) -> bytes:
    return _signed_by_its_league(rogue, rogue.advert(rogue.adverts[1]).keys.agreement)


def _signed_by_its_league(rogue: Rogue, agreement: bytes) -> bytes:
    """Hospital 3 advertises this key, in due form."""
    advert = replace(rogue.advert(rogue.adverts[3]), keys=PublicKeys(agreement, b""))
    signed = advert.signed(rogue.terms, rogue.rehearsal.identities[3])
    return _adverts(rogue, *(rogue.adverts[i] for i in range(3)), signed)


def _key_in_another_form(rogue: Rogue) -> bytes:
    """X25519 ignores the top bit, so this is hospital 1's key, and no repetition byte for byte."""
    keys = rogue.advert(rogue.adverts[1]).keys
    same = (int.from_bytes(keys.agreement, "little") | 1 << 255).to_bytes(32, "little")
    return _signed_by_its_league(rogue, same)


def _key_plus_the_prime(rogue: Rogue) -> bytes:
    return _signed_by_its_league(rogue, (9 + 2**255 - 19).to_bytes(32, "little"))


@dataclass(frozen=True)
class Row:
    """An order that is refused.

    Args:
        step: it is for.
        make: the order.
        reason: of the refusal.
        because: why it would gain nothing.
    """

    step: str
    make: Callable[[Rogue], bytes]
    reason: Reason
    because: str


ROWS = [
    Row("encapsulate", _copied_key, Reason.REPEATED_KEY, "a pair's keys hold both indices"),
    Row("encapsulate", _key_in_another_form, Reason.BAD_KEY, "so they do for the same key in two forms"),
    Row("encapsulate", _key_plus_the_prime, Reason.BAD_KEY, "nor for a small one"),
    Row(
        "encapsulate",
        lambda r: _adverts(r, *(r.adverts[i] for i in (1, 2, 3))),
        Reason.OWN_ADVERT,
        "peers have no keys for it",
    ),
    Row(
        "encapsulate",
        lambda r: _adverts(r, r.adverts[0], r.adverts[3]),
        Reason.TOO_FEW,
        "sharers and survivors are counted too",
    ),
    Row(
        "encapsulate",
        lambda r: _adverts(r, *(r.adverts[i] for i in (0, 0, 1, 2, 3))),
        Reason.MALFORMED,
        "adverts are kept by owner",
    ),
    Row(
        "encapsulate",
        lambda r: _adverts(r, *(r.adverts[i] for i in (3, 2, 1, 0))),
        Reason.MALFORMED,
        "another order gives another view",
    ),
    Row("encapsulate", lambda r: _adverts(r)[:-1] + b"\xff", Reason.MALFORMED, "nothing follows"),
    Row(
        "share",
        lambda r: ShareOrder(TASK, [0, 1, 2, 3, 4], {}).to_bytes(r.terms),
        Reason.UNKNOWN_HOSPITAL,
        "there are no keys for it",
    ),
    Row(
        "share",
        lambda r: ShareOrder(TASK, [1, 2, 3], {}).to_bytes(r.terms),
        Reason.UNKNOWN_HOSPITAL,
        "it has no point of its own",
    ),
    Row(
        "share",
        lambda r: ShareOrder(TASK, [0, 3], {}).to_bytes(r.terms),
        Reason.TOO_FEW,
        "a secret is not split for fewer than the threshold",
    ),
    Row(
        "share",
        lambda r: ShareOrder(TASK, [0, 1, 1, 2, 3], {}).to_bytes(r.terms),
        Reason.MALFORMED,
        "points are by hospital",
    ),
    Row(
        "confirm",
        lambda r: survivors_order(r.terms, [1, 2, 3]),
        Reason.SURVIVORS,
        "what it could reveal of itself is among what the threshold counts",
    ),
    Row(
        "confirm",
        lambda r: survivors_order(r.terms, [0, 1, 2, 4]),
        Reason.SURVIVORS,
        "a stranger has no seed to reveal",
    ),
    Row(
        "confirm",
        lambda r: survivors_order(r.terms, [0, 2, 1, 3]),
        Reason.MALFORMED,
        "the set is signed in one order",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.step}: {row.because}")
def test_an_order_is_refused(row: Row) -> None:
    rogue = played_to(row.step)
    victim = rogue.clients[VICTIM]
    with pytest.raises(RefuseRound) as refusal:
        getattr(victim, row.step)(row.make(rogue))
    assert refusal.value.reason is row.reason
    assert victim.next is Step.LEFT


def test_a_signer_from_outside_the_set_is_refused() -> None:
    rogue = played_to("confirm")
    rogue.confirm(lambda i: [0, 1, 2])
    victim = rogue.clients[VICTIM]
    bought = {3: rogue.rehearsal.identities[3].sign("survivors", victim._statement)}
    with pytest.raises(RefuseRound) as refusal:
        victim.unmask(unmask_order(rogue.terms, rogue.signed_alike(VICTIM) | bought))
    assert (
        refusal.value.reason is Reason.UNKNOWN_HOSPITAL
    )  # it is one of those that the threshold provides for


def test_signatures_are_counted_before_any_is_verified(monkeypatch: Patch) -> None:
    """So an order that cannot do costs nothing; with enough of them, all are verified, not only a threshold."""
    verified: list[int] = []

    def verify(self: Roster, index: int, signature: bytes, label: str, *parts: bytes) -> None:
        verified.append(index)

    stranger = Reason.UNKNOWN_HOSPITAL
    for signers, reason in (([1, 2], Reason.TOO_FEW), ([0, 1, 2, 3], stranger), ([0, 1, 2], None)):
        rogue = played_to("confirm")
        rogue.confirm(lambda i: [0, 1, 2])
        order = unmask_order(rogue.terms, dict.fromkeys(signers, bytes(64)))
        with monkeypatch.context() as patch:
            patch.setattr(Roster, "verify", verify)
            if reason is None:
                rogue.clients[VICTIM].unmask(order)
                assert verified == signers
                continue
            with pytest.raises(RefuseRound) as refusal:
                rogue.clients[VICTIM].unmask(order)
        assert refusal.value.reason is reason
        assert not verified


@pytest.mark.parametrize("bad", [0, 1, 2, 3])
def test_one_forged_signature_among_more_than_enough_is_refused(bad: int) -> None:
    """Hospitals take no order in which anything is forged, wherever it stands."""
    rogue = Rogue(Rehearsal(4, threshold=3)).play("confirm")
    signatures = rogue.signed_alike(VICTIM) | {bad: bytes(64)}
    assert len(signatures) == 4
    with pytest.raises(RefuseRound) as refusal:
        rogue.clients[VICTIM].unmask(unmask_order(rogue.terms, signatures))
    assert (refusal.value.reason, refusal.value.about) == (Reason.SIGNATURE, rogue.rehearsal.names[bad])


def test_its_own_share_in_its_inbox_is_refused() -> None:
    rogue = played_to("receive")
    with pytest.raises(RefuseRound) as refusal:
        rogue.receive(route=lambda i: {i: (i, 1)})
    assert refusal.value.reason is Reason.MALFORMED  # there is no key between a hospital and itself


def test_a_ring_the_site_does_not_allow_is_refused() -> None:
    site = SitePolicy(ring_bits=(32,), hybrid=False)
    with pytest.raises(RefuseRound) as refusal:
        Rogue(Rehearsal(4, bits=24, policy=site)).enter()
    assert refusal.value.reason is Reason.RING  # sums are exact in either


def test_a_cohort_without_the_hospital_is_refused() -> None:
    rehearsal = Rehearsal(5, threshold=3)
    rehearsal.terms = replace(rehearsal.terms, cohort=(1, 2, 3, 4))
    with pytest.raises(RefuseRound) as refusal:
        rehearsal.client(rehearsal.names[VICTIM])
    assert refusal.value.reason is Reason.COHORT  # an advert of its own would be no member's


# Vectors, the one thing that comes from the hospital's own code.

SIZE = 37
VECTORS: dict[str, Any] = {
    "truncated": np.zeros(SIZE - 1, np.int32),
    "too long": np.zeros(SIZE + 1, np.int32),
    "empty": np.zeros(0, np.int32),
    "two dimensions": np.zeros((SIZE, 1), np.int32),
    "no dimension": np.zeros((), np.int32),
    "float32": np.zeros(SIZE, np.float32),
    "uint32": np.zeros(SIZE, np.uint32),
    "int64": np.zeros(SIZE, np.int64),
    "other byte order": np.zeros(SIZE, np.dtype(np.int32).newbyteorder()),
    "gaps in memory": np.zeros(2 * SIZE, np.int32)[::2],
    "back to front": np.zeros(SIZE, np.int32)[::-1],
    "one value for all": np.broadcast_to(np.zeros(1, np.int32), SIZE),
}


@pytest.mark.parametrize("bits", RING_BITS)
@pytest.mark.parametrize("kind", list(VECTORS))
def test_a_vector_of_another_form_does_not_leave(kind: str, bits: int) -> None:
    rogue = Rogue(Rehearsal(4, SIZE, bits)).play("receive")
    victim = rogue.clients[VICTIM]
    with pytest.raises(RefuseRound) as refusal:
        victim.mask(VECTORS[kind])
    assert refusal.value.reason is Reason.VECTOR
    assert not rogue.rehearsal.memories["h000"].masked  # nothing was promised either
