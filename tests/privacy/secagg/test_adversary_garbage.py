"""A hospital that sends garbage, or speaks out of place: it loses its place, and nobody else does."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from privacy.secagg import client
from privacy.secagg.client import ClientSum
from privacy.secagg.identity import Roster
from privacy.secagg.messages import Masked
from privacy.secagg.server import ServerSum
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.liar import FIRST, FRAMED, LAST, Played, answers, liar_is, play
from tests.privacy.secagg.rehearsal import PHASES, Tamper
from tests.privacy.secagg.twins import Patch

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


def committed_to(played: Played, digest: bytes) -> Tamper:
    """The liar commits to another vector than it sends, and signs that."""

    def lie(message: bytes) -> bytes:
        at = played.site.names.index(played.liar)
        view = played.site.clients[played.liar]._view
        return Masked(at, digest).signed(played.site.terms, view, played.site.identities[at])

    return answers(played.liar, "mask", lie)


def test_a_commitment_to_another_vector_is_on_record() -> None:
    played = play()
    played.run(answer=committed_to(played, bytes(32)))
    assert not played.harm
    assert {e.hospital: e.truthful for e in played.site.server.evidence()} == {
        name: name != LAST for name in played.site.names
    }


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "twin: unchecked"])
def test_what_is_on_record_cannot_be_disowned(checked: bool, monkeypatch: Patch) -> None:
    """A commitment that is not signed is not taken; without that check it would prove nothing."""
    verify = Roster.verify

    def lax(self: Roster, index: int, signature: bytes, label: str, *parts: bytes) -> None:
        if label != "masked":
            verify(self, index, signature, label, *parts)

    with monkeypatch.context() as patch:
        if not checked:
            patch.setattr(Roster, "verify", lax)
        played = play().run(answer=answers(LAST, "mask", lambda message: message[:-64] + bytes(64)))
    assert ((LAST, Reason.SIGNATURE) in played.found) is checked
    site = played.site
    for entry in site.server.evidence():
        data, at = bytes.fromhex(entry.commitment), site.names.index(entry.hospital)
        proof = pytest.raises(RefuseRound) if entry.hospital == LAST else nullcontext()
        with proof:
            site.roster.verify(at, data[-64:], "masked", bytes.fromhex(entry.view), data[:-64])
    assert (LAST in site.server.survivors) is not checked
