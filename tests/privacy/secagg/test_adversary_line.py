"""Someone on one hospital's line to an honest aggregator, with no hospital's key: what unsigned messages cost.

Adverts, commitments to masked vectors and confirmations are signed. Shares are not, and no signature is on the
words of a vector itself: whoever breaks into the line can alter them. Each row says what comes of it. No hospital
ever gives away both seeds of one owner, and altered shares never make a wrong sum; what is lost is a place, a
peer's place or an attempt, as it would be if the hospital itself lied, and it is the hospital that is named. The
aggregator gains nothing by it: hospitals never saw a signature under shares, only what it passes on of them, which
`test_adversary_phases.py` alters.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.secagg.keys import SEED, TAG, commit_share
from privacy.secagg.messages import SEALED_SHARES, Masked, Revealed, Shared
from privacy.secagg.packing import wire_words
from privacy.secagg.server import ServerSum
from shared.refusal import Reason
from tests.privacy.secagg.liar import WRONG_SUM, Played, answers, play
from tests.privacy.secagg.rehearsal import Rehearsal
from tests.privacy.secagg.twins import Patch

HOSPITAL, PEER = "h002", "h004"  # whose line it is, and one that is picked on
MEMBERS = range(6)
OWN, PICKED = 2, 4
Alter = Callable[[Shared], Shared]


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _commitment(*holders: int, kind: int) -> Alter:
    """A commitment to the share that each of these holds."""

    def alter(shared: Shared) -> Shared:
        pairs = dict(shared.commitments)
        for holder in holders:
            pair = list(pairs[holder])
            pair[kind] = flip(pair[kind])
            pairs[holder] = (pair[0], pair[1])
        return replace(shared, commitments=pairs)

    return alter


def _sealed(*peers: int) -> Alter:
    return lambda shared: replace(
        shared, sealed={p: flip(s) if p in peers else s for p, s in shared.sealed.items()}
    )


def _mask(*peers: int) -> Alter:
    return lambda shared: replace(
        shared, masks={p: flip(m) if p in peers else m for p, m in shared.masks.items()}
    )


def _recovery(shared: Shared) -> Shared:
    return replace(shared, recovery=flip(shared.recovery))


def _made_up(shared: Shared) -> Shared:
    """As one that knows the form and nothing else would share; so would one of another attempt look."""
    peers = [peer for peer in MEMBERS if peer != OWN]
    return Shared(
        OWN,
        {peer: os.urandom(SEALED_SHARES) for peer in peers},
        {member: (os.urandom(32), os.urandom(32)) for member in MEMBERS},
        {peer: os.urandom(32) for peer in peers},
        os.urandom(SEED * len(peers) + TAG),
    )


def _made_up_but_for_masks(shared: Shared) -> Shared:
    return replace(_made_up(shared), masks=shared.masks)


ALL = tuple(peer for peer in MEMBERS if peer != OWN)


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Args:
        alter: what is made of the hospital's shares on their way.
        costs: in words.
        survivors: who is in the sum; None if there is none.
        named: whom it costs its name, and for what.
        vanishes: whether the line goes dead then.
    """

    alter: Alter
    costs: str
    survivors: str | None
    named: set[tuple[str, Reason]] = field(default_factory=set)
    vanishes: bool = False


WRONG_SHARE, FORGED = {(HOSPITAL, Reason.SHARE_WRONG)}, {(HOSPITAL, Reason.SHARE_FORGED)}
DISPUTED, RECOVERY = {(HOSPITAL, Reason.MASK_DISPUTED)}, 1
ROWS = {
    "commitment to one self share": Row(
        _commitment(PICKED, kind=0), "the peer's place", "01235", WRONG_SHARE
    ),
    "commitment to one recovery share": Row(
        _commitment(PICKED, kind=RECOVERY), "the peer's place", "01235", WRONG_SHARE
    ),
    "commitments to two shares": Row(
        _commitment(PICKED, 5, kind=0), "two peers' places", "0123", WRONG_SHARE
    ),
    "commitments to three shares": Row(
        _commitment(3, 4, 5, kind=0), "the attempt: a threshold is not left", None, WRONG_SHARE
    ),
    "commitment to the hospital's own share": Row(
        _commitment(OWN, kind=0), "one of the shares that are not all needed", "012345", WRONG_SHARE
    ),
    "one sealed share": Row(_sealed(PICKED), "the peer's place", "01235", FORGED),
    "all sealed shares": Row(_sealed(*ALL), "the attempt", None, FORGED),
    "one commitment to a mask": Row(
        _mask(PICKED), "both places", "0135", DISPUTED | {(PEER, Reason.MASK_DISPUTED)}
    ),
    "two commitments to masks": Row(_mask(PICKED, 5), "its own place", "01345", DISPUTED),
    "all commitments to masks": Row(_mask(*ALL), "its own place", "01345", DISPUTED),
    "sealed masks": Row(_recovery, "nothing, for they are not needed", "012345"),
    "sealed masks, and then silence": Row(_recovery, "the attempt", None, FORGED, vanishes=True),
    "everything": Row(_made_up, "its own place", "01345", DISPUTED),
    "everything but commitments to masks": Row(_made_up_but_for_masks, "the attempt", None, FORGED),
}


