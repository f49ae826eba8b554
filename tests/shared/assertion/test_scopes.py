"""One cue at a time: what it reaches, what ends it, and what only looks like it. Findings stand in brackets."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.assertion import Judgement, assertions_of
from shared.assertion.lexicon import Lexicon, lexicon
from shared.assertion.words import read_words
from shared.errors import FixSettings
from shared.note import ASSERTIONS
from shared.sections import sections_of

CASES = [
    ("no [fever] , [cough] or [rash]", "nnn", "a list goes on over commas"),
    ("no [fever] but [cough]", "np", "a stop ends it"),
    ("no [fever]; [cough]", "np", "so does a semicolon"),
    ("no [fever]. [cough]", "np", "and a full stop"),
    ("no increase in [pain]", "p", "a pseudo-cue hides the cue inside it"),
    ("no evidence of [gout]", "n", "the longest cue counts"),
    ("cannot rule out [sepsis]", "s", "longest first: not a plain rule out"),
    ("[sepsis] was ruled out by culture", "n", "backwards"),
    ("workup ruled out [sepsis]", "n", "the same words forwards"),
    ("[fever] : no", "n", "an answer"),
    ("[fever]: no   [cough]: yes", "np", "answers in a row"),
    ("[gout] and [asthma] resolved", "hh", "backwards over a list"),
    ("[gout], mother had [asthma]", "pf", "only forwards"),
    ("mother denies [asthma]", "n", "a relative who reports is not ill"),
    ("[gout] in her mother and [asthma] in her father", "ff", "backwards to what a relative has"),
    ("return if [fever] or [cough]", "yy", "a condition"),
    ("tylenol prn [fever]", "y", "taken when it comes"),
    ("metformin prn [type 2 diabetes]", "p", "but not for what lasts"),
    ("had [pneumonia] last winter", "h", "an event in a time that is over"),
    ("diagnosed with [gout] in 2015", "p", "which lasts"),
    ("2 week history of [cough]", "p", "a history that goes on"),
    ("history of [gout] , presents with [cough]", "hp", "what comes now ends it"),
    (
        "titres were negative for [gout]",
        "n",
        "a phrase that looks on counts before the one inside that looks back",
    ),
    ("it is unlikely that this represents [gout]", "n", "the same, of a doubt"),
    ("[gout] has not been ruled out", "s", "a helping verb is no stop"),
    ("[gout] then subsided", "h", "nor is an adverb"),
    ("no reported [falls]", "n", "a participle goes on with its negation"),
    ("[fever] , rash and cough absent", "n", "backwards over a list of which one item is marked"),
    ("[rubs], gallops: none", "n", "the same before a colon"),
    ("[cough] , and fever absent", "p", "two clauses are no list"),
    ("[gout] ( GA ) was ruled out", "n", "over a short form in brackets"),
    ("no [rub] , elevated [pressure]", "np", "a quantity after a comma is there"),
    ("no [fever] , severe [cough] or [rash]", "nnn", "unless the list goes on to an or"),
    ("no [fever] and only slight [cough]", "np", "so after an and"),
    ("[gout] : stable, likely sprain", "p", "an adjective before a noun says nothing of what stands before"),
    ("[gout] , likely", "s", "without one it does"),
    ("if [fever] or worsening [cough]", "yy", "a quality does not undo a condition"),
    ("likely viral [croup]", "s", "likely reaches over an adjective to a finding"),
    ("[stroke] , likely viral", "p", "an adjective alone is what is likely"),
    ("presumed to be due to [gout]", "s", "a cause that is presumed"),
    ("-[CP] -[SOB] +[cough]", "nnp", "signs before findings"),
    ("-[gout]\n-[asthma]", "pp", "a dash begins an item"),
    ("-[gout] -[asthma]", "pp", "and may do so in one line"),
    ("[cough] +, [wheeze] -, [rales] -", "pnn", "signs after findings"),
    ("[wheeze] -, [cough]", "pp", "a dash alone is none"),
    ("[COPD] - no [wheezing]", "pn", "a bare no after a dash denies what follows"),
    ("[COPD]: no [wheezing]", "pn", "and after a colon"),
    ("[wheezing] - no", "n", "unless nothing follows"),
    ("[wheezing]: no [rales]: no", "nn", "or what follows has an answer of its own"),
    ("the family denies any [fever]", "n", "a family that reports is not ill"),
    ("it is unclear whether the [rash] is new", "p", "the doubt is about something else"),
    ("unclear whether the patient has [gout]", "s", "here it is about the finding"),
    ("did not fall or have [syncope]", "n", "a negation goes on to the second verb"),
    ("as a teenager she had [mono]", "h", "a time of life that is over"),
    ("[abscess]?", "s", "a question mark after it"),
    ("rather than [gout]", "n", "what it is not"),
    ("does not deny [gout]", "p", "two negations"),
    ("Denies:\n- [fever]\n- [cough]\n\n[gout]", "nnp", "a list below its cue, to the empty line"),
    ("PMH:\n[gout]\n[asthma]\n\nPlan:\n[fever]", "hhp", "a section, to the next one"),
    ("Family History:\n[gout]; no [asthma]", "fn", "its own clause comes first"),
    ("DDx: [gout], [sepsis]", "ss", "a section in one line"),
    ("w/o [fever]", "n", "shorthand"),
    ("doesn’t have [gout]", "n", "a contraction with a curly apostrophe"),
    ("no evidnce of [gout]", "n", "a slip of the pen"),
    ("[gram negative sepsis]", "p", "a cue inside a finding is none"),
    ("[possible sepsis]", "s", "unless the marked span begins with it"),
]
NAMES = {
    "p": "present", "n": "negated", "s": "possible", "h": "historical", "f": "family", "y": "hypothetical"
}  # fmt: skip


def judge(marked: str) -> tuple[str, list[tuple[int, int]], list[Judgement]]:
    spans: list[tuple[int, int]] = []
    text = ""
    for piece in re.split(r"(\[[^\]]+\])", marked):
        if piece.startswith("["):
            spans.append((len(text), len(text) + len(piece) - 2))
            piece = piece[1:-1]
        text += piece
    return text, spans, assertions_of(text, spans, sections_of(text))


@pytest.mark.parametrize(("marked", "gold", "why"), CASES)
def test_scope(marked: str, gold: str, why: str) -> None:
    text, _, found = judge(marked)
    assert [one.assertion for one in found] == [NAMES[letter] for letter in gold], why
    for one in found:
        if one.start is not None and one.end is not None:
            assert 0 <= one.start < one.end <= len(text)
            assert one.cue


def test_a_reason_holds_words_of_the_lexicon_only() -> None:
    _, _, (found,) = judge("Zebrafinch had [gout] in 1987 ")
    assert found.assertion == "historical"
    assert "1987" not in found.cue


def test_without_its_cue_a_finding_is_present(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Lexicon([])
    monkeypatch.setattr("shared.assertion.judge.lexicon", lambda: empty)
    assert {one.assertion for one in judge("no [fever], denies [cough]")[2]} == {"present"}


@pytest.mark.parametrize("line", ["negated\tafter\t-", "denied\tafter\t-\tno", "negated\tbeside\t-\tno"])
def test_a_rule_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(FixSettings, match=r"cues\.tsv:1"):
        Lexicon([line])


def test_each_cue_has_a_reach_that_exists() -> None:
    def cues(node: dict[str, object]) -> list[tuple[str, str]]:
        own = []
        for key, child in node.items():
            if isinstance(child, dict):
                own += cues(child)
            elif key == "\0" and isinstance(child, tuple):
                own.append((child[1].phrase, child[1].reach))
        return own

    every = cues(lexicon()._root)
    assert len(every) > 5000
    wrong = [
        one for one in every if one[1] not in ("-", "np", "symptom", "disease") and not one[1].isdecimal()
    ]
    assert wrong == []


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.sampled_from(
            ["no", "gout", "\n", ":", ",", "mother", "İ", "’", "had", "2015", ".", "- ", "\ud800", "?"]
        ),
        max_size=30,
    ),
    st.data(),
)
def test_any_text_gives_one_judgement_a_span(pieces: list[str], data: st.DataObject) -> None:
    text = " ".join(pieces)
    words = read_words(text)
    assert [place for clause in words.clauses for place in range(*clause)] == list(range(len(words.lower)))
    count = len(words.lower)
    firsts = data.draw(st.sets(st.integers(0, max(0, count - 1)), max_size=4)) if count else set()
    spans = [(words.starts[first], words.ends[first]) for first in sorted(firsts)]
    found = assertions_of(text, spans, sections_of(text))
    assert len(found) == len(spans)
    assert {one.assertion for one in found} <= set(ASSERTIONS)
