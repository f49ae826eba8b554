"""Searching output for patients, whole and in parts, in every disguise that a program puts on text.

Parts are searched for as they are and reversed, in hexadecimal, in base64 at its three offsets, escaped for
URLs (once and twice), JSON and HTML; in text as written and in text without anything that is no letter or
digit, so that separators, ends of lines and the joints of wordpieces hide nothing. Names are searched for in
pieces of four letters, too.
"""

import base64
import html
import json
import platform
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from client.drill.canaries import Canary
from privacy.logs.tokens import TOKEN

_LEAST = 4
_TABLE_BITS = 20
_IN_URL = TOKEN.pattern.replace("<", "%3C").replace(":", "%3A", 1).replace(">", "%3E")
_ENVELOPE = re.compile(
    TOKEN.pattern
    + "|"
    + _IN_URL
    + r'|"ts":"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"|"pid":\d+|(?<=\w):\d{1,5}(?="[,}])'
    r'|"(?:line|sequence|seconds)":[\d.e-]+|(?<=:)\d{1,5}(?= in )|\b0x[0-9a-f]{6,32}\b'
    r"|\b(?:created|msecs|relativeCreated|thread|process|lineno|levelno)=[\d.]+|\b127\.0\.0\.1:\d+\b|Length: \d+"
    r"|L\d{12,16}L"
    r"|\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3,6}Z?)?|\b1[78]\d{8}\.\d+\b|\b1\.[78]\d+e\+09"
    r'|"(?:id|seconds|timestamp)": [\d.]+|"repr": "\d:\d\d:\d\d\.\d+"'
    rf"|\b{re.escape(platform.python_version())}\b|\bpython{sys.version_info[0]}\.{sys.version_info[1]}\b"
    r"|, line \d+, in |\bpid=\d+|\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"
)
"""What lines have, by strict form: tokens, times, process numbers, places of code, versions, the drill's sequence."""

_BREAKS = re.compile(
    r"(?<!\\)\\[nrtbf]"
)  # as JSON and Python escape them; their letter is no letter of a name


class Hit(NamedTuple):
    """One part of one patient found."""

    canary: int
    disguise: str
    part: str


Found = dict[Hit, str]
"""Hits, and the text around each as it was searched."""
PIECE = "piece"
"""The disguise of four letters of a name."""
_AROUND = 24


class Search:
    """Searches blocks of output.

    Args:
        canaries: whom to search for.
        vocabulary: small letters; pieces of names that occur in it prove nothing and are left out.
    """

    def __init__(self, canaries: Iterable[Canary], vocabulary: str = "") -> None:
        raw: dict[bytes, Hit] = {}
        low: dict[bytes, Hit] = {}
        bare: dict[bytes, Hit] = {}
        for canary in canaries:
            for kind, value in canary.values().items():
                for needle in {needle for text in (value, value.lower()) for needle in _base64(text)}:
                    raw.setdefault(needle, Hit(canary.number, "base64", kind))
            for part in sorted(canary.parts()):
                for disguise, needle in _spellings(part):
                    low.setdefault(needle, Hit(canary.number, disguise, part))
                for needle in {needle for text in _cases(part) for needle in _base64(text)}:
                    raw.setdefault(needle, Hit(canary.number, "base64", part))
                if len(part) > _LEAST or not part.isdigit():  # four digits of two version numbers would do
                    bare.setdefault(part.encode(), Hit(canary.number, "separated", part))
                    bare.setdefault(part[::-1].encode(), Hit(canary.number, "reversed and separated", part))
                if part.isalpha():
                    for piece in {part[at : at + _LEAST] for at in range(len(part) - _LEAST + 1)}:
                        if piece not in vocabulary:
                            low.setdefault(piece.encode(), Hit(canary.number, PIECE, piece))
        self._raw, self._low, self._bare = map(_Needles, (raw, low, bare))

    def find(self, output: bytes) -> Found:
        """What is found in a block of output.

        Args:
            output: whole lines, so that nothing is cut in two.
        """
        text = _ENVELOPE.sub(" ", output.decode("utf-8", "replace"))
        if not text.isascii():
            text = unicodedata.normalize("NFKC", text)
        text = _BREAKS.sub(" ", text)
        said = "".join(filter(str.isalnum, _unescape(text).casefold()))
        return (
            self._raw.find(text.encode())
            | self._low.find(text.casefold().encode())
            | self._bare.find(said.encode("ascii", "ignore"))
        )


