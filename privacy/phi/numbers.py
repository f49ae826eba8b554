"""Dates, telephone numbers, SSNs, addresses of machines, cards and other numbers by their form.

One expression is tried at each run of digits, so a text costs as much as it holds digits. What surrounds a number
decides where its form does not: `step 20210405` is not a date of birth.
"""

import re
from collections.abc import Iterator

from privacy.phi.reading import Reading
from privacy.phi.spans import Span

_D = r"(?!\d)"
_CLOCK = (
    r"(?:[T\s_,]{1,2}(?:at\s)?\d{1,2}[:.]?\d\d(?:[:.]?\d\d(?:[.,]\d{1,9})?)?(?:\s?[ap]\.?m\b\.?)?(?:\s?(?:Z"
    r"|UTC|[+-]\d\d:?\d\d))?)?"
)
_FORM = re.compile(
    rf"(?P<iso>(?:1[89]|20)\d\d(?P<s1>[-/.\u005f])(?:0?[1-9]|1[0-2])(?P=s1)(?:0?[1-9]|[12]\d"
    rf"|3[01]){_D}{_CLOCK}{_D})"
    rf"|(?P<ip>(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?!\d|\.\d)(?::\d{{2,5}}\b|/\d\d\b)?)"
    rf"|(?P<dmy>(?:0?[1-9]|[12]\d|3[01])(?P<s2>\s?[-/.]\s?)(?:0?[1-9]|[12]\d|3[01])(?P=s2)(?:(?:1[89]"
    rf"|20)\d\d|\d\d){_D}(?!\.\d|-\d){_CLOCK})"
    rf"|(?P<ssn>\d{{3}}(?P<s3>[-. _])\d\d(?P=s3)\d{{4}}{_D}(?!-\d))"
    rf"|(?P<card>\d{{4}}(?P<s4>[- .])\d{{4}}(?P=s4)\d{{4}}(?:(?P=s4)\d{{1,7}}){_D}|3\d{{3}}[- "
    rf"]\d{{6}}[- ]\d{{5}}{_D})"
    rf"|(?P<national>\d{{4}}(?P<s5>[- ])\d{{4}}(?P=s5)\d{{4}}{_D}|\d{{3}}\.\d{{3}}\.\d{{3}}-\d\d{_D}"
    rf"|\d\d\.\d{{3}}\.\d{{3}}/\d{{4}}-\d\d{_D})"
    rf"|(?P<phone>(?:\d{{3}}\)\s?[-.]?\s?|(?:1[-.\s])?\d{{3}}\s?[-./\s]\s?)\d{{3}}\s?[-.\s]\s?\d{{4}}{_D}(?:\s?(?:x"
    rf"|ext\.?|extension)\s?\d{{1,6}})?)"
    rf"|(?P<abroad>(?:00|(?<=\+))\d{{1,3}}[-.\s/]?\(?\d{{1,4}}\)?(?:[-.\s/]?\(?\d{{2,4}}\)?){{1,5}}{_D}(?:\s?(?:x"
    rf"|ext\.?)\s?\d{{1,6}})?)"
    rf"|(?P<zip4>\d{{5}}-\d{{4}}{_D}(?!-))"
    rf"|(?P<seven>\d{{3}}[-. ]\d{{4}}{_D}(?![-. ]?\d))"
    rf"|(?P<half>\d{{3}}\)\s?\d{{3}}-\d{{1,3}}{_D})"
    rf"|(?P<groups>0\d{{1,4}}(?:\)?[-. /]\d{{2,4}}){{2,5}}{_D}|\d{{2,4}}\)\s?\d{{3,4}}[- "
    rf"]?\d{{3,4}}{_D}|0\d{{2,4}}[-/ ]\d{{5,8}}{_D}|\d{{2}}(?:[. -]\d{{2}}){{3,4}}{_D}|\d{{2,3}}(?:[ "
    rf"]\d{{2,3}}){{2,3}}{_D}|[2-9]\d{{3}}[ ]\d{{4}}{_D})"
    rf"|(?P<my>(?:0?[1-9]|1[0-2])[/-](?:19|20)\d\d{_D}(?![-/]))"
    rf"|(?P<md>(?:0[1-9]|1[0-2]|[1-9])/(?:0[1-9]|[12]\d|3[01]|[1-9]){_D}(?![/.]\d|\d|%))"
    rf"|(?P<ymd>(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:T?\d{{4}}(?:\d\d)?)?{_D})"
    rf"|(?P<dashed>\d{{2,}}(?:[-.]\d{{1,}}){{1,4}}{_D})"
    rf"|(?P<bare>\d{{6,}})"
)
_SAFE_BEFORE = re.compile(
    r"(?i)(?:\b(?:blk_|block_|task_|job_|attempt_|appattempt_|container_|application_|req-|request_"
    r"|trace_|span_|run_|msg_|shard_|node_)"
    r"|\b(?:v|ver|version|step|steps|epoch|round|seed|iter(?:ation)?|batch|batches|total|sum"
    r"|samples?|examples?|tokens?|param(?:eter)?s|bytes?"
    r"|size|len|length|count|n|num|max|min|mean|port|pid|tid|ppid|thread|line|lineno|offset|index|idx"
    r"|row|rows|col|dim|shape|took|elapsed|duration"
    r"|timeout|latency|ms|us|ns|memory|rss|heap|rate|loss|lr|exit(?: code)?|status|code|errno|error"
    r"|signal|sha|commit|rev|build|hash|digest|crc|checksum"
    r"|at address|address|0x|wbc|rbc|plt|platelets?|load|copies|viral load|capacity|limit|budget|quota"
    r"|tcp|udp|rfc|cve|iso|pep|kb|ticks|cycles|cuda"
    r"|gpu|cpu|node|worker|rank|shard|part|partition|chunk|block|page|level|priority|received|sent"
    r"|wrote|written|read|processed|loaded|skipped|of|completed|pending|examined|returned|scanned|evicted"
    r"|queued|dropped|allocated|freed|resident|virtual|swap|vm|anon|transaction|xid|txn|zxid|lsn|inode|sectors?"
    r"|concept|snomed|loinc|omop|rxcui|seq|sequence|sequenceno|generation|ts|timestamp|epoch_?ms"
    r"|uptime|ttl|expires|jiffies|fd|uid|gid|euid"
    r"|docs|documents|hits|misses|cached|available|used|free|peak|current|delta|interval|backoff|retry_?after"
    r"|docs_?examined|keys_?examined|time(?=['\"]?\s?[:=]))"
    r"['\"]?\s?(?:is|was|=|:|#|\()?\s?['\"]?[-+~<>]?)$"
)
_SAFE_AFTER = re.compile(
    r"(?i)\s?(?:(?:[kmgt]i?)?b(?:ytes?|ps|it)?\b|bytes|ms\b|us\b|ns\b|s\b|secs?\b|seconds|minutes"
    r"|hours|records?\b|rows?\b|lines?\b|tokens?\b|samples?\b"
    r"|examples?\b|param(?:eter)?s?\b|items?\b|steps?\b|events?\b|requests?\b|batches|parameters"
    r"|values|elements|entries|cycles|ticks|times\b|files?\b"
    r"|characters|chars|words?\b|copies|cells?\b|/[um]l|x10|iu\b|units?\b|mg\b|mcg\b|ml\b|k\b|%|hz|mhz"
    r"|ghz|fps|it/s|coordinates|notes?\b|patients\b|people|users\b"
    r"|nodes?\b|pages?\b|blocks?\b|connections?|packets?|objects?|messages?|keys?\b|hospitals\b"
    r"|features?\b|weights?\b|trainable|updates?\b)"
)
_DATED = re.compile(
    r"(?i)\b(?:on|since|from|until|till|to|of|by|dated?|before|after|around|approximately|approx"
    r"|d\.?o\.?b\.?|born|birth|seen|admitted|admission"
    r"|discharged?|visit|signed|dictated|due|appt|appointment|scheduled|performed|received|last|next"
    r"|filled|acquired|obtained|taken|reviewed|started|stopped|exam|collected|results?|between"
    r"|and|through|thru|ended|begun|begins?|begin|comparison|completed|expired|follow-?up|f/u"
    r"|start(?:ing)?|stop|end(?:ing)?|cleared|transferred|for"
    r"|course|removed|placed|given|via|the|ago|labs?|tests?|study|prior|taken|improved|filed|addended"
    r"|revised|updated|sent|drawn|done|faxed|mailed|ordered|repeat(?:ed)?|surgery|procedure|clinic"
    r"|ecg|ekg|echo|mri|ct|cxr"
    r"|x-?ray|egd|colonoscopy|biopsy|swab|culture|mon|tues?|wed|thurs?|fri|sat|sun)[.\s:,(@=]{1,3}$"
    r"|[(;,]\s?$|^\s*$"
)
_SCORED = re.compile(
    r"(?i)(?:strength|motor|power|pulses?|reflexes|grade|pain|murmur|score|scale|scored|gcs|apgars?"
    r"|mmse|moca|edema|stage|visual acuity|bp|ratio|rate[ds]?|nihss|ecog|asa|level|step|epoch|round"
    r"|batch|page|part|q|fio2|flow|dose)\W{0,3}(?:is|was|of|at)?\s?$"
)
_COUNTED = re.compile(
    r"(?i)\s?(?:batch|step|epoch|round|done|complete|passed|failed|tests?|files?|items|hospitals"
    r"|clients|nodes|shards|murmur|strength|systolic|pain|ml|mg|cm|%|ns|normal saline|dose)"
)
_CALLED = re.compile(
    r"(?i)(?:\b(?:phone|tel(?:ephone)?|ph|call(?:ed|ing)?|mobile|cell(?:ular|phone)?|fax(?:ed)?|pager?"
    r"|beeper|ring|contact|reach(?:ed)?|dial|number|home|work|office|desk"
    r"|line|messages? to|text|sms|whatsapp|at|on|to|from|emergency|ext|hotline|voicemail|me|my"
    r"|answering)\b[\s.:#()=]{0,3}(?:is|no\.?|number|at|on|me at)?[\s:.#=(]{0,3}['\"]?"
    r"|[;,|(]\s?)$"
)
_FAX = re.compile(
    r"(?i)\b(?:fax|f|facsimile)\b[\s.:#=()]{0,3}(?:no\.?|number|at|to|is|records to)?[\s:.#=(]{0,3}$"
)
_NO_DENOMINATOR = frozenset((13, 14, 16, 17, 18, 19, 21, 22, 23, 25, 26, 27, 29, 31))  # of a score: so a day
_COUNTING = re.compile(r"(?i)[(%]\s?$|\b(?:in|vs\.?|versus|and|or|than|all|only)\s$")
_SHIFT = re.compile(r"(?:[01]\d|2[0-3])[0-5]\d-(?:[01]\d|2[0-3])[0-5]\d")  # 2300-0700
_MONEY = re.compile(r"[$€£¥]\s?$")
_LOOPBACK = re.compile(r"(?:127\.0\.|0\.0\.0\.0|255\.255\.255\.|169\.254\.169\.254)")
_VERSION = re.compile(
    r"(?i)(?:\bv(?:er(?:sion)?)?\.?\s?|==|>=|<=|~=|[a-z]{2,}-|[a-z]/|section |chapter |\boid\b\W{0,3}|\d\.)$"
)


