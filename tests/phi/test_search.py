"""The search finds a patient in every disguise, and nothing where there is none: or the drill would prove nothing."""

import dataclasses
import json
import pickle
from collections.abc import Callable
from urllib.parse import quote

import pytest

from client.drill.canaries import Canary, make_canaries
from client.drill.search import PIECE, Search, disguises

CANARY = make_canaries(1, 3)[0]
KINDS = [
    (kind, value)
    for kind, value in {**CANARY.values(), "given": CANARY.given, "family": CANARY.family}.items()
    if kind not in ("street", "birth")
]
CLEAN = "the round took 1.2 s, 3 of 4 hospitals answered; loss 0.3141 at client/app.py:142, 100 notes\n" * 50


@pytest.fixture(scope="module")
def search() -> Search:
    return Search([CANARY])


@pytest.mark.parametrize(("kind", "value"), KINDS, ids=[kind for kind, _ in KINDS])
@pytest.mark.parametrize("disguise", disguises("x"))
def test_every_disguise_is_seen_through(kind: str, value: str, disguise: str, search: Search) -> None:
    for text in (value, value.lower()):
        said = f"{CLEAN}before {disguises(text)[disguise]} behind\n{CLEAN}"
        assert search.find(said.encode()), said[len(CLEAN) : -len(CLEAN)]


@pytest.mark.parametrize("part", sorted(CANARY.parts()))
def test_every_part_is_enough(part: str, search: Search) -> None:
    assert search.find(f"{CLEAN} x{part}x".encode())


def test_four_letters_of_a_name_are_enough(search: Search) -> None:
    hits = search.find(f"{CLEAN} ##{CANARY.family.lower()[1:5]} {CLEAN}".encode())
    assert {hit.disguise for hit in hits} == {PIECE}


def test_neighbouring_records_are_read_as_one(search: Search) -> None:
    line = '{{"ts":"2026-11-23T20:00:00.000Z","level":"INFO","logger":"clinfed","message":"{}",'
    line += '"at":"a.py:1","pid":7,"thread":"T"}}\n'
    half = len(CANARY.family) // 2
    assert search.find((line.format(CANARY.family[:half]) + line.format(CANARY.family[half:])).encode())


@pytest.mark.parametrize("form", [str, json.dumps, lambda text: pickle.dumps(text).decode("latin-1"), repr])
def test_nothing_is_found_where_nothing_is(form: object, search: Search) -> None:
    envelope = '{"ts":"2026-11-23T20:19:31.193Z","message":"<VALUE:bcdfghjkmpqr>",'
    envelope += '"sequence":193119,"pid":19311}\n'
    assert not search.find((CLEAN + envelope + form(CLEAN)).encode())  # type: ignore[operator]


@pytest.mark.parametrize("form", [str, quote], ids=["as it stands", "in a URL"])
def test_letters_of_a_token_are_no_piece_of_a_name(form: Callable[[str], str]) -> None:
    search = Search([dataclasses.replace(CANARY, family="McGrath")])
    assert not search.find(form("name=<VALUE:kfdxbxmcgrwh>&msg=1").encode())
    assert search.find(form("name=<VALUE:kfdxbxmcgrw>&msg=1").encode())  # no token: it is a letter short


def test_what_is_masked_is_masked_by_form_alone(search: Search) -> None:
    number = str(CANARY.mrn)
    for text in (
        f'"ts":"{number}"',
        f'"pid":"{number}"',
        f'"sequence":"{number}"',
        f'"at":"/charts/{CANARY.family}.py:1"',
    ):
        assert search.find(text.encode()), text


def test_what_a_run_prints_anyway_is_no_canary() -> None:
    first = make_canaries(20, 5)
    avoid = " ".join(canary.family.lower() for canary in first)
    assert not {canary.family for canary in make_canaries(20, 5, avoid)} & {canary.family for canary in first}


def test_no_two_patients_share_a_part() -> None:
    seen: dict[str, Canary] = {}
    for canary in make_canaries(150, 9):
        for part in canary.parts() - {
            part for part in canary.parts() if part.startswith("19") and len(part) == 4
        }:
            assert seen.setdefault(part, canary) is canary
