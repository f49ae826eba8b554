"""E-mail addresses, URLs, IPv6 and MAC addresses, and the names of people in paths."""

import re
from collections.abc import Iterator

from privacy.phi.lexicon import is_plain
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_EMAIL = re.compile(r"(?<![\w.+%-])[\w+%'-][\w.+%'-]{0,63} ?@ ?(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,18}\b")
_DOMAIN_BEHIND_AT = (
    r"\s?(?:[\w-]{1,63}\s?(?:\(dot\)|\[dot\]|\{dot\}|\bdot\b)\s?[A-Za-z]{2,18}\b"
    r"|(?:[\w-]{1,40}\.){1,4}(?:com|org|net|edu|gov)\b)"
)
_SPELT_DOMAIN = re.compile(rf"at[)\]}}]?{_DOMAIN_BEHIND_AT}", re.IGNORECASE)
_SPELT_EMAIL = re.compile(
    rf"(?<![\w.+%-])[\w+%'-][\w.+%'-]{{0,63}}\s?(?:\(at\)|\[at\]|\{{at\}}|\bat\b){_DOMAIN_BEHIND_AT}",
    re.IGNORECASE,
)
_HALF_EMAIL = re.compile(r"(?<![\w.+%/@-])[\w+%'-][\w.+%'-]{1,63}@[\w.-]{0,63}")
_TOP = trigger_words(
    word_list("com org net edu gov mil info health hospital clinic us uk de fr ca au nl se ch es it eu")
)
_AT, _DOT, _WWW, _HOMES = (trigger_words(words) for words in (("at",), ("dot",), ("www",), ("home", "users")))
_HAS_TOP = re.compile(
    r"\.(?:com|org|net|edu|gov|mil|info|health|hospital|clinic|us|uk|de|fr|ca|au|nl|se|ch|es|it|eu)\b"
)
_FILE_LIKE = re.compile(r"(?i)(?:[\w-]+\.)+(?:it|us|es|de|fr)$")
_URL = re.compile(
    r"(?:\b(?:https?|ftps?|sftp|s3|gs|file|ldaps?|smb|ssh|rtsp|dicom|postgres(?:ql)?|mysql|mongodb"
    r"|redis|amqps?|hxxps?)(?:\+[a-z0-9]+)?:/{1,3}|\bwww\d?\.)[^\s<>\"'`|\\^{}]+",
    re.I,
)
_DOMAIN = re.compile(
    r"(?<![\w@./-])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,5}(?:com|org|net|edu|gov|mil"
    r"|info|health|hospital|clinic|us|uk|de|fr|ca|au|nl|se|ch|es|it|eu)"
    r"(?:/[^\s<>\"'`|\\^{}]*)?(?![\w@-])(?!\.\w)"
)
_IPV6 = re.compile(
    r"(?<![\w:.])(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
    r"|(?:[0-9A-Fa-f]{1,4}:){1,7}:(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?"
    r"|::(?:ffff:)?(?:\d{1,3}\.){3}\d{1,3}|::[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){1,6})(?![\w:])"
)
_MAC = re.compile(r"(?<![\w:-])(?:[0-9A-Fa-f]{2}([:-]))(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![\w:-])")
_HOME = re.compile(
    r"(?i)(?:/home/|/users/|\\users\\|/export/home/|~)(?P<user>[A-Za-z][\w.-]{1,31})(?=[/\\\s:'\"]|$)"
)
_VERSION = re.compile(r"[~^v]?\d[\d.x]*(?:-[\w.]+)?|[0-9a-f]{4,16}")
_NOBODY = re.compile(
    r"(?i)(?:root|user|users|ubuntu|runner|app|apps|work|workspace|admin|administrator|public|default"
    r"|shared|data|node|clinfed|vagrant|ec2-user|debian|jenkins|docker|flower|flwr|nobody|postgres"
    r"|www-data|home|all|service|svc)"
)
_OPEN_HOST = re.compile(
    r"(?i)(?:[\w+]+:/+)?(?:[^/@]*@)?(?:localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[?::1?\]?|(?:www\."
    r"|docs?\.|api\.|raw\.|files\.)?(?:github\.com|githubusercontent\.com|gitlab\.com|huggingface\.co"
    r"|hf\.co|pytorch\.org|python\.org|pypi\.org|flower\.ai|flower\.dev|spacy\.io|explosion\.ai"
    r"|docker\.com|docker\.io|kubernetes\.io|(?:[\w-]+\.)?readthedocs\.(?:io|org)|[\w-]+\.github\.io"
    r"|readthedocs-hosted\.com|w3\.org"
    r"|hl7\.org|loinc\.org|snomed\.org|ietf\.org|rfc-editor\.org|apache\.org|mozilla\.org"
    r"|microsoft\.com|aka\.ms|google\.com|googleapis\.com|golang\.org|rust-lang\.org|docs\.rs"
    r"|crates\.io|numpy\.org|scipy\.org"
    r"|pydata\.org|scikit-learn\.org|tensorflow\.org|keras\.io|streamlit\.io|nvidia\.com"
    r"|stackoverflow\.com|example\.(?:com|org|net)|sqlalche\.me|pydantic\.dev|errors\.pydantic\.dev"
    r"|opentelemetry\.io|prometheus\.io|grafana\.com|redis\.io|postgresql\.org|mysql\.com"
    r"|jsonschema\.org|json-schema\.org|schema\.org|xmlns\.com"
    r"|openssl\.org|gnu\.org|opensource\.org|creativecommons\.org|wikipedia\.org|arxiv\.org|doi\.org"
    r"|nih\.gov|cdc\.gov|fda\.gov|who\.int|urllib3\.readthedocs\.io|bit\.ly|vmware\.com|oracle\.com"
    r"|java\.sun\.com|springframework\.org|eclipse\.org|nodejs\.org|npmjs\.(?:com"
    r"|org)))(?=[:/?#\s.,)\]]|$)(?!/+[^\s]*(?:patient|mrn|name=|dob|ssn|email))"
)


