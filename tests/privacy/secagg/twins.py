"""Twins: an attack that is refused, and the same attack at work once its check is taken out.

`Attack` is a row of the tables in `test_adversary_*`; below it stand the checks, each with what takes out that check
and no other.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from privacy.secagg import client, messages, transcript
from privacy.secagg.canonical import MAGIC, Reader
from privacy.secagg.client import ClientSum
from privacy.secagg.fixed_point import FixedPoint
from privacy.secagg.identity import SIGNATURE, Roster
from privacy.secagg.keys import TAG, AttemptKeys, PublicKeys
from privacy.secagg.messages import Inbox
from privacy.secagg.policy import SitePolicy
from privacy.secagg.terms import Terms
from shared.refusal import Reason, RefuseRound
from tests.privacy.secagg.rehearsal import KeptInMemory

Patch = pytest.MonkeyPatch

Removal = Callable[[pytest.MonkeyPatch], None]
Refusal = Reason | type[Exception]


class Check:
    """A check that stands in an attack's way.

    Args:
        name: what it makes sure of.
        remove: takes it, and nothing else, out of the hospital.
        refusal: of the step where it stands alone: a reason of ours, or the error that stops step or attack.
    """

    def __init__(self, name: str, remove: Removal, refusal: Refusal) -> None:
        self.name, self.remove, self.refusal = name, remove, refusal


class Attack:
    """A row of the table.

    Args:
        play: the attack; it returns what the aggregator got and what it wanted.
        step: at which it is refused.
        reason: for which it is refused.
        gain: what it brings where nothing refuses it.
        checks: all that stand in its way.
    """

    def __init__(
        self, play: Callable[[], tuple[Any, Any]], step: str, reason: Reason, gain: str, *checks: Check
    ) -> None:
        self.play, self.step, self.reason, self.gain, self.checks = play, step, reason, gain, checks
        self.name = play.__name__.replace("_", " ")

    def is_refused(self) -> None:
        """A hospital refuses, at that step and for that reason."""
        with pytest.raises(RefuseRound) as refusal:
            self.play()
        assert refusal.value.reason is self.reason
        assert refusal.value.__notes__ == [self.step]

    def is_refused_by(self, kept: Check, monkeypatch: pytest.MonkeyPatch) -> None:
        """One of the checks is enough."""
        for check in self.checks:
            if check is not kept:
                check.remove(monkeypatch)
        expected = RefuseRound if isinstance(kept.refusal, Reason) else kept.refusal
        with pytest.raises(expected) as refusal:
            self.play()
        assert getattr(refusal.value, "reason", kept.refusal) is kept.refusal

    def works(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without its checks, the attack brings what it is after."""
        for check in self.checks:
            check.remove(monkeypatch)
        got, wanted = self.play()
        assert np.size(wanted)
        assert np.array_equal(got, wanted)


# Terms.


def policy(reason: Reason) -> Check:
    """A rule of the site's policy, the last that its terms in question offend."""

    def remove(patch: Patch) -> None:
        check = SitePolicy.check

        def lax(self: SitePolicy, terms: Terms, roster: Roster, own: int) -> None:
            try:
                check(self, terms, roster, own)
            except RefuseRound as refusal:
                if refusal.reason is not reason:
                    raise

        patch.setattr(SitePolicy, "check", lax)

    return Check(f"policy on {reason}", remove, reason)


def _any_roster(patch: Patch) -> None:
    check = SitePolicy.check

    def lax(self: SitePolicy, terms: Terms, roster: Roster, own: int) -> None:
        check(self, replace(terms, roster=roster.digest), roster, own)

    patch.setattr(SitePolicy, "check", lax)


PINNED = Check("the roster is the one pinned", _any_roster, Reason.ROSTER)


def _no_overflow_check(patch: Patch) -> None:
    patch.setattr(FixedPoint, "__post_init__", lambda self: None)


NO_OVERFLOW = Check("sums keep within the ring", _no_overflow_check, Reason.RING)


def _no_floor(patch: Patch) -> None:
    patch.setattr(client, "LEAST_HONEST", 0)


LEAST_HONEST = Check("two honest hospitals in every sum", _no_floor, Reason.TOO_FEW)

# Signatures.


