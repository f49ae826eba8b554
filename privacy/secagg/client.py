"""One hospital in one attempt at a secure sum: seven steps, each taken once, in order, or not at all.

    advertise    terms               -> fresh keys, commitments to two seeds
    encapsulate  everyone's keys     -> KEM ciphertexts
    share        task, ciphertexts   -> shares of both seeds, sealed for each peer
    receive      the shares for us      (then the hospital computes its vector)
    mask         the vector          -> the masked vector and a signed commitment to it
    confirm      who is in the sum   -> a signature under that set
    unmask       those signatures    -> one share of each hospital's self-mask or recovery seed

Guarantees, for this hospital's vector against the aggregator and up to `colluders` others:
    - It leaves masked with the sum of a mask of its own and one for each peer, and its own mask is unmasked only if
      `threshold` hospitals signed one and the same set of survivors; its peers' masks only if it is not in that set.
    - Keys, threshold, ring and cohort are checked against the site's policy before anything is sent.
    - What was masked is on disk before it leaves, and so is the set that was confirmed (`Memory`): neither a replay
      nor a restart gets a second answer. Attempts at one task are for one cohort and threshold, so two of them have
      an honest signer in common, who signs one set of survivors only: no two sums of one task that hold this
      hospital's vector are ever unmasked.
    - A step that fails is the last: the hospital leaves the attempt and drops its keys, seeds and shares.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from privacy.secagg import transcript
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.keys import (
    SEED,
    AttemptKeys,
    PairSecrets,
    commit_mask,
    commit_seed,
    commit_share,
    derive_pair,
    derive_seed,
    encapsulate,
    new_seed,
    seal,
    seal_masks,
    unseal,
)
from privacy.secagg.masks import add_masks
from privacy.secagg.messages import (
    Advert,
    Encapsulated,
    Inbox,
    Masked,
    Revealed,
    Shared,
    ShareOrder,
    confirmed,
    kem_receivers,
    read_adverts_order,
    read_survivors_order,
    read_unmask_order,
)
from privacy.secagg.packing import pack
from privacy.secagg.policy import LEAST_HONEST, SitePolicy
from privacy.secagg.shares import split
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound


class Memory(Protocol):
    """What a hospital remembers of its secure sums, whatever happens to its process."""

    def masking(self, terms: Terms, task: bytes) -> None:
        """Notes durably that this attempt is masked now, and for which cohort and threshold the task is.

        Raises:
            RefuseRound: `REPLAYED` if it was before; `ANOTHER_SET` if the task was masked for another cohort or
                threshold.
        """

    def confirming(self, terms: Terms, task: bytes, survivors: Sequence[str]) -> None:
        """Notes durably that this task is confirmed with these hospitals.

        Raises:
            RefuseRound: `ANOTHER_SET` if it was confirmed with others before.
        """


class Step(Enum):
    """What a hospital does next."""

    ADVERTISE = auto()
    ENCAPSULATE = auto()
    SHARE = auto()
    RECEIVE = auto()
    MASK = auto()
    CONFIRM = auto()
    UNMASK = auto()
    LEFT = auto()


@dataclass(frozen=True)
class MaskedVector:
    """What leaves the hospital: words of the packed masked vector, and the signed commitment to them."""

    words: NDArray[np.uint32]
    commitment: bytes


class ClientSum:
    """One attempt at one sum.

    Args:
        terms: the aggregator's proposal, in its canonical form.
        identity: this hospital's.
        roster: as pinned at the site.
        policy: the site's.
        memory: the site's, durable.
        threads: to mask with.

    Raises:
        RefuseRound: the terms are malformed or fall short of the policy.
    """

    def __init__(
        self,
        terms: bytes,
        identity: Identity,
        roster: Roster,
        policy: SitePolicy,
        memory: Memory,
        *,
        threads: int = 1,
    ) -> None:
        self.terms = Terms.from_bytes(terms)
        self.next = Step.ADVERTISE
        self._identity, self._roster, self._memory, self._threads = identity, roster, memory, threads
        self._own = roster.index(identity.hospital)
        policy.check(self.terms, roster, self._own)

    @property
    def sharers(self) -> int:
        """Hospitals whose vectors may be in the sum; known once the shares are received."""
        return len(self._sharers)

    @property
    def survivors(self) -> int:
        """Hospitals whose vectors are in the sum; known once the set is confirmed."""
        return len(self._survivors)

    def advertise(self) -> bytes:
        """Makes this attempt's keys and seeds.

        Returns:
            The signed advert.
        """
        with self._step(Step.ADVERTISE, Step.ENCAPSULATE):
            self._keys = AttemptKeys(hybrid=self.terms.hybrid)
            self._self_seed, self._recovery_seed = new_seed(), new_seed()
            self._advert = Advert(
                self._own,
                self._keys.public,
                commit_seed(self.terms.digest, "self", self._own, self._self_seed),
                commit_seed(self.terms.digest, "recovery", self._own, self._recovery_seed),
            ).signed(self.terms, self._identity)
            return self._advert

    def encapsulate(self, order: bytes) -> bytes:
        """Checks everyone's keys and makes a KEM secret with every other peer.

        Args:
            order: all adverts.

        Returns:
            The ciphertexts.

        Raises:
            RefuseRound: an advert is forged, alien, repeated or missing.
        """
        with self._step(Step.ENCAPSULATE, Step.SHARE):
            self._adverts = self._read_adverts(order)
            members = sorted(self._adverts)
            self._raw_adverts = dict(zip(members, read_adverts_order(order, self.terms), strict=True))
            self._kem = {
                peer: encapsulate(self._adverts[peer].keys)
                for peer in kem_receivers(self._own, members, self.terms)
            }
            ciphertexts = {peer: ciphertext for peer, (_, ciphertext) in self._kem.items()}
            return Encapsulated(self._own, ciphertexts).to_bytes(self.terms)

    def share(self, order: bytes) -> bytes:
        """Derives the pairs' secrets and shares both seeds among all who are still there.

        Args:
            order: the task, who is still there, KEM ciphertexts.

        Returns:
            The sealed shares with their commitments.

        Raises:
            RefuseRound: too few are left, or a key is no key.
        """
        with self._step(Step.SHARE, Step.RECEIVE):
            asked = ShareOrder.from_bytes(order, self.terms, self._own)
            self._members = self._checked_set(asked.members, sorted(self._adverts), Reason.UNKNOWN_HOSPITAL)
            self.task = asked.task
            self._view = transcript.view(
                self.terms.digest, self.task, (self._raw_adverts[member] for member in self._members)
            )
            self._pairs = {
                peer: self._pair(peer, asked.ciphertexts) for peer in self._members if peer != self._own
            }
            points = list(range(1, len(self._members) + 1))
            shares = dict(
                zip(
                    self._members,
                    split(self._self_seed + self._recovery_seed, self.terms.threshold, points),
                    strict=True,
                )
            )
            answer = Shared(
                owner=self._own,
                sealed={
                    peer: seal(pair.seal_to_peer, shares[peer], _between(self._view, self._own, peer))
                    for peer, pair in self._pairs.items()
                },
                commitments={
                    holder: self._commitments(self._own, holder, share) for holder, share in shares.items()
                },
                masks={
                    peer: commit_mask(self._view, self._own, peer, pair.mask)
                    for peer, pair in self._pairs.items()
                },
                recovery=seal_masks(
                    self._recovery_seed,
                    {peer: pair.mask for peer, pair in self._pairs.items()},
                    self._view,
                    self._own,
                ),
            ).to_bytes(self.terms)
            self._held = {self._own: shares[self._own]}
            del self._keys, self._kem, self._recovery_seed, self._adverts, self._raw_adverts
            return answer

    def receive(self, order: bytes, task: bytes) -> None:
        """Opens the shares that peers sealed for this hospital; only then is a vector worth computing.

        Args:
            order: the shares, by owner.
            task: digest of the order and the model that came with it.

        Raises:
            RefuseRound: the task is not the one agreed on, or a share is forged or missing.
        """
        with self._step(Step.RECEIVE, Step.MASK):
            inbox = Inbox.from_bytes(order, self.terms)
            if task != self.task:
                raise RefuseRound(Reason.TASK)
            self._sharers = self._checked_set(
                sorted({*inbox.sealed, self._own}), self._members, Reason.UNKNOWN_HOSPITAL
            )
            if self._own in inbox.sealed:
                raise RefuseRound(Reason.MALFORMED)
            for owner, sealed in inbox.sealed.items():
                name = self._roster.hospitals[owner]
                bound_to = _between(self._view, owner, self._own)
                share = unseal(self._pairs[owner].seal_from_peer, sealed, bound_to, about=name)
                if self._commitments(owner, self._own, share) != inbox.commitments[owner]:
                    raise RefuseRound(Reason.SHARE_WRONG, about=name)
                self._held[owner] = share

    def mask(self, vector: NDArray[np.int32]) -> MaskedVector:
        """Masks this hospital's vector.

        Args:
            vector: encoded as the terms say, shape (coordinates,), contiguous; it is overwritten.

        Returns:
            What may leave.

        Raises:
            RefuseRound: another shape or type, this attempt was masked before, or the task was for another cohort.
        """
        with self._step(Step.MASK, Step.CONFIRM):
            shape = (self.terms.encoding.size,)
            if vector.dtype != np.int32 or vector.shape != shape or not vector.flags.c_contiguous:
                raise RefuseRound(Reason.VECTOR)
            self._memory.masking(self.terms, self.task)
            plus = [derive_seed(self._self_seed, self._view, "self", self._own)]
            minus: list[bytes] = []
            for peer in self._sharers:
                if peer != self._own:
                    (plus if self._own < peer else minus).append(self._pairs[peer].mask)
            words = pack(vector, self.terms.encoding.bits)
            add_masks(words, plus, minus, threads=self._threads)
            digest = hashlib.sha256(words.data).digest()
            del self._pairs, self._self_seed
            commitment = Masked(self._own, digest).signed(self.terms, self._view, self._identity)
            return MaskedVector(words, commitment)

    def confirm(self, order: bytes) -> bytes:
        """Signs the set of hospitals whose vectors are in the sum.

        Args:
            order: that set.

        Returns:
            The signature.

        Raises:
            RefuseRound: this hospital is not in the set, it is too small or holds a stranger, or the same task was
                confirmed with another set.
        """
        with self._step(Step.CONFIRM, Step.UNMASK):
            survivors = read_survivors_order(order, self.terms)
            self._survivors = self._checked_set(survivors, self._sharers, Reason.SURVIVORS)
            if len(survivors) - self.terms.colluders < LEAST_HONEST:
                raise RefuseRound(Reason.TOO_FEW)
            names = [self._roster.hospitals[index] for index in self._survivors]
            self._memory.confirming(self.terms, self.task, names)
            self._statement = transcript.survivor_statement(self._view, self._sharers, self._survivors)
            return confirmed(self.terms, self._own, self._statement, self._identity)

    def unmask(self, order: bytes) -> bytes:
        """Reveals a share of the self-mask's seed of every survivor, and of the recovery seed of those who vanished.

        Args:
            order: who signed the set of survivors.

        Returns:
            The shares.

        Raises:
            RefuseRound: fewer than the threshold signed the set that this hospital signed.
        """
        with self._step(Step.UNMASK, Step.LEFT):
            signatures = read_unmask_order(order, self.terms)
            if not set(signatures) <= set(self._survivors):
                raise RefuseRound(Reason.UNKNOWN_HOSPITAL)
            if len(signatures) < self.terms.threshold:
                raise RefuseRound(Reason.TOO_FEW)
            for signer, signature in signatures.items():
                self._roster.verify(signer, signature, "survivors", self._statement)
            alive = set(self._survivors)
            shares = {
                owner: held[:SEED] if owner in alive else held[SEED:] for owner, held in self._held.items()
            }
            del self._held
            return Revealed(self._own, shares).to_bytes(self.terms)

    @contextmanager
    def _step(self, now: Step, then: Step) -> Iterator[None]:
        """Takes one step; a step that fails is the last, and leaves no secret behind."""
        if self.next is not now:
            raise RefuseRound(Reason.OUT_OF_TURN)
        self.next = Step.LEFT
        try:
            yield
        except BaseException:
            for secret in ("_keys", "_kem", "_self_seed", "_recovery_seed", "_pairs", "_held"):
                self.__dict__.pop(secret, None)
            raise
        self.next = then

    def _read_adverts(self, order: bytes) -> dict[int, Advert]:
        """Everyone's verified advert, by owner."""
        adverts: dict[int, Advert] = {}
        seen: set[bytes] = set()
        previous = -1
        for raw in read_adverts_order(order, self.terms):
            advert = Advert.from_bytes(raw, self.terms, self._roster)
            if advert.owner <= previous:
                raise RefuseRound(Reason.MALFORMED)
            if advert.owner == self._own and raw != self._advert:
                raise RefuseRound(Reason.OWN_ADVERT)
            fresh = {advert.keys.agreement, advert.keys.kem} - {b""}
            if seen & fresh:
                raise RefuseRound(Reason.REPEATED_KEY, about=self._roster.hospitals[advert.owner])
            seen |= fresh
            adverts[advert.owner], previous = advert, advert.owner
        if self._own not in adverts:
            raise RefuseRound(Reason.OWN_ADVERT)
        if len(adverts) < self.terms.threshold:
            raise RefuseRound(Reason.TOO_FEW)
        return adverts

    def _checked_set(self, claimed: list[int], known: Sequence[int], stranger: Reason) -> list[int]:
        """A set of hospitals, ascending, that this hospital can believe."""
        if not set(claimed) <= set(known) or self._own not in claimed:
            raise RefuseRound(stranger)
        if len(claimed) < self.terms.threshold:
            raise RefuseRound(Reason.TOO_FEW)
        return claimed

    def _pair(self, peer: int, received: dict[int, bytes]) -> PairSecrets:
        secret, ciphertext = b"", b""
        if peer in self._kem:
            secret, ciphertext = self._kem[peer]
        elif peer in received:
            ciphertext = received[peer]
            secret = self._keys.decapsulate(ciphertext)
        agreed = self._keys.agree(self._adverts[peer].keys)
        return derive_pair(self._own, peer, agreed, secret, ciphertext, self._view)

    def _commitments(self, owner: int, holder: int, share: bytes) -> tuple[bytes, bytes]:
        return (
            commit_share(self._view, "self", owner, holder, share[:SEED]),
            commit_share(self._view, "recovery", owner, holder, share[SEED:]),
        )


def _between(view: bytes, owner: int, holder: int) -> bytes:
    return view + owner.to_bytes(2, "big") + holder.to_bytes(2, "big")
