"""Note text to sentences with exact character offsets: the first cut on the way to tensors.

Rules for clinical prose instead of a model: a full stop ends a sentence unless it belongs to an abbreviation, an
initial or a list number; a line break ends one only before a blank line, a heading, a list item or a ruler, or after
a heading. In doubt the text stays together, since a cut through an entity loses it and a long sentence does not.

Every pattern either consumes what it looked at or looks at a bounded window, so time is linear in the text.
"""

import re

_BREAK = "\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
_STOP = ".!?…؟۔।"
_STOP_WIDE = "。！？｡"  # these end a sentence without white space after them
_CLOSE = "\"'”’)\\]}»\u200b-\u200f\u2060\ufeff"
_OPEN = "\"'“‘([{«\u200b-\u200f\u2060\ufeff"
_WINDOW = 32  # characters looked at before a full stop

_CANDIDATE = re.compile(
    rf"[{_BREAK}{_STOP}{_STOP_WIDE}](?:"
    rf"(?<=[{_BREAK}])\s*+"
    rf"|(?<=[{_STOP_WIDE}])[{_STOP_WIDE}{_STOP}]*+[{_CLOSE}]*+\s*+"
    rf"|(?<![{_STOP}][{_STOP}])[{_STOP}]*+[{_CLOSE}]*+(?:\s++|\Z))"
)
_LINE_BREAK = re.compile(rf"[{_BREAK}]")
_BLANK_LINE = re.compile(r"\n\s*?\n|\r(?!\n)\s*?\r|[\x0c\u2029]")
_NEXT_WORD = re.compile(rf"[{_OPEN}]{{0,8}}+(\w{{0,24}})")
_ITEM = re.compile(r"(?:[-*•·●○◦▪■‣–—+>#]|\(?\d{1,3}[.)]|\(?[A-Za-z][)]|\(?[ivx]{1,4}\))(?=\s)|[-=_*~#]{3}")
_HEADING = re.compile(
    r"[A-Z][\w/&'’(),#-]{0,30}+(?:[ \t]{1,3}+[\w/&'’(),#-]{1,30}+){0,5}+[ \t]{0,3}+:(?=\s|\Z)"
)
_WHOLE_LINE = re.compile(rf"[^{_BREAK}]{{0,80}}+(?=[{_BREAK}]|\Z)")
_RULER = re.compile(r"[-=_*~#\s]{3,}+\Z")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,3}\Z")
_LAST_TOKEN = re.compile(r"\S+\Z")
_EDGE = re.compile(r"\A[^\w]+|[^\w]+\Z")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LEADS = _set(  # something always follows
    "dr drs mr mrs ms mx prof rev st vs v e.g i.e eg ie cf viz approx ca a.k.a w.r.t"
)
_BEFORE_NUMBER = _set(  # full stop belongs to the word when a number or a bracket follows
    """no nos fig figs tab ver vol pp p ref refs sec eq ch al temp wt ht hr rr bp resp ext tel ph apt rm jan
    feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat sun"""
)
_SHORT = _set(  # full stop belongs to the word when a small letter follows
    """abd abdo abs adm admin amt ant appt approx avg bilat cap caps cath caud cerv chol cm cont contd ctr dep
    dept diag diam diff dim disc disch dist dos elev emerg esp est etc eval ext fam fem fr freq ft fwd gen
    gluc hist hosp hr hrs hx imp inc incl inf inj init inpt int iv kg lab lat lb lbs lg lig liq lt lymph max
    mcg med meds mg min mins misc ml mm mo mod mos musc narc neg neuro norm occ oint ophth orig oz path ped
    peds poss postop preop prob prog pt pts pulm quad quant rec ref rehab rel req resp rt rx sec segm sev
    soln spec stat subcut sup surg susp sx syr sys tab tabs temp therm transf tsp tx unk uncontr vag vasc
    vent vert vol wk wks y/o yo yr yrs"""
)
_ENDS_DOSE = _set("b.i.d t.i.d q.i.d q.d q.o.d q.h.s h.s p.o p.r.n i.v i.m s.c a.c p.c a.m p.m o.d")
_STARTERS = _set(  # begin a sentence rather than a name
    """The He She It They We I You His Her Its Their Our My This That These Those There Here A An In On At For
    From With Without After Before During Since Upon Under If When While As To By And But Or So Then However
    Also Both All No Not None Now Patient Patients Pt Pts Denies Denied Reports Reported Has Had Was Is Will
    Would Given Because Although Despite Due Per Past Family Social Physical Review Exam Please Continue
    Follow Plan Assessment Impression Mother Father Today Yesterday Currently Otherwise Additionally"""
)


