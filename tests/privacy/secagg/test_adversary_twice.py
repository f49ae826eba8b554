"""A hostile aggregator that asks a second time: steps, attempts, tasks; each attack with its twin."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from privacy.memory import SiteMemory
from privacy.secagg import client, messages
from privacy.secagg.canonical import Writer
from privacy.secagg.client import ClientSum
from privacy.secagg.keys import SEED
from privacy.secagg.messages import Revealed, survivors_order, unmask_order
from privacy.secagg.packing import Accumulator
from privacy.secagg.policy import SitePolicy
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg import rehearsal as stage
from tests.privacy.secagg.rehearsal import Rehearsal
from tests.privacy.secagg.rogue import Gain, NothingGained, Rogue
from tests.privacy.secagg.twins import (
    ERASED,
    IN_TURN,
    MASKED_ONCE,
    ONE_COHORT,
    ONE_SET,
    Attack,
    Check,
    Patch,
)

VICTIM = 0


def second_vector_under_the_same_masks() -> Gain:
    """Masked with the same stream, two vectors give away their difference; the second is known, say of zeros."""
    rogue = Rogue(Rehearsal(4)).play("mask")
    first = rogue.words[VICTIM]
    wanted = rogue.vectors[VICTIM].copy()
    rogue.vectors[VICTIM] = np.zeros_like(wanted)
    rogue.mask(VICTIM)
    apart = Accumulator(wanted.size, rogue.terms.encoding.bits)
    apart.add(first - rogue.words[VICTIM])  # packing is linear, so this is the difference, packed
    return apart.unpack(), wanted


def second_unmasking() -> Gain:
    """First the victim is in the sum, then it has vanished: both its seeds."""
    rogue = Rogue(Rehearsal(4)).play("mask")
    rogue.confirm()
    rogue.unmask()
    rogue.confirm(lambda i: [1, 2, 3], 1, 2, 3)
    rogue.unmask(None, 1, 2, 3)
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


def in_the_sum_and_vanished_at_once() -> Gain:
    """As in Flower's protocol, the aggregator lists who vanished beside who survived, and the victim in both."""
    rogue = Rogue(Rehearsal(4)).play("mask")
    order = survivors_order(rogue.terms, [0, 1, 2, 3]) + Writer().indices([VICTIM]).done()
    for i, hospital in rogue.clients.items():
        rogue.told[i] = [0, 1, 2, 3]
        rogue.signatures[i] = rogue.ask("confirm", hospital.confirm, order)[-64:]
    for i, hospital in rogue.clients.items():
        answer = rogue.ask("unmask", hospital.unmask, unmask_order(rogue.terms, rogue.signed_alike(i)))
        usual = 13 + 2 + 4 * SEED
        rogue.keep(i, Revealed.from_bytes(answer[:usual], rogue.terms, rogue.sharers(i), [i]).shares)
        if answer[usual:]:
            rogue.shares["recovery", VICTIM][i] = answer[usual:]
    return rogue.sum_of([VICTIM]), rogue.vectors[VICTIM]


def whole_attempt_again_after_a_restart() -> Gain:
    """The same terms a second time, to hospitals whose processes know nothing of the first."""
    rehearsal = Rehearsal(4)
    return two_sums(Rogue(rehearsal), Rogue(rehearsal))


def another_attempt_with_another_set() -> Gain:
    rehearsal = Rehearsal(4)
    first = Rogue(rehearsal)
    rehearsal.retry()
    return two_sums(first, Rogue(rehearsal))


def two_sums(first: Rogue, second: Rogue) -> Gain:
    """Of all, then of all but the victim."""
    first.play("unmask")
    second.play("mask").confirm(lambda i: [1, 2, 3], 1, 2, 3)
    second.unmask()
    return first.sum_of(range(4)) - second.sum_of([1, 2, 3]), first.vectors[VICTIM]


def another_attempt_with_another_cohort() -> Gain:
    """Two attempts at one task, each with a threshold of fresh signatures; their sums are two hospitals apart.

    Signatures are counted against the cohort of their own attempt. Whoever did not confirm the first time (up to
    n - t hospitals need not) may confirm another set the second time; whoever did confirm could mask again all the
    same, and be counted in. Of 0 to 8, which are honest, 3 and 4 alone are in the first sum and not in the second, at
    sites that want five hospitals in every sum.
    """
    site = SitePolicy(smallest_cohort=5, hybrid=False)
    rehearsal = Rehearsal(10, threshold=6, policy=site)
    first = Rogue(rehearsal, league=[9]).play("mask")
    first.confirm(lambda i: range(10), 0, 1, 2, 3, 4)
    smaller = (0, 1, 2, 5, 6, 7, 8, 9)
    rehearsal.terms = replace(rehearsal.terms, attempt=2, cohort=smaller, threshold=5)
    second = Rogue(rehearsal, league=[9]).play("mask")
    second.confirm(lambda i: smaller, 5, 6, 7, 8)
    for attempt in (first, second):
        attempt.unmask()
        attempt.collude()
    apart = first.sum_of(range(10)) - second.sum_of(smaller)
    return apart, first.vectors[3] + first.vectors[4]


