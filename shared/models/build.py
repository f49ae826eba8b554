"""Makes an extractor's network from its settings, or from the folder of a trained model.

What only `bert` needs is imported when a `bert` is made: transformers and peft take seconds.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor

from shared.dictionaries import DictionaryIndex, hash_dictionaries, load_index, read_index
from shared.errors import ClinfedError, FixSettings, ReplaceModel
from shared.files import sha256
from shared.models.birnn import WORD_LIST, BirnnTagger
from shared.models.encoders import BUNDLED, find_encoder, hash_encoder
from shared.models.folder import MANIFEST, OpenFolder, open_folder
from shared.models.settings import ModelSettings
from shared.models.tagger import Tagger
from shared.models.vectors import bundled_vectors, read_vectors

TRAINED = {"birnn": ("all", "head"), "bert": ("head", "lora", "bitfit", "full")}


def pin(settings: ModelSettings) -> ModelSettings:
    """Adds the SHA-256 of every public file the settings name, so that all sites start from the same.

    Raises:
        FixSettings, InstallEncoder, ReplaceModel: a file is missing, or the settings contradict themselves.
    """
    if settings.trained not in TRAINED[settings.kind]:
        raise FixSettings(
            f"{settings.kind} cannot train {settings.trained!r}",
            where="trained",
            remedy=f"Use one of {', '.join(TRAINED[settings.kind])}.",
        )
    if settings.kind == "birnn" and settings.trained == "head" and settings.base is None:
        raise FixSettings(
            "training only the head needs a base model", where="trained", remedy="Name one with --base."
        )
    if settings.dictionaries and settings.kind == "bert" and settings.trained != "head":
        raise FixSettings(
            f"bert reads dictionaries only beside a frozen encoder, not where {settings.trained!r} is trained",
            where="dictionaries",
            remedy="Train the head, or name no dictionary.",
        )
    pinned: dict[str, Any] = {"dictionaries_sha256": hash_dictionaries(settings.dictionaries)}
    if settings.base is not None:
        open_folder(Path(settings.base))
        pinned["base_sha256"] = sha256(Path(settings.base) / MANIFEST)
    elif settings.kind == "bert":
        pinned["encoder_sha256"] = hash_encoder(find_encoder(settings.encoder))
    elif settings.vectors not in (None, BUNDLED):
        if not Path(settings.vectors).is_file():
            raise FixSettings("no such file", where=settings.vectors, remedy="Name a file of word vectors.")
        pinned["vectors_sha256"] = sha256(Path(settings.vectors))
    return settings.model_copy(update=pinned)


def build_tagger(settings: ModelSettings) -> Tagger:
    """Makes a network to train: from the base model if there is one, else from public weights and at random.

    Args:
        settings: pinned by `pin`; what is at random comes from torch's global generator.

    Returns:
        The network, in training mode.

    Raises:
        InstallEncoder, ReplaceModel, FixSettings: the public weights are missing or not the agreed ones.
    """
    if settings.base is not None:
        return _from_base(settings, Path(settings.base))
    index = _named_index(settings)
    if settings.kind == "bert":
        from shared.models.pretrained import bert_from_encoder

        return bert_from_encoder(settings, index)
    if settings.vectors is None:
        return BirnnTagger(settings, dictionaries=index)
    if settings.vectors == BUNDLED:
        return BirnnTagger(settings, *bundled_vectors(), index)
    path = Path(settings.vectors)
    if path.is_file() and settings.vectors_sha256 not in (None, sha256(path)):
        raise ReplaceModel(
            "these are not the vectors the federation agreed on (SHA-256 differs)",
            where=settings.vectors,
            remedy=f"Use the file with SHA-256 {settings.vectors_sha256}.",
        )
    return BirnnTagger(settings, *read_vectors(path), index)


def load_tagger(folder: Path) -> Tagger:
    """Loads a trained model to use it.

    Args:
        folder: a model folder.

    Returns:
        The network in evaluation mode.

    Raises:
        ReplaceModel: the folder is incomplete, altered, or not made by clinfed.
    """
    opened = open_folder(folder)
    settings = _saved_settings(opened)
    merged = (
        {"trained": "full"} if settings.trained == "lora" else {}
    )  # adapters are part of the weights by now
    inference = settings.model_copy(update={"base": None, "base_sha256": None, **merged})
    tagger = _from_folder(inference, settings, opened)
    tagger.requires_grad_(False)
    return tagger.eval()


def _from_base(settings: ModelSettings, folder: Path) -> Tagger:
    opened = open_folder(folder)
    if settings.base_sha256 not in (None, sha256(folder / MANIFEST)):
        raise ReplaceModel(
            "this is not the base model the federation agreed on (SHA-256 of its manifest differs)",
            where=settings.base or "",
            remedy="Get the base model again from the aggregator.",
        )
    saved = _saved_settings(opened)
    if saved.kind != settings.kind:
        raise FixSettings(
            f"the base model is a {saved.kind}",
            where="base",
            remedy=f"Use --model {saved.kind}, or another base.",
        )
    return _from_folder(settings, saved, opened)


def _from_folder(settings: ModelSettings, saved: ModelSettings, opened: OpenFolder) -> Tagger:
    """A network of `settings`, filled with the weights of a folder that was saved under `saved`.

    The folder brings its dictionaries; only a frozen encoder without any can be given some, under a fresh head.
    """
    index = load_index(opened.path)
    named = settings.dictionaries_sha256 or saved.dictionaries_sha256
    if named != saved.dictionaries_sha256 and (settings.kind == "birnn" or index is not None):
        raise FixSettings(
            "the base model was trained with other dictionaries",
            where="dictionaries",
            remedy="Name none: a base model brings its own.",
        )
    same_head = saved.labels == settings.labels and _head_form(saved) == _head_form(settings)
    try:
        if settings.kind == "birnn":
            return _birnn_from(settings, saved, opened, index, keep_head=saved.labels == settings.labels)
        from shared.models.pretrained import bert_from_weights

        if settings.trained != "head":
            index = None
        elif index is None:
            index = _named_index(settings)
        else:
            own = {name: getattr(saved, name) for name in ("dictionaries", "dictionaries_sha256")}
            settings = settings.model_copy(update=own)
        return bert_from_weights(
            settings,
            opened.path,
            opened.config,
            opened.weights,
            keep_head=same_head and named == saved.dictionaries_sha256,
            dictionaries=index,
        )
    except ClinfedError:
        raise
    except Exception as error:  # transformers, tokenizers and torch each raise their own
        raise ReplaceModel(
            f"weights and config.json do not fit together ({type(error).__name__})",
            where=str(opened.path),
            remedy="Get the model again from where it was made.",
        ) from None


def _named_index(settings: ModelSettings) -> DictionaryIndex | None:
    if not settings.dictionaries:
        return None
    return read_index(settings.dictionaries, settings.dictionaries_sha256)


def _head_form(settings: ModelSettings) -> int | None:
    """Width of the windowed head; None for the linear one."""
    return settings.head_width if settings.trained == "head" else None


def _birnn_from(
    settings: ModelSettings,
    saved: ModelSettings,
    opened: OpenFolder,
    index: DictionaryIndex | None,
    *,
    keep_head: bool,
) -> BirnnTagger:
    shape = saved.model_copy(
        update={
            name: getattr(settings, name)
            for name in ("labels", "trained", "base", "base_sha256", "dropout", "window")
        }
    )
    weights: dict[str, Tensor] = dict(opened.weights)
    word_list: list[str] = []
    vectors: Tensor | None = None
    if "vectors.weight" in weights:
        word_list = (opened.path / WORD_LIST).read_text("utf-8").split("\n")[:-1]
        vectors = weights["vectors.weight"][1:]
    tagger = BirnnTagger(shape, word_list, vectors, index)
    if not keep_head:
        fresh = tagger.state_dict()
        weights |= {name: fresh[name] for name in tagger.head_names()}
    tagger.load_state_dict(weights)
    return tagger


def _saved_settings(opened: OpenFolder) -> ModelSettings:
    try:
        return ModelSettings.model_validate_json(json.dumps(opened.config["clinfed"]))
    except (KeyError, ValidationError):
        raise ReplaceModel(
            "config.json holds no clinfed settings",
            where=str(opened.path),
            remedy="Name a model folder that clinfed made.",
        ) from None
