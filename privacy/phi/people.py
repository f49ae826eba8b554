"""Names that their surroundings give away: titles, degrees, labels.

A safety net under the tagger: these forms are certain enough to need no training.
"""

import re
from collections.abc import Iterator

from privacy.phi.lexicon import COMMON, MEDICAL, NAME_OR_PLACE, is_usual, lexicon
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_PARTICLE = r"(?:(?:van|von|der|den|de|del|della|la|le|da|dos|di|du|bin|ibn|al|el|ter|ten)[ -]){0,3}"
_NAME = (
    rf"{_PARTICLE}(?:[A-Z]\.[ ]?){{0,2}}(?:(?:O'|Mc|Mac|D')?[A-Z][a-z]+|[A-Z]{{2,}})(?:[-'](?:[A-Z]?[a-z]+"
    rf"|[A-Z]{{2,}}))*"
)
_FULL = rf"{_NAME}(?:[ \t]+(?:[A-Z]\.?(?![A-Za-z'])[ ]?|{_NAME})){{0,3}}"
_TITLED = re.compile(
    rf"\b(?:[Dd]rs?|DR|[Mm]rs?|MRS?|[Mm]s|MS(?=\s[A-Z]{{2}})|[Mm]iss|[Mm]x|[Pp]rof|PROF|[Pp]rofessor"
    rf"|[Dd]octor|[Rr]ev|Fr|Sr|Sra|Capt|Sgt|Lt|Col|Hon|[Jj]udge|[Nn]urse|[Ss]ister|Sir|Dame|Rabbi"
    rf"|[Pp]astor|Herr|Frau|Senora?|Srta|Monsieur|Mme|Signora?|Mevr|Dhr|Mgr|[Mm]ama|[Bb]aba|[Aa]untie?"
    rf"|[Uu]ncle|[Gg]ranny"
    rf"|[Gg]randma|[Gg]randpa|[Aa]buel[ao]|T[ií]a|Tio|Dona|Don|Sheikh|Hajja?|Haji|Imam|Shri|Smt|Khun"
    rf"|Datuk|Father)\b\.?\s{{1,2}}(?P<name>{_FULL})"
)
_DEGREE = re.compile(
    rf"(?P<name>{_FULL}),?[ ]+(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|PA(?:-C)?|Ph\.?D\.?|D\.?D\.?S\.?"
    rf"|DPM|Pharm\.?D\.?|LCSW|MSW|APRN|CRNA|CNM|FACS|FACP|MBBS|FRCS|FRCP|DVM|BSN|MSN|LPN|CNA|RRT|OTR"
    rf"|DPT|SLP)(?![A-Za-z])"
)
_SMALL_TITLED = re.compile(
    r"\b(?:dr|mrs?|ms|miss|doctor|nurse|mister)\b\.?\s(?P<name>[a-z]{3,}(?:-[a-z]{2,})?)\b(?!\.\w)"
)
_LABELLED = re.compile(
    rf"\b(?i:patient(?:'s)?(?: name)?|pt(?: name)?|name|full name|attending(?: physician)?|physician"
    rf"|provider|surgeon|assistant|resident|fellow|consultant|pcp|referring(?: physician| provider)?"
    rf"|dictated by|transcribed by|"
    rf"signed(?: by)?|electronically signed by|reviewed by|ordered by|author(?:ed by)?|next of kin|nok"
    rf"|emergency contact|guardian|hcp|mother|father|spouse|wife|husband|partner|sister|brother|son"
    rf"|daughter|relative|caregiver|contact(?: person)?|informant|interpreter|witness|nurse|re|cc|attn"
    rf"|from|to|dear|client|subscriber|guarantor|insured|employee|responsible party|clinician|seen by"
    rf"|care of|c/o)"
    rf"(?:(?:[ ]?\((?:\w+[ ]?){{1,3}}\))?[ ]?(?::|=|#|-(?=[ ])|\bis\b|\bnamed\b)|(?<=[Nn]ame)(?=[ ])"
    rf"|(?<=[Cc]ontact)(?=[ ]))[ \t]{{0,12}}\"?(?P<name>(?-i:{_FULL}(?:,[ ]?{_FULL})?))"
)
_DEAR = re.compile(
    rf"\b(?:Dear|Hi|Hello|Attn:?|Attention:?|ATTN:?)[ ]+(?:Dr\.?|Mr\.?|Ms\.?|Mrs\.?|colleague)?[ "
    rf"]*(?P<name>{_FULL})"
)
_TITLES = trigger_words(
    word_list(
        "dr drs mr mrs ms miss mx prof professor doctor rev fr sr sra capt sgt lt col hon judge "
        "nurse sister sir dame rabbi pastor herr frau monsieur mme senor senora srta signor signora mevr dhr mgr "
        "mama baba aunt auntie uncle granny grandma grandpa abuela abuelo tia tio dona don sheikh "
        "haj hajj haji hajja "
        "imam shri smt khun datuk father"
    )
)
_LABELS = trigger_words(
    word_list(
        "patient pt name attending physician provider surgeon assistant resident fellow "
        "consultant pcp referring dictated transcribed signed reviewed ordered author authored "
        "nok kin emergency guardian hcp mother father spouse wife husband partner sister "
        "brother son daughter relative caregiver contact informant interpreter witness nurse re "
        "cc attn attention from to dear hi hello client subscriber guarantor insured employee "
        "party clinician seen care c"
    )
)
_DEGREES = trigger_words(
    word_list(
        "md do rn np pa phd dds dpm pharm lcsw msw aprn crna cnm facs facp mbbs frcs frcp dvm "
        "bsn msn lpn cna rrt otr dpt slp"
    )
)
_GREETINGS = trigger_words(("dear", "hi", "hello", "attn", "attention"))
PEOPLE_WORDS = _TITLES | _LABELS | _DEGREES | _GREETINGS
_LEADS = frozenset(
    word_list(
        "is named name names physician provider by of kin contact party person van von der den de del della la le da"
        " dos di du bin ibn al el ter ten s dr mr mrs ms colleague md"
    )
)
_NOT_FIRST = frozenset(
    word_list(
        "The A An No Not Is Was Has Had On In Of At For And Or With By As To From This That "
        "These His Her Their He She They It We You I Please Thank Thanks See Seen Date Time Age "
        "Sex Male Female DOB MRN Phone Tel Fax Email Address Name Patient Doctor Nurse Unknown "
        "None NA Yes Hospital Clinic Department Office Number Home Denies Reports States Team "
        "All Sir Madam Colleague Colleagues Whom Everyone There"
    )
) | {
    word.upper()
    for word in word_list(
        "The No Not Is Was Has On In Of At For And With Date Time Age Sex Male Female Unknown None Yes"
    )
}


