"""A signature is one hospital's, for one purpose, over one list of parts; a roster is pinned whole."""

from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from privacy.secagg.identity import PUBLIC_KEY, SIGNATURE, Identity, Roster
from privacy.secagg.transcript import tagged_hash
from shared.refusal import Reason, RefuseRound

PRIME = 2**255 - 19
GROUP = (
    2**252 + 27742317777372353535851937790883648493
)  # the order of Ed25519's base point (RFC 8032, section 5.1)


@pytest.fixture(scope="module")
def identities() -> list[Identity]:
    return [Identity.new(name) for name in ("north", "east", "south")]


@pytest.fixture(scope="module")
def roster(identities: list[Identity]) -> Roster:
    return Roster({identity.hospital: identity.public_key for identity in identities})


def refused(roster: Roster, index: int, signature: bytes, label: str, *parts: bytes) -> RefuseRound:
    with pytest.raises(RefuseRound) as refusal:
        roster.verify(index, signature, label, *parts)
    return refusal.value


def test_a_signature_verifies_for_its_signer_purpose_and_parts_only(
    identities: list[Identity], roster: Roster
) -> None:
    """Every pair of statements, by every pair of hospitals."""
    statements = [
        ("advert", b"ab", b"c"),
        ("advert", b"a", b"bc"),
        ("advert", b"abc"),
        ("advert", b"ab", b"c", b""),
        ("masked", b"ab", b"c"),
        ("", b"advert", b"ab", b"c"),
    ]
    for signer, (label, *parts) in product(identities, statements):
        signature = signer.sign(label, *parts)
        assert len(signature) == SIGNATURE
        for index, name in enumerate(roster.hospitals):
            for claimed, *said in statements:
                if (name, claimed, said) == (signer.hospital, label, parts):
                    roster.verify(index, signature, claimed, *said)
                else:
                    refusal = refused(roster, index, signature, claimed, *said)
                    assert (refusal.reason, refusal.about) == (Reason.SIGNATURE, name)


def test_what_is_signed_is_a_hash_under_the_protocols_name(identities: list[Identity]) -> None:
    public = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    signature = Identity("x", Ed25519PrivateKey.from_private_bytes(bytes(32))).sign("advert", b"a", b"b")
    public.verify(signature, tagged_hash("sign/advert", b"a", b"b"))


def test_any_bit_of_a_signature_counts(identities: list[Identity], roster: Roster) -> None:
    signature = identities[0].sign("advert", b"part")
    index = roster.index("north")
    for bit in range(8 * SIGNATURE):
        flipped = (int.from_bytes(signature, "big") ^ 1 << bit).to_bytes(SIGNATURE, "big")
        assert refused(roster, index, flipped, "advert", b"part").reason is Reason.SIGNATURE
    for length in (0, 1, SIGNATURE - 1):
        assert refused(roster, index, signature[:length], "advert", b"part").reason is Reason.SIGNATURE
    assert refused(roster, index, signature + b"\0", "advert", b"part").reason is Reason.SIGNATURE


def test_a_signature_has_one_form(identities: list[Identity], roster: Roster) -> None:
    """The second half of it is below the order of the group: with the order added it would verify if unchecked."""
    signature = identities[0].sign("advert", b"part")
    second = int.from_bytes(signature[32:], "little") + GROUP
    again = signature[:32] + second.to_bytes(32, "little")
    assert refused(roster, roster.index("north"), again, "advert", b"part").reason is Reason.SIGNATURE


@pytest.mark.parametrize("index", [-1, 3, 65_535])
def test_an_index_beyond_the_roster_is_nobody(identities: list[Identity], roster: Roster, index: int) -> None:
    signature = identities[-1].sign("advert", b"part")
    assert refused(roster, index, signature, "advert", b"part").reason is Reason.UNKNOWN_HOSPITAL


def test_an_index_is_the_place_among_the_sorted_names(roster: Roster) -> None:
    assert roster.hospitals == ("east", "north", "south")
    assert [roster.index(name) for name in roster.hospitals] == [0, 1, 2]
    with pytest.raises(RefuseRound) as refusal:
        roster.index("west")
    assert (refusal.value.reason, refusal.value.about) == (Reason.UNKNOWN_HOSPITAL, "")


def test_a_roster_is_pinned_whole(identities: list[Identity], roster: Roster) -> None:
    """Its digest is that of names and keys, in whatever order they come; nothing can be added, swapped or dropped."""
    keys = {identity.hospital: identity.public_key for identity in identities}
    assert Roster(dict(reversed(keys.items()))).digest == roster.digest
    fresh = Identity.new("x").public_key
    others = [
        keys | {"north": fresh},
        keys | {"north": keys["south"], "south": keys["north"]},
        keys | {"west": fresh},
        {name: key for name, key in keys.items() if name != "east"},
        {name.upper(): key for name, key in keys.items()},
        {"northeast": keys["north"], "": fresh},
    ]
    digests = {roster.digest, *(Roster(other).digest for other in others[:-1])}
    assert len(digests) == len(others)
    with pytest.raises(RefuseRound) as refusal:
        Roster(others[-1])  # a hospital without a name
    assert refusal.value.reason is Reason.ROSTER


def test_two_hospitals_have_two_keys(identities: list[Identity]) -> None:
    key = identities[0].public_key
    with pytest.raises(RefuseRound) as refusal:
        Roster({"a": key, "b": Identity.new("b").public_key, "c": key})
    assert refusal.value.reason is Reason.REPEATED_KEY


def test_a_roster_is_not_empty_and_not_longer_than_an_index() -> None:
    for keys in ({}, {str(i): i.to_bytes(PUBLIC_KEY, "big") for i in range(65_536)}):
        with pytest.raises(RefuseRound) as refusal:
            Roster(keys)
        assert refusal.value.reason is Reason.ROSTER


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(31), id="short"),
        pytest.param(bytes(33), id="long"),
        pytest.param((2).to_bytes(32, "little"), id="no point has y = 2"),
        pytest.param(b"\xff" * 32, id="no number below the prime"),
        pytest.param((1).to_bytes(32, "little"), id="neutral element: whoever knows no key can sign for it"),
        pytest.param((PRIME + 1).to_bytes(32, "little"), id="neutral element in a second form"),
        pytest.param((PRIME - 1).to_bytes(32, "little"), id="order 2"),
        pytest.param(bytes(32), id="order 4"),
        pytest.param((2**255).to_bytes(32, "little"), id="order 4, the other one"),
    ],
)
def test_a_key_that_is_none_is_refused(key: bytes) -> None:
    with pytest.raises(RefuseRound) as refusal:
        Roster({"a": key})
    assert refusal.value.reason is Reason.BAD_KEY


def test_nobody_signs_for_a_hospital_without_its_key() -> None:
    """Under the neutral element as key, base point and 1 are a signature of everything: s B = R + h A for all h.

    So either the roster refuses the key or the signature does not verify.
    """
    forged = (4 * pow(5, -1, PRIME) % PRIME).to_bytes(32, "little") + (1).to_bytes(32, "little")
    with pytest.raises(RefuseRound):
        Roster({"a": (1).to_bytes(32, "little")}).verify(0, forged, "advert", b"never signed")


def test_a_private_key_can_be_kept_in_a_file() -> None:
    identity = Identity.new("north")
    kept = load_pem_private_key(identity.pem(), password=None)
    assert isinstance(kept, Ed25519PrivateKey)
    again = Identity("north", kept)
    assert again.public_key == identity.public_key
    assert again.sign("advert", b"part") == identity.sign("advert", b"part")
