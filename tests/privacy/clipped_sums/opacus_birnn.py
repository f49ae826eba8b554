"""`birnn` in layers that Opacus can take apart: the same function of the same weights.

Opacus takes the first dimension of every layer for the examples, and knows neither `nn.LSTM` nor bags without
offsets. So words are looked up in a plain table, recurrent layers are Opacus's own, and characters are read in place,
one example after another, instead of once for each distinct word of a batch.
"""

from typing import TypeVar

import torch
from opacus.layers import DPLSTM  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from shared.examples import Batch
from shared.models.birnn import BirnnTagger, _turned

M = TypeVar("M", bound=nn.Module)


class OpacusBirnn(nn.Module):
    """A `birnn` without public vectors or dictionaries.

    Args:
        tagger: whose weights are copied.
    """

    def __init__(self, tagger: BirnnTagger) -> None:
        super().__init__()
        self.settings = tagger.settings
        self.words = _copied(_table(tagger.words, 0), tagger.words)
        self.shapes = _copied(_table(tagger.shapes, None), tagger.shapes)
        self.characters = _copied(_table(tagger.characters, 0), tagger.characters)
        self.filters = _copied(
            nn.Conv1d(tagger.filters.in_channels, tagger.filters.out_channels, 3, padding=1), tagger.filters
        )
        self.dropout = nn.Dropout(tagger.settings.dropout)
        inputs, hidden = tagger.forwards.input_size, tagger.forwards.hidden_size
        self.forwards = _copied(DPLSTM(inputs, hidden, batch_first=True), tagger.forwards)
        self.backwards = _copied(DPLSTM(inputs, hidden, batch_first=True), tagger.backwards)
        self.classifier = _copied(nn.Linear(2 * hidden, tagger.classifier.out_features), tagger.classifier)

    def forward(self, batch: Batch) -> Tensor:
        """As `BirnnTagger.forward`."""
        rows = batch.inputs["rows"]  # (batch, words, 2)
        size, longest, _ = rows.shape
        words = self.words(rows).sum(2)  # (batch, words, width)
        if self.training and self.settings.word_dropout > 0:
            words = words * (torch.rand(size, longest, 1) >= self.settings.word_dropout)
        features = torch.cat([words, self.shapes(batch.inputs["shapes"]), self._spelling(batch)], dim=-1)
        features = self.dropout(features)
        turned = _turned(batch.lengths, longest).unsqueeze(-1)  # (batch, words, 1)
        ahead, _ = self.forwards(features)
        back, _ = self.backwards(features.gather(1, turned.expand_as(features)))
        back = back.gather(1, turned.expand_as(back))
        scores: Tensor = self.classifier(self.dropout(torch.cat([ahead, back], dim=-1)))
        return scores

    def _spelling(self, batch: Batch) -> Tensor:
        """As `BirnnTagger._spelling`; words stand in one row, a gap between them that the filters read as zeros."""
        characters = pad(batch.inputs["characters"], (0, 1))  # (batch, words, characters + 1)
        size, longest, each = characters.shape
        response = self.filters(self.characters(characters.flatten(1)).transpose(1, 2))
        response = response.view(size, -1, longest, each)  # (batch, filters, words, characters + 1)
        response = response.masked_fill((characters == 0).unsqueeze(1), -1e4).amax(dim=3)
        return relu(response).transpose(1, 2)


def _table(like: nn.Embedding | nn.EmbeddingBag, padding: int | None) -> nn.Embedding:
    return nn.Embedding(like.num_embeddings, like.embedding_dim, padding_idx=padding)


def _copied(into: M, source: nn.Module) -> M:
    into.load_state_dict(source.state_dict())
    return into