def on_the_line(site: Rehearsal, alter: Alter) -> Callable[[bytes], bytes]:
    return lambda message: alter(Shared.from_bytes(message, site.terms, MEMBERS)).to_bytes(site.terms)


@pytest.mark.parametrize("hybrid", [False, True], ids=["X25519", "hybrid"])
@pytest.mark.parametrize("name", list(ROWS))
def test_altered_shares_cost_places_or_the_attempt_and_give_nothing_away(name: str, hybrid: bool) -> None:
    row, genuine = ROWS[name], {}
    played = play(HOSPITAL, hybrid=hybrid)
    site = played.site
    altered = on_the_line(site, row.alter)

    def answer(phase: str, hospital: str, message: bytes) -> bytes:
        if phase == "share":
            genuine[hospital] = Shared.from_bytes(message, site.terms, MEMBERS)
            return altered(message) if hospital == HOSPITAL else message
        return message

    played.run(answer=answer, drops={"mask": [HOSPITAL]} if row.vanishes else {})

    assert set(played.found) - {("", Reason.TOO_FEW)} == row.named
    assert (played.total is None) == (row.survivors is None)
    assert played.harm != WRONG_SUM
    if row.survivors is not None:
        assert site.server.survivors == [f"h00{i}" for i in row.survivors]
    for phase, holder in site.sent:
        if phase == "unmask":
            _is_one_share_of_each(site, holder, genuine)


def _is_one_share_of_each(site: Rehearsal, holder: str, genuine: dict[str, Shared]) -> None:
    """What a hospital reveals is, by what each owner really committed to, its self share or its recovery share.

    Never the second for one in the sum, nor the first for another: with all hospitals alike, no owner's seeds both
    come together.
    """
    server, at, message = site.server, site.names.index(holder), site.sent["unmask", holder]
    revealed = Revealed.from_bytes(message, site.terms, server._sharers, server._survivors)
    for owner, share in revealed.shares.items():
        name = site.names[owner]
        kind = "self" if name in server.survivors else "recovery"
        committed = genuine[name].commitments[at][kind == "recovery"]
        assert commit_share(server._view, kind, owner, at, share) == committed


@pytest.mark.parametrize("checked", [True, False], ids=["checked", "twin: unchecked"])
def test_made_up_shares_cost_no_attempt_since_masks_are_compared(checked: bool, monkeypatch: Patch) -> None:
    """It is what finds them out before anyone is asked to open them, where a signature might have."""
    if not checked:
        monkeypatch.setattr(ServerSum, "_leave_out_disputed", lambda self: None)
    played = play(HOSPITAL)
    played.run(answer=answers(HOSPITAL, "share", on_the_line(played.site, _made_up)))
    assert (played.total is not None) is checked
    assert (Reason.MASK_DISPUTED in {reason for _, reason in played.found}) is checked


# Masked vectors: their words are no hospital's but by the line, with or without a signature beside them.


def words_from_the_line(played: Played, make: Callable[[NDArray[np.uint32]], NDArray[np.uint32]]) -> None:
    """The hospital's words are altered on their way."""
    site = played.site

    def answer(phase: str, hospital: str, message: bytes) -> bytes:
        if (phase, hospital) == ("mask", HOSPITAL):
            site.masked[hospital] = make(site.masked[hospital])
        return message

    played.run(answer=answer)


def untrue(played: Played) -> list[str]:
    return [entry.hospital for entry in played.site.server.evidence() if not entry.truthful]


def test_words_that_are_altered_make_a_wrong_sum_and_are_on_record() -> None:
    """Words are hashed only if a sum is discarded."""
    played = play(HOSPITAL)
    words_from_the_line(played, lambda words: words + np.uint32(1))
    assert played.harm == WRONG_SUM
    assert untrue(played) == [HOSPITAL]


@pytest.mark.parametrize("verified", [True, False], ids=["verified", "twin: not verified"])
def test_a_vector_from_one_who_does_not_hold_the_key(verified: bool, monkeypatch: Patch) -> None:
    """The hospital is silenced, and someone else sends words and a commitment in its place: in vain.

    Were commitments not verified as they come, the sum would be wrong, where it is exact without the hospital.
    """
    if not verified:
        monkeypatch.setattr(Masked, "verify", lambda self, data, view, roster: None)
    played = play(HOSPITAL)
    site = played.site

    def answer(phase: str, hospital: str, message: bytes) -> bytes:
        if (phase, hospital) == ("mask", HOSPITAL):
            encoding = site.terms.encoding
            site.masked[hospital] = np.zeros(wire_words(encoding.size, encoding.bits), np.uint32)
            return message[:15] + bytes(32 + 64)
        return message

    played.run(answer=answer)
    assert played.total is not None
    if verified:
        assert played.found == [(HOSPITAL, Reason.SIGNATURE)]
        assert played.harm != WRONG_SUM
        assert HOSPITAL not in site.server.survivors
        return
    assert played.harm == WRONG_SUM
    assert untrue(played) == [HOSPITAL]
