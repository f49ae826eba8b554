"""Places that their surroundings give away: postal addresses, towns with a state, `lives in`, names of hospitals."""

import re
from collections.abc import Iterator

from privacy.phi.lexicon import COMMON, MEDICAL, NAME_OR_PLACE, is_usual, lexicon
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_STREET_WORD = (
    r"(?:street|str|st|avenue|ave|av|road|rd|drive|dr|lane|ln|court|ct|place|pl|boulevard|blvd|way"
    r"|terrace|ter|parkway|pkwy|circle|cir|square|sq|highway|hwy|trail|trl|alley|crescent|cres|loop"
    r"|plaza|turnpike|tpke|pike|expressway|close|mews|row|walk|run|path|route|rte|grove|heights|hts"
    r"|crossing|freeway|fwy|causeway|esplanade|quay|wharf|garden|gardens|ridge|manor|commons)"
)
_STATE = (
    r"(?:A[LKZR]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]"
    r"|T[NX]|UT|V[AIT]|W[AIVY]|A[APE]|GU|AS|MP)"
)
_ADDRESS = re.compile(
    rf"(?<![\w.,/-])\d{{1,6}}[A-Za-z]?(?:[ -]\d{{1,4}})?,?[ ]+(?:(?:[NSEW]\.?|[NS][EW]|[Nn]orth"
    rf"|[Ss]outh|[Ee]ast|[Ww]est|North|South|East|West)[ ]+)?(?:(?:[A-Z][\w'.-]*|\d{{1,3}}(?:st|nd|rd"
    rf"|th)|de|la|of|the)[ ]+){{1,4}}(?i:{_STREET_WORD})\b\.?"
    rf"(?:,?[ \n]+(?i:apt|apartment|suite|ste|unit|floor|fl|room|rm|bldg|building|#)\.?[ ]?#?[\w-]{{1,6}})?"
    rf"(?:[, \n]{{1,3}}(?:[A-Z][\w'.-]+[ ]?){{1,4}},?[ \n]{{1,2}}{_STATE}\b)?(?:[ "
    rf",\n]{{1,3}}\d{{5}}(?:-\d{{4}})?\b)?"
)
_STATE_ZIP = re.compile(
    rf"(?P<city>(?:[A-Z][\w'.-]+[ ]?){{1,4}}),?[ \n]{{1,2}}{_STATE}[ ,]{{1,2}}\d{{5}}(?:-\d{{4}})?\b"
)
_CITY_STATE = re.compile(
    rf"(?:[A-Z][a-z'-]+[ ]){{0,3}}[A-Z][a-z'-]+,[ ]{_STATE}\b(?!\s?[a-z]{{1,3}}\b[^,.;]*\bold)"
)
_ZIP = re.compile(
    r"(?i)\b(?:zip(?:[ _-]?code)?|postal[ _]code|postcode|post code|plz)\b[\s:=#]*(?:is|are|no\.?"
    r"|number)?[\s:=]*(?P<zip>\d{5}(?:-\d{4})?|\d{3,5}(?:[ ]\d{2,3}|[ ][A-Z]{2})?\b|[A-Z]\d[A-Z][ "
    r"]?\d[A-Z]\d|[A-Z]{1,2}\d[A-Z\d]?[ ]?\d[A-Z]{2})"
)
_BOX = re.compile(
    r"(?i)\b(?:p\.?\s?o\.?\s?box|post(?:al)? box|postbox|psc|unit)\s?#?\d{1,6}(?:,?\s(?:box)\s?\d{1,6}(?:[\s,]+(?:apo"
    r"|fpo|dpo)\s(?:ae|aa|ap)(?:\s\d{5})?)?)?"
)
_UK_POST = re.compile(
    r"(?<![\w-])(?:[A-PR-UWYZ][A-HK-Y]?\d[A-Z\d]?[ ]\d[ABD-HJLNP-UW-Z]{2}|[ABCEGHJ-NPRSTVXY]\d[A-Z][ "
    r"-]?\d[A-Z]\d)(?![\w-])"
)
_PREPOSITIONS = trigger_words(("from", "in", "to", "at", "of", "near"))
_LIVING = trigger_words(
    word_list(
        "lives live lived living grew reside resides resided residing born raised stay stays stayed "
        "staying work works worked "
        "working based home house native resident originally come comes came man men woman women male female lady "
        "gentleman person child boy girl patient moved moving relocated travel travels traveled travelled traveling "
        "travelling flew trip return returns returned returning transferred visit visits visited "
        "visiting ambulance biba arrived"
    )
)
_WHERE = re.compile(
    r"\b(?i:(?:lives?|lived|living|resid(?:es?|ed|ing)|born|raised|grew up|stay(?:s|ed|ing)?|works?"
    r"|based|home|house|native|resident|originally|comes?|came|m[ae]n|wom[ae]n|male|female|lady"
    r"|gentleman|person|child|boy|girl|patient|moved|moving|relocated|travel(?:s|l?ed|l?ing)?|flew"
    r"|trip|return(?:s|ed|ing)|transferred|visit(?:s|ed|ing)?|ambulance|biba|arrived)"
    r"(?: (?:back|alone|home|in|here|there|up))?\s(?:from|in|to|at|of|near))\s(?P<place>(?:(?:St|Ft"
    r"|Mt)\.? )?[A-Z][a-z]{2,}(?:[ -][A-Z][a-z]{2,}){0,2})"
)
_ABROAD = re.compile(
    r"\d{1,4}[A-Za-z]?,?\s(?i:rue|avenue|av|via|viale|calle|rua|plaza|place|chemin|boulevard|bd|allee"
    r"|avenida|carrer|paseo"
    r"|jalan|jl|ulica|ul|piazza|corso|quai|travessa|carrera)\.?\s(?:(?:de|des|du|del|della|dei|la|los"
    r"|las|do|da|dos|le|les)\s)*"
    r"[A-Z][\w'-]+(?:\s[A-Z][\w'-]+){0,2}"
)
_EMPLOYED = re.compile(
    r"\b(?i:works?|worked|working|employed|job)(?:\sas\s[a-z ]{3,30}?)?\s(?:at|for|by|with)\s(?:the\s)?"
    r"(?P<place>[A-Z][\w&'-]+(?:\s(?:(?:and|of|&)\s)?[A-Z][\w&'-]+){0,3})"
)
_WORK = trigger_words(("work", "works", "worked", "working", "employed", "job"))
_INSTITUTIONS = trigger_words(
    word_list(
        "hospital clinic center centre infirmary hospice sanatorium home facility practice associates surgery manor "
        "cardiology dermatology neurology oncology radiology urology gastroenterology dental "
        "endodontics physiotherapy "
        "optometry podiatry nursery kindergarten preschool daycare general memorial regional "
        "counseling lodge school academy college university church mosque synagogue bridge park "
        "airport station shelter prison jail "
        "pharmacy street avenue road lane boulevard mill textiles apartments towers institute "
        "imaging orthopedics pediatrics county valley bank library"
    )
)
_ATTRIBUTES = frozenset(
    word_list(
        "general memorial regional cardiology dermatology neurology oncology radiology urology "
        "gastroenterology dental"
    )
)
_STREETS = frozenset(("street", "avenue", "road", "lane", "boulevard"))
_HOSPITAL = re.compile(
    r"(?P<name>(?:(?:St|Ft|Mt)\.?\s)?[A-Z][\w'-]+(?:\s(?:of\s(?:the\s)?|and\s)?[A-Z][\w'-]+){0,4}?)\s(?:Hospital"
    r"|HOSPITAL|Clinic|CLINIC|(?:Medical|Health|Cancer|Rehabilitation|Surgery|Nursing|Care)\sCent(?:er"
    r"|re)|(?:MEDICAL|HEALTH|CANCER|CARE)\s(?:CENTER|CENTRE)|NURSING HOME|Care\sHome|Surgery|Manor|MANOR|Lodge"
    r"|(?:High\s|Primary\s|Middle\s|Elementary\s)?School|Academy|College|University|Church|Mosque|Synagogue|Bridge"
    r"|Street|Avenue|Road|Lane|Boulevard|Park|Airport|Station|Shelter|Prison|Jail|Pharmacy|Mill"
    r"|Textiles|Apartments|Towers|(?:Cancer\s|Heart\s|Eye\s)?Institute"
    r"|Imaging|Cardiology|Dermatology|Neurology|Oncology|Radiology|Urology|Gastroenterology|Dental"
    r"|Endodontics|Physiotherapy|Optometry|Podiatry|Nursery|Kindergarten|Preschool|Daycare|General"
    r"|Memorial|Regional|Counseling|Orthopedics|Pediatrics|County|Valley|Bank|Library|Infirmary"
    r"|Hospice|Sanatorium|Nursing\sHome|Nursing\sFacility|Family\sPractice"
    r"|Medical\sPractice|(?:Medical\s)?Associates)$"
)
_GENERIC = frozenset(
    word_list(
        "general memorial community university regional local outside county state city "
        "national veterans children women men medical health care nursing skilled "
        "rehabilitation primary urgent family pain memory sleep eye heart cancer stroke "
        "dialysis surgery surgical day night outpatient inpatient emergency teaching private "
        "public our this the same referring walk specialty multidisciplinary wound diabetes "
        "infusion anticoagulation hospital clinic center centre home high middle elementary school "
        "college university church "
        "orthopedic orthopaedic plastic vascular thoracic bariatric spine breast cataract general "
        "open laparoscopic robotic "
        "elective redo magnetic resonance diagnostic nuclear functional molecular brain cardiac "
        "chest abdominal pelvic blood "
        "tissue sperm milk gas service bus train police fire power gold memorial retail compounding "
        "central mail order"
    )
)
_BEFORE_NAME = frozenset(
    word_list(
        "the at from to in of and by via our this a an transferred admitted seen discharged "
        "sent referred follow see please name hospital facility location dr mr mrs"
    )
)
_POST_WORDS = trigger_words(word_list("zip zipcode postal postcode post plz box postbox psc"))
_STATES = trigger_words(
    word_list(
        "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh "
        "nj nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc pr ap ae aa gu"
    )
)
_ALWAYS = _WORK | _INSTITUTIONS | _POST_WORDS


