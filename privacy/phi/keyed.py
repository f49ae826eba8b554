"""Identifiers that a word in front names: `MRN: 123`, `policy no. AB-77`, `licence MD12345`, `serial`, `VIN`.

The word gives the kind, so the value may have any form that holds a digit.
"""

import re
from collections.abc import Iterator

from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_PHRASES = {
    "MRN": "mrn|m.r.n|medical record|medical rec|med rec|record|hospital|chart|patient|pt|unit record"
    "|urn|ur|nhs|hosp|file|id band|wristband|mr|emr|ehr|person|subject|participant"
    "|enrollee|history",
    "HEALTH_PLAN": "health plan|plan|insurance|policy|member|membership|subscriber|beneficiary"
    "|medicare|medicaid|mbi|hic|hicn|payer|payor|group|grp|coverage|hmo|ppo|aetna"
    "|ramq|ohip|phn|nhi|hcn|health card|health number|cigna|humana|bcbs|blue cross|anthem|kaiser|tricare",
    "ACCOUNT": "account|acct|acc|ac|a/c|billing|invoice|encounter|enc|visit|csn|har|fin|accession"
    "|case|specimen|episode|claim|order|requisition|referral|prior auth|prior "
    "authorization|authorization|auth|confirmation|iban|routing|aba|swift|bic|credit card"
    "|debit card|card|cc|bank|transaction|receipt|rx|prescription|booking|ticket|tracking",
    "LICENSE": "license|licence|lic|npi|dea|certificate|certification|cert|driver license|driver's "
    "license|drivers license|driver's licence|dl|driver|drivers|passport|permit|upin|state "
    "id|tax id|tin|ein|itin|national id|id card|identity card|registration|aadhaar|aadhar|abha"
    "|cpf|cnpj|nino|national insurance|nir|bsn|dni|curp|pesel|personnummer|codice fiscale|tfn|nric|matricula"
    "|emirates id|iqama|nik|ktp|egn|oib|jmbg|cedula|cuil|cnic|philhealth|ppsn|svnr|kvnr|insz|ahv",
    "VEHICLE": "vin|vehicle|plate|license plate|licence plate|car|car registration|vehicle "
    "registration|tag|reg|truck|automobile|motorcycle|number plate",
    "DEVICE": "serial|s/n|sn|udi|device|pump|monitor|scanner|unit|implant|pacemaker|icd|generator"
    "|lead|imei|imsi|meid|lot|model|ref|catalog|machine|ventilator|stent|prosthesis"
    "|equipment|asset|gtin|di|port",
    "PHONE": "pager|beeper|bleep|extension|ext|dect",
    "SSN": "ssn|ss|ss#|social security|social|soc sec|soc. sec|s.s.n|social sec|last four|last 4",
    "BIOMETRIC": "fingerprint|photo|photograph|picture|image|img|face|facial|retina|iris|voiceprint"
    "|voice print|biometric|finger|palm",
    "ID": "id|ids|identifier|uid|guid|study|trial|protocol|employee|badge|staff|student|military|dod"
    "|service|veteran|va|code|barcode|key|reference|donor|graft|sample|tube|bag|user|number|no",
}
"""What announces an identifier, by kind; a plural counts as well."""


def _heads() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """First word of each phrase to its other tokens and its kind, longest first."""
    heads: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for kind, phrases in _PHRASES.items():
        for phrase in phrases.split("|"):
            first, *rest = re.findall(r"[a-z]+|[^a-z\s]", phrase)
            for form in (first, f"{first}s") if not rest and len(first) > 3 else (first,):
                heads.setdefault(form, []).append((tuple(rest), kind))
    for options in heads.values():
        options.sort(key=lambda option: -len(option[0]))
    return heads