# Two checks that only one attack meets.


def _second_list_allowed(patch: Patch) -> None:
    def lax(data: bytes, terms: Terms) -> list[int]:
        return messages._open(data, messages._SURVIVORS, terms).indices()

    patch.setattr(client, "read_survivors_order", lax)


def _vanished_as_listed(patch: Patch) -> None:
    confirm, unmask = ClientSum.confirm, ClientSum.unmask
    listed: dict[ClientSum, list[int]] = {}

    def confirm_listed(self: ClientSum, order: bytes) -> bytes:
        read = messages._open(order, messages._SURVIVORS, self.terms)
        read.indices()
        listed[self] = read.indices()
        return confirm(self, order)

    def unmask_listed(self: ClientSum, order: bytes) -> bytes:
        held = self._held
        return unmask(self, order) + b"".join(held[owner][SEED:] for owner in listed[self])

    patch.setattr(ClientSum, "confirm", confirm_listed)
    patch.setattr(ClientSum, "unmask", unmask_listed)


ONE_LIST = Check("survivors are all that is listed", _second_list_allowed, Reason.MALFORMED)
DERIVED = Check("who vanished follows from who survived", _vanished_as_listed, NothingGained)

A_VECTOR = "one hospital's vector"
TWO_SUMS = "two sums, a vector apart"
TWO_APART = "two sums, two honest hospitals' vectors apart"
ATTACKS = [
    Attack(
        second_vector_under_the_same_masks,
        "mask",
        Reason.OUT_OF_TURN,
        "the difference of two vectors, one of them known",
        IN_TURN,
        MASKED_ONCE,
        ERASED,
    ),
    Attack(second_unmasking, "confirm", Reason.OUT_OF_TURN, A_VECTOR, IN_TURN, ONE_SET, ERASED),
    Attack(in_the_sum_and_vanished_at_once, "confirm", Reason.MALFORMED, A_VECTOR, ONE_LIST, DERIVED),
    Attack(whole_attempt_again_after_a_restart, "mask", Reason.REPLAYED, TWO_SUMS, MASKED_ONCE, ONE_SET),
    Attack(another_attempt_with_another_set, "confirm", Reason.ANOTHER_SET, TWO_SUMS, ONE_SET),
    Attack(another_attempt_with_another_cohort, "mask", Reason.ANOTHER_SET, TWO_APART, ONE_COHORT),
]
BACKED = [(attack, check) for attack in ATTACKS if len(attack.checks) > 1 for check in attack.checks]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_refused(attack: Attack) -> None:
    attack.is_refused()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.name}: {attack.gain}")
def test_works_without_its_checks(attack: Attack, monkeypatch: Patch) -> None:
    attack.works(monkeypatch)


@pytest.mark.parametrize(("attack", "kept"), BACKED, ids=lambda row: row.name)
def test_one_of_its_checks_is_enough(attack: Attack, kept: Check, monkeypatch: Patch) -> None:
    attack.is_refused_by(kept, monkeypatch)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (another_attempt_with_another_cohort, Reason.ANOTHER_SET),
        (another_attempt_with_another_set, Reason.ANOTHER_SET),
        (whole_attempt_again_after_a_restart, Reason.REPLAYED),
    ],
)
def test_the_memory_on_disk_refuses_too(
    attack: Callable[[], Gain], reason: Reason, monkeypatch: Patch, tmp_path: Path
) -> None:
    """What the tables show of the memory in the tests holds for the one that sites have."""
    made = iter(range(100))
    monkeypatch.setattr(stage, "KeptInMemory", lambda: SiteMemory(tmp_path / f"{next(made)}"))
    with pytest.raises(RefuseRound) as refusal:
        attack()
    assert refusal.value.reason is reason


def test_two_cohorts_with_no_honest_hospital_in_common_are_two_sums() -> None:
    """So a task may have several sums, but a hospital's vector is in one of them only."""
    rehearsal = Rehearsal(9)
    sums = []
    for cohort in (0, 1, 2, 3, 8), (4, 5, 6, 7, 8):
        rehearsal.terms = replace(rehearsal.terms, cohort=cohort, threshold=4)
        rogue = Rogue(rehearsal, league=[8])
        rehearsal.memories["h008"] = stage.KeptInMemory()  # the league forgets what it likes
        sums.append((rogue.play_to_the_end(), sum(rogue.vectors[i] for i in cohort)))
        rehearsal.retry()
    for got, wanted in sums:
        assert np.array_equal(got, wanted)
