import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import FixFederation
from shared.note import Entity
from shared.tags import IGNORED, OUTSIDE, TagSet, decode, encode, split_at
from shared.tokenize import words

ONE, TWO = TagSet(("Disease",)), TagSet(("Disease", "Chemical"))
TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("ab1- \n\t\u00a0\u0301\u200b\u200d\u202e\x00\ud800\udc00😀éא")),
        st.characters(exclude_categories=()),
    ),
    min_size=1,
    max_size=40,
)


@st.composite
def marked(draw: st.DrawFn, labels: tuple[str, ...]) -> tuple[str, list[Entity]]:
    """A text and spans over it that may touch and may cut words, but not begin or end with white space."""
    text = draw(TEXT)
    borders = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = []
    for start, end in itertools.pairwise(borders):
        if draw(st.booleans()) and not text[start].isspace() and not text[end - 1].isspace():
            spans.append(Entity(start, end, draw(st.sampled_from(labels))))
    return text, spans


@pytest.mark.parametrize("tagset", [ONE, TWO], ids=["one label", "two labels"])
@given(data=st.data())
def test_text_to_spans_to_tags_to_spans_loses_nothing(tagset: TagSet, data: st.DataObject) -> None:
    text, entities = data.draw(marked(tagset.labels))
    tokens = split_at(words(text), entities)
    tags = encode(tagset, tokens, entities)
    assert len(tags) == len(tokens)
    assert decode(tagset, tokens, tags) == entities
    assert all(tagset.may_follow(before, tag) for before, tag in itertools.pairwise([OUTSIDE, *tags]))


@given(marked(TWO.labels))
def test_splitting_keeps_the_characters_and_meets_every_border(case: tuple[str, list[Entity]]) -> None:
    text, entities = case
    tokens, pieces = words(text), split_at(words(text), entities)
    assert [i for s, e in pieces for i in range(s, e)] == [i for s, e in tokens for i in range(s, e)]
    assert {e.start for e in entities} <= {start for start, _ in pieces}
    assert {e.end for e in entities} <= {end for _, end in pieces}
    assert split_at(tokens, []) == tokens


@given(st.lists(st.sampled_from([*range(len(TWO)), IGNORED]), max_size=30))
@example([2, 2, 4, 4, 1, 4, 3, 2])
@example([1, IGNORED, 2])
def test_any_tags_decode_to_sorted_spans_apart(tags: list[int]) -> None:
    tokens = [(3 * index, 3 * index + 2) for index in range(len(tags))]
    spans = decode(TWO, tokens, tags)
    assert all(span.start < span.end for span in spans)
    assert all(before.end <= after.start for before, after in itertools.pairwise(spans))
    inside = {
        i
        for span in spans
        for i, (start, end) in enumerate(tokens)
        if span.start <= start and end <= span.end
    }
    assert inside == {index for index, tag in enumerate(tags) if tag > OUTSIDE}
    # Decoding repairs: what comes out is a valid sequence that decodes to the same spans.
    repaired = encode(TWO, tokens, spans)
    assert all(TWO.may_follow(before, tag) for before, tag in itertools.pairwise([OUTSIDE, *repaired]))
    assert decode(TWO, tokens, repaired) == spans


def test_an_inside_tag_follows_its_own_label_only() -> None:
    allowed = {
        (previous, tag)
        for previous, tag in itertools.product(range(len(TWO)), repeat=2)
        if TWO.may_follow(previous, tag)
    }
    names = TWO.names
    expected = {
        (names.index(before), names.index(after))
        for before, after in itertools.product(names, repeat=2)
        if not after.startswith("I-") or before[2:] == after[2:]
    }
    assert allowed == expected


def test_tag_numbers() -> None:
    assert TWO.names == ("O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical")
    assert len(TWO) == 5
    assert [TWO.begin(label) for label in TWO.labels] == [1, 3]


def test_labels_outside_the_set_are_left_out() -> None:
    assert encode(ONE, [(0, 1), (2, 3)], [Entity(0, 1, "Chemical"), Entity(2, 3, "Disease")]) == [0, 1]


@pytest.mark.parametrize(("labels", "why"), [((), "none"), (("A", "B", "A"), "one twice")])
def test_bad_label_sets_are_refused(labels: tuple[str, ...], why: str) -> None:
    with pytest.raises(FixFederation, match="labels"):
        TagSet(labels)
