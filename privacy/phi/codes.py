"""Codes of letters and digits: VIN, UDI, DEA, MBI, IBAN, record numbers such as `H123456`, files of photos."""

import re
from collections.abc import Iterator

from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_CODE = re.compile(r"[A-Za-z0-9]+(?:[-_/][A-Za-z0-9]+)*(?!\w)")
_PHOTO = re.compile(
    r"(?i)(?<![A-Za-z])(?:img|dsc|dscn|dcim|pic|photo|face|facial|portrait|headshot|fingerprint|finger"
    r"|iris|retina|palm|scan|wound|mugshot|selfie|image|voice)[-_ ]?[\w-]*\d[\w-]*\.(?:jpe?g|png|gif"
    r"|tiff?|bmp|heic|webp|dcm|wav|mp3|mp4|mov|avi)\b"
)
_UDI = re.compile(r"\(01\)\d{14}(?:\(\d\d\)[\w/-]{2,20})*|\+[A-Z]\d{3}[A-Z0-9]{4,24}/\$\$[\w$/]+")
_VIN = re.compile(r"(?<![\w])(?=[A-HJ-NPR-Z]*\d)[A-HJ-NPR-Z0-9]{17}(?![\w])", re.I)
_MBI = re.compile(
    r"(?<![\w-])[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d\d(?![\w-])"
)
_DEA = re.compile(r"(?<![\w])[A-HJ-MP-UXabcdefghjklmprstux][A-Za-z9]-?\d{7}(?!\w)")
_IBAN = re.compile(r"(?<![\w])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?!\w)")
_MEASURE = re.compile(
    r"(?i)\d+(?:[kmgtp]i?b|b|ms|us|ns|s|m|h|k|hz|mhz|ghz|px|pt|w|v|rpm|fps|x|e[-+]?\d+)|\d+(?:x\d+)+"
)
_MESSAGE = re.compile(  # codes of other programs' messages
    r"(?:ORA|TNS|PLS|AH|HHH|HV|WFLY[A-Z]*|JBAS|TS|CS|CA|MSB|BEA|KB|SQL|NETSDK|NU|DBX|SPR|MY|ES|EF|RMAN|OSB|DSRA|SRVE"
    r"|CWWK[A-Z]|DFH[A-Z]*|IEF|IGD|EVENT|CVE-\d{4})-?\d{4,6}[A-Z]?"
)
_PAN = re.compile(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]")  # India's income tax number
_NINO = re.compile(
    r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D](?!\w)"
)  # UK national insurance
_MRZ = re.compile(
    r"(?<![\w<])(?=[A-Z0-9]*<)[A-Z0-9<]{28,46}(?![\w<])"
)  # a line of a travel document, ICAO 9303
_SPECIMEN = re.compile(r"[A-Z]{1,3}-?\d\d-\d{4,7}")  # of pathology or radiology: `S26-33018`
_STAMP = re.compile(r"(?:19|20)\d\d-?\d\d-?\d\d[T_]\d\d")
_HEX = re.compile(r"(?i)(?:0x)?[0-9a-f]{7,}(?:-[0-9a-f]{4,12}){0,4}|(?:[0-9a-f]{2}[:-]){3,}[0-9a-f]{2}")
_EXTENSIONS = trigger_words(word_list("jpg jpeg png gif tif tiff bmp heic webp dcm wav mp mov avi"))
_PREFIX = re.compile(
    r"(?i)(?:icd|icd10(?:cm)?|cpt|hcpcs|snomed|rxnorm|loinc|mesh|omim|umls|c|d|doid|mondo|hp|go|cve"
    r"|rfc|iso|pep|sha|md5|blake|utf|ascii|x86|amd|arm|cp|py|cuda|sm|rtx|gtx|h100|a100|"
    r"iec|ieee|en|fips|nist|http|tls|ssl|ipv|win|linux|gcc|llvm|gpt|bert|cd|il|hla|cyp|ca|brca|her|ki"
    r"|p|t|n|m|s|l|q|v|rs|nm|np|chr|mir|nct|pmid|pmc|doi|isbn|issn|pr|gh|job|task|thread|worker"
    r"|process|step|epoch|batch|layer|block|head|rank|gpu|cpu|node|shard|part|round|seed|run|fold"
    r"|version|conv|fc|block|blk|attempt|container|kernel|build|gen|tag|app|appattempt|application"
    r"|release|rev|commit|trace|span|req|request|mem|l)"
)
_BEFORE_SAFE = re.compile(
    r"(?i)\b(?:commit|sha(?:256|1)?|hash|digest|rev(?:ision)?|build|version|branch|checksum|etag|trace"
    r"|span|request|req|run|job|task|container|image|image id|layer|kernel|driver|at|0x|address"
    r"|fingerprint|key id|nonce|seed|uuid|guid|message|node|session|worker|index|shard|model|tag"
    r"|release|cluster)(?:[_\s-]?id)?[\s:=#(\"'\[]{1,3}$"
)


