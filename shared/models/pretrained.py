"""Makes `bert` networks: from a pretrained encoder, or from the weights of a model folder.

Files are verified first, weights are safetensors only, and no remote code runs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from shared.dictionaries import DictionaryIndex
from shared.errors import InstallEncoder
from shared.models.bert import BertTagger
from shared.models.encoders import BUNDLED, BUNDLED_SHA256, check_encoder, find_encoder
from shared.models.settings import ModelSettings

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()


def bert_from_encoder(settings: ModelSettings, dictionaries: DictionaryIndex | None = None) -> BertTagger:
    """A network on the encoder that the settings name, with a fresh head.

    Args:
        settings: of the network.
        dictionaries: whose features it reads; None for none.

    Raises:
        InstallEncoder, ReplaceModel: see `load_encoder`.
    """
    return BertTagger(settings, *load_encoder(settings.encoder, settings.encoder_sha256), dictionaries)


def bert_from_weights(
    settings: ModelSettings,
    folder: Path,
    config: Mapping[str, Any],
    weights: Mapping[str, Tensor],
    *,
    keep_head: bool,
    dictionaries: DictionaryIndex | None = None,
) -> BertTagger:
    """A network filled with the weights of a model folder.

    Args:
        settings: of the network to make.
        folder: holds the tokenizer.
        config: content of `config.json`.
        weights: by the names of the folder.
        keep_head: fill the head too; a fresh one otherwise.
        dictionaries: whose features it reads; None for none.
    """
    network = {name: value for name, value in config.items() if name != "clinfed"}
    encoder = without_pooler(AutoModel.from_config(AutoConfig.for_model(**network)))
    encoder.load_state_dict(_below(f"{encoder.base_model_prefix}.", weights))
    tagger = BertTagger(settings, encoder, load_tokenizer(folder), dictionaries)
    if keep_head:
        tagger.classifier.load_state_dict(_below("classifier.", weights))
    return tagger


def load_encoder(name: str, expected_sha256: str | None) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Loads an encoder after checking its weights.

    Args:
        name: see `find_encoder`.
        expected_sha256: what the federation agreed on; None only where the caller decides (the aggregator).

    Returns:
        The encoder without pooling layer, and its fast tokenizer.

    Raises:
        InstallEncoder: it is nowhere.
        ReplaceModel: the weights are not the expected ones.
    """
    folder = find_encoder(name)
    expected = BUNDLED_SHA256 if name == BUNDLED else expected_sha256
    if expected is not None:
        check_encoder(folder, name, expected)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        config.attention_probs_dropout_prob = 0.0  # it would cost half the speed on a CPU
        encoder = AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, trust_remote_code=False
        )
        return without_pooler(encoder), load_tokenizer(folder)
    except InstallEncoder:
        raise
    except Exception as error:  # transformers, tokenizers and safetensors each raise their own
        raise InstallEncoder(
            f"cannot be read as an encoder ({type(error).__name__})",
            where=name,
            remedy="Name a BERT-type encoder saved by transformers.",
        ) from None


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """Loads the fast tokenizer of an encoder's or a model's folder."""
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise InstallEncoder(
            "has no fast tokenizer, which gives character offsets",
            where=folder.name,
            remedy="Name an encoder with a tokenizer.json.",
        )
    return tokenizer


def without_pooler(encoder: PreTrainedModel) -> PreTrainedModel:
    """Drops the layer that only sentence classification uses."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # type: ignore[assignment]
    return encoder


def _below(prefix: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
