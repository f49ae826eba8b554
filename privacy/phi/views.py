"""A text as it reads after decoding, with the way back to the characters it came from."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(slots=True)  # not frozen: making one would cost as much as looking for a date
class View:
    """A text and where each of its characters comes from; nobody changes it.

    Args:
        text: what the rules read.
        starts: for each character of `text`, the first character of the original it stands for; None if `text` is
            the original, or its end.
        ends: one past the last character of the original it stands for.
        offset: where `text` begins in the original if `starts` is None.
        whole: whether one finding stands for the whole view, as in a decoded blob.
    """

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None
    whole: bool = False
    offset: int = 0

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the original of a span of this view, end exclusive."""
        if self.starts is None or self.ends is None:
            return start + self.offset, end + self.offset
        if self.whole:
            return self.starts[0], self.ends[-1]
        return self.starts[start], max(self.ends[start:end])

    def replace(self, pattern: re.Pattern[str], put: Callable[[re.Match[str]], str]) -> "View":
        """Puts other text in place of each match; each new character stands for the whole match."""
        text, at = self.text, 0
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        first = self.offset
        old_starts = range(first, first + len(text)) if self.starts is None else self.starts
        old_ends = range(first + 1, first + len(text) + 1) if self.ends is None else self.ends
        for match in pattern.finditer(text):
            start, end = match.span()
            new = put(match)
            if new == match[0]:
                continue
            parts += (text[at:start], new)
            starts += old_starts[at:start]
            ends += old_ends[at:start]
            if len(new) == end - start:  # character by character
                starts += old_starts[start:end]
                ends += old_ends[start:end]
            else:
                starts += [old_starts[start]] * len(new)
                ends += [old_ends[end - 1]] * len(new)
            at = end
        if not parts:
            return self
        parts.append(text[at:])
        starts += old_starts[at:]
        ends += old_ends[at:]
        return View("".join(parts), starts, ends, self.whole)

    def without(self, count: int) -> "View":
        """The view without its first characters."""
        if self.starts is None or self.ends is None:
            return View(self.text[count:], offset=self.offset + count)
        return View(self.text[count:], self.starts[count:], self.ends[count:], self.whole)

    def part(self, start: int, end: int, text: str) -> "View":
        """A view of decoded text that stands as a whole for a span of this one."""
        first, last = self.origin(start, end)
        return View(text, (first,) * len(text), (last,) * len(text), True)
