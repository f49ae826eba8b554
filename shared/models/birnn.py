"""`birnn`: hashed words, characters and shapes -> bidirectional LSTM -> tag scores.

The design of Lample et al. 2016 and Ma & Hovy 2016, with constrained decoding in place of a CRF, since a CRF's
transition weights would couple all words of a sentence in one gradient.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import relu
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from typing_extensions import override

from shared.examples import Batch
from shared.files import write_text
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.models.word_inputs import ALPHABET, HASHES, SHAPES, HashedWordReader

SHAPE_WIDTH = 8
WORD_LIST = "words.txt"


class BirnnTagger(Tagger):
    """A bidirectional LSTM over words.

    Args:
        settings: of kind `birnn`.
        word_list: words of public vectors, lower case, in the order of the rows; empty without vectors.
        vectors: shape `(words, width)`, float32; these stay as they are, the hashed rows learn what they lack.
    """

    def __init__(
        self, settings: ModelSettings, word_list: Sequence[str] = (), vectors: Tensor | None = None
    ) -> None:
        super().__init__(settings)
        self.word_list = tuple(word_list)
        width = settings.word_width if vectors is None else vectors.shape[1]
        self.words = nn.EmbeddingBag(settings.word_rows, width, mode="sum", padding_idx=0)
        nn.init.normal_(self.words.weight, std=0.1 if vectors is None else 0.01)
        if vectors is not None:
            rows = torch.cat([torch.zeros(1, width), vectors])
            self.vectors = nn.Embedding(len(rows), width, padding_idx=0, _weight=rows, _freeze=True)
        self.shapes = nn.Embedding(SHAPES, SHAPE_WIDTH)
        self.characters = nn.Embedding(len(ALPHABET) + 2, settings.character_width, padding_idx=0)
        self.filters = nn.Conv1d(settings.character_width, settings.character_filters, 3, padding=1)
        self.dropout = nn.Dropout(settings.dropout)
        self.lstm = nn.LSTM(
            width + SHAPE_WIDTH + settings.character_filters,
            settings.hidden,
            batch_first=True,
            bidirectional=True,
        )
        self.classifier = nn.Linear(2 * settings.hidden, len(self.tagset))
        if settings.trained == "head":
            for name, weight in self.named_parameters():
                weight.requires_grad_(name in self.head_names())
        rows_of: Mapping[str, int] = {word: row for row, word in enumerate(self.word_list, start=1)}
        self._reader = HashedWordReader(settings.word_rows, rows_of, target=settings.window)

    @property
    @override
    def reader(self) -> HashedWordReader:
        return self._reader

    @override
    def head_names(self) -> frozenset[str]:
        return frozenset({"classifier.weight", "classifier.bias"})

    @override
    def forward(self, batch: Batch) -> Tensor:
        rows = batch.inputs["rows"]  # (batch, words, 2)
        size, longest, _ = rows.shape
        words = self.words(rows.view(-1, HASHES)).view(size, longest, -1)  # (batch, words, width)
        if self.word_list:
            words = words + self.vectors(batch.inputs["vectors"])
        features = torch.cat([words, self.shapes(batch.inputs["shapes"]), self._spelling(batch)], dim=-1)
        packed = pack_padded_sequence(
            self.dropout(features), batch.lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=longest)
        scores: Tensor = self.classifier(self.dropout(states))
        return scores

    def _spelling(self, batch: Batch) -> Tensor:
        """Largest response of each filter over a word's characters, shape `(batch, words, filters)`."""
        characters = batch.inputs["characters"]
        size, longest, _ = characters.shape
        flat, where = characters.flatten(0, 1).unique(
            dim=0, return_inverse=True
        )  # a word once, however often
        response = self.filters(self.characters(flat).transpose(1, 2))  # (distinct, filters, characters)
        response = response.masked_fill((flat == 0).unsqueeze(1), -1e4).amax(dim=2)
        return relu(response)[where].view(size, longest, -1)

    @override
    def export(self) -> dict[str, Tensor]:
        return {name: weight.detach().contiguous() for name, weight in self.state_dict().items()}

    @override
    def save_text_files(self, folder: Path) -> None:
        if self.word_list:
            write_text(folder / WORD_LIST, "\n".join(self.word_list) + "\n")
