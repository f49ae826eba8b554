"""Whole sentences: sets kept apart, sets whose errors were read, and synthetic notes, each above its floor."""

import json
from collections import Counter
from pathlib import Path

import pytest

from shared.assertion import assertions_of
from shared.note import ASSERTIONS
from shared.sections import sections_of
from shared.synthetic import make_notes

APART = Path(__file__).parents[1] / "assertion_sentences.jsonl"
DEVELOPMENT = Path(__file__).with_name("dev_sentences.jsonl")

SEEN = Path(__file__).with_name("seen_sentences.jsonl")  # written before any rule was read; errors read since
UNSEEN = Path(__file__).with_name("unseen_sentences.jsonl")  # errors never read


def share_right(lines: list[tuple[str, list[tuple[int, int]], list[str]]]) -> float:
    right = total = 0
    for text, spans, gold in lines:
        found = [one.assertion for one in assertions_of(text, spans, sections_of(text))]
        right += sum(a == b for a, b in zip(found, gold, strict=True))
        total += len(gold)
    return right / total


def read(path: Path) -> list[tuple[str, list[tuple[int, int]], list[str]]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [
        (
            line["text"],
            [(span["start"], span["end"]) for span in line["spans"]],
            [span["assertion"] for span in line["spans"]],
        )
        for line in lines
    ]


def test_the_set_has_300_sentences_and_all_assertions() -> None:
    lines = read(APART)
    assert len({text for text, _, _ in lines}) == 300
    counts = Counter(gold for _, _, golds in lines for gold in golds)
    assert set(counts) == set(ASSERTIONS)
    assert min(counts.values()) >= 20
    assert not {text for text, _, _ in lines} & {text for text, _, _ in read(DEVELOPMENT)}


def test_a_constant_answer_falls_far_below_the_floor() -> None:
    golds = [gold for _, _, golds in read(APART) for gold in golds]
    assert max(Counter(golds).values()) / len(golds) < 0.5


@pytest.mark.parametrize(
    ("path", "floor"), [(APART, 0.96), (UNSEEN, 0.95), (SEEN, 0.97), (DEVELOPMENT, 0.97)]
)
def test_sentences(path: Path, floor: float) -> None:
    assert share_right(read(path)) >= floor


def test_a_finding_is_judged_alike_whether_its_neighbours_are_marked_or_not() -> None:
    lines = read(SEEN)
    alone = [
        (text, [span], [gold])
        for text, spans, golds in lines
        for span, gold in zip(spans, golds, strict=True)
    ]
    assert share_right(alone) >= 0.97


@pytest.mark.parametrize("split", ["train", "test"])
def test_synthetic_notes(split: str) -> None:
    lines = [
        (note.text, [(e.start, e.end) for e in note.entities], [str(e.assertion) for e in note.entities])
        for hospital in range(4)
        for note in make_notes(21, hospital, hospitals=4, patients=6, split=split)  # type: ignore[arg-type]
    ]
    assert share_right(lines) >= 0.97
