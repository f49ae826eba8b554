"""Hostile hospitals against the aggregator and each other: each lie is found and named, and no sum is ever wrong.

A twin takes the check out and sees the harm: a wrong sum, an honest hospital named or shut out, or no sum at all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from privacy.secagg import client, packing, server
from privacy.secagg.canonical import Reader
from privacy.secagg.client import ClientSum
from privacy.secagg.keys import KEM_CIPHERTEXT, PairSecrets, PublicKeys
from privacy.secagg.messages import Advert, Encapsulated, Masked, Shared
from privacy.secagg.server import ServerSum
from shared.refusal import Reason
from tests.privacy.secagg.liar import FIRST, FRAMED, LAST, NO_SUM, WRONG_SUM, Played, answers, liar_is, play
from tests.privacy.secagg.rogue import BLIND
from tests.privacy.secagg.twins import COMMITTED, Agreeable, Patch

# Lies.


def wrong_share(patch: Patch) -> Played:
    """Its shares of others' seeds, each with one bit flipped."""
    played = play(FIRST)
    return played.run(answer=answers(FIRST, "unmask", lambda m: m[:47] + bytes(b ^ 1 for b in m[47:])))


def another_seed_than_committed(patch: Patch) -> Played:
    class Liar(ClientSum):
        def share(self, order: bytes) -> bytes:
            masked_with, self._self_seed = self._self_seed, bytes(32)
            answer = super().share(order)
            self._self_seed = masked_with
            return answer

    liar_is(patch, LAST, Liar)
    return play().run()


def another_recovery_seed_than_committed(patch: Patch) -> Played:
    class Liar(ClientSum):
        def share(self, order: bytes) -> bytes:
            self._recovery_seed = bytes(32)
            return super().share(order)

    liar_is(patch, LAST, Liar)
    return play().run(drops={"mask": [LAST]})


def other_masks_sealed_than_committed(patch: Patch) -> Played:
    """And then it vanishes, so that what it sealed is put to use."""
    seal_masks = client.seal_masks

    class Liar(ClientSum):
        def share(self, order: bytes) -> bytes:
            with pytest.MonkeyPatch.context() as own:
                own.setattr(client, "seal_masks", self._seal_others)
                return super().share(order)

        @staticmethod
        def _seal_others(seed: bytes, masks: Mapping[int, bytes], view: bytes, owner: int) -> bytes:
            return seal_masks(seed, dict.fromkeys(masks, bytes(32)), view, owner)

    liar_is(patch, LAST, Liar)
    return play().run(drops={"mask": [LAST]})


class _OtherMasks(ClientSum):
    def _pair(self, peer: int, received: dict[int, bytes]) -> PairSecrets:
        return replace(super()._pair(peer, received), mask=bytes(32))


def other_masks_than_its_peers(patch: Patch) -> Played:
    """Sealed and committed to alike, so that only its peers' word stands against its own."""
    liar_is(patch, LAST, _OtherMasks)
    return play().run()


def other_masks_than_its_peers_and_first_to_say_so(patch: Patch) -> Played:
    liar_is(patch, FIRST, _OtherMasks)
    return play(FIRST).run()


def keys_of_low_order(patch: Patch) -> Played:
    played = play()
    lie = advertised(played, agreement=bytes(32))

    def own(message: bytes) -> bytes:
        played.site.clients[LAST]._advert = lie(message)  # or it would leave by itself
        return played.site.clients[LAST]._advert

    return played.run(answer=answers(LAST, "advertise", own))


def no_kem_key(patch: Patch) -> Played:
    played = play(hybrid=True)
    return played.run(answer=answers(LAST, "advertise", advertised(played, kem=b"\xff" * 1184)))


def key_of_another(patch: Patch) -> Played:
    played = play()

    def copied(message: bytes) -> bytes:
        seen = Advert.from_bytes(played.site.sent["advertise", FIRST], played.site.terms, BLIND)
        return advertised(played, agreement=seen.keys.agreement)(message)

    return played.run(answer=answers(LAST, "advertise", copied))


def advertised(played: Played, **keys: bytes) -> Callable[[bytes], bytes]:
    """Its own advert with other keys, which it signs."""
    site = played.site

    def lie(message: bytes) -> bytes:
        advert = Advert.from_bytes(message, site.terms, BLIND)
        other = replace(advert, keys=replace(advert.keys, **keys))
        return other.signed(site.terms, site.identities[site.names.index(played.liar)])

    return lie


