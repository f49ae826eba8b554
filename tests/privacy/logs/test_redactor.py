"""What comes out was scanned and found clean, or is a constant text."""

import threading
from typing import Any

import pytest

from privacy.logs.counters import counters
from privacy.logs.redactor import FAILED, LONGEST, NESTED, STILL_FOUND, TOO_LONG, Redactor
from privacy.logs.tokens import TOKEN, Tokens


class Finder:
    """A finder that does what a test says."""

    def __init__(self, find: Any) -> None:
        self._find, self.calls = find, 0

    def find(self, text: str) -> Any:
        self.calls += 1
        return self._find(text)


class Span:
    def __init__(self, start: int, end: int, entity: str = "NAME") -> None:
        self.start, self.end, self.entity = start, end, entity


def everywhere(word: str) -> Any:
    return lambda text: [Span(at, at + len(word)) for at in range(len(text)) if text.startswith(word, at)]


def test_findings_become_tokens_of_their_kind(tokens: Tokens) -> None:
    redactor = Redactor(tokens, Finder(everywhere("HARROW")))
    assert (
        redactor.clean("a HARROW, b HARROW.")
        == f"a {tokens.token('HARROW', 'NAME')}, b {tokens.token('harrow', 'NAME')}."
    )
    assert redactor.clean("nothing here") == "nothing here"


def test_a_clean_text_is_scanned_once_and_a_found_one_again(tokens: Tokens) -> None:
    finder = Finder(everywhere("HARROW"))
    redactor = Redactor(tokens, finder)
    redactor.clean("clean"), redactor.clean("clean")
    assert finder.calls == 1
    redactor.clean("HARROW")
    assert finder.calls == 3
    redactor.clean("HARROW")
    assert finder.calls == 5, "a text with an identifier is not kept"


def test_tokens_are_kept_and_what_stands_beside_them_is_not(tokens: Tokens) -> None:
    token = tokens.token("x", "MRN")
    redactor = Redactor(tokens, Finder(lambda text: [Span(0, len(text))]))
    assert redactor.clean(token) == token
    said = Redactor(tokens, Finder(_all_beside)).clean(f"{token} harrow")
    assert said.startswith(token)
    assert "harrow" not in said


def _all_beside(text: str) -> list[Span]:
    return [Span(0, len(text))] if "harrow" in text else []


def _one_letter(text: str) -> list[Span]:
    """The first capital beside tokens: a finder that is never done."""
    at = next(at for at, letter in enumerate(TOKEN.sub(lambda t: "." * len(t[0]), text)) if letter.isupper())
    return [Span(at, at + 1)]


@pytest.mark.parametrize(
    ("find", "text", "said", "event"),
    [
        (lambda text: 1 / 0, "x HARROW", FAILED, "withheld-error"),
        (lambda text: None, "x HARROW", FAILED, "withheld-error"),
        (everywhere("x"), "x" * (LONGEST + 1), TOO_LONG, "withheld-long"),
        (lambda text: _one_letter(text), "HARROW x", STILL_FOUND, "withheld-validation"),
    ],
    ids=["raises", "answers nonsense", "too long", "still found"],
)
def test_whatever_goes_wrong_withholds_and_counts(
    find: Any, text: str, said: str, event: str, tokens: Tokens
) -> None:
    before = counters()[event]
    assert Redactor(tokens, Finder(find)).clean(text) == said
    assert counters()[event] == before + 1


def test_a_text_from_inside_the_detector_is_withheld(tokens: Tokens) -> None:
    said = []
    redactor = Redactor(tokens, Finder(lambda text: said.append(redactor.clean("HARROW")) or []))
    redactor.clean("outer")
    assert said == [NESTED]


def test_threads_do_not_disturb_each_other(tokens: Tokens) -> None:
    redactor = Redactor(tokens, Finder(everywhere("HARROW")))
    wrong = []

    def work() -> None:
        for number in range(300):
            said = redactor.clean(f"{number} HARROW")
            if "HARROW" in said or NESTED in said or not TOKEN.search(said):
                wrong.append(said)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_overlapping_and_unordered_findings(tokens: Tokens) -> None:
    redactor = Redactor(
        tokens, Finder(lambda text: [Span(5, 9), Span(2, 7), Span(2, 4)] if "bcdefgh" in text else [])
    )
    said = redactor.clean("a bcdefgh i")
    assert TOKEN.sub("<>", said) == "a <><> i"
    assert not set("bcdefgh") & set(TOKEN.sub("", said))
