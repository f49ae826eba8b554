"""Tiny networks, an encoder made on the spot, and no way out to the network."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from shared.models.settings import ModelSettings
from shared.note import Entity, Note

MakeSettings = Callable[..., ModelSettings]

torch.set_num_threads(1)  # sums come in one order only


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuses connections beyond loopback, and fails the test that tried one even if the refusal was caught."""
    tried: list[object] = []

    def refuse(*arguments: Any, **_: Any) -> Any:
        tried.append(arguments[-1])
        raise OSError("tests use no network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not tried, "the test tried to use the network"


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a random two-layer BERT that knows letters, digits, a few signs and a few words."""
    folder = tmp_path_factory.mktemp("encoder")
    pieces = [
        *"abcdefghijklmnopqrstuvwxyz0123456789",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"),
    ]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces, *".,:;()-/", "g6pd", "fever", "gout"]
    pad, unknown, begin, end = vocabulary[:4]
    engine = Tokenizer(models.WordPiece({p: i for i, p in enumerate(vocabulary)}, unk_token=unknown))
    engine.normalizer = normalizers.BertNormalizer()
    engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    PreTrainedTokenizerFast(
        tokenizer_object=engine, unk_token=unknown, pad_token=pad, cls_token=begin, sep_token=end
    ).save_pretrained(folder)
    torch.manual_seed(11)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def birnn_settings() -> MakeSettings:
    """Settings of a tiny `birnn`; keywords change them."""

    def make(**changes: Any) -> ModelSettings:
        tiny = {
            "kind": "birnn",
            "labels": ("Disease",),
            "word_rows": 64,
            "word_width": 8,
            "hidden": 8,
            "character_width": 4,
            "character_filters": 6,
            "dropout": 0.2,
        }
        return ModelSettings.model_validate(tiny | changes)

    return make


@pytest.fixture(scope="session")
def bert_settings(tiny_encoder: Path) -> MakeSettings:
    """Settings of a tiny `bert` in float32; keywords change them."""

    def make(**changes: Any) -> ModelSettings:
        tiny = {
            "kind": "bert",
            "labels": ("Disease",),
            "trained": "full",
            "encoder": str(tiny_encoder),
            "bf16": False,
            "lora_rank": 4,
            "head_width": 8,
            "dropout": 0.1,
        }
        return ModelSettings.model_validate(tiny | changes)

    return make


@pytest.fixture(scope="session")
def notes() -> list[Note]:
    """Three notes of three patients with spans that cut words, touch and stand at both ends."""
    return [
        Note("n0", "p0", "Fever since Monday. No gout, denies chest pain.", (Entity(0, 5, "Disease"),)),
        Note(
            "n1",
            "p1",
            "G6PD deficiency and gout; nongouty knee.",
            (Entity(0, 15, "Disease"), Entity(20, 24, "Disease"), Entity(29, 33, "Disease")),
        ),
        Note("n2", "p2", "Seen for follow-up of asthma", (Entity(22, 28, "Disease"),)),
    ]
