"""Every word has subtokens of its own, whatever the text and the tokenizer do to each other."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from shared.models.subtokens import MOST_SUBTOKENS_A_WORD, SubtokenReader, align
from shared.tokenize import Token, words

BEGIN, END, UNKNOWN = 2, 3, 1
spans = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), max_size=12)


def laid_out(gaps_and_lengths: list[tuple[int, int]]) -> list[Token]:
    at, made = 0, []
    for gap, length in gaps_and_lengths:
        made.append((at + gap, at + gap + length))
        at += gap + length
    return made


def slow_align(ids: list[int], offsets: list[Token], tokens: list[Token]) -> list[list[int]]:
    def touches(offset: Token, token: Token) -> bool:
        return offset[0] < token[1] and offset[1] > token[0]

    made = []
    for index, token in enumerate(tokens):
        touching = [i for i, offset in enumerate(offsets) if touches(offset, token)]
        own = [i for i in touching if not any(touches(offsets[i], earlier) for earlier in tokens[:index])]
        chosen = own or touching[:1]
        made.append([ids[i] for i in chosen][:MOST_SUBTOKENS_A_WORD] or [UNKNOWN])
    return made


@pytest.fixture(scope="module")
def tokenizer(tiny_encoder: Path) -> PreTrainedTokenizerFast:
    made = AutoTokenizer.from_pretrained(tiny_encoder)
    assert isinstance(made, PreTrainedTokenizerFast)
    return made


@pytest.fixture(scope="module")
def reader(tokenizer: PreTrainedTokenizerFast) -> SubtokenReader:
    engine = tokenizer.backend_tokenizer
    return SubtokenReader(engine, begin=BEGIN, end=END, unknown=UNKNOWN, target=0, limit=62)


def subtokens(reader: SubtokenReader, text: str) -> list[list[int]]:
    """Of each word, read back from the inputs of one window over the whole text."""
    tokens = words(text)
    inputs = reader.read(text, tokens).window(0, len(tokens))
    ids, firsts = inputs["ids"].tolist(), inputs["firsts"].tolist()
    assert inputs["mask"].tolist() == [1] * len(ids)
    assert (ids[0], ids[-1]) == (BEGIN, END)
    borders = [*firsts, len(ids) - 1]
    assert borders[0] == 1
    return [ids[start:end] for start, end in itertools.pairwise(borders)]


@given(spans, spans, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=12))
def test_alignment_is_what_the_slow_and_obvious_one_finds(
    word_gaps: list[tuple[int, int]], piece_gaps: list[tuple[int, int]], loose: list[tuple[int, int]]
) -> None:
    tokens = laid_out(word_gaps)
    starts = sorted(start for start, _ in loose)
    overlapping, reach = [], 0
    for start, (_, length) in zip(starts, loose, strict=True):
        reach = max(reach, start + length)
        overlapping.append((start, reach))
    for offsets in (laid_out(piece_gaps), overlapping):
        ids = list(range(100, 100 + len(offsets)))
        assert align(ids, offsets, tokens, UNKNOWN) == slow_align(ids, offsets, tokens)


def test_a_space_that_counts_to_its_word_does_not_cost_the_word_a_subtoken() -> None:
    assert align([7, 8, 9], [(0, 1), (1, 3), (3, 4)], [(0, 1), (2, 4)], UNKNOWN) == [[7], [8, 9]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a\x00b\x07c", "control characters, which BERT drops"),
        ("\x00", "nothing is left"),
        ("x \ud800 y \udfff", "lone surrogates, which have no UTF-8"),
        ("a" * 10_000, "one endless word"),
        ("😀👩‍⚕️🏳️‍🌈 ok", "emoji of several characters"),
        ("e\u0301te\u0301 \u0301\u0301", "combining marks, of words and alone"),
        ("糖尿病 diabetes", "CJK, which BERT splits and we do not"),
        ("ﬁ½İß", "characters that change their number when normalised"),
        ("\u200b\u200d\u202e\ufeff", "formats only"),
        ("\ufffd", "the replacement character itself"),
    ],
)
def test_every_word_has_a_subtoken(reader: SubtokenReader, text: str, why: str) -> None:
    found = subtokens(reader, text)
    assert len(found) == len(words(text)), why
    assert all(0 < len(word) <= MOST_SUBTOKENS_A_WORD for word in found)


@given(text=st.text(st.characters(exclude_categories=()), max_size=60))
def test_every_word_of_any_text_has_a_subtoken(reader: SubtokenReader, text: str) -> None:
    tokens = words(text)
    read = reader.read(text, tokens)
    assert len(read.costs) == len(tokens)
    assert all(1 <= cost <= MOST_SUBTOKENS_A_WORD for cost in read.costs)


def test_plain_text_is_read_as_the_tokenizer_reads_it(
    reader: SubtokenReader, tokenizer: PreTrainedTokenizerFast
) -> None:
    text = "Fever, then gout (left knee); seen on 12/3."
    flat = [piece for word in subtokens(reader, text) for piece in word]
    assert flat == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_subtoken_over_several_words_is_repeated(
    reader: SubtokenReader, tokenizer: PreTrainedTokenizerFast
) -> None:
    whole = tokenizer.convert_tokens_to_ids("g6pd")
    assert words("G6PD") == [(0, 1), (1, 2), (2, 4)]
    assert subtokens(reader, "G6PD gout") == [
        [whole],
        [whole],
        [whole],
        [tokenizer.convert_tokens_to_ids("gout")],
    ]


def test_a_surrogate_shifts_no_offset(reader: SubtokenReader, tokenizer: PreTrainedTokenizerFast) -> None:
    gout = tokenizer.convert_tokens_to_ids("gout")
    assert subtokens(reader, "\ud83d 😀 gout")[-1] == [gout]
    assert subtokens(reader, "gout \udc00")[0] == [gout]
