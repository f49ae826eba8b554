"""The aggregator in one attempt at a secure sum: it passes messages on, adds masked vectors and takes the masks away.

The steps mirror those of `client`. Each phase collects answers with an `accept_...` call for every hospital, which
raises if that hospital's answer cannot be used and changes nothing then; the order of the next phase closes it.

Guarantees: `total` is exactly the sum of the survivors' encoded vectors, or an error names who departed from the
protocol. A hospital may vanish in any phase as long as `threshold` remain. A seed put together from shares is
checked against its owner's commitment, a share against its owner's, a pair's mask against both ends', so a wrong
sum takes a hospital that lies about its own vector; the signed commitment to what it sent is kept (`evidence`), and
until then the masked vectors are, too.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from privacy.secagg import transcript
from privacy.secagg.identity import Roster
from privacy.secagg.keys import check_keys, commit_mask, commit_seed, commit_share, derive_seed, unseal_masks
from privacy.secagg.masks import add_masks
from privacy.secagg.messages import (
    Advert,
    Encapsulated,
    Inbox,
    Masked,
    Revealed,
    Shared,
    ShareOrder,
    adverts_order,
    kem_senders,
    read_confirmed,
    survivors_order,
    unmask_order,
)
from privacy.secagg.packing import Accumulator, check_packed
from privacy.secagg.shares import combine
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound


@dataclass(frozen=True)
class Evidence:
    """A hospital's signed commitment to the masked vector it sent.

    Args:
        hospital: its name.
        view: digest of what the sum's hospitals agreed on, hexadecimal.
        commitment: the signed message, hexadecimal.
        truthful: whether what it sent is what it committed to.
    """

    hospital: str
    view: str
    commitment: str
    truthful: bool


class Phase(Enum):
    """What the aggregator collects."""

    ADVERTS = auto()
    CIPHERTEXTS = auto()
    SHARES = auto()
    VECTORS = auto()
    SIGNATURES = auto()
    SEEDS = auto()


class ServerSum:
    """One attempt at one sum.

    Args:
        terms: as proposed to the hospitals.
        roster: of the federation.
        threads: to take masks away with.
    """

    def __init__(self, terms: Terms, roster: Roster, *, threads: int = 1) -> None:
        self.terms, self._roster, self._threads = terms, roster, threads
        self._adverts: dict[int, tuple[bytes, Advert]] = {}
        self._encapsulated: dict[int, Encapsulated] = {}
        self._shared: dict[int, Shared] = {}
        self._masked: dict[int, tuple[NDArray[np.uint32], Masked, bytes]] = {}
        self._confirmed: dict[int, bytes] = {}
        self._revealed: dict[int, Revealed] = {}
        self.phase = Phase.ADVERTS
        self.disputed: list[str] = []
        """Hospitals left out because they and a peer named different masks."""
        self._total: NDArray[np.int32] | None = None
        self._sum = Accumulator(terms.encoding.size, terms.encoding.bits)

    # Advertise.

    def accept_advert(self, hospital: str, message: bytes) -> None:
        """Takes in a hospital's keys.

        Raises:
            RefuseRound: forged, a key that is none, or one that another hospital has shown.
        """
        self._collecting(Phase.ADVERTS, hospital)
        advert = Advert.from_bytes(message, self.terms, self._roster)
        owner = self._is_from(hospital, advert.owner, self._adverts)
        check_keys(advert.keys)
        shown = {key for _, other in self._adverts.values() for key in (other.keys.agreement, other.keys.kem)}
        if {advert.keys.agreement, advert.keys.kem} & (shown - {b""}):
            raise RefuseRound(Reason.REPEATED_KEY, about=hospital)
        self._adverts[owner] = (message, advert)

    def adverts_order(self) -> bytes:
        """Closes the phase: all keys, for everyone who advertised.

        Raises:
            RefuseRound: `TOO_FEW`.
        """
        self._advertised = self._close(Phase.CIPHERTEXTS, self._adverts)
        adverts = [self._adverts[owner][0] for owner in self._advertised]
        return adverts_order(self.terms, adverts)

    @property
    def advertisers(self) -> tuple[str, ...]:
        """The hospitals that have advertised so far."""
        return self._names(self._adverts)

    # Encapsulate.

    def accept_encapsulated(self, hospital: str, message: bytes) -> None:
        """Takes in a hospital's KEM ciphertexts.

        Raises:
            RefuseRound: malformed.
        """
        self._collecting(Phase.CIPHERTEXTS, hospital)
        found = Encapsulated.from_bytes(message, self.terms, self._advertised)
        self._encapsulated[self._is_from(hospital, found.owner, self._encapsulated)] = found

    def share_orders(self, task: bytes) -> dict[str, bytes]:
        """Closes the phase: the task, who is still there, and everyone's ciphertexts, by hospital.

        Args:
            task: digest of what the hospitals will be asked to compute.

        Raises:
            RefuseRound: `TOO_FEW`.
        """
        self._members = members = self._close(Phase.SHARES, self._encapsulated)
        self._view = transcript.view(self.terms.digest, task, (self._adverts[m][0] for m in members))
        orders = {}
        for member in members:
            ciphertexts = {
                sender: self._encapsulated[sender].ciphertexts[member]
                for sender in kem_senders(member, members, self.terms)
            }
            order = ShareOrder(task, members, ciphertexts).to_bytes(self.terms)
            orders[self._roster.hospitals[member]] = order
        self._encapsulated = {}
        return orders

    @property
    def encapsulators(self) -> tuple[str, ...]:
        """The hospitals that have encapsulated so far."""
        return self._names(self._encapsulated)

    # Share.

    def accept_shared(self, hospital: str, message: bytes) -> None:
        """Takes in a hospital's sealed shares.

        Raises:
            RefuseRound: malformed.
        """
        self._collecting(Phase.SHARES, hospital)
        shared = Shared.from_bytes(message, self.terms, self._members)
        self._shared[self._is_from(hospital, shared.owner, self._shared)] = shared

    def inboxes(self) -> dict[str, bytes]:
        """Closes the phase: the shares sealed for each hospital, by hospital.

        Two hospitals that commit to different masks for each other cannot both stay. Whoever is in most disputes goes
        first, so a single liar goes alone; of two with one dispute each, both go.

        Raises:
            RefuseRound: `TOO_FEW`.
        """
        self._leave_out_disputed()
        self._sharers = self._close(Phase.VECTORS, self._shared)
        orders = {}
        for member in self._sharers:
            others = [owner for owner in self._sharers if owner != member]
            inbox = Inbox(
                {owner: self._shared[owner].sealed[member] for owner in others},
                {owner: self._shared[owner].commitments[member] for owner in others},
            )
            orders[self._roster.hospitals[member]] = inbox.to_bytes(self.terms)
        return orders

    # Mask.

    def accept_masked(self, hospital: str, words: NDArray[np.generic], commitment: bytes) -> None:
        """Adds a hospital's masked vector to the sum.

        Args:
            hospital: whose it is.
            words: uint32, shape (wire words,).
            commitment: its signed message.

        Raises:
            RefuseRound: forged, or another shape or type.
        """
        self._collecting(Phase.VECTORS, hospital)
        masked = Masked.from_bytes(commitment, self.terms, self._sharers)
        owner = self._is_from(hospital, masked.owner, self._masked)
        masked.verify(commitment, self._view, self._roster)
        check_packed(words, self.terms.encoding.size, self.terms.encoding.bits, about=hospital)
        self._sum.add(words)
        self._masked[owner] = (words.view(np.uint32), masked, commitment)

    def survivors_order(self) -> bytes:
        """Closes the phase: whose vectors are in the sum.

        Raises:
            RefuseRound: `TOO_FEW`.
        """
        self._survivors = self._close(Phase.SIGNATURES, self._masked)
        self._statement = transcript.survivor_statement(self._view, self._sharers, self._survivors)
        return survivors_order(self.terms, self._survivors)

    @property
    def survivors(self) -> list[str]:
        """The hospitals whose vectors are in the sum."""
        return list(self._names(self._survivors))

    # Confirm.

    def accept_confirmed(self, hospital: str, message: bytes) -> None:
        """Takes in a hospital's signature under the set of survivors.

        Raises:
            RefuseRound: forged.
        """
        self._collecting(Phase.SIGNATURES, hospital)
        owner, signature = read_confirmed(message, self.terms, self._statement, self._survivors, self._roster)
        self._confirmed[self._is_from(hospital, owner, self._confirmed)] = signature

    def unmask_order(self) -> bytes:
        """Closes the phase: signatures of as many as the threshold asks for; more prove nothing more.

        Raises:
            RefuseRound: `TOO_FEW`.
        """
        signers = self._close(Phase.SEEDS, self._confirmed)[: self.terms.threshold]
        return unmask_order(self.terms, {signer: self._confirmed[signer] for signer in signers})

    # Unmask.

    def accept_revealed(self, hospital: str, message: bytes) -> None:
        """Takes in a hospital's shares of the seeds.

        Raises:
            RefuseRound: malformed; `SHARE_WRONG` if a share is not the one its owner committed to.
        """
        self._collecting(Phase.SEEDS, hospital)
        revealed = Revealed.from_bytes(message, self.terms, self._sharers, self._survivors)
        holder = self._is_from(hospital, revealed.holder, self._revealed)
        if len(self._revealed) < self.terms.threshold:  # the others' are not needed
            for owner, share in revealed.shares.items():
                kind = "self" if owner in self._masked else "recovery"
                commitment = self._shared[owner].commitments[holder][kind == "recovery"]
                if commit_share(self._view, kind, owner, holder, share) != commitment:
                    raise RefuseRound(Reason.SHARE_WRONG, about=hospital)
            self._revealed[holder] = revealed

    def total(self) -> NDArray[np.int32]:
        """Takes the masks away.

        Returns:
            The exact sum of the survivors' encoded vectors, shape (coordinates,).

        Raises:
            RefuseRound: `TOO_FEW`; `SEED_WRONG`, `MASK_DISPUTED` or `SHARE_FORGED` about a hospital that shared
                another seed, or sealed other masks, than it committed to.
        """
        if self._total is not None:
            return self._total
        holders = self._enough(self._revealed)[: self.terms.threshold]
        points = [self._members.index(holder) + 1 for holder in holders]
        seeds = combine(
            [[self._revealed[holder].shares[owner] for owner in self._sharers] for holder in holders], points
        )
        plus: list[bytes] = []
        minus: list[bytes] = []
        for owner, seed in zip(self._sharers, seeds, strict=True):
            name = self._roster.hospitals[owner]
            _, advert = self._adverts[owner]
            alive = owner in self._masked
            kind, promised = (
                ("self", advert.self_commitment) if alive else ("recovery", advert.recovery_commitment)
            )
            if commit_seed(self.terms.digest, kind, owner, seed) != promised:
                raise RefuseRound(Reason.SEED_WRONG, about=name)
            if alive:
                minus.append(derive_seed(seed, self._view, "self", owner))
                continue
            for peer, mask in self._recovered(owner, seed, name).items():  # undoes what the peer added
                (plus if owner < peer else minus).append(mask)
        add_masks(self._sum.words, plus, minus, threads=self._threads)
        self._total = self._sum.unpack()
        return self._total

    def evidence(self) -> list[Evidence]:
        """Each survivor's signed commitment, and whether it holds; this takes a while, for it reads every vector."""
        return [
            Evidence(
                self._roster.hospitals[owner],
                self._view.hex(),
                commitment.hex(),
                hashlib.sha256(np.ascontiguousarray(words).data).digest() == masked.digest,
            )
            for owner, (words, masked, commitment) in sorted(self._masked.items())
        ]

    def _recovered(self, owner: int, seed: bytes, name: str) -> dict[int, bytes]:
        """The masks that survivors share with a hospital that vanished, by survivor."""
        shared = self._shared[owner]
        peers = [member for member in self._members if member != owner]
        opened = unseal_masks(seed, shared.recovery, peers, self._view, owner, about=name)
        masks = {peer: opened[peer] for peer in self._survivors}
        for peer, mask in masks.items():
            if commit_mask(self._view, owner, peer, mask) != shared.masks[peer]:
                raise RefuseRound(Reason.MASK_DISPUTED, about=name)
        return masks

    def _leave_out_disputed(self) -> None:
        disputes = {
            owner: {peer for peer in self._shared if peer != owner and self._differ(owner, peer)}
            for owner in self._shared
        }
        while most := max(map(len, disputes.values()), default=0):
            for owner in [owner for owner, peers in disputes.items() if len(peers) == most]:
                self.disputed.append(self._roster.hospitals[owner])
                del disputes[owner], self._shared[owner]
            disputes = {owner: peers & disputes.keys() for owner, peers in disputes.items()}

    def _differ(self, one: int, other: int) -> bool:
        return self._shared[one].masks[other] != self._shared[other].masks[one]

    def _collecting(self, phase: Phase, hospital: str) -> None:
        """Refuses an answer that comes before its phase, or after the order that closed it."""
        if self.phase is not phase:
            raise RefuseRound(Reason.OUT_OF_TURN, about=hospital)

    def _close(self, then: Phase, answers: Mapping[int, object]) -> list[int]:
        enough = self._enough(answers)
        self.phase = then
        return enough

    def _is_from(self, hospital: str, claimed: int, already: Mapping[int, object]) -> int:
        """The sender's index: a hospital speaks for itself, and once in a phase."""
        if self._roster.index(hospital) != claimed:
            raise RefuseRound(Reason.UNKNOWN_HOSPITAL, about=hospital)
        if claimed in already:
            raise RefuseRound(Reason.OUT_OF_TURN, about=hospital)
        return claimed

    def _names(self, indices: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._roster.hospitals[index] for index in sorted(indices))

    def _enough(self, answers: Mapping[int, object]) -> list[int]:
        if len(answers) < self.terms.threshold:
            raise RefuseRound(Reason.TOO_FEW)
        return sorted(answers)
