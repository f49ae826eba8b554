"""An append-only text that remembers where its marked spans lie.

What is written is never changed afterwards, so offsets are exact: misspellings and line breaks happen on the way in.
"""

from shared.note import Entity


class Writer:
    """Appends text, wraps lines and records spans.

    Args:
        width: longest line in characters; 0 for no wrapping.
        breaks_spans: whether a line may end inside a marked span.
    """

    def __init__(self, width: int = 0, *, breaks_spans: bool = False) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._column = 0
        self._owes_space = False
        self._width = width
        self._breaks_spans = breaks_spans

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "".join(self._parts)

    def write(self, text: str) -> tuple[int, int]:
        """Appends text; a line break may replace a space, line breaks in the text stay.

        Args:
            text: any text; a space at its end is held back until more is written.

        Returns:
            Start and end of the text without leading and trailing white space, end exclusive.
        """
        if not self._width:
            return self._append_line(text)
        lines = text.split("\n")
        start, end = self._append_wrapped(lines[0])
        for line in lines[1:]:
            self.end_line()
            start, end = self._append_wrapped(line)
        return start, end

    def mark(self, text: str, label: str, concept: str | None = None, assertion: str | None = None) -> Entity:
        """Appends text and returns it as a span.

        Args:
            text: the surface as it shall read; no white space at either end, no line break.
            label: type of the span.
            concept: code, if known.
            assertion: one of `shared.note.ASSERTIONS`, if known.

        Returns:
            The span; its surface may hold a line break where `text` has a space.
        """
        if self._width and not self._breaks_spans:
            self._settle_space(len(text))
            start, end = self._append_line(text)
        else:
            start, end = self.write(text)
        return Entity(start, end, label, concept, assertion)

    def end_line(self) -> None:
        """Begins a new line; spaces before it are dropped."""
        self._owes_space = False
        self._put("\n")
        self._column = 0

    def _append_line(self, text: str) -> tuple[int, int]:
        """Appends text as it is."""
        if self._owes_space:
            self._owes_space = False
            self._put(" ")
        lead = len(text) - len(text.lstrip())
        body = text.rstrip(" ")
        self._owes_space = len(body) < len(text)
        start = self._length + lead
        self._put(body)
        return start, self._length

    def _append_wrapped(self, line: str) -> tuple[int, int]:
        """Appends a line word by word, breaking where the next word would not fit."""
        start = -1
        for index, word in enumerate(line.split(" ")):
            if index:
                self._owes_space = True
            if word:
                self._settle_space(len(word))
                if start < 0:
                    start = self._length
                self._put(word)
        return (start if start >= 0 else self._length), self._length

    def _settle_space(self, length: int) -> None:
        """Turns a space held back into a space or a line break."""
        if self._owes_space:
            self._owes_space = False
            if self._column + 1 + length > self._width:
                self._put("\n")
                self._column = 0
            else:
                self._put(" ")

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._column += len(text)
