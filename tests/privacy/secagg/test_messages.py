"""Every message has one form, one kind, one sum and one sender; whatever differs is refused."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

import pytest

from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.identity import SIGNATURE, Identity, Roster
from privacy.secagg.keys import KEM_CIPHERTEXT, KEM_KEY, SEED, TAG, PublicKeys
from privacy.secagg.messages import (
    SEALED_SHARES,
    Advert,
    Encapsulated,
    Inbox,
    Masked,
    Revealed,
    Shared,
    ShareOrder,
    advert_size,
    adverts_order,
    confirmed,
    kem_receivers,
    kem_senders,
    read_adverts_order,
    read_confirmed,
    read_survivors_order,
    read_unmask_order,
    sum_of,
    survivors_order,
    unmask_order,
)
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound

IDENTITIES = [Identity.new(f"h{i}") for i in range(6)]
ROSTER = Roster({identity.hospital: identity.public_key for identity in IDENTITIES})
COHORT = (0, 1, 2, 4, 5)  # hospital 3 is in the roster and not in the sum
OWN = 2
VIEW, STATEMENT = b"v" * 32, b"s" * 32
KINDS = (
    "advert",
    "adverts order",
    "encapsulated",
    "share order",
    "shared",
    "inbox",
    "masked",
    "survivors order",
    "confirmed",
    "unmask order",
    "revealed",
)
SIGNED = {"advert": "advert", "masked": "masked", "confirmed": "survivors"}  # kind -> label
SENT = ("advert", "encapsulated", "shared", "masked", "confirmed", "revealed")  # with its sender's index
HEAD = 4 + 1 + 4 + 4  # magic, kind, sum, attempt


@cache
def terms(hybrid: bool, number: int = 7, attempt: int = 2) -> Terms:
    return Terms(
        run=bytes(16),
        number=number,
        attempt=attempt,
        purpose="train",
        roster=ROSTER.digest,
        cohort=COHORT,
        threshold=4,
        colluders=1,
        hybrid=hybrid,
        encoding=FixedPoint((Segment(3, 1.0, 1024.0),), 5, 32),
    )


def blob(length: int) -> bytes:
    return os.urandom(length)


class Catalogue:
    """One valid message of each kind under some terms, what it was made from, and how it is read."""

    def __init__(self, about: Terms, members: Sequence[int] = COHORT) -> None:
        signer = IDENTITIES[OWN]
        peers = [peer for peer in members if peer != OWN]
        advert = Advert(
            OWN, PublicKeys(blob(31) + b"\0", blob(KEM_KEY if about.hybrid else 0)), blob(32), blob(32)
        )
        encapsulated = Encapsulated(
            OWN, {peer: blob(KEM_CIPHERTEXT) for peer in kem_receivers(OWN, members, about)}
        )
        asked = ShareOrder(
            blob(32),
            list(members),
            {peer: blob(KEM_CIPHERTEXT) for peer in kem_senders(OWN, members, about)},
        )
        shared = Shared(
            OWN,
            {peer: blob(SEALED_SHARES) for peer in peers},
            {peer: (blob(32), blob(32)) for peer in members},
            {peer: blob(32) for peer in peers},
            blob(SEED * len(peers) + TAG),
        )
        inbox = Inbox(
            {peer: blob(SEALED_SHARES) for peer in peers}, {peer: (blob(32), blob(32)) for peer in peers}
        )
        masked = Masked(OWN, blob(32))
        revealed = Revealed(OWN, {peer: blob(SEED) for peer in members})
        signatures = {peer: blob(SIGNATURE) for peer in peers}
        raw = [blob(advert_size(about)) for _ in range(3)]
        self.data = {
            "advert": advert.signed(about, signer),
            "adverts order": adverts_order(about, raw),
            "encapsulated": encapsulated.to_bytes(about),
            "share order": asked.to_bytes(about),
            "shared": shared.to_bytes(about),
            "inbox": inbox.to_bytes(about),
            "masked": masked.signed(about, VIEW, signer),
            "survivors order": survivors_order(about, list(members)),
            "confirmed": confirmed(about, OWN, STATEMENT, signer),
            "unmask order": unmask_order(about, signatures),
            "revealed": revealed.to_bytes(about),
        }
        advert = replace(advert, signature=self.data["advert"][-SIGNATURE:])
        self.meant: dict[str, object] = {
            "advert": advert,
            "adverts order": raw,
            "encapsulated": encapsulated,
            "share order": asked,
            "shared": shared,
            "inbox": inbox,
            "masked": masked,
            "survivors order": list(members),
            "confirmed": (OWN, self.data["confirmed"][-SIGNATURE:]),
            "unmask order": signatures,
            "revealed": revealed,
        }
        self.read: dict[str, Callable[[bytes], object]] = {
            "advert": lambda data: Advert.from_bytes(data, about, ROSTER),
            "adverts order": lambda data: read_adverts_order(data, about),
            "encapsulated": lambda data: Encapsulated.from_bytes(data, about, members),
            "share order": lambda data: ShareOrder.from_bytes(data, about, OWN),
            "shared": lambda data: Shared.from_bytes(data, about, members),
            "inbox": lambda data: Inbox.from_bytes(data, about),
            "masked": lambda data: Masked.from_bytes(data, about, members),
            "survivors order": lambda data: read_survivors_order(data, about),
            "confirmed": lambda data: read_confirmed(data, about, STATEMENT, members, ROSTER),
            "unmask order": lambda data: read_unmask_order(data, about),
            "revealed": lambda data: Revealed.from_bytes(data, about, members, members),
        }
        self.verify = {kind: self.read[kind] for kind in SIGNED} | {
            "masked": lambda data: self.read["masked"](data).verify(data, VIEW, ROSTER)  # type: ignore[attr-defined]
        }


@pytest.fixture(params=[False, True], ids=["X25519", "hybrid"], scope="module")
def hybrid(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module")
def catalogue(hybrid: bool) -> Catalogue:
    return Catalogue(terms(hybrid))


def refused(read: Callable[[bytes], object], data: bytes) -> Reason:
    with pytest.raises(RefuseRound) as refusal:
        read(data)
    return refusal.value.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("members", [COHORT, (0, 2), (2,), (1, 2, 4)])
def test_a_message_comes_back_as_it_went(hybrid: bool, kind: str, members: tuple[int, ...]) -> None:
    catalogue = Catalogue(terms(hybrid), members)
    assert catalogue.read[kind](catalogue.data[kind]) == catalogue.meant[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_may_be_missing_or_left_over(catalogue: Catalogue, kind: str) -> None:
    data, read = catalogue.data[kind], catalogue.read[kind]
    for length in {*range(min(len(data), 120)), len(data) // 2, len(data) - 1}:
        assert refused(read, data[:length]) is Reason.MALFORMED
    for more in (b"\0", data[-1:], data):
        assert refused(read, data + more) is Reason.MALFORMED


def test_no_kind_is_read_as_another(catalogue: Catalogue) -> None:
    for sent, read in product(KINDS, repeat=2):
        if sent != read:
            assert refused(catalogue.read[read], catalogue.data[sent]) is Reason.MALFORMED
    assert len({data[:HEAD] for data in catalogue.data.values()}) == len(KINDS)
    with pytest.raises(RefuseRound):
        Terms.from_bytes(catalogue.data["advert"])
    assert all(refused(read, terms(True).to_bytes()) is Reason.MALFORMED for read in catalogue.read.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("number", "attempt"),
    [
        pytest.param(8, 2, id="the next sum"),
        pytest.param(6, 2, id="the sum before"),
        pytest.param(7, 3, id="the next attempt"),
        pytest.param(7, 1, id="the attempt before"),
        pytest.param(2, 7, id="the other way round"),
    ],
)
def test_a_message_of_another_sum_is_refused(hybrid: bool, kind: str, number: int, attempt: int) -> None:
    other = Catalogue(terms(hybrid, number, attempt))
    assert refused(Catalogue(terms(hybrid)).read[kind], other.data[kind]) is Reason.MALFORMED
    assert sum_of(other.data[kind]) == (number, attempt)


@pytest.mark.parametrize("data", [b"", b"HSA", b"HSA1", b"HSA1\2" + bytes(7), b"HSA2" + bytes(9)])
def test_what_has_no_beginning_belongs_to_no_sum(data: bytes) -> None:
    assert refused(sum_of, data) is Reason.MALFORMED


def flipped(data: bytes, *, last: int = 0) -> Iterator[tuple[int, bytes]]:
    """The message with a bit flipped, and its byte: at a stride that meets every field, closer in the last bytes."""
    stride = max(1, 8 * len(data) // 700)
    for bit in sorted({*range(0, 8 * len(data), stride), *range(8 * (len(data) - last), 8 * len(data), 3)}):
        altered = bytearray(data)
        altered[bit // 8] ^= 1 << bit % 8
        yield bit // 8, bytes(altered)


@pytest.mark.parametrize("kind", list(SIGNED))
def test_any_bit_of_a_signed_message_counts(catalogue: Catalogue, kind: str) -> None:
    """Body and signature: no altered message is accepted."""
    catalogue.verify[kind](catalogue.data[kind])
    for place, altered in flipped(catalogue.data[kind], last=SIGNATURE):
        reason = refused(catalogue.verify[kind], altered)
        if place >= HEAD + 2:
            assert reason is Reason.SIGNATURE
        else:
            assert reason in (Reason.MALFORMED, Reason.UNKNOWN_HOSPITAL, Reason.SIGNATURE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SIGNED])
def test_any_bit_of_an_unsigned_message_counts(catalogue: Catalogue, kind: str) -> None:
    """What is altered is refused or says something else: there are no two messages of one meaning."""
    accepted = 0
    for _, altered in flipped(catalogue.data[kind]):
        try:
            said = catalogue.read[kind](altered)
        except RefuseRound:
            continue
        accepted += 1
        assert said != catalogue.meant[kind]
    assert accepted or kind == "survivors order" or catalogue.meant[kind] == Encapsulated(OWN, {})


def test_a_commitment_is_read_before_it_is_verified(catalogue: Catalogue) -> None:
    """Whatever its signature; and what it was read as is what is verified."""
    data, masked = catalogue.data["masked"], catalogue.meant["masked"]
    assert isinstance(masked, Masked)
    forged = data[:-SIGNATURE] + bytes(SIGNATURE)
    assert catalogue.read["masked"](forged) == masked
    assert refused(lambda given: masked.verify(given, VIEW, ROSTER), forged) is Reason.SIGNATURE
    assert refused(lambda given: masked.verify(given, bytes(32), ROSTER), data) is Reason.SIGNATURE
    other = replace(masked, owner=1)
    with pytest.raises(RefuseRound) as refusal:
        other.verify(data, VIEW, ROSTER)
    assert (refusal.value.reason, refusal.value.about) == (Reason.SIGNATURE, "h1")


@pytest.mark.parametrize("kind", list(SIGNED))
def test_a_signature_is_its_owners_for_this_sum_and_view(
    hybrid: bool, catalogue: Catalogue, kind: str
) -> None:
    """The same body, signed by another hospital, for another purpose, for other terms or in another view."""
    about, data = terms(hybrid), catalogue.data[kind]
    body = data[:-SIGNATURE]
    bound = {"advert": about.digest, "confirmed": STATEMENT}.get(kind, VIEW)
    signed = [] if kind == "confirmed" else [body]
    label = SIGNED[kind]
    good = IDENTITIES[OWN].sign(label, bound, *signed)
    assert body + good == data
    for signature in (
        IDENTITIES[1].sign(label, bound, *signed),
        IDENTITIES[3].sign(label, bound, *signed),
        IDENTITIES[OWN].sign("another", bound, *signed),
        IDENTITIES[OWN].sign(label, bytes(32), *signed),
        IDENTITIES[OWN].sign(label, *signed, bound, b""),
        bytes(SIGNATURE),
    ):
        with pytest.raises(RefuseRound) as refusal:
            catalogue.verify[kind](body + signature)
        assert (refusal.value.reason, refusal.value.about) == (Reason.SIGNATURE, "h2")


def test_what_a_hospital_signs_differs_between_attempts_also_in_what_the_head_does_not_say(
    hybrid: bool,
) -> None:
    """An advert for other terms under the same number, with the threshold lowered, does not verify."""
    about = terms(hybrid)
    lower = replace(about, threshold=3)
    assert lower.digest != about.digest
    data = Catalogue(lower).data["advert"]
    assert refused(Catalogue(about).read["advert"], data) is Reason.SIGNATURE


@pytest.mark.parametrize("kind", SENT)
@pytest.mark.parametrize("claimed", [3, 6, 7, 65_535])
def test_a_stranger_sends_nothing(catalogue: Catalogue, kind: str, claimed: int) -> None:
    """Hospital 3 is in the roster and not in the sum, the others are in neither."""
    data = catalogue.data[kind]
    altered = data[:HEAD] + claimed.to_bytes(2, "big") + data[HEAD + 2 :]
    assert refused(catalogue.read[kind], altered) is Reason.UNKNOWN_HOSPITAL


@pytest.mark.parametrize("kind", ["share order", "inbox", "survivors order", "unmask order"])
def test_hospitals_are_listed_once_and_in_order(catalogue: Catalogue, kind: str) -> None:
    data = catalogue.data[kind]
    at = HEAD + 2 + (32 if kind == "share order" else 0)
    assert (
        refused(catalogue.read[kind], data[:at] + data[at + 2 : at + 4] * 2 + data[at + 4 :])
        is Reason.MALFORMED
    )
    swapped = data[:at] + data[at + 2 : at + 4] + data[at : at + 2] + data[at + 4 :]
    assert refused(catalogue.read[kind], swapped) is Reason.MALFORMED


@pytest.mark.parametrize("kind", ["adverts order", "share order", "inbox", "survivors order", "unmask order"])
@pytest.mark.parametrize("count", [0, 1, 65_535])
def test_a_count_must_be_that_of_what_follows(catalogue: Catalogue, kind: str, count: int) -> None:
    data = catalogue.data[kind]
    at = HEAD + (32 if kind == "share order" else 0)
    altered = data[:at] + count.to_bytes(2, "big") + data[at + 2 :]
    assert refused(catalogue.read[kind], altered) is Reason.MALFORMED


def test_an_advert_takes_as_many_bytes_as_it_says(hybrid: bool, catalogue: Catalogue) -> None:
    assert (
        advert_size(terms(hybrid)) == len(catalogue.data["advert"]) == 13 + 2 + 32 + 1184 * hybrid + 64 + 64
    )


@pytest.mark.parametrize("form", [2**255 - 19, 2**255 - 18, 2**255 - 1, 2**255 + 9, 2**256 - 1])
def test_an_advert_whose_key_has_a_second_form_is_refused(hybrid: bool, form: int) -> None:
    """Also with a good signature: a repeated key could hide behind it."""
    about = terms(hybrid)
    keys = PublicKeys(form.to_bytes(32, "little"), blob(KEM_KEY if hybrid else 0))
    data = Advert(OWN, keys, blob(32), blob(32)).signed(about, IDENTITIES[OWN])
    with pytest.raises(RefuseRound) as refusal:
        Advert.from_bytes(data, about, ROSTER)
    assert (refusal.value.reason, refusal.value.about) == (Reason.BAD_KEY, "h2")


def test_an_advert_with_the_other_kind_of_keys_is_refused(hybrid: bool, catalogue: Catalogue) -> None:
    other = Catalogue(terms(not hybrid))
    assert refused(catalogue.read["advert"], other.data["advert"]) is Reason.MALFORMED


@pytest.mark.parametrize("members", [(0,), (0, 1), (0, 1, 2, 4, 5), tuple(range(30)), (7, 300, 65_535)])
def test_every_pair_exchanges_one_kem_ciphertext(members: tuple[int, ...]) -> None:
    """Who sends and who receives is told the same on both sides, and without the hybrid nobody does either."""
    made = [(own, to) for own in members for to in kem_receivers(own, members, terms(True))]
    got = [(by, own) for own in members for by in kem_senders(own, members, terms(True))]
    assert sorted(made) == sorted(got)
    assert len(made) == len(set(map(frozenset, made))) == len(members) * (len(members) - 1) // 2
    assert all(
        kem_receivers(own, members, terms(True)) == sorted(to for by, to in made if by == own)
        for own in members
    )
    assert not any(kem_receivers(own, members, terms(False)) for own in members)
    assert not any(kem_senders(own, members, terms(False)) for own in members)
