"""The keys of one attempt at a sum: fresh pairs at every hospital, and one secret for every two hospitals.

A pair's secret comes from X25519 (RFC 7748) and ML-KEM-768 (FIPS 203) together, through HKDF-SHA256 (RFC 5869)
salted with the view of the sum: it is as strong as the stronger of the two. Keys for shares and for masks are
different outputs, and revealing one tells nothing of the other.

Guarantees: private keys live for one attempt and are dropped when the pair's secrets are derived, so what is taken
from a hospital later opens nothing that was recorded earlier. Python cannot overwrite memory: bytes that were
dropped may stay in the process's pages until they are reused. Hospitals authenticate each other with Ed25519 only;
a quantum computer that exists while the sum runs is not provided for, one that comes later is.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from privacy.secagg.transcript import tagged_hash
from shared.refusal import Reason, RefuseRound

SEED, TAG = 32, 16  # bytes
X25519_KEY, KEM_KEY, KEM_CIPHERTEXT = 32, 1184, 1088  # bytes
_PRIME = 2**255 - 19
_ONCE = bytes(12)  # the nonce of a key that seals one message


@dataclass(frozen=True)
class PublicKeys:
    """What a hospital advertises besides its commitments: `kem` is empty without the hybrid."""

    agreement: bytes
    kem: bytes


@dataclass(frozen=True)
class PairSecrets:
    """What two hospitals share in one attempt: keys that seal shares, by direction, and the key of their mask."""

    seal_to_peer: bytes
    seal_from_peer: bytes
    mask: bytes


class AttemptKeys:
    """A hospital's private keys for one attempt.

    Args:
        hybrid: also make an ML-KEM-768 key.
    """

    def __init__(self, *, hybrid: bool) -> None:
        self._agreement = X25519PrivateKey.generate()
        self._kem = MLKEM768PrivateKey.generate() if hybrid else None
        self.public = PublicKeys(
            self._agreement.public_key().public_bytes_raw(),
            self._kem.public_key().public_bytes_raw() if self._kem else b"",
        )

    def agree(self, peer: PublicKeys) -> bytes:
        """The X25519 secret with a peer, 32 bytes.

        Raises:
            RefuseRound: the peer's key is a point of low order.
        """
        try:
            return self._agreement.exchange(X25519PublicKey.from_public_bytes(peer.agreement))
        except ValueError:
            raise RefuseRound(Reason.BAD_KEY) from None

    def decapsulate(self, ciphertext: bytes) -> bytes:
        """The secret in an ML-KEM ciphertext, 32 bytes; of a forged one, a secret that nobody knows."""
        if self._kem is None:
            return b""
        return self._kem.decapsulate(ciphertext)


def encapsulate(peer: PublicKeys) -> tuple[bytes, bytes]:
    """Makes a secret for a peer.

    Returns:
        The secret, 32 bytes, and the ciphertext for the peer, 1088 bytes; both empty without the hybrid.

    Raises:
        RefuseRound: the peer's key is no ML-KEM-768 key.
    """
    return _load_kem(peer.kem).encapsulate() if peer.kem else (b"", b"")


def is_canonical(agreement: bytes) -> bool:
    """Whether an X25519 key is in the one form that an honest hospital makes: the top bit clear, and below the prime.

    X25519 itself takes others for the same key (RFC 7748, section 5), so a repeated key could hide behind one.
    """
    return int.from_bytes(agreement, "little") < _PRIME


def check_keys(public: PublicKeys) -> None:
    """Refuses keys that no honest hospital makes, before others meet them.

    Raises:
        RefuseRound: a point of low order, or no ML-KEM-768 key.
    """
    _PROBE.agree(public)
    if public.kem:
        _load_kem(public.kem)


def encapsulates(own: int, peer: int) -> bool:
    """Whether the hospital with index `own` makes the pair's KEM secret; evenly spread, so nobody sends n of them."""
    return (own < peer) == ((own + peer) % 2 == 0)