_HEADS = _heads()
KEY_WORDS = trigger_words(_HEADS)
_TAIL = re.compile(
    r"(?:[\s_-]{0,2}(?:identification|identifier|registration|certificate|license|card|account|policy"
    r"|security|serial|record|medical|patient|member|medical record))?"
    r"(?P<noun>[\s._-]{0,2}(?:number|numbers|num|nbr|nr|no\b\.?|id|ids|identifier|#"
    r"|code)(?:\s?\([^()\d]{0,20}\))?)?"
    r"(?P<link>[\"']?\]?\s{0,2}(?:[:=#]|is\b|was\b|of\b|->|=>|,|\.)?[\s:=#\"'(\[]{0,4})"
    r"(?P<value>(?:[A-Za-z]{1,8}[-_]){0,2}[A-Za-z]{0,6}[-_/ ]?[A-Za-z]?\d[\w-]{0,40}(?:[-/. ]\d[\w-]{0,40}){0,4})"
    r"(?![\w%])",
    re.IGNORECASE,
)
_DIGEST = re.compile(r"(?i)[0-9a-f]{7,64}(?:-[0-9a-f]{4,12}){0,4}")
_PERSONAL = frozenset(
    word_list(
        "mrn m patient patients pt medical chart member policy ssn social account insurance "
        "medicare medicaid person subject participant"
    )
)
_SHARED = frozenset(
    word_list(
        "group grp groups plan plans coverage file files record records order service history "
        "image img face key keys no number sample tag ref reference model port id ids code "
        "codes user users user"
    )
)
_TRIAL = re.compile(r"\d{3}-[A-Z]{2,3}|[A-Z]{2,3}-\d{3}")  # a site's number and initials
_WORD_FIRST = re.compile(r"[a-z]{2,6} ")  # `in 1983`
_REACH = 90
_STRONG = frozenset(word_list("PHONE MRN HEALTH_PLAN LICENSE SSN ACCOUNT BIOMETRIC VEHICLE"))
_NOT_VALUE = re.compile(
    r"(?i)(?:v?\d+(?:\.\d+){1,3}|\d{1,3}|[a-z]?\d{1,3}(?:[./]\d{1,2})?|(?:19|20)\d\d(?:s)?|(?:19"
    r"|20)\d\d-\d\d-\d\d.*|\d{1,2}/\d{1,2}(?:/\d{2,4})?|\d+\s?(?:mg|ml|mcg|kg|cm|mm|days?|weeks?"
    r"|months?|years?|hours?|minutes?|mins?|yo|bytes|ms|s|h|am|pm|st|nd|rd|th|x|kb|mb|gb|patients"
    r"|records|rows|notes|of)|\d+(?:st|nd|rd|th)?\s[A-Za-z].*)"
)


def keyed(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds values that a key word announces.

    Args:
        reading: a normalised text.
        is_log: also takes weak keys, such as `unit 12345`.

    Returns:
        Spans of the values.
    """
    if not reading.numbers:
        return
    text, lower, last_number = reading.text, reading.lower, reading.numbers[-1]
    for index in reading.indices(KEY_WORDS):
        if index > last_number:
            return
        if not reading.is_number_near(reading.starts[index], _REACH):
            continue
        for rest, kind in _HEADS[lower[index]]:
            if not rest or tuple(lower[index + 1 : index + 1 + len(rest)]) == rest:
                end = reading.end(index + len(rest))
                match = _TAIL.match(text, end)
                if match is not None:
                    yield from _value(match, kind, lower[index], is_log=is_log)
                break


def _value(match: re.Match[str], kind: str, phrase: str, *, is_log: bool) -> Iterator[Span]:
    """The value behind a key, if it can be one."""
    start = match.start("value")
    if start == match.start() or (
        not match["link"]
        and not match["noun"]
        and match.string[start - 1].isalnum()
        and match["value"][0].isalpha()
    ):
        return
    named = bool(match["noun"]) or bool(re.search(r"[:=#]", match["link"])) or phrase == "last"
    value = match["value"][: _cut(match["value"])]
    digits = sum(map(str.isdigit, value))
    if _WORD_FIRST.match(value):
        return
    if _DIGEST.fullmatch(value) and not value.isdigit() and phrase not in _PERSONAL:
        return
    if (
        phrase in _SHARED and not match["noun"] and (digits < 6 or not re.search(r"[:=#]", match["link"]))
    ) or ("," in match["link"] and not named):
        return
    if not digits or (
        _NOT_VALUE.fullmatch(value)
        and not (named and kind in ("MRN", "SSN", "LICENSE") and digits >= 4 and value.isdigit())
    ):
        return
    if kind == "SSN":
        if digits not in (9, 4, 8) or (digits != 9 and not named):
            return
    elif digits < (
        3 if kind in _STRONG and (named or (phrase in _PERSONAL and _TRIAL.fullmatch(value))) else 4
    ):
        return
    if (
        not named
        and kind not in _STRONG
        and ((not is_log and digits < 5) or (value.isdigit() and digits < 6))
    ):
        return
    if re.search(r"\s", value) and not named and kind != "SSN":
        first, *rest = value.split()
        if any(map(str.isdigit, first)) and not (
            kind in _STRONG and all(len(r) > 3 and r.isdigit() for r in rest)
        ):
            value = first
    if is_log and phrase == "transaction" and not match["noun"] and value.isdigit():
        return  # of a database
    if is_log and not named and value.isdigit() and digits < 6 and kind in ("MRN", "ACCOUNT", "HEALTH_PLAN"):
        return
    yield start, start + len(value), kind, 0.8 if named and kind in _STRONG else 0.6


def _cut(value: str) -> int:
    """How much of a value belongs to it: parts after a space only if they are digits."""
    for part in re.finditer(r"[ ]", value):
        rest = value[part.end() :].split(" ", 1)[0]
        head = value[: part.start()]
        if any(map(str.isdigit, head)) and (not rest.isdigit() or len(rest) < 2):
            return part.start()
    return len(value)
