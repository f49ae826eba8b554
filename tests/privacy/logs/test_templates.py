"""`%` templates are filled as Python fills them, but for what is denied."""

from typing import Any

import pytest

from privacy.logs.templates import fill, fill_alike
from privacy.logs.tokens import TOKEN, Tokens

SAME: list[tuple[str, Any]] = [
    ("%d of %d values were clipped", (3, 100)),
    ("round %s, attempt %s: %s", (1, 2, "budget")),
    ("%5.1f s", (2.25,)),
    ("%05d rows, %%", (7,)),
    ("%(rows)d rows of %(seconds).2f s", {"rows": 7, "seconds": 1.0}),
    ('"%s HTTP/%s"', ("GET", "1.1")),
    ("100%% of rows", ()),
    ("%s", (None,)),
]


@pytest.mark.parametrize(("template", "args"), SAME, ids=[row[0] for row in SAME])
def test_what_passes_is_formatted_as_python_does(template: str, args: Any, tokens: Tokens) -> None:
    assert fill(template, args, tokens) == template % args


DENIED: list[tuple[str, Any, str]] = [
    ("chart of %s", ("Harrow",), "chart of <>"),
    ("chart of %r, %s", ("Harrow", 12345678), "chart of <>, <>"),
    ("MRN %d, 3 notes", (12345678,), "MRN <>, 3 notes"),
    ("%(patient)s", {"patient": "Harrow"}, "<>"),
    ("record %x", (12345678,), "record <>"),
    ("%s", (("Harrow", 1),), "<>"),
    ("no place", ("Harrow",), "no place <>"),
    ("one %s", ("Harrow", 12345678), "one <> <>"),
    ("two %s %s", ("Harrow",), "two <> <missing>"),
    ("%(patient)s and", ({},), "<> and"),
    ("%*d", (12345678, 12345678), "<><>"),
    ("%c%c", ("H", "a"), "<><>"),
]


@pytest.mark.parametrize(("template", "args", "text"), DENIED, ids=[row[0] for row in DENIED])
def test_what_is_denied_is_a_token(template: str, args: Any, text: str, tokens: Tokens) -> None:
    assert TOKEN.sub("<>", fill(template, args, tokens)) == text


def test_texts_of_one_form_are_alike_and_literals_stay(tokens: Tokens) -> None:
    first, second = (
        fill_alike("on 12/04/1931 %d notes of %s", (n, who), tokens) for n, who in ((31, "a b"), (97, "c"))
    )
    assert first[1] == second[1] == "on 12/04/1931 77 notes of <VALUE:bcdfghjkmpqr>"
    assert first[0] != second[0]
    assert first[0].startswith("on 12/04/1931 31 notes of <VALUE:")
