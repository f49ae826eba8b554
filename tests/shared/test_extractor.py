"""An extractor gives back exact spans, for any text, however it was cut into windows and batches."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import one_hot
from typing_extensions import override

from shared.examples import Batch, read_examples
from shared.extractor import Extractor, ScoredNotes, predict
from shared.models.birnn import BirnnTagger
from shared.models.build import build_tagger
from shared.models.folder import save_model
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.note import Entity, Note
from shared.scores import score
from shared.tokenize import words
from shared.training import Recipe, train

MakeSettings = Callable[..., ModelSettings]
KNOWN = [
    ("Known gout since 2019. No fever.", ["gout"]),
    ("Type 2 diabetes mellitus and asthma, well controlled.", ["Type 2 diabetes mellitus", "asthma"]),
    ("😀 Seen for\nacute heart failure; mother had migraine", ["acute heart failure", "migraine"]),
]


class Oracle(BirnnTagger):
    """Scores highest what the batch's gold tags say."""

    @override
    def forward(self, batch: Batch) -> Tensor:
        return one_hot(batch.tags.clamp(min=0), len(self.tagset)).float()


def memorised() -> list[Note]:
    found = []
    for index, (text, surfaces) in enumerate(KNOWN):
        spans = tuple(Entity(text.index(s), text.index(s) + len(s), "Disease") for s in surfaces)
        found.append(Note(f"n{index}", f"p{index}", text, spans))
    return found


@pytest.fixture(scope="module")
def tagger(birnn_settings: MakeSettings) -> Tagger:
    """A tiny network that has learnt three notes by heart."""
    torch.manual_seed(1)
    made = build_tagger(birnn_settings(dropout=0, word_dropout=0, window=20))
    examples = read_examples(memorised(), made.tagset, made.reader)
    recipe = Recipe(learning_rate=0.05, batch_size=2, weight_decay=0)
    assert train(made, examples, recipe, seed=1, steps=80).loss < 0.2
    return made


@pytest.fixture(scope="module")
def oracle(birnn_settings: MakeSettings) -> Oracle:
    return Oracle(birnn_settings(labels=("Disease", "Chemical")))


def test_known_notes_come_back_exactly(tagger: Tagger) -> None:
    notes = memorised()
    found = Extractor(tagger).extract(note.text for note in notes)
    assert found == [list(note.entities) for note in notes]
    assert [[n.text[e.start : e.end] for e in spans] for n, spans in zip(notes, found, strict=True)] == [
        surfaces for _, surfaces in KNOWN
    ]


def test_a_loaded_extractor_finds_the_same(tagger: Tagger, tmp_path: Path) -> None:
    save_model(tmp_path / "model", tagger, {})
    notes = memorised()
    assert Extractor.load(tmp_path / "model").extract(n.text for n in notes) == [
        list(n.entities) for n in notes
    ]


def test_texts_without_words_have_no_entities(tagger: Tagger) -> None:
    known = memorised()[0]
    found = Extractor(tagger).extract(["", known.text, " \n\t\u2003", "", known.text])
    assert found == [[], list(known.entities), [], [], list(known.entities)]
    assert Extractor(tagger).extract([]) == []
    assert Extractor(tagger).extract([""]) == [[]]


def test_a_huge_text_is_read_to_its_end(tagger: Tagger) -> None:
    unit = KNOWN[0][0] + "\n\n"
    (found,) = Extractor(tagger).extract([unit * 2000])
    (once,) = Extractor(tagger).extract([unit])
    assert [(e.start % len(unit), e.end % len(unit)) for e in found] == [
        (e.start, e.end) for e in once
    ] * 2000


def test_one_endless_sentence_is_read_to_its_end(tagger: Tagger) -> None:
    text = "gout " * 5000
    (found,) = Extractor(tagger).extract([text])
    assert all(text[e.start].isalpha() and text[e.end - 1].isalpha() for e in found)


@given(texts=st.lists(st.text(st.characters(exclude_categories=()), max_size=80), max_size=4))
def test_any_text_gives_sorted_spans_of_whole_words(tagger: Tagger, texts: list[str]) -> None:
    found = Extractor(tagger).extract(texts)
    assert len(found) == len(texts)
    for text, spans in zip(texts, found, strict=True):
        Note("n", "p", text, tuple(spans))  # checks borders and order
        starts, ends = {s for s, _ in words(text)}, {e for _, e in words(text)}
        assert all(span.start in starts and span.end in ends for span in spans)
        assert all(a.end <= b.start for a, b in itertools.pairwise(spans))


@given(data=st.data())
def test_what_the_network_says_of_each_word_comes_back_as_spans(oracle: Oracle, data: st.DataObject) -> None:
    """Windows, batches sorted by length and context words leave every tag at its place."""
    notes = []
    for index in range(data.draw(st.integers(0, 5))):
        pieces = st.sampled_from(["gout ", "no fever. ", "G6PD ", "\n\n", "e\u0301", "😀", "a, " * 90, " "])
        text = "".join(data.draw(st.lists(pieces, max_size=12)))
        borders = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=10)))
        spans = tuple(
            Entity(start, end, data.draw(st.sampled_from(oracle.tagset.labels)))
            for start, end in itertools.pairwise(borders)
            if not text[start].isspace() and not text[end - 1].isspace()
        )
        notes.append(Note(str(index), "p", text, spans))
    examples = read_examples(notes, oracle.tagset, oracle.reader)
    assert predict(oracle, examples, len(notes)) == [list(note.entities) for note in notes]


def test_scored_notes_are_read_as_in_use(tagger: Tagger) -> None:
    """A gold span that cuts a word must not show the network where."""
    text = "nongouty knee"
    note = Note("n", "p", text, (Entity(3, 7, "Disease"),))
    scored = ScoredNotes(tagger, [note])
    assert [token for e in scored.examples for token in e.tokens] == words(text)
    assert not any(e.tags.any() for e in scored.examples)
    assert scored.gold == [note.entities]
    assert scored.count(tagger)[0, 0] == 1
    assert scored.count(tagger)[0, 2] == 0  # it cannot be hit, and counts as missed


def test_scored_notes_count_what_extracting_finds(tagger: Tagger) -> None:
    notes = [*memorised(), Note("empty", "p", " "), Note("plain", "p", "Known gout", ())]
    counts = ScoredNotes(tagger, iter(notes)).count(tagger)
    found = Extractor(tagger).extract(note.text for note in notes)
    gold = sum(len(note.entities) for note in notes)
    hits = sum(len({*note.entities} & {*spans}) for note, spans in zip(notes, found, strict=True))
    assert counts.dtype == np.int64
    assert counts[0, :3].tolist() == [gold, sum(map(len, found)), hits]
    assert score(("Disease",), ScoredNotes(tagger, memorised()).count(tagger)).f1 == 100