def names_places(reading: Reading) -> bool:
    """Whether any rule of `places` can match."""
    groups = reading.groups
    return bool(
        reading.numbers
        or groups & _ALWAYS
        or (groups & _PREPOSITIONS and groups & _LIVING)
        or (groups & _STATES and ", " in reading.text)
    )


def places(reading: Reading) -> Iterator[Span]:
    """Finds postal addresses, towns with a state, ZIP codes and boxes; a state alone is not an identifier.

    Args:
        reading: a normalised text.

    Returns:
        Spans.
    """
    text, tokens, starts = reading.text, reading.tokens, reading.starts
    for index in reading.numbers:
        at, size = starts[index], len(tokens[index])
        if (size > 6 or (at and text[at - 1] in ".,/-:=_%")) and not (size == 5 and text[at - 1] == "-"):
            continue
        following = text[at + size : at + size + 2]
        if following[:1].isalpha() or (
            following[:1] in (" ", "-", ",")
            and (following[1:] == " " or following[1:].isdigit() or following[1:].isupper())
        ):
            match = _ADDRESS.match(text, at, at + 120)
            if match is not None:
                yield *match.span(), "LOCATION", 0.8
        if following[:1] in (" ", ","):
            match = _ABROAD.match(text, at, at + 90)
            if match is not None:
                yield *match.span(), "LOCATION", 0.7
        if size == 5 and at > 3:
            match = _STATE_ZIP.search(text, max(0, at - 40), at + 10)
            if match is not None and match.end() > at:
                yield *match.span(), "LOCATION", 0.85
        if size < 3 and at and text[at - 1].isupper():
            for match in _UK_POST.finditer(text, max(0, at - 6), at + 8):
                yield *match.span(), "LOCATION", 0.55
    for index in reading.indices(_POST_WORDS):
        at = max(0, starts[index] - 12)
        for match in _ZIP.finditer(text, at, at + 60):
            yield *match.span("zip"), "LOCATION", 0.8
        for match in _BOX.finditer(text, at, at + 90):
            yield *match.span(), "LOCATION", 0.75
    known = lexicon()
    if reading.groups & _PREPOSITIONS and reading.groups & _LIVING:
        yield from _whereabouts(reading)
    for index in reading.indices(_WORK):
        match = _EMPLOYED.match(text, starts[index])
        if match is not None and reading.has_lower:
            yield *match.span("place"), "ORGANIZATION", 0.55
    if reading.groups & _INSTITUTIONS:
        yield from _institutions(reading)
    for index in reading.indices(_STATES):
        at = starts[index]
        if tokens[index].isupper() and text[max(0, at - 2) : at] == ", ":
            match = _CITY_STATE.search(text, max(0, at - 40), at + 12)
            if match is not None and match.end() > at:
                last = re.findall(r"[A-Z][a-z'-]+", match[0])[-1].lower()
                if last not in known or not is_usual(known[last]):
                    yield *match.span(), "LOCATION", 0.7


