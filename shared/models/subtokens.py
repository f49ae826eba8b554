"""Words to subtokens for `bert`: one pass of the encoder's own fast tokenizer, aligned by character offsets."""

import re
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor
from typing_extensions import override

from shared.examples import TextReader, WordInputs
from shared.tokenize import Token

_SURROGATE = re.compile("[\ud800-\udfff]")
MOST_SUBTOKENS_A_WORD = 16  # of a longer word the rest is not read; its tag comes from the first


class SubtokenReader(TextReader):
    """Reads words as the subtokens of a Hugging Face fast tokenizer.

    Args:
        tokenizer: the fast tokenizer's engine.
        begin: id put before every window (`[CLS]`).
        end: id put after every window (`[SEP]`).
        unknown: id of a word of which the tokenizer leaves nothing, such as a control character.
        target: see `TextReader`, in subtokens.
        limit: subtokens a window may hold without `begin` and `end`.
    """

    def __init__(
        self, tokenizer: Tokenizer, *, begin: int, end: int, unknown: int, target: int, limit: int
    ) -> None:
        super().__init__(target=target, limit=limit)
        self.tokenizer = tokenizer
        self.begin, self.end, self.unknown = begin, end, unknown
        tokenizer.no_truncation()
        tokenizer.no_padding()

    @override
    def read(self, text: str, tokens: Sequence[Token]) -> WordInputs:
        """Reads one note; a word costs its subtokens."""
        clean = _SURROGATE.sub("\ufffd", text)  # a lone surrogate has no UTF-8
        encoded = self.tokenizer.encode(clean, add_special_tokens=False)
        return _Subtokens(self, align(encoded.ids, encoded.offsets, tokens, self.unknown))


def align(
    ids: Sequence[int], offsets: Sequence[Token], tokens: Sequence[Token], unknown: int
) -> list[list[int]]:
    """The subtokens of each word.

    Args:
        ids: of the subtokens of the whole text.
        offsets: character offsets of the subtokens, ascending.
        tokens: character offsets of the words.
        unknown: id for a word that no subtoken touches.

    Returns:
        At least one id a word. A subtoken that spans several words belongs to the first and is repeated for
        those that would have none.
    """
    words: list[list[int]] = []
    at = 0
    previous_end = 0  # of the word before; some tokenizers count the space before a word as its own
    for start, end in tokens:
        while at < len(ids) and offsets[at][1] <= start:
            at += 1
        word: list[int] = []
        touching = at
        while touching < len(ids) and offsets[touching][0] < end:
            if offsets[touching][0] >= previous_end:
                word.append(ids[touching])
            touching += 1
        if not word:
            word = [ids[at]] if touching > at else [unknown]
        words.append(word[:MOST_SUBTOKENS_A_WORD])
        previous_end = end
    return words


class _Subtokens(WordInputs):
    def __init__(self, reader: SubtokenReader, words: list[list[int]]) -> None:
        self.costs = [len(word) for word in words]
        self._reader, self._words = reader, words

    @override
    def window(self, first: int, last: int) -> dict[str, Tensor]:
        ids, firsts = [self._reader.begin], []
        for word in self._words[first:last]:
            firsts.append(len(ids))
            ids.extend(word)
        ids.append(self._reader.end)
        return {
            "ids": torch.tensor(ids),
            "mask": torch.ones(len(ids), dtype=torch.long),
            "firsts": torch.tensor(firsts),
        }
