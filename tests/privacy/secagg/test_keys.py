"""Keys of pairs and seeds: two hospitals agree, nobody else does, and whatever differs gives other keys."""

import hmac
import os
from collections.abc import Callable
from itertools import combinations, permutations, product

import pytest

from privacy.secagg.keys import (
    KEM_CIPHERTEXT,
    KEM_KEY,
    SEED,
    TAG,
    X25519_KEY,
    AttemptKeys,
    PairSecrets,
    PublicKeys,
    check_keys,
    commit_mask,
    commit_seed,
    commit_share,
    derive_pair,
    derive_seed,
    encapsulate,
    encapsulates,
    is_canonical,
    new_seed,
    seal,
    seal_masks,
    unseal,
    unseal_masks,
)
from privacy.secagg.transcript import tagged_hash
from shared.refusal import Reason, RefuseRound

PRIME = 2**255 - 19
VIEW = bytes(range(32))
# u-coordinates of low order on Curve25519 and its twist, and second forms of them; that each of them gives the secret
# zero (RFC 7748, section 6.1) is tried below with a ladder of our own.
ORDER_8 = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW_ORDER = [0, 1, PRIME - 1, PRIME, PRIME + 1, *ORDER_8, 2**255 + 1, 2**255 + ORDER_8[0]]


