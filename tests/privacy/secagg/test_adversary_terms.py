"""A hostile aggregator's terms and roster; each attack with its twin."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from privacy.secagg.fixed_point import FixedPoint, Segment
from privacy.secagg.identity import Identity, Roster
from privacy.secagg.keys import unseal
from privacy.secagg.policy import SitePolicy
from shared.refusal import Reason
from tests.privacy.secagg.rehearsal import Rehearsal
from tests.privacy.secagg.rogue import Gain, Rogue, seeds_of
from tests.privacy.secagg.twins import (
    LEAST_HONEST,
    NO_OVERFLOW,
    NO_STRANGERS,
    PINNED,
    SIGNED_ADVERTS,
    Attack,
    Check,
    policy,
)

VICTIM = 0


def with_terms(rehearsal: Rehearsal, **changes: Any) -> Rehearsal:
    """The aggregator proposes other terms."""
    rehearsal.terms = replace(rehearsal.terms, **changes)
    return rehearsal


# Terms.


def weak_threshold() -> Gain:
    rogue = Rogue(with_terms(Rehearsal(6), threshold=3))
    rogue.play("mask")
    everyone, but_the_last = range(6), range(5)
    rogue.confirm(lambda i: everyone if i in (0, 1, 5) else but_the_last)
    rogue.unmask()
    return rogue.sum_of(everyone) - rogue.sum_of(but_the_last), rogue.vectors[5]


def too_few_colluders() -> Gain:
    rogue = Rogue(with_terms(Rehearsal(5), threshold=3, colluders=0), league=[4])
    rogue.play("mask")
    everyone, but_the_first = range(5), range(1, 5)
    rogue.confirm(lambda i: everyone if i in (0, 1) else but_the_first)
    rogue.unmask()
    rogue.collude()
    return rogue.sum_of(everyone) - rogue.sum_of(but_the_first), rogue.vectors[0]


def cohort_of_two() -> Gain:
    rogue = Rogue(Rehearsal(2, colluders=0, policy=SitePolicy(colluders=0, hybrid=False)), league=[1])
    return rogue.play_to_the_end() - rogue.vectors[1], rogue.vectors[VICTIM]


def cohort_smaller_than_the_site_asks() -> Gain:
    site = SitePolicy(smallest_cohort=5, hybrid=False)
    rogue = Rogue(Rehearsal(4, policy=site), league=[3])
    return rogue.play_to_the_end() - rogue.vectors[3], sum(rogue.vectors[i] for i in range(3))


def one_honest_hospital() -> Gain:
    rogue = Rogue(with_terms(Rehearsal(3), threshold=3, colluders=2), league=[1, 2])
    return rogue.play_to_the_end() - rogue.vectors[1] - rogue.vectors[2], rogue.vectors[VICTIM]


def too_few_parties() -> Gain:
    rehearsal = Rehearsal(5)
    alone = FixedPoint((Segment(rehearsal.coordinates, 1.0, 2.0**30),), 1, 32)
    return wrapped(with_terms(rehearsal, encoding=alone))


def a_ring_that_overflows() -> Gain:
    rehearsal = Rehearsal(5)
    encoding = FixedPoint((Segment(rehearsal.coordinates, 1.0, 2.0**30),), 1, 32)
    object.__setattr__(encoding, "parties", 5)  # its constructor would refuse
    return wrapped(with_terms(rehearsal, encoding=encoding))


def wrapped(rehearsal: Rehearsal) -> Gain:
    """Five hospitals' largest values add up to what one hospital's would be: the aggregator made the sum lie."""
    most = np.full(rehearsal.coordinates, 1 << 30, dtype=np.int32)
    return Rogue(rehearsal, vectors=dict.fromkeys(range(5), most)).play_to_the_end(), most


def coarse_scale() -> Gain:
    rehearsal = Rehearsal(4)
    encoding = FixedPoint((Segment(rehearsal.coordinates, 1.0, 1.0),), 4, 32)
    values = np.full((4, rehearsal.coordinates), 0.4, dtype=np.float32)
    values[VICTIM, ::3] = 0.9  # only what is above a half survives rounding: the victim stands alone
    vectors = {i: encoding.encode(values[i])[0] for i in range(4)}
    got = Rogue(with_terms(rehearsal, encoding=encoding), vectors=vectors).play_to_the_end()
    return got, values[VICTIM] > 0.5


def no_hybrid() -> Gain:
    return recorded_and_broken_later(Rehearsal(4, hybrid=False, policy=SitePolicy(hybrid=True)))


def recorded_and_broken_later(rehearsal: Rehearsal) -> Gain:
    """Nobody departs from anything; years later, the victim's X25519 key is computed from its public key."""
    rogue = Rogue(rehearsal)
    rogue.enter()
    rogue.advertise()
    broken = rogue.clients[VICTIM]._keys._agreement
    rogue.encapsulate()
    rogue.share()
    rogue.receive()
    rogue.mask()
    rogue.open_shares_of(VICTIM, broken, {}, {})
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


