"""The attacks that break Flower's SecAgg+ (`test_flower_attacks.py`), turned on our protocol: none of them works."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from privacy.secagg.client import ClientSum
from privacy.secagg.identity import Identity
from privacy.secagg.keys import AttemptKeys
from privacy.secagg.messages import (
    Advert,
    Inbox,
    Shared,
    ShareOrder,
    adverts_order,
    read_confirmed,
    survivors_order,
    unmask_order,
)
from privacy.secagg.transcript import survivor_statement, view
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg import attacks
from tests.privacy.secagg.rehearsal import TASK, Rehearsal

LENGTH = 40_000


class OurVictim:
    """A `ClientSum` behind the steps that the attacks know; what the aggregator keeps lies on the table."""

    def __init__(self, number: int, rehearsal: Rehearsal, table: dict[str, Any], vector: Any) -> None:
        self.number, self.rehearsal, self.table, self.vector = number, rehearsal, table, vector

    def advertise(self, hospitals: int, threshold: int) -> bytes:
        terms = replace(self.rehearsal.terms, threshold=threshold, cohort=tuple(range(hospitals)))
        name = self.rehearsal.names[self.number]
        self.client = ClientSum(
            terms.to_bytes(),
            self.rehearsal.identities[self.number],
            self.rehearsal.roster,
            self.rehearsal.policy,
            self.rehearsal.memories[name],
        )
        return self.client.advertise()

    def share(self, keys: Mapping[int, bytes]) -> dict[int, bytes]:
        terms, members = self.client.terms, sorted(keys)
        adverts = [keys[member] for member in members]
        self.client.encapsulate(adverts_order(terms, adverts))
        message = self.client.share(ShareOrder(TASK, members, {}).to_bytes(terms))
        self.view = view(terms.digest, TASK, adverts)
        shared = Shared.from_bytes(message, terms, members)
        self.table[f"commitments/{self.number}"] = shared.commitments
        return shared.sealed

    def mask(self, sealed: Mapping[int, bytes]) -> attacks.Words:
        commitments = {owner: self.table[f"commitments/{owner}"][self.number] for owner in sealed}
        self.client.receive(Inbox(dict(sealed), commitments).to_bytes(self.client.terms), TASK)
        self.sharers = sorted({*sealed, self.number})
        return self.client.mask(self.vector.copy()).words

    def confirm(self, survivors: Collection[int]) -> None:
        """Asks for a signature under a set."""
        answer = self.client.confirm(survivors_order(self.client.terms, sorted(survivors)))
        statement = survivor_statement(self.view, self.sharers, sorted(survivors))
        owner, signature = read_confirmed(
            answer, self.client.terms, statement, self.sharers, self.rehearsal.roster
        )
        self.table.setdefault(f"signed/{sorted(survivors)}", {})[owner] = signature

    def reveal(self, survivors: Collection[int], dropped: Collection[int]) -> attacks.Revealed:
        if f"signed/{sorted(survivors)}" not in self.table or dropped:
            self.confirm(
                [*survivors, *dropped]
            )  # an order has one list only: to name someone twice, it stands twice
        self.client.unmask(unmask_order(self.client.terms, self.table[f"signed/{sorted(survivors)}"]))
        raise AssertionError("it gave its shares")


Meet = Callable[..., list[OurVictim]]


@pytest.fixture
def meet() -> Meet:
    def make(count: int, vector: Any = None) -> list[OurVictim]:
        rehearsal = Rehearsal(count, coordinates=LENGTH, bits=32)  # a coordinate is a word, as in Flower
        table: dict[str, Any] = {}
        own = np.zeros(LENGTH, np.int32) if vector is None else vector
        return [OurVictim(number, rehearsal, table, own) for number in range(count)]

    return make


def refused(reason: Reason, attack: Callable[[], object]) -> None:
    with pytest.raises(RefuseRound) as refusal:
        attack()
    assert refusal.value.reason is reason


def never(shares: list[bytes]) -> bytes:
    raise AssertionError("shares came together")


def test_no_seed_is_found_in_any_space_that_can_be_swept(meet: Meet) -> None:
    """Neither Flower's generator nor ours with few bits explains a masked vector; seeds have 256 bits."""
    done = attacks.collect_masked(meet(3), threshold=3)
    candidates = np.arange(1 << 16, dtype=np.uint32)
    for words in done.masked.values():
        assert attacks.find_seeds(words[:8], candidates) == []
        assert attacks.find_seed_pairs(words[:8], candidates[:4096], candidates[:4096]) == []