def hkdf_by_hand(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 of one block, from its definition (RFC 5869, section 2)."""
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info + b"\1", "sha256")


def ladder_by_hand(scalar: int, u: int) -> int:
    """X25519 by plain additions on x-coordinates (RFC 7748, section 5, without its care for time)."""
    x2, z2, x3, z3 = 1, 0, u, 1
    for bit in bin(scalar)[2:]:
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        x3, z3 = pow(d * a + c * b, 2, PRIME), u * pow(d * a - c * b, 2, PRIME) % PRIME
        x2, z2 = a * a * b * b % PRIME, (a * a - b * b) * (a * a + 121_665 * (a * a - b * b)) % PRIME
        if bit == "1":
            x2, z2, x3, z3 = x3, z3, x2, z2
    return x2 * pow(z2, PRIME - 2, PRIME) % PRIME


def refused(work: Callable[[], object]) -> RefuseRound:
    with pytest.raises(RefuseRound) as refusal:
        work()
    assert refusal.value.__suppress_context__
    return refusal.value


def test_two_hospitals_agree_and_a_third_does_not() -> None:
    ours, theirs, third = (AttemptKeys(hybrid=False) for _ in range(3))
    assert ours.agree(theirs.public) == theirs.agree(ours.public) != third.agree(ours.public)
    assert len(ours.agree(theirs.public)) == 32
    assert len({ours.public.agreement, theirs.public.agreement, third.public.agreement}) == 3


@pytest.mark.parametrize("hybrid", [False, True])
def test_public_keys_have_their_size(hybrid: bool) -> None:
    public = AttemptKeys(hybrid=hybrid).public
    assert (len(public.agreement), len(public.kem)) == (X25519_KEY, KEM_KEY if hybrid else 0)
    check_keys(public)


def test_a_kem_secret_reaches_its_receiver_alone() -> None:
    receiver, other = AttemptKeys(hybrid=True), AttemptKeys(hybrid=True)
    secret, ciphertext = encapsulate(receiver.public)
    assert (len(secret), len(ciphertext)) == (32, KEM_CIPHERTEXT)
    assert receiver.decapsulate(ciphertext) == secret
    assert other.decapsulate(ciphertext) != secret
    assert encapsulate(receiver.public) != (secret, ciphertext)


@pytest.mark.parametrize("bit", [0, 1, 4000, 8 * KEM_CIPHERTEXT - 1])
def test_a_forged_ciphertext_gives_a_secret_that_nobody_knows(bit: int) -> None:
    receiver = AttemptKeys(hybrid=True)
    secret, ciphertext = encapsulate(receiver.public)
    forged = (int.from_bytes(ciphertext, "big") ^ 1 << bit).to_bytes(KEM_CIPHERTEXT, "big")
    found = receiver.decapsulate(forged)
    assert found != secret
    assert len(found) == 32
    assert receiver.decapsulate(forged) == found
    assert AttemptKeys(hybrid=True).decapsulate(forged) != found


def test_without_the_hybrid_there_is_no_kem_secret() -> None:
    keys = AttemptKeys(hybrid=False)
    assert encapsulate(keys.public) == (b"", b"")
    assert keys.decapsulate(b"") == b""


def test_no_other_point_is_refused() -> None:
    """On the curve and on its twist; all are checked with one probe."""
    for u in range(2, 200):
        check_keys(PublicKeys(u.to_bytes(32, "little"), b""))
    for _ in range(20):
        check_keys(AttemptKeys(hybrid=True).public)


@pytest.mark.parametrize("u", LOW_ORDER)
def test_a_point_of_low_order_is_refused(u: int) -> None:
    scalar = int.from_bytes(os.urandom(32), "little") % 2**251 * 8 + 2**254
    assert ladder_by_hand(scalar, u % 2**255) == 0  # the secret would be known to everybody
    public = PublicKeys(u.to_bytes(32, "little"), b"")
    for work in (lambda: AttemptKeys(hybrid=False).agree(public), lambda: check_keys(public)):
        assert refused(work).reason is Reason.BAD_KEY


@pytest.mark.parametrize("key", [*range(2, 19), 2**254, PRIME - 2])
def test_a_key_has_one_form(key: int) -> None:
    """X25519 takes others for the same key: with the top bit set, and the prime more where that fits."""
    ours = AttemptKeys(hybrid=False)
    secret = ours.agree(PublicKeys(key.to_bytes(32, "little"), b""))
    assert is_canonical(key.to_bytes(32, "little"))
    for form in {key + 2**255, key + PRIME if key < 19 else key + 2**255}:
        again = form.to_bytes(32, "little")
        assert ours.agree(PublicKeys(again, b"")) == secret
        assert not is_canonical(again)
    assert is_canonical(ours.public.agreement)


@pytest.mark.parametrize(
    "public",
    [
        pytest.param(PublicKeys(b"", b""), id="no key"),
        pytest.param(PublicKeys(b"\x09" + bytes(30), b""), id="short"),
        pytest.param(PublicKeys(b"\x09" + bytes(32), b""), id="long"),
        pytest.param(PublicKeys(b"\x09" + bytes(31), bytes(KEM_KEY - 1)), id="KEM key, short"),
        pytest.param(PublicKeys(b"\x09" + bytes(31), bytes(KEM_KEY + 1)), id="KEM key, long"),
        pytest.param(PublicKeys(b"\x09" + bytes(31), b"\xff" * KEM_KEY), id="KEM key, beyond its modulus"),
        pytest.param(
            PublicKeys(b"\x09" + bytes(31), (3329).to_bytes(2, "little") + bytes(KEM_KEY - 2)),
            id="KEM key, one coefficient beyond its modulus (FIPS 203, section 7.2)",
        ),
    ],
)
def test_a_key_that_is_none_is_refused(public: PublicKeys) -> None:
    """By whoever checks it, and by whoever would use it unchecked."""
    assert refused(lambda: check_keys(public)).reason is Reason.BAD_KEY
    use = encapsulate if public.kem else AttemptKeys(hybrid=False).agree
    assert refused(lambda: use(public)).reason is Reason.BAD_KEY


@pytest.mark.parametrize("hospitals", [2, 3, 4, 10, 101])
def test_exactly_one_of_two_hospitals_makes_the_kem_secret_and_nobody_makes_many(hospitals: int) -> None:
    """Each makes half of its own, give or take one, with any set of hospitals that are numbered on."""
    for one, other in combinations(range(hospitals), 2):
        assert encapsulates(one, other) != encapsulates(other, one)
    for own in range(hospitals):
        made = sum(encapsulates(own, peer) for peer in range(hospitals) if peer != own)
        assert abs(made - (hospitals - 1) / 2) <= 1


def pair(own: int = 3, peer: int = 5, **changes: bytes) -> PairSecrets:
    given = {"agreed": b"a" * 32, "kem_secret": b"k" * 32, "kem_ciphertext": b"c" * 64, "view": VIEW}
    return derive_pair(own, peer, **given | changes)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (1, 0), (3, 300), (65_535, 0), (256, 1)])
def test_both_ends_of_a_pair_derive_the_same(one: int, other: int) -> None:
    ours, theirs = pair(one, other), pair(other, one)
    assert ours.mask == theirs.mask
    assert ours.seal_to_peer == theirs.seal_from_peer
    assert ours.seal_from_peer == theirs.seal_to_peer


def test_whatever_differs_gives_three_other_keys() -> None:
    """Index, X25519 secret, KEM secret, ciphertext, view: each enters each of the three keys."""
    made = [
        pair(),
        pair(peer=6),
        pair(own=2),
        pair(own=5, peer=259),
        pair(agreed=b"a" * 31 + b"b"),
        pair(kem_secret=b"k" * 31 + b"b"),
        pair(kem_secret=b""),
        pair(kem_ciphertext=b"c" * 63 + b"b"),
        pair(kem_ciphertext=b""),
        pair(view=VIEW[:31] + b"\xff"),
    ]
    keys = [key for secrets in made for key in (secrets.mask, secrets.seal_to_peer, secrets.seal_from_peer)]
    assert all(len(key) == 32 for key in keys)
    assert len(set(keys)) == len(keys)


def test_a_pair_is_derived_as_the_standard_says() -> None:
    context = tagged_hash("pair", VIEW, b"\0\3", b"\0\5", b"c" * 64)
    secret = b"a" * 32 + b"k" * 32
    assert pair() == PairSecrets(
        seal_to_peer=hkdf_by_hand(secret, VIEW, b"share, low to high" + context),
        seal_from_peer=hkdf_by_hand(secret, VIEW, b"share, high to low" + context),
        mask=hkdf_by_hand(secret, VIEW, b"mask" + context),
    )


def test_a_seed_gives_a_key_for_each_view_purpose_and_owner() -> None:
    seeds, views = (b"s" * 32, b"t" * 32), (VIEW, bytes(32))
    given = list(product(seeds, views, ("self", "recovery"), (0, 1, 256)))
    keys = {derive_seed(*one) for one in given}
    assert len(keys) == len(given)
    assert all(len(key) == 32 for key in keys)
    assert derive_seed(b"s" * 32, VIEW, "self", 256) == hkdf_by_hand(b"s" * 32, VIEW, b"self\1\0")


def test_seeds_are_fresh() -> None:
    seeds = {new_seed() for _ in range(100)}
    assert len(seeds) == 100
    assert {len(seed) for seed in seeds} == {SEED}


@pytest.mark.parametrize("length", [0, 1, 64, 1000])
def test_what_is_sealed_opens_with_its_key_for_its_purpose_unaltered(length: int) -> None:
    key, message, purpose = os.urandom(32), os.urandom(length), b"from 1 to 2"
    sealed = seal(key, message, purpose)
    assert len(sealed) == length + TAG
    assert unseal(key, sealed, purpose, about="h") == message

    flips = [
        (int.from_bytes(sealed, "big") ^ 1 << bit).to_bytes(len(sealed), "big") for bit in range(0, 128, 7)
    ]
    attempts = [
        *((key, flipped, purpose) for flipped in flips),
        (os.urandom(32), sealed, purpose),
        (key, sealed, b"from 2 to 1"),
        (key, sealed, b""),
        (key, sealed[:-1], purpose),
        (key, sealed + b"\0", purpose),
        (key, b"", purpose),
        (key, sealed[: TAG - 1], purpose),
    ]
    for attempt in attempts:
        refusal = refused(lambda attempt=attempt: unseal(*attempt, about="h"))
        assert (refusal.reason, refusal.about) == (Reason.SHARE_FORGED, "h")


@pytest.mark.parametrize("peers", [[], [1], [0, 2, 300], list(range(1, 100))])
def test_masks_are_recovered_with_the_recovery_seed_of_their_owner(peers: list[int]) -> None:
    seed, masks = os.urandom(32), {peer: os.urandom(32) for peer in reversed(peers)}
    sealed = seal_masks(seed, masks, VIEW, 7)
    assert len(sealed) == SEED * len(peers) + TAG
    assert unseal_masks(seed, sealed, peers[::-1], VIEW, 7, about="h") == masks
    for other in ((os.urandom(32), VIEW, 7), (seed, bytes(32), 7), (seed, VIEW, 8)):
        wrong, view, owner = other
        refusal = refused(
            lambda w=wrong, v=view, o=owner: unseal_masks(w, sealed, peers, v, o, about="h")  # type: ignore[misc]
        )
        assert (refusal.reason, refusal.about) == (Reason.SHARE_FORGED, "h")


def test_commitments_differ_with_everything_they_commit_to() -> None:
    views, kinds, some, values = (VIEW, bytes(32)), ("self", "recovery"), (0, 1, 256), (b"v" * 32, b"w" * 32)
    made = [
        *(commit_seed(*one) for one in product(views, kinds, some, values)),
        *(commit_share(*one) for one in product(views, kinds, some, some, values)),
        *(
            commit_mask(view, one, other, value)
            for view, (one, other), value in product(views, combinations(some, 2), values)
        ),
    ]
    assert len(set(made)) == len(made)
    assert all(len(commitment) == 32 for commitment in made)


def test_both_ends_of_a_pair_commit_to_their_mask_alike() -> None:
    for one, other in permutations((0, 1, 256, 65_535), 2):
        assert commit_mask(VIEW, one, other, b"m") == commit_mask(VIEW, other, one, b"m")