def sentences(text: str) -> list[tuple[int, int]]:
    """Splits text into sentences.

    Args:
        text: any Unicode, lone surrogates included.

    Returns:
        `(start, end)` character offsets, end exclusive, ascending, not overlapping; no span is empty or begins or
        ends with white space, and together they hold every character that is not white space.
    """
    spans: list[tuple[int, int]] = []
    start = line_start = len(text) - len(text.lstrip())
    for found in _CANDIDATE.finditer(text, start):
        at, after = found.span()
        gap = _gap_start(text, at, after)
        broken = bool(_LINE_BREAK.search(text, gap, after))
        cut = -1
        if text[at] in _STOP_WIDE:
            cut = after
        elif text[at] in _STOP:
            cut = _cut_at_stop(text, start, at, gap, after)
        if cut < 0 and broken and _ends_at_break(text, start, line_start, gap, after):
            cut = after
        if broken:
            line_start = after
        if cut > start:
            spans.append((start, start + len(text[start:cut].rstrip())))
            start = cut
    if start < len(text):
        spans.append((start, start + len(text[start:].rstrip())))
    return spans


def _gap_start(text: str, at: int, after: int) -> int:
    """Where the white space at the end of a candidate begins."""
    return at + len(text[at:after].rstrip())


def _cut_at_stop(text: str, start: int, at: int, gap: int, after: int) -> int:
    """Where the next sentence begins if this full stop (or ! or ?) ends one, else -1."""
    if after == len(text):
        return after
    following = _NEXT_WORD.match(text, after)
    word = following[1] if following else ""
    small = word[:1].islower()
    if text[at] != ".":
        alone = at == start or text[at - 1].isspace()  # "? pneumonia" is a query, not a question
        return -1 if small or alone else after
    token = _LAST_TOKEN.search(text, max(start, at - _WINDOW), at)
    if token is None:  # an ellipsis after a space, or a stray full stop
        return -1 if small else after
    name = _EDGE.sub("", token[0])
    if name.isdecimal() and len(name) <= 3 and text[gap - 1] == ".":
        joined = (small and len(name) < 3) or word[:1].isdecimal()  # "grade 2. or", "EC 1. 1. 1. 49"
        return _cut_at_number(text, start, token.start(), int(name), -1 if joined else after)
    return after if _ends_sentence(text, start, token.start(), name, word) else -1


def _ends_sentence(text: str, start: int, token_start: int, name: str, word: str) -> bool:
    """Whether the full stop after `name` ends a sentence when `word` comes next."""
    lower = name.lower()
    if lower in _LEADS:
        return False
    if word[:1].isdecimal() and lower in _BEFORE_NUMBER:
        return False
    if len(name) == 1 and name.isalpha():  # an initial, a genus, "hepatitis B."
        before = text[max(start, token_start - _WINDOW) : token_start].split()
        if len(word) == 1 and word not in _STARTERS:  # "E. C. 1."
            return False
        named = not before or before[-1][:1].isupper() or before[-1].lower().rstrip(".") in _LEADS
        return not word[:1].islower() and (word in _STARTERS or not (name.isupper() and named))
    if _DOTTED.match(name):
        return word in _STARTERS or (lower in _ENDS_DOSE and word[:1].isupper() and word[1:2].islower())
    if word[:1].islower():
        vowel = any(letter in "aeiouy" for letter in lower)
        return lower not in _SHORT and ((len(name) > 2 and vowel) or not name.isalpha())
    return True


def _cut_at_number(text: str, start: int, token_start: int, number: int, otherwise: int) -> int:
    """Tells a list number (`1.` at the start, `2.` after a `1.`, `: 1.`) from a figure that ends a sentence."""
    if token_start == start or text[max(start, token_start - 2) : token_start].rstrip()[-1:] in (":", ";"):
        return -1
    if number > 1 and f"{number - 1}. " in text[max(start, token_start - 500) : token_start]:
        return token_start
    return otherwise


def _ends_at_break(text: str, start: int, line_start: int, gap: int, after: int) -> bool:
    """Whether the line break in `text[gap:after]` ends the sentence that began at `start`."""
    if after == len(text) or _BLANK_LINE.search(text, gap, after):
        return True
    if text[gap - 1] == ":" or _ITEM.match(text, after) or _HEADING.match(text, after):
        return True
    if gap - line_start <= 80 and _RULER.match(text, line_start, gap):
        return True
    here = text[line_start:gap] if gap - line_start <= 80 else ""
    following = _WHOLE_LINE.match(text, after)
    below = following[0].rstrip() if following else ""
    if _is_capitals(below) and not here.isupper():
        return True
    return line_start == start and _is_capitals(here) and not below.isupper()


def _is_capitals(line: str) -> bool:
    """Whether a line is a heading in capitals, such as `PAST MEDICAL HISTORY`."""
    return line.isupper() and 3 < len(line) <= 60 and line[-1] not in ".,;" and line[:4].isalpha()