def people(reading: Reading) -> Iterator[Span]:
    """Finds names by title, degree or label.

    Args:
        reading: a normalised text.

    Returns:
        Spans without the title.
    """
    text = reading.text
    for words, pattern, score in (
        (_TITLES, _TITLED, 0.8),
        (_LABELS, _LABELLED, 0.7),
        (_GREETINGS, _DEAR, 0.7),
    ):
        for index in reading.indices(words):
            at = reading.starts[index]
            if (at and text[at - 1].isalnum()) or _is_prose(reading, index):
                continue
            match = pattern.match(text, at, at + 140)
            if match is not None:
                trimmed = _trim(text, *match.span("name"), sure=pattern is _TITLED)
                if trimmed is not None:
                    yield *trimmed, "NAME", score
    known = lexicon()
    for index in reading.indices(_TITLES):
        match = _SMALL_TITLED.match(text, reading.starts[index])
        if match is None or (match.start() and text[match.start() - 1].isalnum()):
            continue
        flags = known.get(match["name"].split("-")[0], -1)
        if (flags < 0 and len(match["name"]) > 3) or (
            flags > 0 and flags & NAME_OR_PLACE and not is_usual(flags)
        ):
            yield *match.span("name"), "NAME", 0.6
    for index in reading.indices(_DEGREES):
        at = reading.starts[index]
        if reading.tokens[index].islower():
            continue
        for match in _DEGREE.finditer(text, max(0, at - 60), at + 8):
            if match.end() > at:
                trimmed = _trim(text, *match.span("name"), sure=False)
                if trimmed is not None:
                    yield *trimmed, "NAME", 0.75


def _is_prose(reading: Reading, index: int) -> bool:
    """Whether a plain word follows that can neither be a name nor lead to one."""
    if index + 1 >= len(reading.tokens):
        return True
    following = reading.tokens[index + 1]
    return following.islower() and len(following) > 1 and following not in _LEADS


def _trim(text: str, start: int, end: int, *, sure: bool) -> tuple[int, int] | None:
    """Cuts usual words off both ends of a supposed name; None if nothing is left."""
    known = lexicon()
    words = list(re.finditer(r"[A-Za-z][A-Za-z']*", text[start:end]))
    while words and is_no_name(words[0][0], known.get(words[0][0].lower(), -1), sure=sure):
        if sure:
            return None
        words.pop(0)
    while (
        words and len(words) > 1 and is_no_name(words[-1][0], known.get(words[-1][0].lower(), -1), sure=False)
    ):
        words.pop()
    if not words or not any(len(word[0]) > 1 for word in words):
        return None
    return start + words[0].start(), start + words[-1].end()


def is_no_name(word: str, flags: int, *, sure: bool) -> bool:
    """Whether a word is no name.

    Args:
        word: as written.
        flags: what the lexicon knows of it.
        sure: whether a title in front makes a usual word a name.
    """
    if word in _NOT_FIRST:
        return True
    if flags < 0:
        return False
    if sure and word.istitle() and (flags & NAME_OR_PLACE or (flags & COMMON < 2 and not flags & MEDICAL)):
        return False
    return is_usual(flags)