def test_parities_say_nothing_about_a_vector_of_zeros(meet: Meet) -> None:
    done = attacks.collect_masked(meet(5), threshold=4)
    for words in done.masked.values():
        assert (
            abs(attacks.odd_parities(words) - 0.5) < 0.03
        )  # 0 for Flower; six standard deviations are 0.021


def test_trained_rows_are_not_found(meet: Meet) -> None:
    vector = np.zeros((LENGTH // 50, 50), np.int32)
    trained = [100, 200, 300, 400]
    vector[trained] = np.random.default_rng(0).integers(-1000, 1000, (4, 50))
    done = attacks.collect_masked(meet(3, vector.reshape(-1)), threshold=3)
    found = attacks.find_trained_rows(done.masked[0], 50, most=10)
    assert len(set(found) & set(trained)) <= 1  # as by chance: ten of eight hundred


def test_low_bits_are_not_read(meet: Meet) -> None:
    vector = np.zeros(LENGTH, np.int32)
    vector[attacks.MT_DEGREE :] = np.random.default_rng(1).integers(0, 2, LENGTH - attacks.MT_DEGREE)
    done = attacks.collect_masked(meet(3, vector), threshold=3)
    read = attacks.read_low_bits(done.masked[0])[attacks.MT_DEGREE :]
    right = float((read == vector[attacks.MT_DEGREE :]).mean())
    assert abs(right - 0.5) < 0.03


def test_swapped_keys_are_refused(meet: Meet) -> None:
    victims = meet(4)
    terms = victims[0].rehearsal.terms

    def forge() -> tuple[AttemptKeys, bytes]:
        keys = AttemptKeys(hybrid=False)
        advert = Advert(forge.calls, keys.public, bytes(32), bytes(32))  # type: ignore[attr-defined]
        forge.calls += 1  # type: ignore[attr-defined]
        return keys, advert.signed(terms, Identity.new("attacker"))

    forge.calls = 1  # type: ignore[attr-defined]
    refused(Reason.SIGNATURE, lambda: attacks.swap_keys(victims[0], range(4), 3, forge))


def test_nobody_is_listed_twice(meet: Meet) -> None:
    victims = meet(4)
    attacks.collect_masked(victims, threshold=3)
    refused(Reason.MALFORMED, lambda: attacks.list_twice(victims, 0, never))


def test_split_survivors_find_too_few_signatures(meet: Meet) -> None:
    victims = meet(4)
    attacks.collect_masked(victims, threshold=3)
    everyone, without = [0, 1, 2, 3], [1, 2, 3]
    for victim in victims[:2]:
        victim.confirm(everyone)
    for victim in victims[2:]:
        victim.confirm(without)
    refused(Reason.TOO_FEW, lambda: attacks.split_survivors(victims, 0, never))


@pytest.mark.parametrize("size", [1, 2])
def test_a_ring_of_few_is_refused(size: int, meet: Meet) -> None:
    victims = meet(4)
    refused(Reason.TOO_FEW, lambda: attacks.split_ring(victims, size, 3))


@pytest.mark.parametrize("size", [2, 3, 4])
def test_a_dictated_threshold_is_refused(size: int, meet: Meet) -> None:
    victims = meet(4)[:size]
    refused(Reason.COHORT if size < 3 else Reason.THRESHOLD, lambda: attacks.isolate(victims, never))