def codes(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds codes by their form, with check digits where they have one.

    Args:
        reading: a normalised text.
        is_log: any unexplained code with five digits and a letter is taken.

    Returns:
        Spans.
    """
    text, done = reading.text, 0
    if reading.groups & _EXTENSIONS:
        for match in _PHOTO.finditer(text):
            yield *match.span(), "BIOMETRIC", 0.9
    if "(01)" in text or "/$$" in text:
        for match in _UDI.finditer(text):
            yield *match.span(), "DEVICE", 0.9
    for index in reading.numbers:
        at = reading.starts[index]
        if at < done:
            continue
        size = len(reading.tokens[index])
        if size == 2 and text[at - 3 : at - 1].isupper():
            insured = _NINO.match(text, at - 3, at + 12)
            if insured is not None:
                yield *insured.span(), "ID", 0.8
        before, after = text[at - 1 : at], text[at + size : at + size + 1]
        if not (
            before.isalnum() or after.isalnum() or (before and before in "-_/") or (after and after in "-_")
        ):
            continue
        head = _head(text, at)
        code = _CODE.match(text, head, at + 64)
        if code is None:
            continue
        done = code.end()
        if code.end() - code.start() < 6 and text[code.end() : code.end() + 1] != " ":
            continue
        yield from _coded(text, code, is_log=is_log)


def travel_documents(reading: Reading) -> Iterator[Span]:
    """Finds the lines for machines of passports and identity cards."""
    for match in _MRZ.finditer(reading.text):
        yield *match.span(), "ID", 0.9


def _head(text: str, at: int) -> int:
    """Where a code begins whose digits begin at an offset."""
    head, least = at, max(0, at - 30)
    while head > least and (text[head - 1].isalnum() or text[head - 1] in "-_/"):
        head -= 1
    while head < at and not text[head].isalnum():
        head += 1
    return at if head and text[head - 1] in ".%" else head


def _coded(text: str, match: re.Match[str], *, is_log: bool) -> Iterator[Span]:
    """Judges one run of letters, digits and hyphens."""
    start, end = match.span()
    code = match[0]
    digits = sum(map(str.isdigit, code))
    size = len(code)
    if digits < size and digits >= 4:
        if _MBI.fullmatch(code):
            yield start, end, "HEALTH_PLAN", 0.85
            return
        if size == 10 and _PAN.fullmatch(code):
            yield start, end, "ID", 0.8
            return
        if size in (9, 10) and _DEA.fullmatch(code) and dea_is_valid(code):
            yield start, end, "LICENSE", 0.85
            return
        if (
            size == 17
            and _VIN.fullmatch(code)
            and (vin_is_valid(code) or (not _HEX.fullmatch(code) and size - digits >= 3))
        ):
            yield start, end, "VEHICLE", 0.8 if vin_is_valid(code) else 0.5
            return
    if code[:2].isalpha() and code[2:4].isdigit():
        iban = _IBAN.match(text, start, start + 50)
        if iban is not None and iban_is_valid(iban[0]):
            yield *iban.span(), "ACCOUNT", 0.95
            return
    if digits < 5 or digits == size or size > 40 or _STAMP.match(code):
        return
    if is_log and (_MEASURE.fullmatch(code) or _MESSAGE.fullmatch(code)):
        return
    score = _judge(text, start, end, code, digits, is_log=is_log)
    if score:
        yield start, end, "ID", score


def _judge(text: str, start: int, end: int, code: str, digits: int, *, is_log: bool) -> float:
    """How surely a code of letters and digits identifies; 0 if it does not."""
    letters = sum(map(str.isalpha, code))
    if not letters or re.fullmatch(r"[\d./-]+(?:[a-zA-Z%]{1,6}|st|nd|rd|th)?", code):
        return 0.55 if re.fullmatch(r"\d{7,}[A-Za-z]{1,2}|\d{3,}-\d{2,}-?\d*[A-Za-z]{1,3}", code) else 0.0
    if _HEX.fullmatch(code) and (letters >= 2 or len(code) >= 16):
        return 0.0  # digests and ids of machines; a patient's are found by their key
    before = text[max(0, start - 28) : start]
    head = re.match(r"[A-Za-z0-9]*?(?=[-_]|\d{2,}|$)", code)
    word = re.match(r"[A-Za-z]+", code)
    if _SPECIMEN.fullmatch(code):
        return 0.6
    if ((word and _PREFIX.fullmatch(word[0])) or (head and _PREFIX.fullmatch(head[0]))) and not re.fullmatch(
        r"(?i)[a-z]{1,3}-?\d{5,9}", code
    ):
        return 0.0
    if _BEFORE_SAFE.search(before):
        return 0.0
    if re.fullmatch(r"[A-Za-z]{1,4}[-_]?\d{2,}(?:-\d+)*", code):
        if word and re.fullmatch(
            r"(?i)cve|rfc|pmid|pmc|nct|rs|nm|np|chr|go|hp|job|task|sha|sm|py|cp|icd|iso|ieee|run", word[0]
        ):
            return 0.0
        return 0.55
    parts = re.split(r"[-_/]", code)
    if any(len(part) >= 3 and part.isalpha() for part in parts):
        return 0.0  # words joined to numbers: their parts are judged one by one
    return 0.45 if digits >= 6 and is_log and letters <= 8 else 0.0


def vin_is_valid(code: str) -> bool:
    """Whether the check digit of a vehicle identification number is right (49 CFR 565.15)."""
    letters = dict(
        zip(
            "ABCDEFGHJKLMNPRSTUVWXYZ",
            (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9, 2, 3, 4, 5, 6, 7, 8, 9),
            strict=True,
        )
    )
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    values = [int(c) if c.isdigit() else letters.get(c, -1) for c in code.upper()]
    if len(values) != 17 or min(values) < 0:
        return False
    return "0123456789X"[sum(v * w for v, w in zip(values, weights, strict=True)) % 11] == code[8].upper()


def dea_is_valid(code: str) -> bool:
    """Whether the check digit of a number of the Drug Enforcement Administration is right."""
    digits = [int(c) for c in code if c.isdigit()][-7:]
    return len(digits) == 7 and (sum(digits[0:6:2]) + 2 * sum(digits[1:6:2])) % 10 == digits[6]


def npi_is_valid(code: str) -> bool:
    """Whether the check digit of a National Provider Identifier is right: Luhn over 80840 and the number."""
    return len(code) == 10 and code.isdigit() and luhn_is_valid("80840" + code)


def luhn_is_valid(code: str) -> bool:
    """Whether the last digit of a number is its Luhn check digit."""
    total = 0
    for index, digit in enumerate(reversed(code)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban_is_valid(code: str) -> bool:
    """Whether an International Bank Account Number leaves 1 when divided by 97 (ISO 13616)."""
    plain = re.sub(r"[ -]", "", code).upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
