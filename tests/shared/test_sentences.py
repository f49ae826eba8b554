import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.sentences import sentences

# (why, the text with "|" where a sentence ends; white space around a "|" belongs to neither)
CASES = [
    ("two plain sentences", "He has pain.| She does not."),
    ("nothing at the end", "He has pain.| No fever"),
    ("heading on a line of its own", "Assessment/Plan:\n|CHF, stable."),
    ("heading in capitals, text behind it", "Seen today\n|HISTORY OF PRESENT ILLNESS: He fell.\n|PMH: none"),
    ("heading in small letters", "doing well\n|Past medical history:\n|asthma"),
    ("heading without a colon", "stable\n|PAST MEDICAL HISTORY\n|none known"),
    ("capitals throughout are not headings", "CT SHOWED A MASS IN\nTHE LEFT LUNG AND\nNOTHING ELSE"),
    ("numbered list with a dot", "Plan\n|1. Aspirin\n|2. Statin\n|10. Diet"),
    ("numbered list with a bracket", "Plan\n|1) Aspirin\n|2) Statin"),
    ("lettered list", "Plan\n|a) Aspirin\n|b) Statin"),
    ("dashes", "Plan\n|- Aspirin\n|- Statin"),
    ("bullets", "Plan\n|• Aspirin\n|• Statin"),
    ("indented list", "Plan\n|   - Aspirin\n|   - Statin"),
    ("list within a line", "Assessment: 1. CHF |2. COPD |3. DM"),
    ("list item of two sentences", "1. CHF.| Continue furosemide."),
    ("a minus is not a dash", "sodium fell by\n-3 mmol"),
    ("hard-wrapped line", "He was admitted with\nchest pain and\r\ndyspnoea.| He left."),
    ("hard wrap before a capital", "He was seen by\nSmith yesterday"),
    ("blank line", "no full stop\n\n|next paragraph"),
    ("blank line, Windows", "no full stop\r\n\r\n|next paragraph"),
    ("blank line of blanks", "no full stop\n  \t\n|next paragraph"),
    ("form feed", "page one\f|page two"),
    ("ruler", "above\n|-----\n|below"),
    ("y.o.", "58 y.o. male.| 60 y.o. Caucasian woman."),
    ("y.o. at the end", "She is 58 y.o.| The pain began today."),
    ("b.i.d. inside", "Metoprolol 25 mg b.i.d. and aspirin."),
    ("b.i.d. at the end", "Metoprolol 25 mg b.i.d.| Lisinopril 10 mg p.o. q.d.| Aspirin"),
    ("vs.", "CHF vs. COPD vs. Pneumonia."),
    ("title", "Seen by Dr. Smith and Mrs. Jones.| Prof. Lee agreed."),
    ("e.g., i.e.", "Opioids, e.g. Morphine, i.e. the strong ones."),
    ("No. and Fig.", "Bed No. 5, see Fig. 2 and ref. 7."),
    ("No as an answer", "Smoker? |No. |Drinks a little."),
    ("et al. and a year", "Smith et al. (2001) say so."),
    ("decimals", "Took 5.5 mg; INR 2.3. |Potassium 4.0."),
    ("figure at the end", "EF was 55. |He improved."),
    ("code in figures", "G6PD (EC 1. 1. 1. 49) deficiency"),
    ("initials", "John F. Kennedy and J. R. Smith came."),
    ("letter of a disease", "He has hepatitis B. |The liver is large."),
    ("genus", "Cultures grew E. coli and S. aureus."),
    ("month", "Seen on Jan. 5 and Feb. 7."),
    ("unit before a small letter", "Took 5 mg. twice, 2 tabs. daily"),
    ("small letter after a word", "pt c/o chest pain. |denies sob. |no fever"),
    ("ellipsis inside", "He said ... nothing, or... little."),
    ("ellipsis at the end", "He waited... |Then he left."),
    ("question and exclamation", "Any pain? |None! |Good."),
    ("query before a diagnosis", "? pneumonia\nor ? PE"),
    ("quotation", 'He said "stop." |Then he left.'),
    ("bracket", "(He did.) |Yes."),
    ("wide full stops", "痛い。|熱はない。|以上"),
    ("Arabic question mark", "هل تشعر بألم؟ |نعم"),
    ("zero-width space after the stop", "Pain.\u200b |None."),
]


@pytest.mark.parametrize(("why", "marked"), CASES, ids=[why for why, _ in CASES])
def test_cuts_where_a_reader_would(why: str, marked: str) -> None:
    text = marked.replace("|", "")
    assert [text[start:end] for start, end in sentences(text)] == [part.strip() for part in marked.split("|")]


ADVERSARIAL = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            list(
                "aA1.?!:;-) (\n\r\t\f\x00\x1c\x85\u2028\u2029\u200b\u200d\u202e\ufeff\u0301…。؟•\ud800\udfff😀"
            )
        ),
        st.characters(exclude_categories=()),
    ),
    max_size=80,
)


@given(ADVERSARIAL)
@example("")
@example(" \n\t")
@example("\ud800.\udc00 \x00.\n")
@example("1.\n2.\n\n3.")
@example("x: 1. A 2. B")
def test_every_visible_character_is_in_exactly_one_trimmed_sentence(text: str) -> None:
    spans = sentences(text)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert all(text[start:end] == text[start:end].strip() for start, end in spans)
    inside = {index for start, end in spans for index in range(start, end)}
    assert all(character.isspace() for index, character in enumerate(text) if index not in inside)


@pytest.mark.parametrize(
    "piece",
    [
        ".",
        ". ",
        " ",
        "\n",
        "\n \t",
        "\r\n",
        "A\n",
        "AAAA\n",
        "1. ",
        ": 1. ",
        "a. ",
        ".)",
        "? ",
        "(",
        "-",
        "\ud800. ",
    ],
)
def test_a_long_line_of_one_piece_ends(piece: str) -> None:
    # A pattern that backtracks over these would run for hours and hit the suite's time limit.
    text = "x" + piece * (1_000_000 // len(piece))
    spans = sentences(text)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text.rstrip())
