"""A note drawn as HTML: a browser's reader must give back the note, whatever it holds."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.marked import Mark, marked

HOSTILE = (
    '<script>alert(1)</script> & <img src=x onerror="alert(2)"> </div></mark> \u202e &lt; "quoted" \'x\''
)
TAGS = {"div", "mark", "sup", "span", "b"}


class Reader(HTMLParser):
    """Text as a browser would show it, tags, and attributes; what stands in `sup` and tips is not the note's."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags, self.names = "", set[str](), set[str]()
        self.aside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}
        self.aside += tag in ("sup", "span", "b")

    def handle_endtag(self, tag: str) -> None:
        self.aside -= tag in ("sup", "span", "b")

    def handle_data(self, data: str) -> None:
        self.text += "" if self.aside else data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(str(html))
    reader.close()
    return reader


@given(
    st.one_of(st.text(), st.just(HOSTILE)),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90), st.text(max_size=9)), max_size=8),
)
def test_the_note_is_read_back_character_by_character(text: str, spans: list[tuple[int, int, str]]) -> None:
    marks = [
        Mark(start, end, "present", label=said, tip=((said, HOSTILE),))
        for start, end, said in sorted(spans)
        if end <= len(text)
    ]
    reader = read(marked(text, marks, title="Note"))
    assert reader.text == text
    assert reader.tags <= TAGS
    assert reader.names <= {"class", "role", "aria-label", "tabindex"}


@pytest.mark.parametrize("place", ["text", "label", "tip", "shown", "title"])
def test_markup_in_any_place_stays_text(place: str) -> None:
    given: dict[str, str] = dict.fromkeys(("text", "label", "tip", "shown", "title"), "x") | {place: HOSTILE}
    mark = Mark(0, 1, "phi", label=given["label"], tip=((given["tip"],) * 2,), shown=given["shown"])
    html = marked(given["text"], [mark], title=given["title"])
    assert "<script" not in html
    assert "<img" not in html
    assert read(html).tags <= TAGS


def test_of_overlapping_marks_the_first_is_drawn() -> None:
    html = marked("acute renal failure", [Mark(0, 11, "first"), Mark(6, 19, "second")], title="Note")
    assert html.count("<mark") == 1
    assert read(html).text == "acute renal failure"


def test_a_label_tells_what_style_tells() -> None:
    html = marked("no gout", [Mark(3, 7, "negated", label="not", name="f3")], title="Note")
    assert '<mark class="m negated" id="f3">gout<sup>not</sup></mark>' in html
