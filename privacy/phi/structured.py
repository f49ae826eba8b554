"""Identifiers in the fields of HL7 version 2, FHIR JSON, X12, SQL and key=value text."""

import re
from collections.abc import Iterator

from privacy.phi.lexicon import NAME_OR_PLACE, is_plain, is_usual, lexicon
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_SEGMENT = re.compile(
    r"(?:^|(?<=[\r\n\x0b])|(?<=\\r)|(?<=\\n)|(?<=[\s\"'>]))(PID|PD1|NK1|GT1|IN[123]|MRG|PV1|PV2|ORC"
    r"|OBR|OBX|ROL|STF|PRD|ACC|EVN|MSH|ARV|NTE|SCH|AIP|TXA)\|"
    r"((?:(?!\s(?:PID|PD1|NK1|GT1|IN[123]|MRG|PV1|PV2|ORC|OBR|OBX|EVN)\|)[^\r\n])*)"
)
_PERSONAL = frozenset(word_list("PID PD1 NK1 GT1 IN1 IN2 IN3 MRG STF PRD ARV"))
_FIELD = re.compile(r"[^|~]+")
_PLAIN_FIELD = re.compile(
    r"[A-Z]{0,3}|\d{1,3}|ADT\^A\d\d.*|\w{3}\^\w\d\d.*|2\.\d(?:\.\d)?|\^*~?\\?&?"
    r"|[A-Z0-9]{1,4}\^{0,3}(?:[MFUO]|[A-Z]{2,4})?"
)
_JSON_KEY = (
    r"family|given|birth_?date|deceased\w*|line|city|district|postal_?code|zip(?:_?code)?|address\w*"
    r"|street\w*|phone\w*|telecom|telephone|fax|mobile|cell|e?mail\w*|ssn|social_security\w*"
    r"|(?:first|last|middle|full|sur|fore|maiden|patient|family|given|mother\w*|father\w*|spouse\w*"
    r"|doctor|provider|physician|employee|contact|display|client|person|subject|preferred|legal"
    r"|nick)_?name|lname|fname|surname"
    r"|dob|date_?of_?birth|birth_?day|born|d_?o_?b|mrn|medical_?record\w*|patient_?(?:id|identifier"
    r"|key|number|no)|pat_?id|subject_?id|person_?id|member_?id|policy\w*|insurance_?\w*"
    r"|account_?(?:no|number|id)|acct\w*|passport\w*|driver\w*|licen[sc]e\w*|npi|dea|employer"
    r"|next_?of_?kin|kin|attending|physician|doctor|nurse|surgeon|provider|clinician|author|guarantor"
    r"|relative|spouse|mother|father|guardian|patient|pt|user_?name|username|login|uid|attending\w*"
    r"|referring\w*|accession\w*|encounter_?(?:id|number)|visit_?(?:id|number)|admit_?date"
    r"|discharge_?date|service_?date|admission\w*|discharge\w*|vin|plate|serial\w*|photo|fingerprint"
    r"|host_?address|remote_?addr|client_?ip|ip_?address|county|town|village|place_?of_?birth"
    r"|birth_?place|residence|location_?name|owner|recipient|sender|to_address|caller"
)
_KEY = re.compile(_JSON_KEY, re.IGNORECASE)
_KEY_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*$")
_LINK = re.compile(
    r"[A-Za-z0-9_]{0,12}[\"'\]]{0,3}\s{0,2}(?P<sign>=>|[:=])\s{0,2}(?P<value>\[?\s?(?:\"(?:[^\"\\]"
    r"|\\.){1,200}\"?(?:\s?,\s?\"[^\"]{1,100}\"(?!\s?:))*|'(?:[^'\\]|\\.){1,200}'?(?:\s?,\s?'[^']{1,100}'(?!\s?:))*)"
    r"|[^\s,;&|\"'\[\]{}()<>]{1,80})"
)
_WEAK = frozenset(
    word_list(
        "name user who by for owner title label text value display id identifier reference file "
        "filename path note cn uid key"
    )
)
_REFERENCE = re.compile(
    r"\b(?:Patient|RelatedPerson|Practitioner|Encounter|Person|Coverage|Device|Account"
    r"|DocumentReference|DiagnosticReport|Observation|Subject|patients?|people|persons?|members?"
    r"|encounters?|notes?|docs?|documents?|charts?|subjects?|users?)/(?P<id>[A-Za-z0-9][\w.%-]*\d[\w.%-]*"
    r"|[A-Za-z]+[_-][\w.-]+)",
    re.A,
)
_SQL = re.compile(
    r"(?i)\b(?:insert\s+into|update\s+[\w.\"]+\s+set|select\b.{0,400}?\bfrom|delete\s+from|where\b"
    r"|values\s*\(|in\s*\()"
)
_BRACKET = re.compile(r"[nN]\s*\(")  # the end of `in (`
_LITERAL = re.compile(r"'((?:[^'\\]|''|\\.){2,200})'")
_DETAIL = re.compile(
    r"(?i)(?:Key|detail|duplicate entry|contains|value|row)\W{1,3}\(([^()]{1,80})\)=\(([^()]{1,200})\)"
)
_FAILING_ROW = re.compile(
    r"(?i)(?:failing row contains|parameters:|params:|with params|\bargs:)\s?[\(\[{](.{1,600}?)[\)\]}](?:\s"
    r"|$|\.)"
)
_SAFE_VALUE = re.compile(
    r"(?i)(?:null|none|nan|n/?a|nil|undefined|true|false|unknown|empty|redacted|\*+|x+|\?+|<[a-z_]+>"
    r"|root|admin|system|anonymous|guest|default|test|postgres|nobody|\d{1,4}|[-+]?\d*\.\d+|\{.*|\[|\("
    r"|%[sdr]|%\(\w+\)s|\$\w+|\.\.\.|string|str|int|float|bool|bytes|object|dict|list|tuple|required"
    r"|optional|invalid|missing|field|column|not|is|must|the|a|an|and|or|in|of)[\"'\].,;:)]*"
)
_LOOSE = frozenset(
    word_list(
        "patient pt author owner provider attending recipient sender caller line serial photo "
        "relative uid login address admission discharge username cell county village town "
        "location policy insurance"
    )
)
_SEGMENTS = trigger_words(
    word_list("pid pd nk gt in mrg pv orc obr obx rol stf prd acc evn msh arv sch aip txa")
)
_SQL_WORDS = trigger_words(word_list("insert update select delete where values"))
_ROW_WORDS = trigger_words(word_list("failing row parameters params args"))
_RESOURCES = trigger_words(
    word_list(
        "patient patients relatedperson person persons people practitioner encounter encounters "
        "coverage device account reference report observation subject subjects member members "
        "note notes doc docs document documents chart charts user users"
    )
)
PAIR_WORDS = trigger_words(
    set(re.findall(r"[a-z]{3,}", re.sub(r"\\w\*|\(\?:|_\?|\?", " ", _JSON_KEY))) | {"pt", "id"}
)
_ENTITY_OF_PART = tuple(
    (part, entity)
    for entity, parts in (
        ("DATE", "date dob birthday born deceased"),
        ("EMAIL", "mail"),
        ("SSN", "ssn social"),
        ("PHONE", "phone"),
        ("FAX", "fax"),
        ("PHONE", "mobile cell telecom"),
        ("LOCATION", "city line zip postal district"),
        ("IP", "ipaddress remoteaddr clientip"),
        ("LOCATION", "address street"),
        ("MRN", "mrn record patientid"),
        ("VEHICLE", "vin plate"),
        ("HEALTH_PLAN", "policy insurance member"),
        ("ACCOUNT", "account acct"),
        ("LICENSE", "licen npi dea"),
    )
    for part in word_list(parts)
)
"""Parts of a key and what its value is; the first that fits counts."""