def _whereabouts(reading: Reading) -> Iterator[Span]:
    """Names behind `lives in`, `man from`, `moved to`."""
    text = reading.text
    for index in reading.indices(_PREPOSITIONS):
        at = reading.starts[index]
        if index + 1 == len(reading.tokens) or not reading.tokens[index + 1][0].isupper():
            continue
        match = _WHERE.search(text, max(0, at - 30), min(len(text), at + 70))
        if match is None or match.start("place") <= at:
            continue
        last = index + 1
        while last < len(reading.tokens) and reading.starts[last] < match.end("place"):
            last += 1
        inside = [
            i
            for i in range(index + 1, last)
            if reading.starts[i] >= match.start("place") and reading.tokens[i][0].isalpha()
        ]
        if inside and not all(reading.flags[i] >= 0 and is_usual(reading.flags[i]) for i in inside):
            yield *match.span("place"), "LOCATION", 0.6


def _institutions(reading: Reading) -> Iterator[Span]:
    """Hospitals and the like by their name: `Larkspur Memorial Hospital`."""
    text = reading.text
    for index in reading.indices(_INSTITUTIONS):
        if not reading.tokens[index][0].isupper():
            if (
                index
                and not reading.has_upper
                and reading.flags[index - 1] < 0
                and len(reading.tokens[index - 1]) > 3
            ):
                yield reading.starts[index - 1], reading.end(index), "ORGANIZATION", 0.5
            continue
        match = _HOSPITAL.search(text, max(0, reading.starts[index] - 60), reading.end(index))
        if match is None or match.end() != reading.end(index):
            continue
        named = [
            i
            for i in range(max(0, index - 6), index)
            if reading.starts[i] >= match.start("name") and reading.tokens[i][0].isalpha()
        ]
        while named and reading.lower[named[0]] in _BEFORE_NAME:
            named.pop(0)
        telling = [
            i
            for i in named
            if (reading.lower[i] not in _GENERIC and not reading.flags[i] & MEDICAL) or reading.flags[i] < 0
        ]
        if reading.lower[index] in _ATTRIBUTES and not any(
            reading.flags[i] < 0 or reading.flags[i] & NAME_OR_PLACE for i in telling
        ):
            continue
        is_street = reading.lower[index] in _STREETS
        if telling and (
            is_street or any(reading.flags[i] < 0 or reading.flags[i] & COMMON != COMMON for i in telling)
        ):
            yield reading.starts[named[0]], match.end(), "LOCATION" if is_street else "ORGANIZATION", 0.6