def word_for_another(patch: Patch) -> Played:
    """It sends KEM ciphertexts in the name of the hospital that answers next."""
    played = play(FIRST, hybrid=True)
    terms = played.site.terms

    def lie(message: bytes) -> bytes:
        peers = len(Encapsulated.from_bytes(message, terms, range(6)).ciphertexts)
        assert peers == 2  # the next one sends as many or more; 1 sends to 0, 3 and 5
        return message[:13] + (1).to_bytes(2, "big") + bytes(3 * KEM_CIPHERTEXT)

    return played.run(answer=answers(FIRST, "encapsulate", lie))


def shares_for_another(patch: Patch) -> Played:
    """What it shares carries no signature: only who sent it tells whose it is."""
    return in_the_name_of_the_next("share")


def vector_for_another(patch: Patch) -> Played:
    """The signature under the commitment would not fit either."""
    return in_the_name_of_the_next("mask")


def in_the_name_of_the_next(phase: str) -> Played:
    def lie(message: bytes) -> bytes:
        assert message[13:15] == (0).to_bytes(2, "big")
        return message[:13] + (1).to_bytes(2, "big") + message[15:]

    return play(FIRST).run(answer=answers(FIRST, phase, lie))


def vector_twice(patch: Patch) -> Played:
    accept = ServerSum.accept_masked

    def twice(self: ServerSum, hospital: str, words: NDArray[np.uint32], commitment: bytes) -> None:
        accept(self, hospital, words, commitment)
        if hospital == LAST:
            accept(self, hospital, words, commitment)

    patch.setattr(ServerSum, "accept_masked", twice)
    return play().run()


def vector_of_one_word(patch: Patch) -> Played:
    accept = ServerSum.accept_masked

    def short(self: ServerSum, hospital: str, words: NDArray[np.uint32], commitment: bytes) -> None:
        accept(self, hospital, words[:1] if hospital == LAST else words, commitment)

    patch.setattr(ServerSum, "accept_masked", short)
    return play().run()


def signature_under_another_set(patch: Patch) -> Played:
    """It confirms a set that nobody else did; those who are told so would not unmask."""
    played = play(FIRST)
    sign = played.site.identities[0].sign
    return played.run(
        answer=answers(FIRST, "confirm", lambda message: message[:15] + sign("survivors", bytes(32)))
    )


def other_share_than_committed(patch: Patch) -> Played:
    """What it sends one hospital is not what it committed to: that hospital would be blamed for it."""
    seal = client.seal

    class Liar(ClientSum):
        def share(self, order: bytes) -> bytes:
            with pytest.MonkeyPatch.context() as own:
                own.setattr(client, "seal", self._seal_other)
                return super().share(order)

        @staticmethod
        def _seal_other(key: bytes, message: bytes, bound_to: bytes) -> bytes:
            to_second = bound_to.endswith((1).to_bytes(2, "big"))
            return seal(key, bytes(64) if to_second else message, bound_to)

    liar_is(patch, LAST, Liar)
    return play().run()


# Checks.


