import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.note import Note
from shared.synthetic.houses import house
from shared.synthetic.spelling import mistype, shorten
from shared.synthetic.writer import Writer

PHRASE = st.lists(st.text("abcé𝒳 .,(", min_size=1, max_size=30), max_size=3).map(" ".join)
SURFACE = st.lists(st.text("xyzß-'", min_size=1, max_size=12), min_size=1, max_size=4).map(" ".join)


def _chance(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - not for security


@given(
    st.lists(st.tuples(PHRASE, SURFACE, st.booleans()), max_size=12),
    st.sampled_from([0, 10, 30, 72]),
    st.booleans(),
)
def test_spans_equal_their_surfaces(
    pieces: list[tuple[str, str, bool]], width: int, breaks_spans: bool
) -> None:
    writer = Writer(width, breaks_spans=breaks_spans)
    spans = []
    for phrase, surface, ends_line in pieces:
        writer.write(phrase)
        spans.append(writer.mark(surface, "Disease"))
        if ends_line:
            writer.end_line()
    surfaces = [writer.text[span.start : span.end] for span in spans]
    if breaks_spans and width:
        surfaces = [surface.replace("\n", " ") for surface in surfaces]
    assert surfaces == [surface for _, surface, _ in pieces]
    Note("n", "p", writer.text, tuple(spans))


@given(st.lists(st.text("abc ", max_size=40), max_size=8), st.sampled_from([8, 20, 72]))
def test_wrapping_changes_only_white_space_and_keeps_to_the_width(texts: list[str], width: int) -> None:
    writer = Writer(width)
    for text in texts:
        writer.write(text)
    assert writer.text.split() == "".join(texts).split()
    longest = max((len(word) for word in "".join(texts).split()), default=0)
    assert (
        all(len(line) <= max(width, longest) for line in writer.text.split("\n") if " " in line.strip())
        or texts
    )


def test_wraps_at_spaces_between_and_inside_spans() -> None:
    closed, open_ = Writer(12), Writer(12, breaks_spans=True)
    for writer in (closed, open_):
        writer.write("seen with ")
        writer.mark("heart failure", "Disease")
        writer.write(" and fever")
    assert closed.text == "seen with\nheart failure\nand fever"
    assert open_.text == "seen with\nheart\nfailure and\nfever"


@given(st.text(max_size=60), st.integers(0, 5))
def test_typing_errors_stay_inside_words(text: str, seed: int) -> None:
    wrong = mistype(text, 1.0, _chance(seed))
    assert mistype(text, 0.0, _chance(seed)) == text
    assert re.sub(r"[A-Za-z]{4,}", "w", text) == re.sub(r"[A-Za-z]{4,}", "w", wrong)


def test_typing_errors_swap_drop_or_double_a_letter() -> None:
    wrong = {mistype("asthma", 1.0, _chance(seed)) for seed in range(40)}
    assert {"atshma", "asthmma", "astma"} & wrong
    assert all(word[0] == "a" and word[-1] == "a" and 5 <= len(word) <= 7 for word in wrong)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        pytest.param("patient with a history of", "pt w/ a h/o", id="words and phrases"),
        pytest.param("With regards", "W/ regards", id="capital stays"),
        pytest.param("withdrawn", "withdrawn", id="not inside a word"),
    ],
)
def test_shorthand(text: str, short: str) -> None:
    assert shorten(text) == short


def test_houses_differ_in_style_and_stay_the_same() -> None:
    houses = [house(index) for index in range(60)]
    for trait in ("heading", "bullet", "width", "typo_rate", "shorthand", "breaks_spans", "dates"):
        assert len({getattr(each, trait) for each in houses}) > 1, trait
    assert all(abs(sum(each.specialties.values()) - 1) < 1e-9 for each in houses)
    assert all(0.75 <= max(each.specialties.values()) <= 0.80 for each in houses)
    house.cache_clear()
    assert [house(index) for index in range(60)] == houses
