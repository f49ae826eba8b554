"""A whole secure sum in one process, with every message open to be lost or altered on its way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from privacy.secagg.client import ClientSum
from privacy.secagg.fixed_point import FixedPoint, Segment, finest_scale
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.policy import SitePolicy
from privacy.secagg.server import ServerSum
from privacy.secagg.terms import Terms, usual_threshold
from shared.refusal import Reason, RefuseRound

TASK = bytes(range(32))
PHASES = ("advertise", "encapsulate", "share", "mask", "confirm", "unmask")
Tamper = Callable[[str, str, bytes], bytes]  # (phase, hospital, order to it) -> what it gets


class KeptInMemory:
    """A site's memory for tests: as strict as the one on disk, and gone with the process."""

    def __init__(self) -> None:
        self.masked: set[tuple[bytes, int, int]] = set()
        self.bound: dict[bytes, tuple[tuple[int, ...], int]] = {}
        self.confirmed: dict[bytes, tuple[str, ...]] = {}

    def masking(self, terms: Terms, task: bytes) -> None:
        attempt = (terms.run, terms.number, terms.attempt)
        if attempt in self.masked:
            raise RefuseRound(Reason.REPLAYED)
        self.masked.add(attempt)
        cohort = (terms.cohort, terms.threshold)
        if self.bound.setdefault(task, cohort) != cohort:
            raise RefuseRound(Reason.ANOTHER_SET)

    def confirming(self, terms: Terms, task: bytes, survivors: Sequence[str]) -> None:
        if self.confirmed.setdefault(task, tuple(survivors)) != tuple(survivors):
            raise RefuseRound(Reason.ANOTHER_SET)


@dataclass
class Rehearsal:
    """Hospitals, their aggregator and the terms between them.

    Args:
        hospitals: how many.
        coordinates: of each vector.
        bits: of the ring.
        threshold: None for the usual one.
        colluders: provided for.
        hybrid: with post-quantum keys.
    """

    hospitals: int
    coordinates: int = 37
    bits: int = 28
    threshold: int | None = None
    colluders: int = 1
    hybrid: bool = False
    policy: SitePolicy = field(default_factory=lambda: SitePolicy(hybrid=False))
    task: bytes = TASK

    def __post_init__(self) -> None:
        self.identities = [Identity.new(f"h{i:03}") for i in range(self.hospitals)]
        self.names = [identity.hospital for identity in self.identities]
        self.roster = Roster({identity.hospital: identity.public_key for identity in self.identities})
        scale = finest_scale(1.0, self.hospitals, self.bits)
        self.terms = Terms(
            run=bytes(16),
            number=1,
            attempt=1,
            purpose="train",
            roster=self.roster.digest,
            cohort=tuple(range(self.hospitals)),
            threshold=self.threshold or usual_threshold(self.hospitals, self.colluders),
            colluders=self.colluders,
            hybrid=self.hybrid,
            encoding=FixedPoint((Segment(self.coordinates, 1.0, scale),), self.hospitals, self.bits),
        )
        self.memories = {name: KeptInMemory() for name in self.names}
        self.refused: dict[str, RefuseRound] = {}
        """Why a client left, by hospital."""
        self.rejected: dict[str, RefuseRound] = {}
        """Why the aggregator would not take a hospital's answer."""
        self.sent: dict[tuple[str, str], bytes] = {}
        """Every answer, by phase and hospital."""
        self.masked: dict[str, NDArray[np.uint32]] = {}
        """Words of every masked vector."""
        self.orders: dict[tuple[str, str], bytes] = {}
        """Every order as the hospital got it."""

    def retry(self) -> None:
        """The next attempt at the same sum."""
        self.terms = replace(self.terms, attempt=self.terms.attempt + 1)

    def client(self, name: str) -> ClientSum:
        """A hospital's side, fresh."""
        identity = self.identities[self.names.index(name)]
        return ClientSum(self.terms.to_bytes(), identity, self.roster, self.policy, self.memories[name])

    def vectors(self, seed: int = 0) -> dict[str, NDArray[np.int32]]:
        """Random encoded vectors that use the whole range."""
        generator = np.random.default_rng(seed)
        most = self.terms.encoding.segments[0].steps
        return {
            name: generator.integers(-most, most + 1, self.coordinates, dtype=np.int32) for name in self.names
        }

    def run(
        self,
        vectors: Mapping[str, NDArray[np.int32]],
        *,
        drops: Mapping[str, Sequence[str]] | None = None,
        tamper: Tamper = lambda phase, hospital, order: order,
        answer: Tamper = lambda phase, hospital, message: message,
    ) -> NDArray[np.int32]:
        """Plays all phases.

        Args:
            vectors: encoded, by hospital; they are left as they are.
            drops: hospitals that vanish before they answer, by phase.
            tamper: what a lying aggregator makes of an order.
            answer: what a lying hospital makes of its answer.

        Returns:
            The total.

        Raises:
            RefuseRound: the aggregator cannot go on.
        """
        self.server = ServerSum(self.terms, self.roster)
        self.clients: dict[str, ClientSum] = {}
        self._drops, self._tamper, self._answer = drops or {}, tamper, answer
        self._gone: set[str] = set()
        terms = self.terms.to_bytes()

        def begin(name: str, order: bytes) -> bytes:
            identity = self.identities[self.names.index(name)]
            self.clients[name] = ClientSum(order, identity, self.roster, self.policy, self.memories[name])
            return self.clients[name].advertise()

        def mask(name: str, order: bytes) -> bytes:
            self.clients[name].receive(order, self.task)
            masked = self.clients[name].mask(vectors[name].copy())
            self.masked[name] = masked.words
            return masked.commitment

        server = self.server
        self._phase("advertise", dict.fromkeys(self.names, terms), begin, server.accept_advert)
        adverts = server.adverts_order()
        self._phase(
            "encapsulate",
            dict.fromkeys(self.names, adverts),
            lambda name, order: self.clients[name].encapsulate(order),
            server.accept_encapsulated,
        )
        self._phase(
            "share",
            server.share_orders(self.task),
            lambda name, order: self.clients[name].share(order),
            server.accept_shared,
        )
        self._phase(
            "mask",
            server.inboxes(),
            mask,
            lambda name, message: server.accept_masked(name, self.masked[name], message),
        )
        survivors = server.survivors_order()
        self._phase(
            "confirm",
            dict.fromkeys(server.survivors, survivors),
            lambda name, order: self.clients[name].confirm(order),
            server.accept_confirmed,
        )
        unmask = server.unmask_order()
        self._phase(
            "unmask",
            dict.fromkeys(server.survivors, unmask),
            lambda name, order: self.clients[name].unmask(order),
            server.accept_revealed,
        )
        return server.total()

    def _phase(
        self,
        phase: str,
        orders: Mapping[str, bytes],
        work: Callable[[str, bytes], bytes],
        accept: Callable[[str, bytes], None],
    ) -> None:
        self._gone |= set(self._drops.get(phase, ()))
        for name, order in orders.items():
            if name in self._gone:
                continue
            self.orders[phase, name] = self._tamper(phase, name, order)
            try:
                message = work(name, self.orders[phase, name])
            except RefuseRound as refusal:
                self.refused[name] = refusal
                self._gone.add(name)
                continue
            self.sent[phase, name] = self._answer(phase, name, message)
            try:
                accept(name, self.sent[phase, name])
            except RefuseRound as refusal:
                self.rejected[name] = refusal
                self._gone.add(name)
