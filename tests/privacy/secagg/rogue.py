"""An aggregator that departs from the protocol: it tells every hospital what it likes and keeps every byte.

It meets real hospitals (`ClientSum`) one step at a time, checks nothing, and computes only what any aggregator could:
from its own messages, from the hospitals' answers, and from what hospitals in its league hold.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from numpy.typing import NDArray

from privacy.secagg import transcript
from privacy.secagg.client import ClientSum
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.keys import SEED, derive_pair, derive_seed, unseal, unseal_masks
from privacy.secagg.masks import add_masks
from privacy.secagg.messages import (
    Advert,
    Encapsulated,
    Inbox,
    Revealed,
    Shared,
    ShareOrder,
    adverts_order,
    kem_senders,
    survivors_order,
    unmask_order,
)
from privacy.secagg.packing import Accumulator
from privacy.secagg.policy import SitePolicy
from privacy.secagg.shares import combine
from shared.refusal import RefuseRound
from tests.privacy.secagg.rehearsal import TASK, KeptInMemory, Rehearsal

Vector = NDArray[np.int32]
STEPS = ("enter", "advertise", "encapsulate", "share", "receive", "mask", "confirm", "unmask")
Gain = tuple[Any, Any]  # what the aggregator got, and what it wanted
Slot = tuple[int, int]  # owner and holder of the share that is really in an inbox's slot


class NothingGained(Exception):
    """The aggregator went through with it and holds too little to compute what it wanted."""


class _Blind:
    """A roster for one who verifies nothing."""

    def verify(self, index: int, signature: bytes, label: str, *parts: bytes) -> None:
        """Takes it as it is."""


BLIND = cast(Roster, _Blind())


class Rogue:
    """The aggregator.

    Args:
        rehearsal: its hospitals and terms.
        league: hospitals that show it whatever they hold; they are not asked to confirm or unmask.
        vectors: by index; None for random ones.
    """

    def __init__(
        self, rehearsal: Rehearsal, *, league: Iterable[int] = (), vectors: Mapping[int, Vector] | None = None
    ) -> None:
        self.rehearsal, self.terms, self.league = rehearsal, rehearsal.terms, set(league)
        self.vectors = dict(vectors or enumerate(rehearsal.vectors().values()))
        self.clients: dict[int, ClientSum] = {}
        self.adverts: dict[int, bytes] = {}
        self.seen: dict[int, dict[int, bytes]] = {}
        """Adverts that a hospital was shown."""
        self.encapsulated: dict[int, dict[int, bytes]] = {}
        self.tasks: dict[int, bytes] = {}
        self.views: dict[int, bytes] = {}
        self.shared: dict[int, Shared] = {}
        self.slots: dict[int, dict[int, Slot]] = {}
        """What a hospital's inbox held, by the owner it was said to come from."""
        self.words: dict[int, NDArray[np.uint32]] = {}
        self.told: dict[int, list[int]] = {}
        """Survivors, as a hospital was told."""
        self.signatures: dict[int, bytes] = {}
        self.shares: defaultdict[tuple[str, int], dict[int, bytes]] = defaultdict(dict)
        """Shares it holds, by kind and owner, then by holder."""
        self.masks: dict[tuple[int, int], bytes] = {}
        """Mask keys it knows, by hospital in its league and peer."""

    # What it does, phase by phase; every argument says what one hospital, by index, is shown.

    def enter(self, *who: int) -> None:
        """Offers its terms to hospitals, to the whole cohort unless some are named."""
        for i in who or self.terms.cohort:
            site = self.rehearsal
            self.clients[i] = self.ask(
                "terms",
                ClientSum,
                self.terms.to_bytes(),
                site.identities[i],
                site.roster,
                site.policy,
                site.memories[site.names[i]],
            )

    def impersonate(self, *who: int, roster: Roster | None = None) -> None:
        """Plays hospitals itself, with keys of its own under their names."""
        self.league |= set(who)
        lax = SitePolicy(hybrid=False, colluders=0)
        for i in who:
            name = roster.hospitals[i] if roster else self.rehearsal.names[i]
            self.clients[i] = ClientSum(
                self.terms.to_bytes(),
                Identity.new(name),
                roster or self.rehearsal.roster,
                lax,
                KeptInMemory(),
            )

    def advertise(self) -> None:
        """Asks everyone who entered for keys."""
        for i, client in self.clients.items():
            self.adverts[i] = self.ask("advertise", client.advertise)

    def encapsulate(self, shown: Callable[[int], Mapping[int, bytes]] | None = None) -> None:
        """Shows adverts; all of them, unless told."""
        for i, client in self.clients.items():
            self.seen[i] = dict(sorted((shown(i) if shown else self.adverts).items()))
            order = adverts_order(self.terms, list(self.seen[i].values()))
            answer = self.ask("encapsulate", client.encapsulate, order)
            self.encapsulated[i] = Encapsulated.from_bytes(answer, self.terms, list(self.seen[i])).ciphertexts

    def share(
        self,
        task: Callable[[int], bytes] = lambda i: TASK,
        ciphertexts: Callable[[int, dict[int, bytes]], dict[int, bytes]] = lambda i, received: received,
    ) -> None:
        """Names the task and passes KEM ciphertexts on; then keeps all that hospitals share."""
        for i, client in self.clients.items():
            members = self.members(i)
            received = {s: self.encapsulated[s][i] for s in kem_senders(i, members, self.terms)}
            received = ciphertexts(i, received)
            self.tasks[i] = task(i)
            self.views[i] = transcript.view(self.terms.digest, task(i), self.seen[i].values())
            order = ShareOrder(task(i), members, received).to_bytes(self.terms)
            answer = self.ask("share", client.share, order)
            self.shared[i] = Shared.from_bytes(answer, self.terms, members)
            if i in self.league:
                self.masks |= {(i, peer): pair.mask for peer, pair in client._pairs.items()}

    def receive(
        self,
        owners: Callable[[int], Iterable[int]] | None = None,
        route: Callable[[int], dict[int, Slot]] = lambda i: {},
        altered: Callable[[int, Inbox], Inbox] = lambda i, inbox: inbox,
        content: Callable[[int], bytes] | None = None,
    ) -> None:
        """Delivers shares: whose, which one in each slot, how altered; and content with a digest of its own."""
        for i, client in self.clients.items():
            slots = {o: (o, i) for o in (owners(i) if owners else self.shared) if o != i} | route(i)
            inbox = Inbox(
                {slot: self.shared[o].sealed[h] for slot, (o, h) in slots.items()},
                {slot: self.shared[o].commitments[h] for slot, (o, h) in slots.items()},
            )
            self.slots[i] = slots
            order = altered(i, inbox).to_bytes(self.terms)
            self.ask("receive", client.receive, order, content(i) if content else self.tasks[i])

    def mask(self, *who: int) -> None:
        """Takes masked vectors."""
        for i in who or self.clients:
            self.words[i] = self.ask("mask", self.clients[i].mask, self.vectors[i].copy()).words

    def confirm(self, survivors: Callable[[int], Iterable[int]] | None = None, *who: int) -> None:
        """Has sets of survivors signed, by all honest hospitals unless some are named."""
        for i in who or self.honest():
            self.told[i] = sorted(survivors(i) if survivors else self.clients)
            order = survivors_order(self.terms, self.told[i])
            self.signatures[i] = self.ask("confirm", self.clients[i].confirm, order)[-64:]

    def unmask(self, order: Callable[[int], bytes] | None = None, *who: int) -> None:
        """Shows signatures and keeps the shares that this brings."""
        for i in who or self.told:
            shown = order(i) if order else unmask_order(self.terms, self.signed_alike(i))
            answer = self.ask("unmask", self.clients[i].unmask, shown)
            self.keep(i, Revealed.from_bytes(answer, self.terms, self.sharers(i), [i]).shares)

    def play(self, last: str) -> "Rogue":
        """Does nothing special, from the first step to this one."""
        for step in STEPS[: STEPS.index(last) + 1]:
            getattr(self, step)()
        return self

    def play_to_the_end(self) -> Vector:
        """Does nothing special at all; the sum of everyone's vectors."""
        self.play("unmask").collude()
        return self.sum_of(self.clients)

    def play_all_peers(self, victim: int, shown: Mapping[int, bytes] | None = None) -> Gain:
        """Lets the victim run among hospitals that are all the aggregator's own; `shown` are altered adverts."""
        seen = self.adverts | dict(shown or {})
        for i in self.league:
            self.clients[i]._advert = seen[i]
        self.encapsulate(lambda i: seen)
        self.share()
        self.receive()
        self.mask(victim)
        self.collude()
        return self.sum_of([victim]), self.vectors[victim]

    # What it knows.

    def honest(self) -> list[int]:
        """Hospitals that are not in its league."""
        return [i for i in self.clients if i not in self.league]

    def members(self, i: int) -> list[int]:
        """Hospitals that this one takes for members."""
        return sorted(self.seen[i])

    def sharers(self, i: int) -> list[int]:
        """Hospitals that this one takes for sharers."""
        return sorted({*self.slots[i], i})

    def signed_alike(self, i: int) -> dict[int, bytes]:
        """Signatures of those who were told what hospital `i` was told; its league signs anything."""
        statement = transcript.survivor_statement(self.views[i], self.sharers(i), self.told[i])
        alike = {j: s for j, s in self.signatures.items() if self.told[j] == self.told[i]}
        bought = {
            c: self.rehearsal.identities[c].sign("survivors", statement)
            for c in self.league & set(self.told[i])
        }
        return alike | bought

    def keep(self, i: int, revealed: Mapping[int, bytes]) -> None:
        """Files the shares that a hospital revealed under what they really are."""
        for slot, share in revealed.items():
            owner, holder = self.slots[i].get(slot, (slot, i))
            self.shares["self" if slot in self.told[i] else "recovery", owner][holder] = share

    def collude(self) -> None:
        """Files both shares of everyone that its league holds."""
        for c in self.league:
            for owner, held in self.clients[c]._held.items():
                self.shares["self", owner][c], self.shares["recovery", owner][c] = held[:SEED], held[SEED:]

    def open_shares_of(
        self,
        owner: int,
        agreement: X25519PrivateKey,
        secrets: Mapping[int, bytes],
        ciphertexts: Mapping[int, bytes],
    ) -> None:
        """Opens what a hospital sealed for its peers, once X25519 is broken and KEM secrets are known.

        Args:
            owner: the hospital.
            agreement: what breaking X25519 gave.
            secrets: of the KEM, by peer; empty without the hybrid.
            ciphertexts: likewise.
        """
        for peer, sealed in self.shared[owner].sealed.items():
            pair = self.broken_pair(
                owner, peer, agreement, secrets.get(peer, b""), ciphertexts.get(peer, b"")
            )
            opened = unseal(
                pair.seal_to_peer, sealed, self.views[owner] + _two(owner) + _two(peer), about=f"{owner}"
            )
            self.shares["self", owner][peer], self.shares["recovery", owner][peer] = (
                opened[:SEED],
                opened[SEED:],
            )

    def broken_pair(
        self, owner: int, peer: int, agreement: X25519PrivateKey, secret: bytes, ciphertext: bytes
    ) -> Any:
        """The secrets of two hospitals, once the X25519 key of one is known."""
        theirs = self.advert(self.seen[owner][peer]).keys.agreement
        agreed = agreement.exchange(X25519PublicKey.from_public_bytes(theirs))
        return derive_pair(owner, peer, agreed, secret, ciphertext, self.views[owner])

    def advert(self, raw: bytes) -> Advert:
        """An advert, unverified."""
        return Advert.from_bytes(raw, self.terms, BLIND)

    def seed(self, kind: str, owner: int) -> bytes:
        """A hospital's seed, put together from a threshold of shares."""
        found = self.shares[kind, owner]
        if len(found) < self.terms.threshold:
            raise NothingGained(f"{len(found)} {kind} shares of {owner}")
        holders = sorted(found)[: self.terms.threshold]
        points = [self.members(owner).index(holder) + 1 for holder in holders]
        (seed,) = combine([[found[holder]] for holder in holders], points)
        return seed

    def mask_key(self, one: int, other: int) -> bytes:
        """The mask key of two hospitals, from its league or from a recovery seed."""
        for own, peer in ((one, other), (other, one)):
            if (own, peer) in self.masks:
                return self.masks[own, peer]
            if len(self.shares["recovery", own]) >= self.terms.threshold:
                peers = [member for member in self.members(own) if member != own]
                sealed, view = self.shared[own].recovery, self.views[own]
                return unseal_masks(self.seed("recovery", own), sealed, peers, view, own, about="")[peer]
        raise NothingGained(f"mask of {one} and {other}")

    def sum_of(self, summed: Iterable[int]) -> Vector:
        """The sum of some hospitals' vectors, from their masked vectors and the keys it can lay hands on."""
        chosen = sorted(summed)
        total = Accumulator(self.terms.encoding.size, self.terms.encoding.bits)
        plus: list[bytes] = []
        minus: list[bytes] = []
        for i in chosen:
            total.add(self.words[i])
            minus.append(derive_seed(self.seed("self", i), self.views[i], "self", i))
            for peer in self.slots[i]:
                if not (peer in chosen and i in self.slots[peer]):  # else the two cancel
                    (minus if i < peer else plus).append(self.mask_key(i, peer))
        add_masks(total.words, plus, minus)
        return total.unpack()

    @staticmethod
    def ask(step: str, hospital: Callable[..., Any], *arguments: Any) -> Any:
        """Asks a hospital; its refusal carries the step, to be told from an error of the aggregator's own."""
        try:
            return hospital(*arguments)
        except RefuseRound as refusal:
            refusal.add_note(step)
            raise


def seeds_of(client: ClientSum) -> bytes:
    """Both seeds of a hospital that has not shared them yet, to compare with what was found out."""
    return client._self_seed + client._recovery_seed


def _two(index: int) -> bytes:
    return index.to_bytes(2, "big")
