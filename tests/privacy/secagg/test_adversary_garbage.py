"""A hospital that sends garbage, or speaks out of place: it loses its place, and nobody else does."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from privacy.secagg import client, server
from privacy.secagg.client import ClientSum
from privacy.secagg.messages import Masked
from privacy.secagg.packing import RING_BITS
from privacy.secagg.server import Evidence, ServerSum
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.liar import FIRST, FRAMED, LAST, Played, answers, liar_is, play
from tests.privacy.secagg.rehearsal import PHASES
from tests.privacy.secagg.twins import Agreeable, Patch

# In every phase.

ACCEPTS = [name for name in vars(ServerSum) if name.startswith("accept_")]
GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda message: b"",
    "truncated": lambda message: message[:-1],
    "too long": lambda message: message + b"\0",
    "zeros": lambda message: bytes(len(message)),
    "a stranger's": lambda message: message[:13] + b"\xff\xff" + message[15:],
}


@pytest.mark.parametrize("liar", [FIRST, LAST])
@pytest.mark.parametrize("garbage", list(GARBAGE))
@pytest.mark.parametrize("phase", PHASES)
def test_garbage_costs_the_sender_its_place_and_nobody_else(phase: str, garbage: str, liar: str) -> None:
    played = play(liar).run(answer=answers(liar, phase, GARBAGE[garbage]))
    assert set(played.site.rejected) == {liar}
    assert not played.site.refused
    assert not played.harm


@pytest.mark.parametrize("phase", PHASES)
def test_nobody_speaks_for_another(phase: str) -> None:
    played = play()
    played.run(answer=answers(LAST, phase, lambda message: played.site.sent[phase, FIRST]))
    assert played.found == [(LAST, Reason.UNKNOWN_HOSPITAL)]
    assert not played.harm


@pytest.mark.parametrize("accept", ACCEPTS)
def test_nobody_answers_twice(accept: str, monkeypatch: Patch) -> None:
    once = getattr(ServerSum, accept)

    def twice(self: ServerSum, hospital: str, *answer: Any) -> None:
        once(self, hospital, *answer)
        if hospital == FIRST:
            once(self, hospital, *answer)

    monkeypatch.setattr(ServerSum, accept, twice)
    played = play(FIRST).run()
    assert played.found == [(FIRST, Reason.OUT_OF_TURN)]
    assert not played.harm


CLOSES = {
    "accept_advert": "adverts_order",
    "accept_encapsulated": "share_orders",
    "accept_shared": "inboxes",
    "accept_masked": "survivors_order",
    "accept_confirmed": "unmask_order",
}


def late(patch: Patch, accept: str) -> Played:
    """The last hospital's answer comes after the order that closes its phase; the others' are enough."""
    take, close = getattr(ServerSum, accept), getattr(ServerSum, CLOSES[accept])
    held: list[Any] = []

    def hold_back(self: ServerSum, hospital: str, *answer: Any) -> None:
        if hospital == LAST:
            held.extend((hospital, *answer))
        else:
            take(self, hospital, *answer)

    played = play()

    def close_then_take(self: ServerSum, *arguments: Any) -> Any:
        order = close(self, *arguments)
        try:
            take(self, *held)
        except RefuseRound as refusal:
            played.site.rejected[LAST] = refusal
        return order

    patch.setattr(ServerSum, accept, hold_back)
    patch.setattr(ServerSum, CLOSES[accept], close_then_take)
    return played.run()


@pytest.mark.parametrize("accept", list(CLOSES))
def test_nobody_answers_late(accept: str, monkeypatch: Patch) -> None:
    played = late(monkeypatch, accept)
    assert played.site.rejected[LAST].reason is Reason.OUT_OF_TURN
    assert played.total is not None
    assert not played.harm


def test_a_late_vector_would_make_liars_of_honest_hospitals(monkeypatch: Patch) -> None:
    """The twin: they reveal shares for a hospital that vanished, and the aggregator wants those of one in the sum."""
    monkeypatch.setattr(ServerSum, "_collecting", lambda self, phase, hospital: None)
    assert late(monkeypatch, "accept_masked").harm == FRAMED


def test_the_total_is_the_same_when_asked_for_again() -> None:
    played = play().run(drops={"mask": [LAST]})
    assert played.total is not None
    before = played.total.copy()
    assert np.array_equal(played.site.server.total(), before)


# Towards peers, and on the record.


def test_garbage_for_every_peer_ends_the_attempt_and_all_name_its_sender(monkeypatch: Patch) -> None:
    seal = client.seal

    class Liar(ClientSum):
        def share(self, order: bytes) -> bytes:
            with pytest.MonkeyPatch.context() as own:
                own.setattr(client, "seal", lambda key, message, bound_to: seal(bytes(32), message, bound_to))
                return super().share(order)

    liar_is(monkeypatch, LAST, Liar)
    played = play().run()
    assert played.error is not None
    assert played.error.reason is Reason.TOO_FEW
    assert {(e.about, e.reason) for e in played.site.refused.values()} == {(LAST, Reason.SHARE_FORGED)}


Commitment = Callable[[Played, bytes], bytes]


def _signed_by(signer: str, digest: bytes | None = None, view: bytes | None = None) -> Commitment:
    """The liar's commitment, to another vector perhaps, signed by whom and under which view it says."""

    def lie(played: Played, message: bytes) -> bytes:
        site = played.site
        at, by = site.names.index(played.liar), site.names.index(signer)
        masked = Masked(at, message[15:47] if digest is None else digest)
        bound_to = site.clients[played.liar]._view if view is None else view
        return masked.signed(site.terms, bound_to, site.identities[by])

    return lie


