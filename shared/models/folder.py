"""The model folder: weights as safetensors, settings, tokenizer, card, and a manifest with every file's SHA-256.

Reading verifies every hash before anything is parsed and never unpickles; a file the manifest does not name makes
the folder foreign. The signature's place in the manifest is filled once sites have keys.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from shared.errors import ChooseOutput, ReplaceModel
from shared.files import sha256, write_text
from shared.models.card import model_card
from shared.models.tagger import Tagger

FORM = "clinfed-model-1"
WEIGHTS, CONFIG, CARD, MANIFEST = "model.safetensors", "config.json", "model_card.md", "manifest.json"
_REMEDY = "Get the model again from where it was made."


@dataclass(frozen=True)
class OpenFolder:
    """A verified model folder.

    Args:
        path: where it is.
        manifest: its content.
        config: content of `config.json`.
        weights: by name.
    """

    path: Path
    manifest: dict[str, Any]
    config: dict[str, Any]
    weights: dict[str, Tensor]


def save_model(folder: Path, tagger: Tagger, run: dict[str, Any]) -> str:
    """Writes a model folder, whole or not at all.

    Args:
        folder: must not exist.
        tagger: the trained network.
        run: how it was trained, for card and manifest: names, numbers and commands, nothing of a note.

    Returns:
        SHA-256 of the manifest, which names the model.

    Raises:
        ChooseOutput: the folder exists.
    """
    if folder.exists():
        raise ChooseOutput("exists already", where=str(folder), remedy="Name a folder that does not exist.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _fill(beside, tagger, run)
        beside.chmod(0o755)
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return sha256(folder / MANIFEST)


def open_folder(folder: Path) -> OpenFolder:
    """Verifies and reads a model folder.

    Args:
        folder: as `save_model` wrote it.

    Returns:
        Its manifest, settings and weights.

    Raises:
        ReplaceModel: a file is missing, altered or foreign.
    """
    manifest = _read_json(folder, MANIFEST)
    files = manifest.get("files")
    if manifest.get("form") != FORM or not isinstance(files, dict) or not {WEIGHTS, CONFIG} <= files.keys():
        raise ReplaceModel(f"is not a {FORM} folder", where=str(folder), remedy=_REMEDY)
    present = {file.name for file in folder.iterdir()} - {MANIFEST}
    for name in sorted(present | files.keys()):
        if name not in present:
            raise ReplaceModel(f"{name} is missing", where=str(folder), remedy=_REMEDY)
        if name not in files:
            raise ReplaceModel(f"{name} is not in the manifest", where=str(folder), remedy=_REMEDY)
        if not (folder / name).is_file() or sha256(folder / name) != files[name]:
            raise ReplaceModel(f"{name} is not the file that was saved", where=str(folder), remedy=_REMEDY)
    try:
        weights = safetensors.torch.load_file(folder / WEIGHTS)
    except SafetensorError:
        raise ReplaceModel(f"{WEIGHTS} is not safetensors", where=str(folder), remedy=_REMEDY) from None
    return OpenFolder(folder, manifest, _read_json(folder, CONFIG), weights)


def _fill(beside: Path, tagger: Tagger, run: dict[str, Any]) -> None:
    safetensors.torch.save_file(tagger.export(), beside / WEIGHTS)
    tagger.save_text_files(beside)
    config = {
        "clinfed": tagger.settings.model_dump(mode="json"),
        "id2label": dict(enumerate(tagger.tagset.names)),
        "label2id": {name: number for number, name in enumerate(tagger.tagset.names)},
    }
    write_text(beside / CONFIG, json.dumps(tagger.network_config() | config, indent=1) + "\n")
    write_text(beside / CARD, model_card(tagger, run))
    manifest = {
        "form": FORM,
        "files": {file.name: sha256(file) for file in sorted(beside.iterdir())},
        "run": run,
        "epsilon": run.get("epsilon"),
        "delta": run.get("delta"),
        "signature": None,
    }
    write_text(beside / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        tree = json.loads((folder / name).read_text("utf-8"))
    except OSError:
        raise ReplaceModel(f"no {name} there", where=str(folder), remedy="Name a model folder.") from None
    except (ValueError, RecursionError):
        raise ReplaceModel(f"{name} is not JSON", where=str(folder), remedy=_REMEDY) from None
    if not isinstance(tree, dict):
        raise ReplaceModel(f"{name} is not an object", where=str(folder), remedy=_REMEDY)
    return tree
