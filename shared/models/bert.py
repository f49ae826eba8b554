"""`bert`: a pretrained BERT-type encoder with a tag head on the first subtoken of each word (Devlin et al. 2019).

What is trained: `head` (encoder frozen, its features computed once, a small head over three words), `lora`
(Hu et al. 2021), `bitfit` (biases only, Ben Zaken et al. 2022), or `full`. The embedding table is never trained:
the rows that an update touches would tell which words a hospital's notes hold.
"""

import copy
import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import gelu, pad
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from typing_extensions import override

from shared.dictionaries import DictionaryIndex
from shared.examples import Batch, Example, TextReader, chunks, collate
from shared.models.settings import ModelSettings
from shared.models.subtokens import SubtokenReader
from shared.models.tagger import Tagger
from shared.models.word_terms import TERMS, with_terms

FEATURE_BATCH = 32


class BertTagger(Tagger):
    """A tag head on an encoder.

    Args:
        settings: of kind `bert`.
        encoder: without pooling layer; adapted in place to what `settings.trained` names.
        tokenizer: the encoder's fast tokenizer.
        dictionaries: whose features stand beside the encoder's; only where `settings.trained` is `head`.
    """

    def __init__(
        self,
        settings: ModelSettings,
        encoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        dictionaries: DictionaryIndex | None = None,
    ) -> None:
        super().__init__(settings, dictionaries)
        self.tokenizer = tokenizer
        self.frozen_encoder = settings.trained == "head"
        width: int = encoder.config.hidden_size
        self.encoder: Any = _adapt(encoder, settings)
        self.dropout = nn.Dropout(settings.dropout)
        self.classifier: nn.Module
        if settings.trained == "head":
            width += 0 if dictionaries is None else dictionaries.width
            self.classifier = WindowHead(width, settings.head_width, len(self.tagset), settings.dropout)
        else:
            self.classifier = nn.Linear(width, len(self.tagset))
            nn.init.normal_(self.classifier.weight, std=0.02)
            nn.init.zeros_(self.classifier.bias)
        limit = min(encoder.config.max_position_embeddings, 512) - 2
        subtokens = SubtokenReader(
            tokenizer.backend_tokenizer,
            begin=_first(tokenizer.cls_token_id, tokenizer.bos_token_id),
            end=_first(tokenizer.sep_token_id, tokenizer.eos_token_id),
            unknown=_first(tokenizer.unk_token_id, tokenizer.pad_token_id),
            target=min(settings.window, limit),
            limit=limit,
        )
        self._reader = with_terms(subtokens, dictionaries)

    @property
    @override
    def reader(self) -> TextReader:
        return self._reader

    @override
    def head_names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.named_parameters() if name.startswith("classifier."))

    @override
    def train(self, mode: bool = True) -> "BertTagger":
        super().train(mode)
        if self.frozen_encoder:
            self.encoder.eval()
        return self

    @override
    def forward(self, batch: Batch) -> Tensor:
        cached = batch.inputs.get("features")
        features = self._features(batch) if cached is None else cached.float()  # (batch, words, width)
        scores: Tensor = self.classifier(self.dropout(features))
        return scores.float()

    def _features(self, batch: Batch) -> Tensor:
        ids, mask, firsts = (batch.inputs[name] for name in ("ids", "mask", "firsts"))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            states = self.encoder(
                input_ids=ids, attention_mask=mask
            ).last_hidden_state  # (batch, subtokens, width)
        where = firsts.unsqueeze(-1).expand(-1, -1, states.shape[-1])
        padding = torch.arange(firsts.shape[1]) >= batch.lengths.unsqueeze(1)  # (batch, words)
        features: Tensor = states.gather(1, where).float()  # (batch, words, width)
        features = features.masked_fill(padding.unsqueeze(-1), 0.0)  # as cached features are padded
        terms = batch.inputs.get(TERMS)
        return features if terms is None else torch.cat([features, terms], dim=-1)

    @override
    @torch.no_grad()
    def prepare(self, examples: Sequence[Example], apart: Sequence[int] | None = None) -> Sequence[Example]:
        """With a frozen encoder: its features, bfloat16, in place of the subtokens."""
        if not self.frozen_encoder:
            return examples
        self.encoder.eval()
        ready = list(examples)
        for chunk in chunks([example.cost for example in ready], FEATURE_BATCH, apart):
            features = self._features(collate([ready[index] for index in chunk])).to(torch.bfloat16)
            for row, index in enumerate(chunk):
                own = features[row, : len(ready[index].tags)].clone()
                ready[index] = dataclasses.replace(ready[index], inputs={"features": own})
        return ready

    @override
    def export(self) -> dict[str, Tensor]:
        encoder = self.encoder
        if self.settings.trained == "lora":
            encoder = copy.deepcopy(encoder).merge_and_unload()
        prefix = encoder.base_model_prefix  # as in transformers' token classification models
        named = {f"{prefix}.{name}": weight for name, weight in encoder.state_dict().items()}
        named |= {f"classifier.{name}": weight for name, weight in self.classifier.state_dict().items()}
        return {name: weight.detach().contiguous().clone() for name, weight in named.items()}

    @override
    def network_config(self) -> dict[str, Any]:
        """As transformers writes it, so that transformers, too, can read the folder."""
        config: dict[str, Any] = self.encoder.config.to_dict()
        return config

    @override
    def save_text_files(self, folder: Path) -> None:
        self.tokenizer.save_pretrained(folder)
        self.save_dictionaries(folder)


class WindowHead(nn.Module):
    """Tag scores from a word's features and those of its two neighbours.

    Args:
        width: of the features.
        hidden: units of the hidden layer.
        tags: number of tags.
        dropout: of the hidden layer.
    """

    def __init__(self, width: int, hidden: int, tags: int, dropout: float) -> None:
        super().__init__()
        self.direct = nn.Linear(width, tags)
        self.hidden = nn.Linear(3 * width, hidden)
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Linear(hidden, tags, bias=False)

    @override
    def forward(self, features: Tensor) -> Tensor:
        before = pad(features, (0, 0, 1, 0))[:, :-1]
        after = pad(features, (0, 0, 0, 1))[:, 1:]
        hidden = gelu(self.hidden(torch.cat([before, features, after], dim=-1)))  # (batch, words, hidden)
        scores: Tensor = self.direct(features) + self.out(self.dropout(hidden))
        return scores


def _adapt(encoder: PreTrainedModel, settings: ModelSettings) -> nn.Module:
    """Freezes what is not trained; adds low-rank adapters for `lora`."""
    encoder.requires_grad_(False)
    if settings.trained == "lora":
        adapters = LoraConfig(
            r=settings.lora_rank,
            lora_alpha=2 * settings.lora_rank,
            lora_dropout=0.0,
            target_modules="all-linear",
        )
        with warnings.catch_warnings():  # peft asks transformers for a name it will drop
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
            adapted: nn.Module = get_peft_model(encoder, adapters)
        return adapted
    for name, weight in encoder.named_parameters():
        in_embeddings = name.startswith("embeddings.")
        bias = name.endswith(".bias")
        weight.requires_grad_(
            not in_embeddings and (settings.trained == "full" or (settings.trained == "bitfit" and bias))
        )
    return encoder


def _first(*ids: int | None) -> int:
    return next((number for number in ids if number is not None), 0)
