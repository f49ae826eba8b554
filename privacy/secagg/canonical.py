"""The one binary form of every message: fixed-width big-endian fields, nothing optional, nothing left over.

Two values have two encodings and one value has one, so a hash of the bytes is a hash of the value.
"""

import math
import struct
from itertools import pairwise

from shared.refusal import Reason, RefuseRound

MAGIC = b"HSA1"


class Writer:
    """Builds a message."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def unsigned(self, value: int, width: int) -> "Writer":
        """Appends an unsigned integer of `width` bytes."""
        self._parts.append(value.to_bytes(width, "big"))
        return self

    def real(self, value: float) -> "Writer":
        """Appends an IEEE 754 double; finite, or no reader will take it."""
        self._parts.append(struct.pack(">d", value))
        return self

    def raw(self, value: bytes) -> "Writer":
        """Appends bytes whose length the reader knows."""
        self._parts.append(value)
        return self

    def text(self, value: str) -> "Writer":
        """Appends UTF-8 text of at most 65,535 bytes, its length first."""
        data = value.encode("utf-8", "strict")
        return self.unsigned(len(data), 2).raw(data)

    def indices(self, values: list[int]) -> "Writer":
        """Appends hospitals by index, which must ascend, their number first."""
        self.unsigned(len(values), 2)
        for value in values:
            self.unsigned(value, 2)
        return self

    def done(self) -> bytes:
        """The message."""
        return b"".join(self._parts)


class Reader:
    """Takes a message apart; whatever is not exactly as expected raises `RefuseRound(MALFORMED)`."""

    def __init__(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise RefuseRound(Reason.MALFORMED)
        self._data, self._at = data, 0

    def raw(self, length: int) -> bytes:
        """The next `length` bytes."""
        piece = self._data[self._at : self._at + length]
        if len(piece) != length:
            raise RefuseRound(Reason.MALFORMED)
        self._at += length
        return piece

    def unsigned(self, width: int) -> int:
        """The next unsigned integer."""
        return int.from_bytes(self.raw(width), "big")

    def real(self) -> float:
        """The next double: finite, and not minus zero, which would be a second form of zero."""
        (value,) = struct.unpack(">d", self.raw(8))
        if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
            raise RefuseRound(Reason.MALFORMED)
        return float(value)

    def text(self) -> str:
        """The next text."""
        try:
            return self.raw(self.unsigned(2)).decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise RefuseRound(Reason.MALFORMED) from None

    def indices(self) -> list[int]:
        """The next list of hospitals, strictly ascending."""
        values = [self.unsigned(2) for _ in range(self.unsigned(2))]
        if any(a >= b for a, b in pairwise(values)):
            raise RefuseRound(Reason.MALFORMED)
        return values

    def expect(self, value: bytes) -> None:
        """Skips bytes that must be these."""
        if self.raw(len(value)) != value:
            raise RefuseRound(Reason.MALFORMED)

    def end(self) -> None:
        """Refuses what is left over."""
        if self._at != len(self._data):
            raise RefuseRound(Reason.MALFORMED)
