"""A hostile aggregator and the keys that it shows around; each attack with its twin."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from privacy.secagg.keys import AttemptKeys, PublicKeys, commit_mask, derive_pair, seal, unseal
from privacy.secagg.messages import Inbox
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.rehearsal import Rehearsal
from tests.privacy.secagg.rogue import Gain, Rogue, seeds_of
from tests.privacy.secagg.twins import (
    BOUND_TO_TERMS,
    HEADER,
    NO_LOW_ORDER,
    ONE_VIEW,
    OWN_ADVERT,
    SIGNED_ADVERTS,
    Attack,
    Check,
)

VICTIM = 0


def keys_swapped(rogue: Rogue, keys: Mapping[int, PublicKeys]) -> dict[int, bytes]:
    """Genuine adverts with other keys; all else as it was, signatures too."""
    swapped = {}
    for i, public in keys.items():
        genuine = rogue.advert(rogue.adverts[i])
        swapped[i] = replace(genuine, keys=public).body(rogue.terms) + genuine.signature
    return swapped


def swapped_agreement_keys() -> Gain:
    rogue = Rogue(Rehearsal(4))
    rogue.enter()
    rogue.advertise()
    genuine = dict(rogue.adverts)
    rogue.impersonate(1, 2, 3)
    for i in rogue.league:
        rogue.clients[i].advertise()
    rogue.adverts = genuine
    shown = keys_swapped(rogue, {i: rogue.clients[i]._keys.public for i in rogue.league})
    return rogue.play_all_peers(VICTIM, shown)


def swapped_kem_keys() -> Gain:
    """X25519 keys are left alone and broken later; so the hybrid is worth nothing."""
    rogue = Rogue(Rehearsal(4, hybrid=True))
    rogue.enter()
    rogue.advertise()
    broken, wanted = rogue.clients[VICTIM]._keys._agreement, seeds_of(rogue.clients[VICTIM])
    own = {i: MLKEM768PrivateKey.generate() for i in (1, 2, 3)}
    public = {i: rogue.advert(rogue.adverts[i]).keys for i in own}
    swapped = keys_swapped(
        rogue, {i: replace(public[i], kem=own[i].public_key().public_bytes_raw()) for i in own}
    )
    rogue.clients = {VICTIM: rogue.clients[VICTIM]}
    rogue.encapsulate(lambda i: rogue.adverts | swapped)
    theirs = MLKEM768PublicKey.from_public_bytes(rogue.advert(rogue.adverts[VICTIM]).keys.kem)
    made = {i: theirs.encapsulate() for i in (1, 3)}
    secrets = {2: own[2].decapsulate(rogue.encapsulated[VICTIM][2])} | {i: s for i, (s, _) in made.items()}
    ciphertexts = {2: rogue.encapsulated[VICTIM][2]} | {i: c for i, (_, c) in made.items()}
    rogue.encapsulated |= {i: {VICTIM: c} for i, c in ciphertexts.items() if i != 2}
    rogue.share()
    rogue.open_shares_of(VICTIM, broken, secrets, ciphertexts)
    return rogue.seed("self", VICTIM) + rogue.seed("recovery", VICTIM), wanted


def adverts_made_up_for_absent_hospitals() -> Gain:
    rogue = Rogue(Rehearsal(4))
    rogue.enter(VICTIM)
    rogue.impersonate(1, 2, 3)
    rogue.advertise()
    return rogue.play_all_peers(VICTIM)


def own_advert_altered() -> Gain:
    rogue = Rogue(Rehearsal(4))
    rogue.enter(VICTIM)
    rogue.impersonate(1, 2, 3)
    rogue.advertise()
    own = rogue.advert(rogue.adverts[VICTIM])
    altered = replace(own, self_commitment=bytes(32)).body(rogue.terms) + own.signature
    return rogue.play_all_peers(VICTIM, {VICTIM: altered})


def advert_of_an_earlier_attempt() -> Gain:
    return replayed(attempt=1)


def advert_of_another_run() -> Gain:
    return replayed(run=b"another run 0001", attempt=2)


def replayed(**earlier: Any) -> Gain:
    """Peers' private keys were taken from their machines after an earlier attempt."""
    rehearsal = Rehearsal(4)
    now = replace(rehearsal.terms, attempt=2)
    rehearsal.terms = replace(now, **earlier)
    before = Rogue(rehearsal)
    before.enter()
    before.advertise()
    rehearsal.terms = now
    rogue = Rogue(rehearsal)
    rogue.enter(VICTIM)
    rogue.impersonate(1, 2, 3)
    rogue.advertise()
    for i in rogue.league:
        rogue.clients[i]._keys = before.clients[i]._keys
    return rogue.play_all_peers(VICTIM, {i: before.adverts[i] for i in rogue.league})


