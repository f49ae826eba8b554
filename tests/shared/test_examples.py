"""Nothing of a note is lost between its text and the batches, and nothing comes twice."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from shared.examples import Example, TextReader, batches, chunks, collate, pack, read_examples, thin
from shared.models.build import build_tagger
from shared.models.subtokens import SubtokenReader
from shared.models.word_inputs import HashedWordReader
from shared.note import Entity, Note
from shared.tags import IGNORED, TagSet, decode, split_at
from shared.tokenize import words

TAGSET = TagSet(("Disease", "Chemical"))
SENTENCES = ["fever ", "gout. ", "G6PD", "No ", "b.i.d. ", "\n\n", "1. ", "HEADING:\n", " "]
LETTERS = ["ﬁ", "İ", "é", "א", "👩\u200d⚕️", "糖尿病", "a" * 70]
ODD = "\t\u00a0\u0301\u200b\u200d\u202e\x00\x07\x1c\x85\ud800\udc00😀"
CHUNKS = st.sampled_from([*SENTENCES, *LETTERS, *ODD])
TEXT = st.lists(st.one_of(CHUNKS, CHUNKS, st.characters(exclude_categories=())), max_size=60).map("".join)


@st.composite
def marked_notes(draw: st.DrawFn) -> Note:
    """Any text, with spans that may touch, cut words and cross sentences."""
    text = draw(TEXT)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=12)))
    spans = tuple(
        Entity(start, end, draw(st.sampled_from(TAGSET.labels)))
        for start, end in itertools.pairwise(borders)
        if draw(st.booleans()) and not text[start].isspace() and not text[end - 1].isspace()
    )
    return Note("n", "p", text, spans)


@st.composite
def sentences_of_costs(draw: st.DrawFn) -> tuple[list[int], list[int], int, int]:
    limit = draw(st.integers(1, 40))
    costs = draw(st.lists(st.integers(1, limit), max_size=60))
    inner = draw(st.sets(st.integers(1, max(1, len(costs) - 1)), max_size=10)) if len(costs) > 1 else set()
    ends = sorted(inner | {len(costs)}) if costs else []
    return ends, costs, draw(st.integers(0, 60)), limit


@pytest.fixture(scope="module", params=["words", "subtokens"])
def reader(request: pytest.FixtureRequest, tiny_encoder: Path) -> TextReader:
    """Readers with windows so small that most notes need several, and long sentences pieces."""
    made: TextReader
    if request.param == "words":
        made = HashedWordReader(64, {}, target=4)
        made.limit = 9
        return made
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    return SubtokenReader(tokenizer.backend_tokenizer, begin=2, end=3, unknown=1, target=8, limit=20)


def reassemble(examples: Sequence[Example]) -> tuple[list[tuple[int, int]], list[int]]:
    tokens, tags = [], []
    for example in examples:
        for token, tag in zip(example.tokens, example.tags.tolist(), strict=True):
            if tag != IGNORED:
                tokens.append(token)
                tags.append(tag)
    return tokens, tags


@given(sentences_of_costs())
def test_cores_hold_every_word_once_and_no_window_is_too_long(
    case: tuple[list[int], list[int], int, int],
) -> None:
    ends, costs, target, limit = case
    windows = pack(ends, costs, target, limit)
    assert [word for _, core, end, _ in windows for word in range(core, end)] == list(range(len(costs)))
    for first, core, core_end, last in windows:
        assert 0 <= first <= core < core_end <= last <= len(costs)
        assert sum(costs[first:last]) <= limit


@given(sentences_of_costs())
def test_only_sentences_over_the_limit_are_cut_and_only_they_have_context(
    case: tuple[list[int], list[int], int, int],
) -> None:
    ends, costs, target, limit = case
    spans = list(itertools.pairwise([0, *ends]))
    for first, core, core_end, last in pack(ends, costs, target, limit):
        inside = [(s, e) for s, e in spans if s < core_end and e > core]
        too_long = [(s, e) for s, e in inside if sum(costs[s:e]) > limit]
        if too_long:
            (sentence,) = inside
            assert sentence[0] <= first
            assert last <= sentence[1]
        else:
            assert (first, last) == (core, core_end) == (inside[0][0], inside[-1][1])
            assert len(inside) == 1 or sum(costs[core : inside[-1][0]]) < target


def test_a_piece_of_a_long_sentence_is_read_with_its_neighbours() -> None:
    windows = pack([100], [1] * 100, 0, 64)
    assert windows == [(0, 0, 32, 48), (16, 32, 64, 80), (48, 64, 96, 100), (80, 96, 100, 100)]


def test_sentences_fill_a_window_until_the_target() -> None:
    assert pack([3, 5, 9, 10], [1] * 10, 0, 20) == [(0, 0, 3, 3), (3, 3, 5, 5), (5, 5, 9, 9), (9, 9, 10, 10)]
    assert pack([3, 5, 9, 10], [1] * 10, 5, 20) == [(0, 0, 5, 5), (5, 5, 10, 10)]
    assert pack([3, 5, 9, 10], [1] * 10, 5, 6) == [(0, 0, 5, 5), (5, 5, 10, 10)]
    assert pack([], [], 5, 6) == []


@given(note=marked_notes())
def test_text_to_windows_to_tags_to_spans_loses_nothing(reader: TextReader, note: Note) -> None:
    examples = read_examples([note], TAGSET, reader)
    tokens, tags = reassemble(examples)
    assert tokens == split_at(words(note.text), note.entities)
    assert decode(TAGSET, tokens, tags) == list(note.entities)
    for example in examples:
        covering = example.inputs.get("firsts", example.tags)
        assert len(example.tokens) == len(example.tags) == len(covering)
        assert example.cost <= reader.limit + 2  # the two subtokens around a window


def test_notes_without_words_have_no_example(reader: TextReader) -> None:
    texts = ["", " \n\t", "gout", "\u2003"]
    examples = read_examples([Note(str(i), "p", text) for i, text in enumerate(texts)], TAGSET, reader)
    assert [example.note for example in examples] == [2]


@given(
    costs=st.lists(st.integers(1, 50), max_size=80),
    size=st.integers(1, 9),
    seed=st.integers(0, 2**60),
)
def test_batches_hold_every_example_once_in_an_order_of_the_generator(
    costs: list[int], size: int, seed: int
) -> None:
    made = batches(costs, size, torch.Generator().manual_seed(seed))
    assert sorted(itertools.chain.from_iterable(made)) == list(range(len(costs)))
    assert all(0 < len(batch) <= size for batch in made)
    assert sum(len(batch) < size for batch in made) <= 1
    assert made == batches(costs, size, torch.Generator().manual_seed(seed))


def test_epochs_and_seeds_differ_in_order() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second = batches([5] * 40, 4, generator), batches([5] * 40, 4, generator)
    assert first != second
    assert first != batches([5] * 40, 4, torch.Generator().manual_seed(2))


def test_batches_pad_little() -> None:
    costs = [10, 200] * 50
    for batch in batches(costs, 10, torch.Generator().manual_seed(0)):
        assert len({costs[index] for index in batch}) == 1


def test_collating_pads_inputs_with_zeros_and_tags_with_ignored(
    reader: TextReader, notes: list[Note]
) -> None:
    examples = read_examples(notes, TAGSET, reader)
    batch = collate(examples)
    assert batch.lengths.tolist() == [len(example.tags) for example in examples]
    assert batch.tags.shape == (len(examples), max(batch.lengths))
    for row, example in enumerate(examples):
        length = len(example.tags)
        assert batch.tags[row, :length].equal(example.tags)
        assert (batch.tags[row, length:] == IGNORED).all()
        for name, tensor in example.inputs.items():
            assert batch.inputs[name][row, : len(tensor)].equal(tensor)
            assert not batch.inputs[name][row, len(tensor) :].any()


def test_thinning_keeps_windows_of_every_note_whoever_else_is_there(
    birnn_settings: Callable[..., Any],
) -> None:
    tagger = build_tagger(birnn_settings(window=0))
    notes = [
        Note(f"n{k}", f"p{k // 2}", " ".join(f"Sentence {i} of {k}." for i in range(9))) for k in range(6)
    ]
    all_of_them = read_examples(notes, tagger.tagset, tagger.reader)
    kept = thin(all_of_them, 3)
    assert [example.note for example in kept] == [note for note in range(6) for _ in range(3)]
    assert thin(all_of_them, None) == all_of_them
    fewer = thin(read_examples(notes[2:], tagger.tagset, tagger.reader), 3)  # one patient is gone
    assert [window.tokens for window in fewer] == [window.tokens for window in kept[6:]]
    assert len({tuple(window.sentence for window in kept[at : at + 3]) for at in range(0, 18, 3)}) > 1


@pytest.mark.parametrize("apart", [None, [0, 1, 0, 1, 2, 2, 2, 0]])
def test_chunks_hold_everything_once_and_one_group_each(apart: list[int] | None) -> None:
    costs = [3, 1, 2, 5, 4, 1, 1, 9]
    found = chunks(costs, 2, apart)
    assert sorted(index for chunk in found for index in chunk) == list(range(8))
    assert max(map(len, found)) == 2
    assert all(len({(apart or [0] * 8)[index] for index in chunk}) == 1 for chunk in found)
    assert len(found) == (4 if apart is None else 5)