def _unescape(text: str) -> str:
    """The text without JSON's escapes and the envelopes of log lines, so that neighbours' messages touch."""
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), text)
    text = re.sub(
        r'\{\s*,?"level":"[A-Z-]+","logger":"[^"]*","message":"|","thread":"[^"]*"|"\s*,\s*,\s*,"thread[^}]*\}',
        "",
        text,
    )
    return unicodedata.normalize("NFKC", text)


def _spellings(part: str) -> Iterator[tuple[str, bytes]]:
    """How a part may be written, small letters."""
    yield "plain", part.encode()
    yield "reversed", part[::-1].encode()
    for written in _cases(part):
        yield "hex", written.encode().hex().encode()
        escaped = "".join(f"%{byte:02x}" for byte in written.encode())
        yield "URL", escaped.encode()
        yield "URL twice", quote(escaped).lower().encode()
        yield "JSON", "".join(f"\\u{ord(letter):04x}" for letter in written).encode()
        yield "HTML", "".join(f"&#{ord(letter)};" for letter in written).encode()
        yield "HTML", "".join(f"&#x{ord(letter):x};" for letter in written).encode()


def _base64(text: str) -> Iterator[bytes]:
    """The letters of base64 that depend on the text alone, wherever it begins."""
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + text.encode()).rstrip(b"=")
        inner = coded[(0, 2, 3)[offset] : len(coded) - (1 if (offset + len(text)) % 3 else 0)]
        if len(inner) > _LEAST:  # three letters remain of the shortest parts: those prove nothing
            yield inner


def _cases(part: str) -> set[str]:
    """A part, which has small letters, as people write names."""
    return {part, part.title(), part.upper()}


class _Needles:
    """Many byte strings of four or more, looked for at once: a table of their first four bytes, then the whole."""

    def __init__(self, needles: dict[bytes, Hit]) -> None:
        self._by_head: defaultdict[bytes, list[tuple[bytes, Hit]]] = defaultdict(list)
        for needle, hit in needles.items():
            if len(needle) >= _LEAST:
                self._by_head[needle[:_LEAST]].append((needle, hit))
        self._table = np.zeros(1 << _TABLE_BITS, dtype=bool)
        if self._by_head:
            heads = (
                np.frombuffer(b"".join(self._by_head), dtype=np.uint8).reshape(-1, _LEAST).astype(np.uint32)
            )
            self._table[_slot(*heads.T)] = True

    def find(self, text: bytes) -> Found:
        """The hits in one text."""
        found: Found = {}
        if len(text) < _LEAST:
            return found
        letters = np.frombuffer(text, dtype=np.uint8).astype(np.uint32)
        slots = _slot(letters[:-3], letters[1:-2], letters[2:-1], letters[3:])
        for at in np.flatnonzero(self._table[slots]).tolist():
            for needle, hit in self._by_head.get(text[at : at + _LEAST], ()):
                if text.startswith(needle, at):
                    around = text[max(0, at - _AROUND) : at + len(needle) + _AROUND]
                    found.setdefault(hit, around.decode("utf-8", "replace"))
        return found


def _slot(
    a: NDArray[np.uint32], b: NDArray[np.uint32], c: NDArray[np.uint32], d: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    mixed = (a | (b << np.uint32(8)) | (c << np.uint32(16)) | (d << np.uint32(24))) * np.uint32(2_654_435_761)
    slots: NDArray[np.uint32] = mixed >> np.uint32(32 - _TABLE_BITS)
    return slots


def disguises(text: str) -> dict[str, str]:
    """A text in every disguise that is searched for: what the search itself is tested with."""
    letters = list(text)
    return {
        "plain": text,
        "upper case": text.upper(),
        "separated": "-".join(letters),
        "dotted": ".".join(letters),
        "spaced": " ".join(letters),
        "zero width": "\u200b".join(letters),
        "URL": "".join(f"%{ord(letter):02X}" for letter in text),
        "URL twice": quote("".join(f"%{ord(letter):02X}" for letter in text)),
        "base64": base64.b64encode(text.encode()).decode(),
        "base64 at 1": base64.b64encode(b"x" + text.encode() + b"yz").decode(),
        "base64 at 2": base64.b64encode(b"xx" + text.encode() + b"yz").decode(),
        "hex": text.encode().hex(),
        "JSON": json.dumps("".join(letters), ensure_ascii=True).replace(
            text, "".join(f"\\u{ord(c):04x}" for c in text)
        ),
        "HTML": "".join(f"&#{ord(letter)};" for letter in text),
        "HTML named": html.escape(f"<{text}>"),
        "full width": "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        "reversed": text[::-1],
        "wordpieces": " ##".join(text[at : at + 3] for at in range(0, len(text), 3)),
        "lines": "\n".join(text[at : at + 3] for at in range(0, len(text), 3)),
    }