def numbers(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds identifiers made of digits and separators.

    Args:
        reading: a normalised text.
        is_log: also takes unexplained numbers of six digits and more.

    Returns:
        Spans in order.
    """
    text, done = reading.text, 0
    for index in reading.numbers:
        start = reading.starts[index]
        if start < done:
            continue
        size = len(reading.tokens[index])
        following = text[start + size : start + size + 1]
        if size < 6 and (not following or following not in "-/. ):_("):
            continue
        if size < 6 and start:
            before = text[start - 1]
            if before.isalpha() or (
                before in "._"
                and start > 1
                and text[start - 2].isalnum()
                and not (before == "_" and following in "-_")
            ):
                continue
        match = _FORM.match(text, start, start + 64)
        if match is None:
            continue
        span = _judge(text, match, is_log=is_log)
        if span is not None:
            yield span
            done = span[1]
        elif match.lastgroup in ("iso", "ip", "dmy", "dashed", "bare", "groups"):
            done = match.end()


def _judge(text: str, match: re.Match[str], *, is_log: bool) -> Span | None:
    """What the surroundings make of a number's form."""
    kind = match.lastgroup
    start, end = match.span()
    before = text[max(0, start - 40) : start].rstrip("+")
    after = text[end : end + 16]
    if kind == "iso" or (kind == "ymd" and end - start in (8, 12, 14, 13, 15)):
        if kind == "ymd" and (_SAFE_BEFORE.search(before) or _SAFE_AFTER.match(after)):
            return None
        if kind == "ymd" and (more := re.match(r"-\d{2,8}\b", after)):
            return start, end + more.end(), "ID", 0.6
        return start, end, "DATE", 0.9 if kind == "iso" else 0.6
    if kind == "ip":
        if (
            _LOOPBACK.match(match[0])
            or _VERSION.search(before)
            or any(int(p) > 255 for p in re.split(r"[.:/]", match[0])[:4])
        ):
            return None
        return start, end, "IP", 0.9
    if kind == "dmy":
        if _VERSION.search(before) and "." in match[0]:
            return None
        first, second = (int(part) for part in re.split(r"\s?[-/.]\s?", match[0])[:2])
        return (start, end, "DATE", 0.85) if min(first, second) <= 12 else None
    if kind == "ssn":
        return start, end, "SSN", 0.85
    if kind == "national":
        return None if is_log and _SAFE_BEFORE.search(before) else (start, end, "ID", 0.7)
    if kind == "card":
        return start, end, "ACCOUNT", 0.85
    if kind in ("phone", "abroad"):
        if kind == "abroad" and (
            text[start - 1 : start] != "+"
            and not _CALLED.search(before)
            and sum(map(str.isdigit, match[0])) < 10
        ):
            return None
        start -= text[max(0, start - 2) : start].endswith(("(", "+")) + text[
            max(0, start - 2) : start
        ].endswith("+(")
        if kind == "phone" and _SAFE_BEFORE.search(before) and not _CALLED.search(before) and " " in match[0]:
            return None
        if is_log and " - " in match[0] and not _CALLED.search(before):
            return None  # columns of an access log
        return start, end, "FAX" if _FAX.search(before) else "PHONE", 0.85
    if kind == "half":
        return (start, end, "PHONE", 0.5) if is_log else None
    if kind == "zip4":
        return start, end, "LOCATION", 0.7
    if kind == "seven":
        if "-" not in match[0] and not _CALLED.search(before):
            return None
        if _MONEY.search(before) or (_SAFE_BEFORE.search(before) and not _CALLED.search(before)):
            return None
        return start, end, "FAX" if _FAX.search(before) else "PHONE", 0.65
    if kind == "groups":
        called = _CALLED.search(before)
        digits = sum(map(str.isdigit, match[0]))
        if not called and (
            digits < 8 or (match[0][0] != "0" and "(" not in before[-1:] and not match[0].count(".") >= 3)
        ):
            return None
        if _VERSION.search(before) or _MONEY.search(before):
            return None
        start -= before[-1:] == "("
        return start, end, "FAX" if _FAX.search(before) else "PHONE", 0.6 if called else 0.5
    if kind == "my":
        return start, end, "DATE", 0.6
    if kind == "md":
        dated = _DATED.search(before)
        if (
            _SCORED.search(before)
            or (not dated and _SAFE_BEFORE.search(before))
            or after[:1] == "-"
            or _COUNTED.match(after)
            or len(
                re.findall(
                    rf"(?<![\d/])\d{{1,3}}/{match[0].split('/')[1]}(?![\d/])",
                    text[max(0, start - 70) : end + 70],
                )
            )
            > 1
        ):
            return None
        padded = match[0][0] == "0" or "/0" in match[0] or (len(match[0]) == 5 and int(match[0][3:]) > 12)
        day = int(match[0].split("/")[1])
        dated = dated or re.match(r",?\s(?:at\s)?(?:[01]\d|2[0-3]):?[0-5]\d\b", after)
        if (
            (dated and not is_log)
            or (
                not is_log
                and day in _NO_DENOMINATOR
                and not after[:1].isalpha()
                and not _COUNTING.search(before)
            )
            or (padded and (dated or not is_log))
            or (
                dated
                and re.search(
                    r"(?i)\b(?:on|dob|born|admitted|discharged|since|visit|appt|appointment|date)\W+$", before
                )
            )
        ):
            return start, end, "DATE", 0.55
        return None
    if kind == "dashed":
        digits = sum(map(str.isdigit, match[0]))
        if "." in match[0] or _VERSION.search(before) or digits < 7:
            return None
        if not is_log and _SHIFT.fullmatch(match[0]):
            return None
        if text[start - 1 : start].isalnum() or (after[:1].isalnum() and is_log and digits < 9):
            return None
        if _SAFE_BEFORE.search(before):
            return None
        return start, end, "ID", 0.5
    return _bare(text, start, end, before, after, is_log=is_log)


def _bare(text: str, start: int, end: int, before: str, after: str, *, is_log: bool) -> Span | None:
    """A number without separators: an identifier unless a word says what it counts."""
    length = end - start
    if before[-1:].isalpha() and re.search(r"(?:^|[^A-Za-z0-9])(?:0x|sha|v|cu|cp|py)$", before, re.I):
        return None
    if re.search(r"(?<![\d.])\d*[.]$|[\w]\.$|\d,$", before) or re.match(r"\.\d|e[-+]\d", after):
        return None  # part of a decimal number
    if before[-1:].isalpha() or after[:1].isalpha():
        return None  # a code: see `keyed` and `codes`
    if _MONEY.search(before):
        return None
    if (_SAFE_BEFORE.search(before) or _SAFE_AFTER.match(after)) and not (
        length in (9, 10) and _CALLED.search(before)
    ):
        return None
    if is_log:
        if length == 10 and text[start] == "1" and start < 3:
            return None  # seconds since 1970, at the beginning
        return start, end, "ID", 0.5
    if length >= 13:
        return start, end, "ACCOUNT", 0.6
    if length >= 7:
        return start, end, "ID", 0.55
    return None
