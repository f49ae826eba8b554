"""The right category comes first for the kept-apart mentions, and each way to a code is what it says."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codes import codes_of, finder
from shared.codes.make_names import make
from shared.codes.names import _NAMES, aliases, names
from shared.codes.normal import key_of, read_words

MENTIONS = Path(__file__).parents[1] / "mention_codes.jsonl"
SEEN = Path(__file__).with_name(
    "seen_mentions.jsonl"
)  # written before the aliases were read; errors read since
UNSEEN = Path(__file__).with_name("unseen_mentions.jsonl")  # errors never read
DICTIONARIES = Path(__file__).parents[4] / "shared" / "data" / "dictionaries"

CASES = [
    ("HTN", "I10", "alias", "an abbreviation"),
    ("high blood pressure", "I10", "alias", "lay words"),
    ("left hip fracture", "S72", "alias", "a side"),
    ("COPD with acute exacerbation", "J44", "alias", "word for word"),
    ("severe gout of the left foot", "M10", "alias", "its head"),
    ("pneumonai", "J18", "alias", "a slip of the pen"),
    ("oedema", "R60", "alias", "British spelling"),
    ("Takayasu's arteritis", "M31", "alias", "a possessive"),
    ("type 1 diabetic nephropathy", "E10", "alias", "a complication of the other type"),
    ("type 2 diabetic nephropathy", "E11", "alias", "and of this one"),
    ("bronkitis", "J40", "alias", "written as it sounds"),
    ("fibrodysplasia ossificans progressiva", "M61", "name", "an official or dictionary name"),
    ("lac to chin", "S01", "alias", "a wound by its site"),
    ("burned thumb", "T23", "alias", "a burn by its site"),
    ("metastatic breast cancer to the liver", "C50", "alias", "the primary"),
]


@pytest.mark.parametrize(("mention", "category", "how", "why"), CASES)
def test_the_first_candidate(mention: str, category: str, how: str, why: str) -> None:
    first = codes_of(mention)[0]
    assert (first.code[:3], first.how) == (category, how), why
    assert first.name == names().official[first.code]


@pytest.mark.parametrize(
    ("path", "count", "least_first", "least_five"),
    [(MENTIONS, 200, 180, 194), (UNSEEN, 167, 158, 162), (SEEN, 520, 510, 517)],
)
def test_sets_of_mentions(path: Path, count: int, least_first: int, least_five: int) -> None:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len({line["mention"] for line in lines}) == count
    found = [[one.code[:3] for one in codes_of(line["mention"])] for line in lines]
    first = sum(one[:1] == [line["category"]] for one, line in zip(found, lines, strict=True))
    five = sum(line["category"] in one for one, line in zip(found, lines, strict=True))
    assert first >= least_first
    assert five >= least_five


def test_without_aliases_the_mentions_fall_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.codes.finder.aliases", dict)
    finder._postings.cache_clear()
    lines = [json.loads(line) for line in MENTIONS.read_text("utf-8").splitlines()]
    try:
        found = [[one.code[:3] for one in codes_of(line["mention"])] for line in lines[:60]]
    finally:
        finder._postings.cache_clear()
    assert sum(one[:1] == [line["category"]] for one, line in zip(found, lines[:60], strict=True)) < 40


def test_every_alias_has_a_code_that_exists() -> None:
    assert {code for codes in aliases().values() for code in codes} <= names().official.keys()


def test_what_is_only_similar_is_flagged() -> None:
    assert {one.how for one in codes_of("frobnicated vitreous membrane")} <= {"suggested"}
    assert codes_of("Zebrafinchwobble") == ()
    assert codes_of("") == ()


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=40))
def test_any_mention_gives_distinct_categories_and_scores_in_range(mention: str) -> None:
    found = codes_of(mention)
    assert len({one.code[:3] for one in found}) == len(found) <= 5
    assert all(0 < one.score <= 1 for one in found)


def test_a_key_ignores_order_capitals_and_plural() -> None:
    assert key_of(read_words("Fractures of the Hip")) == key_of(read_words("hip fracture"))


def test_loading_is_quick() -> None:
    start = time.process_time()
    names.__wrapped__()
    aliases.__wrapped__()
    assert time.process_time() - start < 2  # 0.08 s alone; generous for a busy machine


@pytest.mark.slow
@pytest.mark.skipif(not DICTIONARIES.exists(), reason="../shared/data/dictionaries is not there")
def test_the_file_of_names_is_what_the_command_writes() -> None:
    assert make(DICTIONARIES) == _NAMES.read_bytes()