# Rosters.


def swapped_keys_in_the_roster() -> Gain:
    rehearsal = Rehearsal(4)
    own = {name: Identity.new(name).public_key for name in rehearsal.names}
    forged = Roster(own | {rehearsal.names[VICTIM]: rehearsal.identities[VICTIM].public_key})
    rogue = Rogue(with_terms(rehearsal, roster=forged.digest))
    rogue.enter(VICTIM)
    rogue.impersonate(1, 2, 3)
    rogue.advertise()
    return rogue.play_all_peers(VICTIM)


def hospitals_added_to_the_roster() -> Gain:
    rehearsal = Rehearsal(1, threshold=3)
    fakes = {f"x{i}": Identity.new(f"x{i}").public_key for i in range(3)}
    grown = Roster({rehearsal.names[0]: rehearsal.roster.keys[0]} | fakes)
    encoding = FixedPoint((Segment(rehearsal.coordinates, 1.0, 2.0**20),), 4, 32)
    rogue = Rogue(with_terms(rehearsal, roster=grown.digest, cohort=(0, 1, 2, 3), encoding=encoding))
    rogue.enter(VICTIM)
    rogue.rehearsal.roster = grown  # the fakes', the victim has its own
    rogue.impersonate(1, 2, 3, roster=grown)
    rogue.advertise()
    wanted = seeds_of(rogue.clients[VICTIM])
    rogue.encapsulate()
    rogue.share()
    for fake in rogue.league:
        pair = rogue.clients[fake]._pairs[VICTIM]
        bound_to = rogue.views[fake] + VICTIM.to_bytes(2, "big") + fake.to_bytes(2, "big")
        held = unseal(pair.seal_from_peer, rogue.shared[VICTIM].sealed[fake], bound_to, about="")
        rogue.shares["self", VICTIM][fake], rogue.shares["recovery", VICTIM][fake] = held[:32], held[32:]
    return rogue.seed("self", VICTIM) + rogue.seed("recovery", VICTIM), wanted


A_VECTOR = "one hospital's vector"
A_WRONG_SUM = "no vector, but a sum that is not the sum"
ATTACKS = [
    Attack(
        weak_threshold,
        "terms",
        Reason.THRESHOLD,
        "two sums in one attempt, a vector apart",
        policy(Reason.THRESHOLD),
    ),
    Attack(
        too_few_colluders,
        "terms",
        Reason.COLLUDERS,
        "two sums, as a colluder signs twice",
        policy(Reason.COLLUDERS),
    ),
    Attack(cohort_of_two, "terms", Reason.COHORT, "the other hospital reads its peer", policy(Reason.COHORT)),
    Attack(
        cohort_smaller_than_the_site_asks,
        "terms",
        Reason.COHORT,
        "a sum of fewer than the site allows",
        policy(Reason.COHORT),
    ),
    Attack(
        one_honest_hospital,
        "terms",
        Reason.THRESHOLD,
        "the sum less what its league put in",
        policy(Reason.THRESHOLD),
        LEAST_HONEST,
    ),
    Attack(too_few_parties, "terms", Reason.RING, A_WRONG_SUM, policy(Reason.RING)),
    Attack(a_ring_that_overflows, "terms", Reason.RING, A_WRONG_SUM, NO_OVERFLOW),
    Attack(
        coarse_scale,
        "terms",
        Reason.SCALE,
        "which of its values the victim alone has",
        policy(Reason.SCALE),
    ),
    Attack(no_hybrid, "terms", Reason.HYBRID, "a vector, from records, years later", policy(Reason.HYBRID)),
    Attack(swapped_keys_in_the_roster, "terms", Reason.ROSTER, A_VECTOR, PINNED, SIGNED_ADVERTS),
    Attack(
        hospitals_added_to_the_roster,
        "terms",
        Reason.ROSTER,
        "both seeds of a hospital",
        PINNED,
        policy(Reason.UNKNOWN_HOSPITAL),
        NO_STRANGERS,
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