def network(reading: Reading, *, is_log: bool) -> Iterator[Span]:
    """Finds addresses of people and machines on a network.

    Args:
        reading: a normalised text.
        is_log: also takes e-mail addresses that are cut off, and spares URLs of public documentation.

    Returns:
        Spans.
    """
    text, groups = reading.text, reading.groups
    if "@" in text or (groups & _AT and groups & (_DOT | _TOP)):
        if "@" in text:
            for match in _EMAIL.finditer(text):
                yield *match.span(), "EMAIL", 0.95
            for match in _HALF_EMAIL.finditer(text):
                if (is_log and not _is_of_machines(match[0])) or (not is_log and "." in match[0]):
                    yield *match.span(), "EMAIL", 0.6
        if ("@" not in text or groups & _DOT) and any(
            _SPELT_DOMAIN.match(text, reading.starts[index]) for index in reading.indices(_AT)
        ):
            for match in _SPELT_EMAIL.finditer(text):
                yield *match.span(), "EMAIL", 0.95
    if ":/" in text or groups & _WWW:
        for match in _URL.finditer(text):
            found = match[0].rstrip(".,;:!?)]}")
            if len(found) > 8 and not _OPEN_HOST.match(found):
                yield match.start(), match.start() + len(found), "URL", 0.9
    has_top = groups & _TOP and _HAS_TOP.search(text)
    has_home = groups & _HOMES or "~" in text
    if not (has_top or has_home or "::" in text or text.count(":") >= 5 or text.count("-") >= 5):
        return
    for at, chunk in reading.chunks(8):
        if has_top and "." in chunk and _HAS_TOP.search(chunk):
            for match in _DOMAIN.finditer(chunk[:500]):
                if not _OPEN_HOST.match(match[0]) and not _FILE_LIKE.match(match[0]):
                    yield at + match.start(), at + match.end(), "URL", 0.6
        colons = chunk.count(":")
        if (colons >= 6 or (colons and "::" in chunk)) and len(chunk) < 200:
            for match in _IPV6.finditer(chunk):
                if re.search(r"[0-9a-fA-F]{3}|::", match[0]) and sum(map(str.isalnum, match[0])) >= 6:
                    yield at + match.start(), at + match.end(), "IP", 0.8
        if (colons >= 5 or chunk.count("-") >= 5) and len(chunk) < 200:
            for match in _MAC.finditer(chunk):
                yield at + match.start(), at + match.end(), "DEVICE", 0.85
        if has_home:
            for match in _HOME.finditer(chunk):
                if not _NOBODY.fullmatch(match["user"]):
                    yield at + match.start("user"), at + match.end("user"), "NAME", 0.7


def _is_of_machines(address: str) -> bool:
    """Whether plain words and a number, a version or a plain host name stand around the sign: `worker@node1`."""
    left, _, right = address.partition("@")
    return is_plain(left) and (
        _VERSION.fullmatch(right) is not None or ("." not in right and is_plain(right))
    )