def _unsigned(label: str) -> Callable[[Patch], None]:
    def remove(patch: Patch) -> None:
        verify = Roster.verify

        def lax(self: Roster, index: int, signature: bytes, purpose: str, *parts: bytes) -> None:
            if purpose != label:
                verify(self, index, signature, purpose, *parts)

        patch.setattr(Roster, "verify", lax)

    return remove


SIGNED_ADVERTS = Check("adverts are signed", _unsigned("advert"), Reason.SIGNATURE)
SIGNED_SURVIVORS = Check("the set of survivors is signed", _unsigned("survivors"), Reason.SIGNATURE)
NO_STRANGERS = Check("only the roster's hospitals sign", _unsigned("advert"), Reason.UNKNOWN_HOSPITAL)


def _terms_unbound(patch: Patch) -> None:
    patch.setattr(Terms, "digest", property(lambda self: bytes(32)))


BOUND_TO_TERMS = Check("adverts are signed for these terms", _terms_unbound, Reason.SIGNATURE)


def _any_header(patch: Patch) -> None:
    def lax(data: bytes, kind: int, terms: Terms) -> Reader:
        read = Reader(data)
        read.expect(MAGIC + bytes([kind]))
        read.raw(8)
        return read

    patch.setattr(messages, "_open", lax)


HEADER = Check("messages name sum and attempt", _any_header, Reason.MALFORMED)

# Keys.


