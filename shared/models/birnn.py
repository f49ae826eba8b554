"""`birnn`: hashed words, characters and shapes -> bidirectional LSTM -> tag scores.

The design of Lample et al. 2016 and Ma & Hovy 2016, with constrained decoding in place of a CRF, since a CRF's
transition weights would couple all words of a sentence in one gradient.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from typing_extensions import override

from shared.dictionaries import DictionaryIndex
from shared.examples import Batch, TextReader
from shared.files import write_text
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.models.word_inputs import ALPHABET, HASHES, SHAPES, HashedWordReader
from shared.models.word_terms import TERMS, with_terms

SHAPE_WIDTH = 8
WORD_LIST = "words.txt"
SPELLED_APART = "spelled_apart"
"""Name of an input, itself not read: every word of such a batch is spelled out, also one that came before."""


class BirnnTagger(Tagger):
    """A bidirectional LSTM over words.

    Args:
        settings: of kind `birnn`.
        word_list: words of public vectors, lower case, in the order of the rows; empty without vectors.
        vectors: shape `(words, any)`, float32; these stay as they are. A learned projection brings them to the width
            of the hashed rows, which learn what they lack.
        dictionaries: whose features stand beside the words.
    """

    def __init__(
        self,
        settings: ModelSettings,
        word_list: Sequence[str] = (),
        vectors: Tensor | None = None,
        dictionaries: DictionaryIndex | None = None,
    ) -> None:
        super().__init__(settings, dictionaries)
        self.word_list = tuple(word_list)
        width = settings.word_width
        self.words = nn.EmbeddingBag(settings.word_rows, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.words.weight, std=0.1)
        if vectors is not None:
            rows = torch.cat([torch.zeros(1, vectors.shape[1]), vectors])
            self.vectors = nn.EmbeddingBag(len(rows), rows.shape[1], mode="mean", padding_idx=0, _weight=rows)
            self.vectors.requires_grad_(False)
            self.projection = nn.Linear(vectors.shape[1], width, bias=False)
        self.shapes = nn.Embedding(SHAPES, SHAPE_WIDTH)
        self.characters = nn.Embedding(len(ALPHABET) + 2, settings.character_width, padding_idx=0)
        self.filters = nn.Conv1d(settings.character_width, settings.character_filters, 3, padding=1)
        self.dropout = nn.Dropout(settings.dropout)
        inputs = width + SHAPE_WIDTH + settings.character_filters
        inputs += 0 if dictionaries is None else dictionaries.width
        self.forwards = nn.LSTM(inputs, settings.hidden, batch_first=True)
        self.backwards = nn.LSTM(inputs, settings.hidden, batch_first=True)
        self.classifier = nn.Linear(2 * settings.hidden, len(self.tagset))
        if settings.trained == "head":
            for name, weight in self.named_parameters():
                weight.requires_grad_(name in self.head_names())
        rows_of: Mapping[str, int] = {word: row for row, word in enumerate(self.word_list, start=1)}
        hashed = HashedWordReader(settings.word_rows, rows_of, target=settings.window)
        self._reader = with_terms(hashed, dictionaries)

    @property
    @override
    def reader(self) -> TextReader:
        return self._reader

    @override
    def head_names(self) -> frozenset[str]:
        return frozenset({"classifier.weight", "classifier.bias"})

    @override
    def forward(self, batch: Batch) -> Tensor:
        rows = batch.inputs["rows"]  # (batch, words, 2)
        size, longest, _ = rows.shape
        words = self.words(rows.view(-1, HASHES)).view(size, longest, -1)  # (batch, words, width)
        if self.training and self.settings.word_dropout > 0:
            words = words * (torch.rand(size, longest, 1) >= self.settings.word_dropout)
        if self.word_list:
            public = self.vectors(batch.inputs["pieces"].view(size * longest, -1))  # (batch * words, any)
            words = words + self.projection(public).view(size, longest, -1)
        parts = [words, self.shapes(batch.inputs["shapes"]), self._spelling(batch)]
        if self.dictionaries is not None:
            parts.append(batch.inputs[TERMS])
        features = self.dropout(torch.cat(parts, dim=-1))
        # Each direction reads plain padded rows, the second one turned around within its own length: padding then
        # comes last for both, and torch's fast kernel runs, which packed sequences would keep it from.
        turned = _turned(batch.lengths, longest).unsqueeze(-1)  # (batch, words, 1)
        ahead, _ = self.forwards(features)
        back, _ = self.backwards(features.gather(1, turned.expand_as(features)))
        back = back.gather(1, turned.expand_as(back))
        scores: Tensor = self.classifier(self.dropout(torch.cat([ahead, back], dim=-1)))
        return scores

    def _spelling(self, batch: Batch) -> Tensor:
        """Largest response of each filter over a word's characters, shape `(batch, words, filters)`."""
        characters = batch.inputs["characters"]
        size, longest, _ = characters.shape
        if SPELLED_APART in batch.inputs:
            return self._spelled(characters.flatten(0, 1)).view(size, longest, -1)
        distinct, where = characters.flatten(0, 1).unique(dim=0, return_inverse=True)
        return self._spelled(distinct)[where].view(size, longest, -1)  # a word once, however often

    def _spelled(self, words: Tensor) -> Tensor:
        """The same of words one by one, `(words, characters)` to `(words, filters)`."""
        response = self.filters(self.characters(words).transpose(1, 2))  # (words, filters, characters)
        return relu(response.masked_fill((words == 0).unsqueeze(1), -1e4).amax(dim=2))

    @override
    def export(self) -> dict[str, Tensor]:
        return {name: weight.detach().contiguous() for name, weight in self.state_dict().items()}

    @override
    def network_config(self) -> dict[str, Any]:
        return {"model_type": "clinfed-birnn"}

    @override
    def save_text_files(self, folder: Path) -> None:
        if self.word_list:
            write_text(folder / WORD_LIST, "\n".join(self.word_list) + "\n")
        self.save_dictionaries(folder)


def _turned(lengths: Tensor, longest: int) -> Tensor:
    """Indices that turn each row around within its length and leave padding where it is, `(batch, longest)`."""
    at = torch.arange(longest)
    ends = lengths.unsqueeze(1)
    return torch.where(at < ends, ends - 1 - at, at)
