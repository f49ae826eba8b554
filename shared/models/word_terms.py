"""What dictionaries say of each word, as one more input beside an extractor's own."""

from collections.abc import Sequence

import torch
from torch import Tensor
from typing_extensions import override

from shared.dictionaries import DictionaryIndex
from shared.examples import TextReader, WordInputs
from shared.tokenize import Token

TERMS = "terms"


class TermReader(TextReader):
    """Adds dictionary features, `terms`, to what another reader reads.

    A window's features come from its own words alone, so an example holds nothing of the sentences around it.

    Args:
        inner: the extractor's reader.
        index: of the dictionaries.
    """

    def __init__(self, inner: TextReader, index: DictionaryIndex) -> None:
        super().__init__(target=inner.target, limit=inner.limit)
        self.inner, self.index = inner, index

    @override
    def read(self, text: str, tokens: Sequence[Token]) -> WordInputs:
        """Reads one note; a word costs what it costs the inner reader."""
        return _Terms(self.inner.read(text, tokens), [text[start:end] for start, end in tokens], self.index)


def with_terms(reader: TextReader, index: DictionaryIndex | None) -> TextReader:
    """The reader itself, or with dictionaries if there are any."""
    return reader if index is None else TermReader(reader, index)


class _Terms(WordInputs):
    def __init__(self, inner: WordInputs, surfaces: Sequence[str], index: DictionaryIndex) -> None:
        self.costs = inner.costs
        self._inner, self._surfaces, self._index = inner, surfaces, index

    @override
    def window(self, first: int, last: int) -> dict[str, Tensor]:
        terms = torch.from_numpy(self._index.features(self._surfaces[first:last]))
        return self._inner.window(first, last) | {TERMS: terms}