def derive_pair(
    own: int, peer: int, agreed: bytes, kem_secret: bytes, kem_ciphertext: bytes, view: bytes
) -> PairSecrets:
    """The keys of two hospitals from their two secrets.

    Args:
        own: index.
        peer: index.
        agreed: X25519 secret.
        kem_secret: empty without the hybrid.
        kem_ciphertext: bound into the keys, so that a swapped one is noticed.
        view: digest of what this hospital was shown; another view gives other keys.

    Returns:
        Keys of 32 bytes; those of the peer are the same, with the two directions exchanged.
    """
    low, high = sorted((own, peer))
    context = tagged_hash("pair", view, _two(low), _two(high), kem_ciphertext)

    def derive(label: bytes) -> bytes:
        return HKDF(SHA256(), SEED, salt=view, info=label + context).derive(agreed + kem_secret)

    up, down = derive(b"share, low to high"), derive(b"share, high to low")
    to_peer, from_peer = (up, down) if own == low else (down, up)
    return PairSecrets(to_peer, from_peer, derive(b"mask"))


def derive_seed(seed: bytes, view: bytes, purpose: str, owner: int) -> bytes:
    """A key of 32 bytes from a hospital's own seed."""
    return HKDF(SHA256(), SEED, salt=view, info=purpose.encode() + _two(owner)).derive(seed)


def new_seed() -> bytes:
    """32 bytes from the operating system's generator."""
    return os.urandom(SEED)


def seal(key: bytes, message: bytes, bound_to: bytes) -> bytes:
    """AES-256-GCM under a key that seals one message; 16 bytes longer than the message."""
    return AESGCM(key).encrypt(_ONCE, message, bound_to)


def unseal(key: bytes, sealed: bytes, bound_to: bytes, *, about: str) -> bytes:
    """Opens what `seal` made.

    Raises:
        RefuseRound: it was made with another key, for another purpose, or altered.
    """
    try:
        return AESGCM(key).decrypt(_ONCE, sealed, bound_to)
    except InvalidTag:
        raise RefuseRound(Reason.SHARE_FORGED, about=about) from None


def seal_masks(recovery_seed: bytes, masks: Mapping[int, bytes], view: bytes, owner: int) -> bytes:
    """Seals a hospital's mask keys, by peer, under its recovery seed, for the case that it vanishes."""
    key = derive_seed(recovery_seed, view, "recovery", owner)
    return seal(key, b"".join(masks[peer] for peer in sorted(masks)), view + _two(owner))


def unseal_masks(
    recovery_seed: bytes, sealed: bytes, peers: Sequence[int], view: bytes, owner: int, *, about: str
) -> dict[int, bytes]:
    """Opens what `seal_masks` made; the mask key by peer.

    Raises:
        RefuseRound: the seed does not open it.
    """
    key = derive_seed(recovery_seed, view, "recovery", owner)
    opened = unseal(key, sealed, view + _two(owner), about=about)
    return {peer: opened[SEED * i : SEED * (i + 1)] for i, peer in enumerate(sorted(peers))}


def commit_seed(terms: bytes, kind: str, owner: int, seed: bytes) -> bytes:
    """A commitment to a hospital's seed."""
    return tagged_hash(f"seed/{kind}", terms, _two(owner), seed)


def commit_share(view: bytes, kind: str, owner: int, holder: int, share: bytes) -> bytes:
    """A commitment to one share of one hospital's seed."""
    return tagged_hash(f"share/{kind}", view, _two(owner), _two(holder), share)


def commit_mask(view: bytes, one: int, other: int, mask: bytes) -> bytes:
    """A commitment to the mask key of two hospitals; both send it, and both must send the same."""
    low, high = sorted((one, other))
    return tagged_hash("mask", view, _two(low), _two(high), mask)


def _load_kem(key: bytes) -> MLKEM768PublicKey:
    """Reads an ML-KEM-768 key; one that is not in its encoded form is refused (FIPS 203, section 7.2)."""
    try:
        return MLKEM768PublicKey.from_public_bytes(key)
    except ValueError:
        raise RefuseRound(Reason.BAD_KEY) from None


_PROBE = AttemptKeys(hybrid=False)  # agrees with nobody: it tells points of low order


def _two(index: int) -> bytes:
    return index.to_bytes(2, "big")
