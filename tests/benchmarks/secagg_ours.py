"""Our secure sum in one process: what `clinfed bench secagg` sets beside Flower's.

Every message passes as bytes, as it would between processes; a hospital's vector goes to the aggregator as it is,
the one copy that the wire would make left out, here and at Flower alike.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privacy.secagg.client import ClientSum
from privacy.secagg.fixed_point import FixedPoint, Segment, finest_scale, smallest_ring
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.policy import SitePolicy
from privacy.secagg.server import ServerSum
from privacy.secagg.terms import Terms, usual_threshold
from tests.benchmarks.flower_secagg import Cost
from tests.privacy.secagg.rehearsal import TASK, KeptInMemory

CLIP = 1.0  # of every vector in the benchmark
PRECISION = 1e-6  # of the clip: the mean is that close to what it would be without masks
EXAMPLES = 100  # of every hospital, by which its vector is weighted, as in a run

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class OurCost(Cost):
    """What one of our sums costs.

    Attributes:
        vector_bytes: of `bytes_up`, what the masked vector itself takes.
        evidence_seconds: CPU time of `ServerSum.evidence`, made of a discarded sum only; not in `server_seconds`.
    """

    vector_bytes: int
    evidence_seconds: float


class _Party:
    """What one party has spent."""

    def __init__(self) -> None:
        self.seconds, self.up, self.down = 0.0, 0, 0

    @contextmanager
    def works(self) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds += time.process_time() - started


def our_encoding(hospitals: int, length: int) -> FixedPoint:
    """As a run has it (`server.secure.training_encoding`) of hospitals with `EXAMPLES` each.

    That is the smallest ring in which the mean over the fewest hospitals that may be left is exact to within
    `PRECISION` of the clip, at its finest scale.
    """
    bound = CLIP * EXAMPLES
    bits = smallest_ring(bound, hospitals, PRECISION * bound * usual_threshold(hospitals, 0))
    return FixedPoint((Segment(length, bound, finest_scale(bound, hospitals, bits)),), hospitals, bits)


def our_secagg(
    draw: Callable[[int], Vector], hospitals: int, length: int, *, drops: int, hybrid: bool = True
) -> tuple[NDArray[np.float64], OurCost]:
    """Sums vectors with the usual threshold and one colluder provided for.

    Args:
        draw: a hospital's vector, `(length,)`, by index; asked once for each, so that not all need be in memory.
        hospitals: how many.
        length: of each vector.
        drops: how many hospitals, the last ones, vanish once their seeds are shared.
        hybrid: with post-quantum keys.

    Returns:
        The sum over the hospitals that stayed, `(length,)`, and what it cost.

    Raises:
        RuntimeError: that is not the sum.
    """
    identities = {f"h{i:03}": Identity.new(f"h{i:03}") for i in range(hospitals)}
    names = list(identities)
    stay = names[: hospitals - drops]
    roster = Roster({name: identity.public_key for name, identity in identities.items()})
    terms = Terms(
        run=bytes(16),
        number=1,
        attempt=1,
        purpose="train",
        roster=roster.digest,
        cohort=tuple(range(hospitals)),
        threshold=usual_threshold(hospitals, 1),
        colluders=1,
        hybrid=hybrid,
        encoding=our_encoding(hospitals, length),
    )
    parties = {name: _Party() for name in names}
    aggregator = _Party()
    clients: dict[str, ClientSum] = {}

    def phase(
        asked: list[str],
        order: Callable[[], Mapping[str, bytes] | bytes],
        work: Callable[[str, bytes], bytes],
        accept: Callable[[str, bytes], None],
    ) -> None:
        """The aggregator's order to those who are asked, their answers, and what it makes of them."""
        with aggregator.works():
            orders = order()
        for name in asked:
            party, sent = parties[name], orders if isinstance(orders, bytes) else orders[name]
            party.down += len(sent)
            with party.works():
                message = work(name, sent)
            party.up += len(message)
            with aggregator.works():
                accept(name, message)

    def begin(name: str, order: bytes) -> bytes:
        clients[name] = ClientSum(order, identities[name], roster, SitePolicy(hybrid=hybrid), KeptInMemory())
        return clients[name].advertise()

    # 1. Keys and shares of seeds.
    with aggregator.works():
        server = ServerSum(terms, roster)
    phase(names, terms.to_bytes, begin, server.accept_advert)
    phase(names, server.adverts_order, lambda n, o: clients[n].encapsulate(o), server.accept_encapsulated)
    phase(names, lambda: server.share_orders(TASK), lambda n, o: clients[n].share(o), server.accept_shared)

    # 2. Masked vectors, of those who stay.
    with aggregator.works():
        inboxes = server.inboxes()
    plain = np.zeros(length)
    for index, name in enumerate(stay):
        party, client, vector = parties[name], clients[name], draw(index)
        own = vector * np.float32(EXAMPLES)  # what a hospital computes for the sum, and may be overwritten
        party.down += len(inboxes[name])
        with party.works():
            client.receive(inboxes[name], TASK)
            encoded, _ = client.terms.encoding.encode(own, overwrite=True)
            masked = client.mask(encoded)
        party.up += len(masked.commitment) + masked.words.nbytes
        with aggregator.works():
            server.accept_masked(name, masked.words, masked.commitment)
        plain += vector * np.float32(EXAMPLES)
        vector_bytes = masked.words.nbytes
        del vector, own, encoded, masked

    # 3. The masks off.
    phase(stay, server.survivors_order, lambda n, o: clients[n].confirm(o), server.accept_confirmed)
    phase(stay, server.unmask_order, lambda n, o: clients[n].unmask(o), server.accept_revealed)
    with aggregator.works():
        total = terms.encoding.decode(server.total())
    if np.abs(total - plain).max() > terms.encoding.largest_error:
        raise RuntimeError("the secure sum is not the sum")

    started = time.process_time()
    evidence = server.evidence()
    evidence_seconds = time.process_time() - started
    if not all(item.truthful for item in evidence):
        raise RuntimeError("a hospital's commitment is not to what it sent")

    done = [parties[name] for name in stay]
    cost = OurCost(
        client_seconds=sum(party.seconds for party in done) / len(done),
        server_seconds=aggregator.seconds,
        bytes_up=sum(party.up for party in done) / len(done),
        bytes_down=sum(party.down for party in done) / len(done),
        vector_bytes=vector_bytes,
        evidence_seconds=evidence_seconds,
    )
    return total / EXAMPLES, cost