STRUCTURE_WORDS = _SEGMENTS | _SQL_WORDS | _ROW_WORDS | _RESOURCES | PAIR_WORDS


def structured(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds identifiers by the field they stand in.

    Args:
        reading: a normalised text.
        is_log: every literal of an SQL statement and every personal key counts.

    Returns:
        Spans of the fields' values.
    """
    text = reading.text
    if text.count("|") > 2 and reading.groups & _SEGMENTS:
        yield from _hl7(text)
    if reading.groups & PAIR_WORDS and (":" in text or "=" in text) and (is_log or "{" in text):
        yield from _pairs(reading, is_log=is_log)
    if "/" in text and (is_log or "{" in text):
        for index in reading.indices(_RESOURCES):
            if text.find("/", max(0, reading.starts[index] - 24), reading.starts[index] + 100) < 0:
                continue
            match = _REFERENCE.match(text, reading.starts[index], reading.starts[index] + 100)
            if match is None:
                start = text.rfind(" ", 0, reading.starts[index]) + 1
                match = _REFERENCE.search(
                    text, max(start, reading.starts[index] - 24), reading.starts[index] + 100
                )
            if match is not None and _names_one(match["id"]):
                yield *match.span("id"), "ID", 0.6
    if not is_log:
        return
    if "'" in text and reading.groups & _SQL_WORDS and _is_sql(reading):
        for match in _LITERAL.finditer(text):
            if not is_plain(match[1]):
                yield *match.span(1), "ID", 0.6
    for pattern, occurs in ((_DETAIL, ")=(" in text), (_FAILING_ROW, _has_row(reading))):
        for match in pattern.finditer(text) if occurs else ():
            if not is_plain(match[pattern.groups]):
                yield *match.span(pattern.groups), "ID", 0.6


def _is_sql(reading: Reading) -> bool:
    """Whether an SQL statement occurs."""
    if any(_SQL.match(reading.text, reading.starts[index]) for index in reading.indices(_SQL_WORDS)):
        return True
    return _BRACKET.search(reading.text) is not None and _SQL.search(reading.text) is not None


def _has_row(reading: Reading) -> bool:
    """Whether a word occurs that announces a row of a table or a list of parameters."""
    if not reading.groups & _ROW_WORDS and ")=(" not in reading.text:
        return False
    text = reading.text.lower()
    return any(word in text for word in ("failing row contains", "params", "parameters:", "args:"))


def _names_one(name: str) -> bool:
    """Whether the last part of a reference names one person's thing rather than a file of ours."""
    digits = sum(map(str.isdigit, name))
    if name.endswith((".py", ".jsonl", ".json", ".toml", ".txt", ".md", ".log", ".csv")):
        return digits >= 4
    return digits > 0 or not is_plain(name)


def _hl7(text: str) -> Iterator[Span]:
    for segment in _SEGMENT.finditer(text):
        if segment[2].count("|") < 2:
            continue
        personal, offset = segment[1] in _PERSONAL, segment.start(2)
        for field in _FIELD.finditer(segment[2]):
            value = field[0]
            if _PLAIN_FIELD.fullmatch(value):
                continue
            names = (
                value.count("^") >= 1
                and re.search(r"[A-Za-z]{2,}\^[A-Za-z]", value)
                and segment[1] in ("PV1", "PV2", "ORC", "OBR", "ROL", "SCH", "AIP", "TXA", "EVN")
            )
            digits = sum(map(str.isdigit, value))
            if personal or names or (digits >= 5 and segment[1] != "OBX"):
                entity = (
                    "NAME"
                    if re.search(r"[A-Za-z]{2}\^[A-Za-z]", value) and digits < 3
                    else "DATE"
                    if re.fullmatch(r"(?:19|20)\d{6}(?:\d{4,6})?", value)
                    else "LOCATION"
                    if value.count("^") >= 3 and digits and re.search(r"[a-zA-Z]{3}", value)
                    else "ID"
                )
                yield offset + field.start(), offset + field.end(), entity, 0.8


def _pairs(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    text, done = reading.text, 0
    known = lexicon()
    for index in reading.indices(PAIR_WORDS):
        at = reading.starts[index]
        if at < done:
            continue
        match = _LINK.match(text, reading.end(index), reading.end(index) + 260)
        if match is None:
            continue
        name = _KEY_NAME.search(
            text,
            max(0, at - 24),
            match.start("sign") if text[match.start("sign") - 1].isalnum() else reading.end(index),
        )
        key = name[0] if name else reading.tokens[index]
        plain_key = key.lower().replace("_", "").replace("-", "")
        strong = _KEY.fullmatch(key) is not None or _KEY.fullmatch(plain_key) is not None
        if not strong and plain_key not in _WEAK:
            continue
        value = match["value"]
        inner = value.strip("[]\"' ")
        if not inner or _SAFE_VALUE.fullmatch(inner):
            continue
        lead = len(value) - len(value.lstrip("[\"' "))
        start = match.start("value") + lead
        inner = inner.rstrip(".,") or inner
        end = start + len(inner)
        if not strong:
            words = re.findall(r"[A-Za-z]+", inner) if lead and is_log else []
            if 0 < sum(1 for w in words if len(w) > 1) <= 4 and any(
                known.get(w.lower(), 0) & NAME_OR_PLACE and not is_usual(known[w.lower()])
                for w in words
                if len(w) > 2
            ):
                done = end
                yield start, end, "NAME", 0.5
            continue
        if not lead and match["sign"] == ":" and is_plain(inner):
            continue
        if plain_key in _LOOSE and is_plain(inner):
            continue
        done = end
        yield start, end, _entity(plain_key), 0.75


def _entity(key: str) -> str:
    for part, entity in _ENTITY_OF_PART:
        if part in key:
            return entity
    return "ID" if key.endswith(("id", "number", "no", "key")) else "NAME"
