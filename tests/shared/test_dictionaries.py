"""Dictionary features against a slow and obvious search, over any Unicode; their file, and what is refused."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from shared.dictionaries import (
    INDEX,
    LONGEST,
    MATCH_WIDTH,
    SHAPES,
    SUFFIXES,
    USES,
    DictionaryIndex,
    build_index,
    hash_dictionaries,
    load_index,
    read_index,
    save_index,
)
from shared.errors import FixSettings, ReplaceModel
from shared.tokenize import words

FIRST = ["gout", "heart failure", "failure", "ALS", "type 2 diabetes", "Crohn's disease", "cancers"]
SECOND = ["acute heart failure"]


def surfaces(text: str) -> list[str]:
    return [text[start:end] for start, end in words(text)]


def begins_and_lengths(index: DictionaryIndex, text: str, dictionary: int = 0) -> list[tuple[int, int]]:
    """First word and number of words of each marked term, read off the features."""
    marks = index.features(surfaces(text))[:, MATCH_WIDTH * dictionary : MATCH_WIDTH * (dictionary + 1)]
    starts = marks[:, 0].nonzero()[0].tolist()
    ends = marks[:, 2].nonzero()[0].tolist()
    for start, end in zip(starts, ends, strict=True):
        assert marks[start : end + 1, 4].all()
        assert marks[start + 1 : end + 1, 1].all()
        assert (marks[start : end + 1, 3] == min(end + 1 - start, 4) / 2).all()
    assert marks[:, 4].sum() == sum(end + 1 - start for start, end in zip(starts, ends, strict=True))
    return [(start, end + 1 - start) for start, end in zip(starts, ends, strict=True)]


MATCHES = [
    ("No gout.", [(1, 1)], "one word"),
    ("GOUTY gout Gout", [(1, 1), (2, 1)], "whole words, large or small"),
    ("acute heart failure", [(1, 2)], "the longest from the left"),
    ("heart failures; failure", [(0, 2), (3, 1)], "plurals; what is left is matched by itself"),
    ("ALS, als", [(0, 1)], "acronyms as they are written"),
    ("type-2 diabetes", [], "a hyphen is a word"),
    ("Type 2 Diabetes", [(0, 3)], "digits"),
    ("crohn's disease", [(0, 4)], "apostrophes"),
    ("cancer", [(0, 1)], "a plural in the list"),
    ("", [], "no words"),
    ("heart", [], "only the beginning of a term"),
]


@pytest.mark.parametrize(("text", "found", "why"), MATCHES, ids=[why for *_, why in MATCHES])
def test_the_longest_terms_are_marked(text: str, found: list[tuple[int, int]], why: str) -> None:
    assert begins_and_lengths(build_index([FIRST, SECOND]), text) == found


def test_dictionaries_are_marked_apart() -> None:
    index = build_index([FIRST, SECOND])
    assert begins_and_lengths(index, "acute heart failure", 1) == [(0, 3)]
    assert index.width == 2 * MATCH_WIDTH + USES + len(SUFFIXES) + SHAPES


@given(
    st.lists(st.lists(st.sampled_from("abcA"), min_size=1, max_size=LONGEST + 2), max_size=8),
    st.lists(st.sampled_from("abcA"), max_size=40),
)
def test_matches_are_those_of_a_slow_search(terms: list[list[str]], text: list[str]) -> None:
    index = build_index([[" ".join(term) for term in terms]])
    known = {tuple("".join(term).lower()) for term in terms if len(term) <= LONGEST}
    spelled = [word.lower() for word in text]
    found, start = [], 0
    while start < len(spelled):
        lengths = [
            n for n in range(1, len(spelled) - start + 1) if tuple(spelled[start : start + n]) in known
        ]
        if lengths:
            found.append((start, max(lengths)))
        start += max(lengths, default=1)
    assert begins_and_lengths(index, " ".join(text)) == found


@given(st.text(), st.lists(st.text(), max_size=4))
def test_any_unicode(text: str, terms: list[str]) -> None:
    index = build_index([terms], background=[text])
    features = index.features(surfaces(text))
    assert features.shape == (len(words(text)), index.width)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    assert (abs(features) <= 2).all()


def test_a_word_is_described_by_its_own_window_alone() -> None:
    index = build_index([FIRST])
    whole, part = index.features(["heart", "failure"]), index.features(["heart"])
    assert whole[0, 0] == 1
    assert part[0, 0] == 0


def test_common_words_are_told_from_those_of_names() -> None:
    names, text = ["fever of the lung", "gout"], ["the end of the day " * 20 + "gout"]
    plain, told = build_index([names]), build_index([names], background=text)
    of, gout, day = told.features(["of", "gout", "day"])[:, MATCH_WIDTH : MATCH_WIDTH + USES]
    assert gout[2] > of[2] > 0 > day[2]
    assert day[4] == of[4] == 1.0
    assert not plain.features(["of", "day"])[:, MATCH_WIDTH + 2 : MATCH_WIDTH + USES].any()


def test_time_is_linear_in_the_text() -> None:
    index = build_index([["a " * LONGEST, "a"], ["b"]])
    seconds = []
    for size in (20_000, 80_000):
        text = ["a", "b"] * (size // 2)
        started = time.process_time()
        index.features(text)
        seconds.append(time.process_time() - started)
    assert seconds[1] < 12 * max(seconds[0], 0.01)  # four times the text; squared it would be sixteen


def test_an_index_is_the_same_whatever_the_order() -> None:
    assert build_index([FIRST]).same_as(build_index([FIRST[::-1] * 2]))
    assert not build_index([FIRST]).same_as(build_index([FIRST[1:]]))
    assert not build_index([FIRST]).same_as(build_index([FIRST, SECOND]))


@pytest.mark.parametrize("lists", [[FIRST, SECOND], [[]], []], ids=["two", "empty", "none"])
def test_a_saved_index_is_the_same(lists: list[list[str]], tmp_path: Path) -> None:
    index = build_index(lists)
    save_index(tmp_path, index)
    loaded = load_index(tmp_path)
    assert loaded is not None
    assert loaded.same_as(index)
    spelled = (tmp_path / INDEX).read_bytes()
    assert not [name for names in lists for name in names if name.encode() in spelled]


def test_no_index_in_a_folder(tmp_path: Path) -> None:
    assert load_index(tmp_path) is None


ODD = [
    {},
    {"known": np.zeros(1, np.uint64)},
    {"known": np.zeros(1, np.uint64), "uses": np.zeros((2, USES), np.float32)},
    {"known": np.zeros(1, np.int32), "uses": np.zeros((1, USES), np.float32)},
    {"known": np.zeros(0, np.uint64), "uses": np.zeros((0, USES), np.float32), "x": np.zeros(1, np.uint64)},
    {"known": np.zeros(0, np.uint64), "uses": np.zeros((0, USES)), "terms.0": np.zeros(1, np.uint64)},
    {"known": np.zeros(0, np.uint64), "uses": np.zeros((0, USES), np.float32), "terms.0": np.zeros((1, 1))},
]


@pytest.mark.parametrize("arrays", ODD)
def test_an_odd_index_is_refused(arrays: dict[str, np.ndarray], tmp_path: Path) -> None:
    safetensors.numpy.save_file(arrays, tmp_path / INDEX)
    with pytest.raises(ReplaceModel, match="not an index"):
        load_index(tmp_path)


def test_garbage_is_refused(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_bytes(b"\x80\x04garbage")
    with pytest.raises(ReplaceModel, match="not an index"):
        load_index(tmp_path)


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "terms.jsonl"
    path.write_text(json.dumps({"name": "gout"}))
    paths = (str(path),)
    agreed = hash_dictionaries(paths)
    assert read_index(paths, agreed).same_as(build_index([["gout"]]))
    path.write_text(json.dumps({"name": "asthma"}))
    read_index.cache_clear()
    with pytest.raises(ReplaceModel, match="not the dictionary"):
        read_index(paths, agreed)
    assert read_index(paths, ()).same_as(build_index([["asthma"]]))  # without the check it would be used
    with pytest.raises(FixSettings, match="no such file"):
        hash_dictionaries([str(tmp_path / "none")])
