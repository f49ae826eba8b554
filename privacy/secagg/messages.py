"""The messages of a secure sum, one class each: orders go to hospitals, the others come from them.

Every message begins with the magic number, its kind, and the sum's number and attempt. What other hospitals rely
on, or a hospital may be held to, ends with its signature: advert, masked vector, survivors. The rest needs none: a
swapped ciphertext or share opens nothing, or fails a commitment. A list's length either follows from what both
sides know or stands before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from privacy.secagg.canonical import MAGIC, Reader, Writer
from privacy.secagg.identity import SIGNATURE, Identity, Roster
from privacy.secagg.keys import (
    KEM_CIPHERTEXT,
    KEM_KEY,
    SEED,
    TAG,
    X25519_KEY,
    PublicKeys,
    encapsulates,
    is_canonical,
)
from privacy.secagg.terms import Terms
from privacy.secagg.transcript import DIGEST
from shared.refusal import Reason, RefuseRound

(
    _ADVERT,
    _ADVERTS,
    _ENCAPSULATED,
    _SHARE,
    _SHARED,
    _INBOX,
    _MASKED,
    _SURVIVORS,
    _CONFIRMED,
    _UNMASK,
    _REVEALED,
) = range(2, 13)
SEALED_SHARES = 2 * SEED + TAG  # of the self-mask's seed and the recovery seed


@dataclass(frozen=True)
class Advert:
    """A hospital's fresh keys, and commitments to its two seeds."""

    owner: int
    keys: PublicKeys
    self_commitment: bytes
    recovery_commitment: bytes
    signature: bytes = b""

    def body(self, terms: Terms) -> bytes:
        """What is signed."""
        out = _begin(_ADVERT, terms).unsigned(self.owner, 2).raw(self.keys.agreement).raw(self.keys.kem)
        return out.raw(self.self_commitment).raw(self.recovery_commitment).done()

    def signed(self, terms: Terms, identity: Identity) -> bytes:
        """The message."""
        body = self.body(terms)
        return body + identity.sign("advert", terms.digest, body)

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, roster: Roster) -> "Advert":
        """Reads and verifies one.

        Raises:
            RefuseRound: another form, no hospital of the cohort, a forged signature, or a key in a second form.
        """
        read = _open(data, _ADVERT, terms)
        owner = _member(read, terms.cohort)
        keys = PublicKeys(read.raw(X25519_KEY), read.raw(KEM_KEY if terms.hybrid else 0))
        advert = cls(owner, keys, read.raw(DIGEST), read.raw(DIGEST), read.raw(SIGNATURE))
        read.end()
        roster.verify(owner, advert.signature, "advert", terms.digest, data[:-SIGNATURE])
        if not is_canonical(keys.agreement):
            raise RefuseRound(Reason.BAD_KEY, about=roster.hospitals[owner])
        return advert


def advert_size(terms: Terms) -> int:
    """Bytes of an advert."""
    return len(_begin(_ADVERT, terms).done()) + 2 + _key_size(terms) + 2 * DIGEST + SIGNATURE


def adverts_order(terms: Terms, adverts: Sequence[bytes]) -> bytes:
    """Order to encapsulate: the adverts of all who advertised, by owner."""
    return _begin(_ADVERTS, terms).unsigned(len(adverts), 2).raw(b"".join(adverts)).done()


def read_adverts_order(data: bytes, terms: Terms) -> list[bytes]:
    """The adverts in an order to encapsulate, each still to be verified."""
    read = _open(data, _ADVERTS, terms)
    adverts = [read.raw(advert_size(terms)) for _ in range(read.unsigned(2))]
    read.end()
    return adverts


def kem_receivers(own: int, members: Sequence[int], terms: Terms) -> list[int]:
    """Whom a hospital sends KEM ciphertexts to, ascending."""
    if not terms.hybrid:
        return []
    return [peer for peer in members if peer != own and encapsulates(own, peer)]


def kem_senders(own: int, members: Sequence[int], terms: Terms) -> list[int]:
    """Whom a hospital gets KEM ciphertexts from, ascending."""
    if not terms.hybrid:
        return []
    return [peer for peer in members if peer != own and not encapsulates(own, peer)]


