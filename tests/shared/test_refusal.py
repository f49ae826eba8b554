"""A refusal says what was found, in fixed words, and whom it was found at, and nothing else."""

import re

import pytest

from shared.errors import ClinfedError
from shared.refusal import EXPLANATIONS, Reason, RefuseRound

WORDS = [  # they travel and are counted: one may be added, none may change or go
    "malformed",
    "out-of-turn",
    "state-lost",
    "replayed",
    "roster",
    "cohort",
    "threshold",
    "colluders",
    "ring",
    "scale",
    "hybrid",
    "unknown-hospital",
    "signature",
    "own-advert",
    "repeated-key",
    "bad-key",
    "too-few",
    "task",
    "share-forged",
    "share-wrong",
    "mask-disputed",
    "vector",
    "survivors",
    "another-set",
    "seed-wrong",
]


@pytest.mark.parametrize("word", WORDS)
def test_no_word_changes(word: str) -> None:
    reason = Reason(word)
    assert reason == word
    assert reason.name == word.upper().replace("-", "_")


def test_every_reason_has_an_explanation_of_its_own() -> None:
    assert set(EXPLANATIONS) == set(Reason)
    assert len(set(EXPLANATIONS.values())) == len(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_a_word_is_plain_and_an_explanation_one_sentence_without_its_stop(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", reason.value)
    assert re.fullmatch(r"[a-z][a-zA-Z ,:'-]*[a-z]", EXPLANATIONS[reason])


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("about", ["", "st-mary"])
def test_a_message_names_reason_and_hospital_only(reason: Reason, about: str) -> None:
    refusal = RefuseRound(reason, about=about)
    assert isinstance(refusal, ClinfedError)
    assert refusal.code == "refuse-round"
    assert (refusal.reason, refusal.about, refusal.where) == (reason, about, about)
    assert str(refusal) == (f"{about}: " if about else "") + EXPLANATIONS[reason]