@dataclass(frozen=True)
class Untrue:
    """A commitment that does not hold.

    Args:
        lie: what the liar makes of its commitment.
        remove: takes out the one check that finds it.
    """

    lie: Commitment
    remove: Callable[[Patch], None]


def _any_signature(patch: Patch) -> None:
    patch.setattr(Masked, "verify", lambda self, data, view, roster: None)


def _any_digest(patch: Patch) -> None:
    from_bytes = Masked.from_bytes

    def lax(*arguments: Any) -> Masked:
        masked = from_bytes(*arguments)
        return replace(masked, digest=Agreeable(masked.digest))

    patch.setattr(server.Masked, "from_bytes", lax)


UNTRUE = {
    "to another vector": Untrue(_signed_by(LAST, digest=bytes(32)), _any_digest),
    "not signed": Untrue(lambda played, message: message[:-64] + bytes(64), _any_signature),
    "one bit of the signature is off": Untrue(
        lambda played, message: message[:-1] + bytes([message[-1] ^ 1]), _any_signature
    ),
    "signed by another hospital": Untrue(_signed_by(FIRST), _any_signature),
    "signed in another view, as in another attempt": Untrue(_signed_by(LAST, view=bytes(32)), _any_signature),
}


def proves(played: Played, entry: Evidence) -> bool:
    """Whether a piece of evidence would convince someone who has the roster and what was sent, and nothing else."""
    site, data, view = played.site, bytes.fromhex(entry.commitment), bytes.fromhex(entry.view)
    at, words = site.names.index(entry.hospital), site.masked[entry.hospital]
    try:
        site.roster.verify(at, data[-64:], "masked", view, data[:-64])
    except RefuseRound:
        return False
    head = b"HSA1\x08" + site.terms.number.to_bytes(4, "big") + site.terms.attempt.to_bytes(4, "big")
    said = head + at.to_bytes(2, "big") + hashlib.sha256(words.tobytes()).digest()
    return data[:-64] == said and view == site.clients[entry.hospital]._view


@pytest.mark.parametrize("bits", RING_BITS)
def test_of_honest_hospitals_all_evidence_is_true(bits: int) -> None:
    played = play(bits=bits).run(drops={"mask": [FIRST]})
    evidence = played.site.server.evidence()
    assert [entry.hospital for entry in evidence] == played.site.names[1:]
    assert all(entry.truthful and proves(played, entry) for entry in evidence)


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "twin: unchecked"])
@pytest.mark.parametrize("kind", list(UNTRUE))
def test_a_commitment_that_does_not_hold_is_on_record(kind: str, checked: bool, monkeypatch: Patch) -> None:
    """What the record calls true convinces anyone; a forged signature costs the place of whoever sent it.

    Without the check the record would call something true that its hospital can disown.
    """
    forged = UNTRUE[kind].remove is _any_signature
    if not checked:
        UNTRUE[kind].remove(monkeypatch)
    played = play()
    played.run(answer=answers(LAST, "mask", lambda message: UNTRUE[kind].lie(played, message)))
    evidence = played.site.server.evidence()
    monkeypatch.undo()
    assert played.total is not None
    assert not played.harm
    if forged and checked:
        assert played.found == [(LAST, Reason.SIGNATURE)]
        assert played.site.server.survivors == played.site.names[:-1]
        assert all(entry.truthful and proves(played, entry) for entry in evidence)
        return
    assert not played.found
    assert played.site.server.survivors == played.site.names
    assert {entry.hospital: entry.truthful for entry in evidence} == {
        name: name != LAST or not checked for name in played.site.names
    }
    assert {entry.hospital: proves(played, entry) for entry in evidence} == {
        name: name != LAST for name in played.site.names
    }