@dataclass(frozen=True)
class Encapsulated:
    """KEM ciphertexts by receiver."""

    owner: int
    ciphertexts: dict[int, bytes]

    def to_bytes(self, terms: Terms) -> bytes:
        """The message."""
        out = _begin(_ENCAPSULATED, terms).unsigned(self.owner, 2)
        return out.raw(b"".join(self.ciphertexts[peer] for peer in sorted(self.ciphertexts))).done()

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, members: Sequence[int]) -> "Encapsulated":
        """Reads one; `members` advertised."""
        read = _open(data, _ENCAPSULATED, terms)
        owner = _member(read, members)
        ciphertexts = {peer: read.raw(KEM_CIPHERTEXT) for peer in kem_receivers(owner, members, terms)}
        read.end()
        return cls(owner, ciphertexts)


@dataclass(frozen=True)
class ShareOrder:
    """Order to share seeds: the task, who is still there, and the KEM ciphertexts meant for the receiver."""

    task: bytes
    members: list[int]
    ciphertexts: dict[int, bytes]

    def to_bytes(self, terms: Terms) -> bytes:
        """The message."""
        out = _begin(_SHARE, terms).raw(self.task).indices(self.members)
        return out.raw(b"".join(self.ciphertexts[peer] for peer in sorted(self.ciphertexts))).done()

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, own: int) -> "ShareOrder":
        """Reads the one for the hospital `own`."""
        read = _open(data, _SHARE, terms)
        task, members = read.raw(DIGEST), read.indices()
        ciphertexts = {peer: read.raw(KEM_CIPHERTEXT) for peer in kem_senders(own, members, terms)}
        read.end()
        return cls(task, members, ciphertexts)


@dataclass(frozen=True)
class Shared:
    """A hospital's shares, sealed for each peer; commitments to each share and to each mask; its masks, sealed.

    Args:
        owner: index.
        sealed: by peer.
        commitments: to the shares of self-mask seed and recovery seed, by holder, the owner included.
        masks: commitments to the keys of its masks, by peer.
        recovery: its mask keys under the recovery seed.
    """

    owner: int
    sealed: dict[int, bytes]
    commitments: dict[int, tuple[bytes, bytes]]
    masks: dict[int, bytes]
    recovery: bytes

    def to_bytes(self, terms: Terms) -> bytes:
        """The message."""
        out = _begin(_SHARED, terms).unsigned(self.owner, 2)
        for peer in sorted(self.commitments):
            out.raw(b"".join(self.commitments[peer]))
        for peer in sorted(self.sealed):
            out.raw(self.sealed[peer]).raw(self.masks[peer])
        return out.raw(self.recovery).done()

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, members: Sequence[int]) -> "Shared":
        """Reads one; `members` were asked to share."""
        read = _open(data, _SHARED, terms)
        owner = _member(read, members)
        commitments = {peer: (read.raw(DIGEST), read.raw(DIGEST)) for peer in members}
        sealed: dict[int, bytes] = {}
        masks: dict[int, bytes] = {}
        for peer in members:
            if peer != owner:
                sealed[peer], masks[peer] = read.raw(SEALED_SHARES), read.raw(DIGEST)
        recovery = read.raw(SEED * (len(members) - 1) + TAG)
        read.end()
        return cls(owner, sealed, commitments, masks, recovery)


@dataclass(frozen=True)
class Inbox:
    """Order to mask: the shares sealed for the receiver, by owner, and the owners' commitments to them."""

    sealed: dict[int, bytes]
    commitments: dict[int, tuple[bytes, bytes]]

    def to_bytes(self, terms: Terms) -> bytes:
        """The message."""
        out = _begin(_INBOX, terms).indices(sorted(self.sealed))
        for owner in sorted(self.sealed):
            out.raw(self.sealed[owner]).raw(b"".join(self.commitments[owner]))
        return out.done()

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms) -> "Inbox":
        """Reads one."""
        read = _open(data, _INBOX, terms)
        sealed: dict[int, bytes] = {}
        commitments: dict[int, tuple[bytes, bytes]] = {}
        for owner in read.indices():
            sealed[owner], commitments[owner] = read.raw(SEALED_SHARES), (read.raw(DIGEST), read.raw(DIGEST))
        read.end()
        return cls(sealed, commitments)


