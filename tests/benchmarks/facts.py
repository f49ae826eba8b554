"""What `clinfed bench facts` measures: right assertions, right codes, and the time of facts beyond the tagger's own.

The peer for codes is rapidfuzz alone over the same official names. Entities are the gold ones, so that nothing of a
tagger is in the figures.
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rapidfuzz import fuzz, process, utils

from shared.assertion import assertions_of
from shared.codes import codes_of
from shared.codes.names import names
from shared.facts import facts_of
from shared.note import Note
from shared.sections import sections_of
from shared.synthetic import make_notes, make_test_notes

TESTS = Path(__file__).parents[1] / "shared"
SENTENCES, MENTIONS = TESTS / "assertion_sentences.jsonl", TESTS / "mention_codes.jsonl"
HOSPITALS, WORDS = 8, 300


def measure(patients: int, repeat: int) -> list[dict[str, Any]]:
    """Measures everything.

    Args:
        patients: of the synthetic notes.
        repeat: turns of the timing of facts; the median counts.

    Returns:
        Rows of three kinds: assertions, codes, times.
    """
    unseen = list(make_test_notes(11, hospitals=HOSPITALS, patients=patients))
    mentions = read_lines(MENTIONS)
    fuzzy = rapidfuzz_alone()
    return [
        {"assertion": "300 sentences", **judged(read_lines(SENTENCES))},
        {"assertion": "unseen synthetic notes", **judged([as_line(note) for note in unseen])},
        {
            "codes": "clinfed",
            **coded(mentions, lambda mention: [one.code for one in codes_of(mention)]),
        },
        {"codes": "rapidfuzz alone", **coded(mentions, fuzzy)},
        timed(patients, repeat),
    ]


def ratios(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The figures that are published."""
    sentences, unseen, ours, peer, facts = rows
    return {
        "assertion_sentences": sentences["right"],
        "assertion_unseen_notes": unseen["right"],
        "code_top1": ours["top1"],
        "code_top5": ours["top5"],
        "code_top1_rapidfuzz": peer["top1"],
        "code_top5_rapidfuzz": peer["top5"],
        "code_speedup_rapidfuzz": round(peer["ms_mention"] / ours["ms_mention"], 1),
        "ms_note_300_words": facts["ms_300_words"],
    }


def judged(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many assertions are right."""
    right = total = 0
    for line in lines:
        spans = [(span["start"], span["end"]) for span in line["spans"]]
        found = assertions_of(line["text"], spans, sections_of(line["text"]))
        total += len(spans)
        right += sum(
            one.assertion == span["assertion"] for one, span in zip(found, line["spans"], strict=True)
        )
    return {"findings": total, "right": round(right / total, 4)}


def coded(lines: Sequence[dict[str, Any]], candidates: Callable[[str], list[str]]) -> dict[str, Any]:
    """How often the right category comes first, and among the first five."""
    candidates("warm up")
    start = time.process_time()
    found = [[code[:3] for code in candidates(line["mention"])] for line in lines]
    spent = time.process_time() - start
    right = [line["category"] for line in lines]
    return {
        "mentions": len(lines),
        "top1": round(sum(one[:1] == [code] for one, code in zip(found, right, strict=True)) / len(lines), 4),
        "top5": round(sum(code in one[:5] for one, code in zip(found, right, strict=True)) / len(lines), 4),
        "ms_mention": round(1000 * spent / len(lines), 3),
    }


def rapidfuzz_alone() -> Callable[[str], list[str]]:
    """The peer: the five most similar official names, by rapidfuzz's weighted ratio."""
    official = names().official
    codes, processed = list(official), [utils.default_process(name) for name in official.values()]

    def candidates(mention: str) -> list[str]:
        near = process.extract(utils.default_process(mention), processed, scorer=fuzz.WRatio, processor=None)
        return [codes[index] for _, _, index in near]

    return candidates


def timed(patients: int, repeat: int) -> dict[str, Any]:
    """CPU time of facts for a note with its entities already marked."""
    notes = [
        note
        for hospital in range(HOSPITALS)
        for note in make_notes(3, hospital, hospitals=HOSPITALS, patients=patients)
        if note.entities
    ]
    words = sum(len(note.text.split()) for note in notes)

    def all_notes() -> None:
        for note in notes:
            facts_of(note.text, note.entities)

    all_notes()
    spent = median(seconds(all_notes) for _ in range(repeat))
    return {
        "notes": len(notes),
        "words_note": round(words / len(notes)),
        "facts_note": round(sum(len(note.entities) for note in notes) / len(notes), 1),
        "ms_300_words": round(1000 * spent / words * WORDS, 3),
    }


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one run."""
    start = time.process_time()
    work()
    return time.process_time() - start


def as_line(note: Note) -> dict[str, Any]:
    """A synthetic note in the form of the sentences."""
    spans = [{"start": e.start, "end": e.end, "assertion": e.assertion} for e in note.entities]
    return {"text": note.text, "spans": spans}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