def point_of_low_order() -> Gain:
    """Signed by a hospital of its league; then whoever listens knows the pair's keys, without any secret."""
    rogue = Rogue(Rehearsal(4), league=[3])
    rogue.enter()
    rogue.advertise()
    signed = rogue.advert(rogue.adverts[3])
    bad = replace(signed, keys=PublicKeys(bytes(32), b""))
    rogue.adverts[3] = bad.signed(rogue.terms, rogue.rehearsal.identities[3])
    rogue.clients[3]._advert = rogue.adverts[3]
    rogue.encapsulate()
    rogue.share()
    from_public_bytes = derive_pair(VICTIM, 3, bytes(32), b"", b"", rogue.views[VICTIM]).mask
    committed = rogue.shared[VICTIM].masks[3]
    return commit_mask(rogue.views[VICTIM], VICTIM, 3, from_public_bytes), committed


def one_pair_shown_other_keys() -> Gain:
    """Split adverts: two hospitals see the aggregator's keys for each other, and genuine ones for all the rest."""
    rogue = Rogue(Rehearsal(4))
    rogue.enter()
    rogue.advertise()
    own = AttemptKeys(hybrid=False)
    to = {0: 1, 1: 0}
    swapped = keys_swapped(rogue, dict.fromkeys(to, own.public))
    rogue.encapsulate(lambda i: rogue.adverts | ({to[i]: swapped[to[i]]} if i in to else {}))
    rogue.share()
    pairs = {}
    for i in to:
        key = X25519PublicKey.from_public_bytes(rogue.advert(rogue.adverts[i]).keys.agreement)
        pairs[i] = derive_pair(i, to[i], own._agreement.exchange(key), b"", b"", rogue.views[i])

    def resealed(i: int, inbox: Inbox) -> Inbox:
        if i not in to:
            return inbox
        bound_to = rogue.views[i] + to[i].to_bytes(2, "big") + i.to_bytes(2, "big")
        share = unseal(pairs[to[i]].seal_to_peer, inbox.sealed[to[i]], bound_to, about="")
        sealed = inbox.sealed | {to[i]: seal(pairs[i].seal_from_peer, share, bound_to)}
        return Inbox(sealed, inbox.commitments)

    rogue.receive(altered=resealed)
    rogue.mask()
    committed = rogue.shared[0].masks[1]
    return commit_mask(rogue.views[0], 0, 1, pairs[0].mask), committed


A_VECTOR = "one hospital's vector"
ATTACKS = [
    Attack(swapped_agreement_keys, "encapsulate", Reason.SIGNATURE, A_VECTOR, SIGNED_ADVERTS),
    Attack(
        swapped_kem_keys,
        "encapsulate",
        Reason.SIGNATURE,
        "both seeds of a hospital, once X25519 is broken",
        SIGNED_ADVERTS,
    ),
    Attack(adverts_made_up_for_absent_hospitals, "encapsulate", Reason.SIGNATURE, A_VECTOR, SIGNED_ADVERTS),
    Attack(own_advert_altered, "encapsulate", Reason.SIGNATURE, A_VECTOR, SIGNED_ADVERTS, OWN_ADVERT),
    Attack(advert_of_an_earlier_attempt, "encapsulate", Reason.MALFORMED, A_VECTOR, HEADER, BOUND_TO_TERMS),
    Attack(advert_of_another_run, "encapsulate", Reason.SIGNATURE, A_VECTOR, BOUND_TO_TERMS),
    Attack(
        point_of_low_order,
        "share",
        Reason.BAD_KEY,
        "a pair's mask key, for whoever listens",
        NO_LOW_ORDER,
    ),
    Attack(
        one_pair_shown_other_keys,
        "encapsulate",
        Reason.SIGNATURE,
        "a pair's mask key",
        SIGNED_ADVERTS,
        ONE_VIEW,
    ),
]
BACKED = [(attack, check) for attack in ATTACKS if len(attack.checks) > 1 for check in attack.checks]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused(attack: Attack) -> None:
    attack.is_refused()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name}: {attack.gain}")
def test_works_without_its_checks(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    attack.works(monkeypatch)


@pytest.mark.parametrize(("attack", "kept"), BACKED, ids=lambda row: row.name)
def test_one_of_its_checks_is_enough(attack: Attack, kept: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    attack.is_refused_by(kept, monkeypatch)


@pytest.mark.parametrize("broken", ["agreement", "kem"])
def test_with_the_hybrid_records_stay_shut_though_one_half_is_broken(broken: str) -> None:
    rogue = Rogue(Rehearsal(4, hybrid=True))
    rogue.enter()
    rogue.advertise()
    keys = rogue.clients[VICTIM]._keys
    rogue.encapsulate()
    secrets = {peer: secret for peer, (secret, _) in rogue.clients[VICTIM]._kem.items()}
    secrets |= {i: keys.decapsulate(rogue.encapsulated[i][VICTIM]) for i in (1, 3)}
    ciphertexts = rogue.encapsulated[VICTIM] | {i: rogue.encapsulated[i][VICTIM] for i in (1, 3)}
    rogue.share()
    guess = (X25519PrivateKey.generate(), secrets)
    if broken == "agreement":
        guess = (keys._agreement, dict.fromkeys(secrets, bytes(32)))
    with pytest.raises(RefuseRound):
        rogue.open_shares_of(VICTIM, *guess, ciphertexts)
    rogue.open_shares_of(VICTIM, keys._agreement, secrets, ciphertexts)  # with both, they open