@dataclass(frozen=True)
class Masked:
    """A hospital's signed commitment to the masked vector that travels beside it."""

    owner: int
    digest: bytes

    def signed(self, terms: Terms, view: bytes, identity: Identity) -> bytes:
        """The message."""
        body = _begin(_MASKED, terms).unsigned(self.owner, 2).raw(self.digest).done()
        return body + identity.sign("masked", view, body)

    @classmethod
    def from_bytes(cls, data: bytes, terms: Terms, members: Sequence[int]) -> "Masked":
        """Reads one, its signature still to be verified; `members` shared their seeds."""
        read = _open(data, _MASKED, terms)
        masked = cls(_member(read, members), read.raw(DIGEST))
        read.raw(SIGNATURE)
        read.end()
        return masked

    def verify(self, data: bytes, view: bytes, roster: Roster) -> None:
        """Checks the signature of the message that this was read from.

        Raises:
            RefuseRound: it does not verify.
        """
        roster.verify(self.owner, data[-SIGNATURE:], "masked", view, data[:-SIGNATURE])


def survivors_order(terms: Terms, survivors: list[int]) -> bytes:
    """Order to confirm: whose masked vectors are in the sum."""
    return _begin(_SURVIVORS, terms).indices(survivors).done()


def read_survivors_order(data: bytes, terms: Terms) -> list[int]:
    """The survivors in an order to confirm."""
    read = _open(data, _SURVIVORS, terms)
    survivors = read.indices()
    read.end()
    return survivors


def confirmed(terms: Terms, owner: int, statement: bytes, identity: Identity) -> bytes:
    """A hospital's signature under the set of survivors."""
    return _begin(_CONFIRMED, terms).unsigned(owner, 2).raw(identity.sign("survivors", statement)).done()


def read_confirmed(
    data: bytes, terms: Terms, statement: bytes, members: Sequence[int], roster: Roster
) -> tuple[int, bytes]:
    """Reads and verifies one; index and signature."""
    read = _open(data, _CONFIRMED, terms)
    owner, signature = _member(read, members), read.raw(SIGNATURE)
    read.end()
    roster.verify(owner, signature, "survivors", statement)
    return owner, signature


def unmask_order(terms: Terms, signatures: dict[int, bytes]) -> bytes:
    """Order to unmask: who confirmed the survivors."""
    out = _begin(_UNMASK, terms).indices(sorted(signatures))
    for owner in sorted(signatures):
        out.raw(signatures[owner])
    return out.done()


def read_unmask_order(data: bytes, terms: Terms) -> dict[int, bytes]:
    """Signatures by hospital, each still to be verified."""
    read = _open(data, _UNMASK, terms)
    signatures = dict.fromkeys(read.indices(), b"")
    for owner in signatures:
        signatures[owner] = read.raw(SIGNATURE)
    read.end()
    return signatures


@dataclass(frozen=True)
class Revealed:
    """One share of every sharer's seed: of the self-mask's if its vector is in the sum, else of the recovery seed."""

    holder: int
    shares: dict[int, bytes]

    def to_bytes(self, terms: Terms) -> bytes:
        """The message."""
        out = _begin(_REVEALED, terms).unsigned(self.holder, 2)
        return out.raw(b"".join(self.shares[owner] for owner in sorted(self.shares))).done()

    @classmethod
    def from_bytes(
        cls, data: bytes, terms: Terms, sharers: Sequence[int], holders: Sequence[int]
    ) -> "Revealed":
        """Reads one; `holders` were asked."""
        read = _open(data, _REVEALED, terms)
        holder = _member(read, holders)
        shares = {owner: read.raw(SEED) for owner in sharers}
        read.end()
        return cls(holder, shares)


def sum_of(data: bytes) -> tuple[int, int]:
    """Number and attempt of the sum that a message belongs to, whatever its kind.

    Raises:
        RefuseRound: it has no message's beginning.
    """
    read = Reader(data)
    read.expect(MAGIC)
    read.unsigned(1)
    return read.unsigned(4), read.unsigned(4)


def _key_size(terms: Terms) -> int:
    return X25519_KEY + (KEM_KEY if terms.hybrid else 0)


def _begin(kind: int, terms: Terms) -> Writer:
    return Writer().raw(MAGIC).unsigned(kind, 1).unsigned(terms.number, 4).unsigned(terms.attempt, 4)


def _open(data: bytes, kind: int, terms: Terms) -> Reader:
    read = Reader(data)
    read.expect(_begin(kind, terms).done())
    return read


def _member(read: Reader, members: Sequence[int]) -> int:
    index = read.unsigned(2)
    if index not in members:
        raise RefuseRound(Reason.UNKNOWN_HOSPITAL)
    return index
