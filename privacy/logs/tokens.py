"""Tokens: what stands in a log in place of a value, so that lines about one patient can be found without a name.

Guarantees: a token is a keyed HMAC-SHA256 (RFC 2104), cut to 48 bits, of the value as written, letter case and
surrounding space aside. Against a reader of logs without the key, tokens of one window tell only which values
are equal; across windows not even that, since every window has a key of its own, derived from the master key,
and the master key never leaves the process and its children. It does not hold against a holder of the master
key, who can try all record numbers: keep it, if it is kept at all, like the notes. Letters are consonants
without y, so a token spells no name and holds no digit.
"""

import hashlib
import hmac
import re
import secrets
import time
import unicodedata
from collections.abc import Callable

KEY_BYTES = 32
WINDOW_SECONDS = 86_400
_LETTERS = "bcdfghjkmpqrtvwx"
_LENGTH = 12
_SPELL = [first + second for first in _LETTERS for second in _LETTERS]  # two letters a byte
_LONGEST = 65_536  # characters of a value that are hashed

TOKEN = re.compile(rf"<[A-Z][A-Z_]{{0,30}}:[{_LETTERS}]{{{_LENGTH}}}>")
"""A token as it stands in text: the kind of value, and the letters."""


class Tokens:
    """Makes tokens with keys that change with time.

    Args:
        master: secret key, 32 bytes; drawn anew when None.
        window_seconds: for how long one value keeps one token.
        clock: seconds since the epoch.

    Raises:
        ValueError: the key has another length, or the window empty.
    """

    def __init__(
        self,
        master: bytes | None = None,
        window_seconds: int = WINDOW_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if master is not None and len(master) != KEY_BYTES:
            raise ValueError(f"a token key has {KEY_BYTES} bytes")
        if window_seconds < 1:
            raise ValueError("a window lasts a second or longer")
        self.master = master or secrets.token_bytes(KEY_BYTES)
        self.window_seconds = window_seconds
        self._clock = clock
        self._current = (-1, b"")

    def token(self, value: str, kind: str = "VALUE") -> str:
        """The token of a value, as `<KIND:bcdfghjkmpqr>`.

        Args:
            value: anything; the same in another letter case gets the same token.
            kind: capitals, of what the value is.
        """
        plain = " ".join(unicodedata.normalize("NFKC", value[:_LONGEST]).casefold().split())
        if len(value) > _LONGEST:
            plain += f" {len(value)}"
        digest = hmac.digest(self._key(), plain.encode("utf-8", "surrogatepass"), "sha256")
        return f"<{kind}:{''.join(_SPELL[byte] for byte in digest[: _LENGTH // 2])}>"

    def _key(self) -> bytes:
        window = int(self._clock()) // self.window_seconds
        number, key = self._current
        if number != window:
            key = hmac.digest(
                self.master, b"clinfed log tokens" + window.to_bytes(8, "big", signed=True), hashlib.sha256
            )
            self._current = (window, key)  # one assignment: threads see the old pair or the new
        return key