class Agreeable(bytes):
    """Bytes that equal anything, so that a comparison with them is no check."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


class _AgreeablePair(tuple[bytes, bytes]):
    def __ne__(self, other: object) -> bool:
        return False


def _any_own_advert(patch: Patch) -> None:
    advertise = ClientSum.advertise

    def lax(self: ClientSum) -> bytes:
        advert = advertise(self)
        self._advert = Agreeable(advert)
        return advert

    patch.setattr(ClientSum, "advertise", lax)


OWN_ADVERT = Check("its own advert comes back unaltered", _any_own_advert, Reason.OWN_ADVERT)


def _any_point(patch: Patch) -> None:
    agree = AttemptKeys.agree

    def lax(self: AttemptKeys, peer: PublicKeys) -> bytes:
        try:
            return agree(self, peer)
        except RefuseRound:
            return bytes(32)  # what X25519 gives

    patch.setattr(AttemptKeys, "agree", lax)


NO_LOW_ORDER = Check("no point of low order", _any_point, Reason.BAD_KEY)


def _view_without_adverts(patch: Patch) -> None:
    view = transcript.view
    patch.setattr(transcript, "view", lambda terms, task, adverts: view(terms, task, ()))


def _view_without_task(patch: Patch) -> None:
    view = transcript.view
    patch.setattr(transcript, "view", lambda terms, task, adverts: view(terms, b"", adverts))


ONE_VIEW = Check("keys are bound to all adverts", _view_without_adverts, Reason.SHARE_FORGED)
ONE_TASK = Check("keys are bound to the task", _view_without_task, Reason.SHARE_FORGED)


def _any_content(patch: Patch) -> None:
    receive = ClientSum.receive
    patch.setattr(ClientSum, "receive", lambda self, order, task: receive(self, order, self.task))


TASK_IS_CONTENT = Check("what came is the task agreed on", _any_content, Reason.TASK)

# Shares.


def _unverified(patch: Patch) -> None:
    def decrypt(key: bytes, sealed: bytes, bound_to: bytes, *, about: str) -> bytes:
        counter = modes.CTR(bytes(12) + (2).to_bytes(4, "big"))  # where GCM begins to encrypt
        return Cipher(algorithms.AES256(key), counter).decryptor().update(sealed[:-TAG])

    patch.setattr(client, "unseal", decrypt)


def _from_anyone(patch: Patch) -> None:
    seal, unseal = client.seal, client.unseal
    keys: list[tuple[bytes, bytes]] = []

    def recording(key: bytes, message: bytes, bound_to: bytes) -> bytes:
        keys.append((key, bound_to))
        return seal(key, message, bound_to)

    def lax(key: bytes, sealed: bytes, bound_to: bytes, *, about: str) -> bytes:
        for other, bound in keys:
            try:
                return unseal(other, sealed, bound, about=about)
            except RefuseRound:
                continue
        raise RefuseRound(Reason.SHARE_FORGED, about=about)

    patch.setattr(client, "seal", recording)
    patch.setattr(client, "unseal", lax)


def _uncommitted(patch: Patch) -> None:
    from_bytes = Inbox.from_bytes

    def lax(data: bytes, terms: Terms) -> Inbox:
        inbox = from_bytes(data, terms)
        return Inbox(inbox.sealed, {owner: _AgreeablePair(pair) for owner, pair in inbox.commitments.items()})

    patch.setattr(client.Inbox, "from_bytes", lax)


AUTHENTIC = Check("a share authenticates", _unverified, Reason.SHARE_FORGED)
FROM_ITS_OWNER = Check("a share opens only as its owner's for this holder", _from_anyone, Reason.SHARE_FORGED)
COMMITTED = Check("a share is the one committed to", _uncommitted, Reason.SHARE_WRONG)

# Sets of hospitals.


def _any_count(patch: Patch) -> None:
    checked = ClientSum._checked_set

    def lax(self: ClientSum, claimed: list[int], known: Sequence[int], stranger: Reason) -> list[int]:
        try:
            return checked(self, claimed, known, stranger)
        except RefuseRound as refusal:
            if refusal.reason is not Reason.TOO_FEW:
                raise
            return claimed

    patch.setattr(ClientSum, "_checked_set", lax)


def _strangers_welcome(patch: Patch) -> None:
    checked = ClientSum._checked_set

    def lax(self: ClientSum, claimed: list[int], known: Sequence[int], stranger: Reason) -> list[int]:
        return checked(self, claimed, sorted({*known, *claimed}), stranger)

    patch.setattr(ClientSum, "_checked_set", lax)


def _sharers_unsigned(patch: Patch) -> None:
    statement = transcript.survivor_statement
    patch.setattr(
        transcript, "survivor_statement", lambda view, sharers, survivors: statement(view, (), survivors)
    )


ENOUGH = Check("a threshold in every set", _any_count, Reason.TOO_FEW)
NO_STRANGER = Check("survivors have shared with this hospital", _strangers_welcome, Reason.SURVIVORS)
SAME_SHARERS = Check("signatures cover the sharers", _sharers_unsigned, Reason.SIGNATURE)


class _Many(dict[int, bytes]):
    def __len__(self) -> int:
        return 1 << 16


def _any_number_of_signatures(patch: Patch) -> None:
    read = client.read_unmask_order
    patch.setattr(client, "read_unmask_order", lambda data, terms: _Many(read(data, terms)))


def _signers_repeat(patch: Patch) -> None:
    def lax(data: bytes, terms: Terms) -> dict[int, bytes]:
        read = messages._open(data, messages._UNMASK, terms)
        signers = [read.unsigned(2) for _ in range(read.unsigned(2))]
        return {signer: read.raw(SIGNATURE) for signer in signers}

    patch.setattr(client, "read_unmask_order", lax)


ENOUGH_SIGNATURES = Check("a threshold of signatures", _any_number_of_signatures, Reason.TOO_FEW)
SIGNERS_ONCE = Check("a list names nobody twice", _signers_repeat, Reason.MALFORMED)

# Turns and what is remembered.


def _any_turn(patch: Patch) -> None:
    patch.setattr(ClientSum, "_step", lambda self, now, then: nullcontext())


def _no_erasure(patch: Patch) -> None:
    patch.setattr(ClientSum, "__delattr__", lambda self, name: None)


def _forgets(what: str) -> Callable[[Patch], None]:
    return lambda patch: patch.setattr(KeptInMemory, what, lambda *arguments: None)


IN_TURN = Check("each step once and in order", _any_turn, Reason.OUT_OF_TURN)
ERASED = Check("keys and shares are gone once used", _no_erasure, AttributeError)
MASKED_ONCE = Check("an attempt is masked once, restarts or not", _forgets("masking"), Reason.REPLAYED)
ONE_SET = Check("a task is confirmed with one set", _forgets("confirming"), Reason.ANOTHER_SET)


def _any_cohort(patch: Patch) -> None:
    def lax(self: KeptInMemory, terms: Terms, task: bytes) -> None:
        self.bound.pop(task, None)
        masking(self, terms, task)

    masking = KeptInMemory.masking
    patch.setattr(KeptInMemory, "masking", lax)


ONE_COHORT = Check("attempts at a task are for one cohort", _any_cohort, Reason.ANOTHER_SET)