def _agreeable(name: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(server, name, lambda *arguments: Agreeable())


def _no_dispute(patch: Patch) -> None:
    from_bytes = Shared.from_bytes

    def lax(*arguments: Any) -> Shared:
        shared = from_bytes(*arguments)
        return replace(shared, masks={peer: Agreeable(mask) for peer, mask in shared.masks.items()})

    patch.setattr(server.Shared, "from_bytes", lax)


def _any_keys(patch: Patch) -> None:
    patch.setattr(server, "check_keys", lambda public: None)


class _Unlike(bytes):
    """Bytes that equal nothing else."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


def _keys_repeat(patch: Patch) -> None:
    from_bytes = Advert.from_bytes

    def lax(*arguments: Any) -> Advert:
        advert = from_bytes(*arguments)
        return replace(advert, keys=PublicKeys(_Unlike(advert.keys.agreement), b""))

    patch.setattr(server, "Advert", type("Advert", (), {"from_bytes": staticmethod(lax)}))


def _any_commitment(patch: Patch) -> None:
    patch.setattr(Masked, "verify", lambda self, data, view, roster: None)


def _any_sender(patch: Patch) -> None:
    is_from = ServerSum._is_from
    patch.setattr(
        ServerSum,
        "_is_from",
        lambda self, hospital, claimed, already: is_from(
            self, self._roster.hospitals[claimed], claimed, already
        ),
    )


def _any_number(patch: Patch) -> None:
    is_from = ServerSum._is_from
    patch.setattr(
        ServerSum, "_is_from", lambda self, hospital, claimed, already: is_from(self, hospital, claimed, {})
    )


def _any_shape(patch: Patch) -> None:
    patch.setattr(server, "check_packed", lambda *arguments, about: None)


def _any_shape_added(patch: Patch) -> None:
    patch.setattr(packing, "check_packed", lambda *arguments, about: None)


def _any_confirmation(patch: Patch) -> None:
    def lax(data: bytes, *rest: Any) -> tuple[int, bytes]:
        read = Reader(data[13:])
        return read.unsigned(2), read.raw(64)

    patch.setattr(server, "read_confirmed", lax)


@dataclass(frozen=True)
class Lie:
    """A row of the table: the lie, for what it is found out, and what comes of it once all its checks are gone."""

    play: Callable[[Patch], Played]
    reason: Reason
    harm: str
    checks: Sequence[Callable[[Patch], None]]
    harm_with_last: str = ""
    """What comes of it while the last of several checks still stands."""

    @property
    def name(self) -> str:
        """For the test's own name."""
        return self.play.__name__.replace("_", " ")


SHARES, SEEDS, MASKS = _agreeable("commit_share"), _agreeable("commit_seed"), _agreeable("commit_mask")
LIES = [
    Lie(wrong_share, Reason.SHARE_WRONG, WRONG_SUM, [SHARES, SEEDS], FRAMED),
    Lie(another_seed_than_committed, Reason.SEED_WRONG, WRONG_SUM, [SEEDS]),
    Lie(
        another_recovery_seed_than_committed, Reason.SEED_WRONG, "", [SEEDS]
    ),  # its masks are checked as well
    Lie(other_masks_sealed_than_committed, Reason.MASK_DISPUTED, WRONG_SUM, [MASKS]),
    Lie(other_masks_than_its_peers, Reason.MASK_DISPUTED, WRONG_SUM, [_no_dispute]),
    Lie(other_masks_than_its_peers_and_first_to_say_so, Reason.MASK_DISPUTED, WRONG_SUM, [_no_dispute]),
    Lie(keys_of_low_order, Reason.BAD_KEY, NO_SUM, [_any_keys]),
    Lie(no_kem_key, Reason.BAD_KEY, NO_SUM, [_any_keys]),
    Lie(key_of_another, Reason.REPEATED_KEY, NO_SUM, [_keys_repeat]),
    Lie(word_for_another, Reason.UNKNOWN_HOSPITAL, FRAMED, [_any_sender]),
    Lie(shares_for_another, Reason.UNKNOWN_HOSPITAL, FRAMED, [_any_sender]),
    Lie(vector_for_another, Reason.UNKNOWN_HOSPITAL, WRONG_SUM, [_any_commitment, _any_sender]),
    Lie(vector_twice, Reason.OUT_OF_TURN, WRONG_SUM, [_any_number]),
    Lie(vector_of_one_word, Reason.VECTOR, WRONG_SUM, [_any_shape, _any_shape_added]),
    Lie(signature_under_another_set, Reason.SIGNATURE, NO_SUM, [_any_confirmation]),
    Lie(other_share_than_committed, Reason.SHARE_WRONG, FRAMED, [COMMITTED.remove]),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_is_found_and_the_sum_is_exact_or_none(lie: Lie, monkeypatch: Patch) -> None:
    played = lie.play(monkeypatch)
    assert (played.liar, lie.reason) in played.found
    assert not played.harm


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: f"{lie.name}: {lie.harm}")
def test_without_its_checks_a_lie_does_harm(lie: Lie, monkeypatch: Patch) -> None:
    for remove in lie.checks:
        remove(monkeypatch)
    played = lie.play(monkeypatch)
    assert played.harm == lie.harm


@pytest.mark.parametrize("lie", [lie for lie in LIES if len(lie.checks) > 1], ids=lambda lie: lie.name)
def test_the_last_check_alone_prevents_the_worst(lie: Lie, monkeypatch: Patch) -> None:
    for remove in lie.checks[:-1]:
        remove(monkeypatch)
    played = lie.play(monkeypatch)
    assert played.harm == lie.harm_with_last
    assert played.harm != lie.harm


def test_of_two_who_dispute_one_mask_both_are_left_out(monkeypatch: Patch) -> None:
    """Nobody can tell which of them lies; the sum goes on without either."""

    class Liar(ClientSum):
        def _pair(self, peer: int, received: dict[int, bytes]) -> PairSecrets:
            pair = super()._pair(peer, received)
            return replace(pair, mask=bytes(32)) if peer == 2 else pair

    liar_is(monkeypatch, FIRST, Liar)
    played = play(FIRST).run()
    assert played.site.server.disputed == [FIRST, "h002"]
    assert played.total is not None
    assert np.array_equal(played.total, sum(played.vectors[f"h00{i}"] for i in (1, 3, 4, 5)))
