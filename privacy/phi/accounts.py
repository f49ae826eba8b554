"""Names of accounts in log lines: what stands behind `user`, `h.okafor`, an initial joined to a family name."""

import re
from collections.abc import Iterator

from privacy.phi.lexicon import COMMON, LAST, NAME_OR_PLACE, TECHNICAL, lexicon
from privacy.phi.reading import Reading, trigger_words
from privacy.phi.spans import Span
from privacy.phi.wordlists import word_list

_VOWEL = re.compile(r"[aeiouyAEIOUY]")
_ACCOUNTS = frozenset(
    word_list("user username login logon owner ruser uname account userid sudo su operator actor")
)
_WEAK_SIGNS = frozenset(("=", ":", '"', "'", "[", "<", '="', "\\"))
_TIES = frozenset("._")
_DOTTED = re.compile(
    r"(?:(?<=session:)|(?<=user:)|(?<![\w./@\\:-]))(?P<name>(?P<a>[a-z]{1,15})[._](?P<b>[a-z]{3,18}(?:-[a-z]{2,18})?)\d{0,4})"
    r"(?![\w(/\\=-]|\.\w)"
)
USER_WORDS = trigger_words(("user", "username", "login", "userid", "handle"))
_BY = trigger_words(("by",))
_ACTOR = re.compile(
    r"[\"']?(?:\s|\s?[:=]\s?)[\"'\[]?(?P<name>[a-z]{3,20}(?:[._-][a-z0-9]{1,20}){1,2}\d{0,4})(?![\w(/\\=]|[.-]\w)"
)
_VALUE = re.compile(
    r"(?:\s?(?:name|id))?[\"']?(?:\s(?:is\s)?|\s?[:=]\s?)[\"']?@?(?P<name>[a-z]{3,20}(?:[._-]?\d{1,4}|[._][a-z]{3,20}\d{0,4}))(?!\w|[./-]\w)"
)
_FILES = frozenset(
    word_list(
        "py js ts jsx tsx java go rb rs cpp txt log csv tsv json jsonl yaml yml toml ini cfg conf "
        "html htm css xml sql sh bat exe "
        "dll pdf doc docx xls xlsx png jpg jpeg gif svg zip gz tar tgz whl jar war bin dat pkl npy "
        "npz pth onnx lock pid sock bak "
        "tmp pem crt key local internal svc cluster com org net edu gov info service timer socket "
        "target mount slice scope dcm hl7"
    )
)


def users(reading: Reading) -> Iterator[Span]:
    """Finds names of accounts: what stands behind `user`, and an initial joined to a family name.

    Args:
        reading: a normalised text.

    Returns:
        Spans of names.
    """
    known, tokens, lower = lexicon().get, reading.tokens, reading.lower
    for index in reading.suspects:
        token = lower[index]
        if reading.flags[index] >= 0 or len(token) < 5:
            continue
        before = lower[index - 1] if index else ""
        if before in _WEAK_SIGNS and index > 1:
            before = lower[index - 2]
        parts = known(token[1:], 0), known(token[:-1], 0)
        joined = any(flags & LAST == 2 << 4 and not flags & COMMON for flags in parts)
        if (joined and _VOWEL.search(tokens[index])) or before in _ACCOUNTS:
            end = reading.end(index)
            while end < len(reading.text) and reading.text[end].isdigit():
                end += 1
            yield reading.starts[index], end, "NAME", 0.6 if before in _ACCOUNTS else 0.5


def portal_users(reading: Reading) -> Iterator[Span]:
    """Finds what stands behind `user`, `login` and the like if it is no word: `portal user ejohansson_88`.

    Args:
        reading: a normalised text.

    Returns:
        Spans of whole account names.
    """
    for index in reading.indices(USER_WORDS):
        match = _VALUE.match(reading.text, reading.end(index))
        if match is not None:
            yield *match.span("name"), "NAME", 0.6


def dotted(reading: Reading) -> Iterator[Span]:
    """Finds `given.family` and `g.family` where the words around say that somebody does something.

    Args:
        reading: a normalised text.

    Returns:
        Spans of whole account names.
    """
    known = lexicon().get
    text = reading.text
    if "." not in text and "_" not in text:
        return
    for index in reading.indices(USER_WORDS | _BY):
        match = _ACTOR.match(text, reading.end(index))
        if match is None:
            continue
        parts = [known(part, -1) for part in re.findall("[a-z]{3,}", match["name"])]
        strange = any(flag < 0 for flag in parts) and reading.lower[index] != "by"
        named = any(flag > 0 and flag & NAME_OR_PLACE and not flag & (COMMON | TECHNICAL) for flag in parts)
        if named or (strange and not any(flag > 0 and flag & TECHNICAL for flag in parts)):
            yield *match.span("name"), "NAME", 0.6
    tokens, last = reading.tokens, len(reading.tokens) - 1
    for first in sorted({at for index in reading.suspects for at in (index, index - 2)}):
        if first < 0 or first + 2 > last or tokens[first + 1] not in _TIES:
            continue
        match = _DOTTED.match(text, reading.starts[first])
        if match is None:
            continue
        a, b = match["a"], match["b"].split("-")[0]
        if b in _FILES:
            continue
        flags = known(a, -1), known(b, -1)
        if any(flag > 0 and flag & TECHNICAL for flag in flags):
            continue
        named = any(flag > 0 and flag & NAME_OR_PLACE and not flag & COMMON for flag in flags)
        family = flags[1] < 0 or (flags[1] & LAST and flags[1] & COMMON < 2)
        given = len(a) == 1 or flags[0] < 0 or flags[0] & NAME_OR_PLACE
        if family and given and (named or all(flag < 0 for flag in flags) or len(a) == 1):
            yield *match.span("name"), "NAME", 0.55
