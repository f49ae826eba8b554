"""Public word vectors (GloVe, Pennington et al. 2014), read through gensim."""

import gzip
import json
import pickle
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from shared.errors import FixSettings
from shared.models.encoders import BUNDLED, BUNDLED_SHA256, check_encoder, find_encoder

_REMEDY = "Name a GloVe text file, a word2vec text or binary file, or gensim KeyedVectors."
_KEYED_VECTORS_NEED = {  # all that gensim's own files name; anything else could run code
    ("gensim.models.keyedvectors", "KeyedVectors"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.numeric", "_frombuffer"),
    ("numpy._core.numeric", "_frombuffer"),
    ("_codecs", "encode"),
}


def bundled_vectors() -> tuple[list[str], Tensor]:
    """The wordpiece vectors of the bundled encoder: words and pieces (`##itis`), shape `(pieces, 384)`, float32.

    Raises:
        InstallEncoder, ReplaceModel: the encoder is missing, or not the one we know.
    """
    folder = find_encoder(BUNDLED)
    check_encoder(folder, BUNDLED, BUNDLED_SHA256)
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    rows = {piece: row for piece, row in tokenizer["model"]["vocab"].items() if not piece.startswith("[")}
    with safetensors.safe_open(folder / "model.safetensors", framework="pt") as weights:
        table = weights.get_tensor("embeddings.word_embeddings.weight")
    words = sorted(rows, key=rows.__getitem__)
    return words, table[[rows[word] for word in words]].float()


def read_vectors(path: Path) -> tuple[list[str], Tensor]:
    """Reads word vectors, the form found from the content.

    Args:
        path: GloVe text, word2vec text or binary (plain or gzip), or what `KeyedVectors.save` wrote.

    Returns:
        Lower-case words, each once, and their vectors, shape `(words, width)`, float32.

    Raises:
        FixSettings: no such file, another form, or a KeyedVectors file that names foreign classes.
    """
    if not path.is_file():
        raise FixSettings("no such file", where=str(path), remedy=_REMEDY)
    try:
        words, values = _read(path)
        rows: dict[str, int] = {}
        for row, word in enumerate(words):
            lower = str(word).lower()
            if lower and not any(character.isspace() for character in lower):
                rows.setdefault(lower, row)
        vectors = torch.from_numpy(np.asarray(values, dtype=np.float32)[list(rows.values())])
    except FixSettings:
        raise
    except Exception as error:
        raise FixSettings(
            f"cannot be read as word vectors ({type(error).__name__})", where=str(path), remedy=_REMEDY
        ) from None
    if not rows or vectors.ndim != 2:
        raise FixSettings("holds no word vectors", where=str(path), remedy=_REMEDY)
    if not torch.isfinite(vectors).all():
        raise FixSettings("holds a value that is not finite", where=str(path), remedy=_REMEDY)
    return list(rows), vectors


def _read(path: Path) -> tuple[Iterable[Any], Any]:
    """Words and their rows, as they come."""
    with path.open("rb") as raw:
        magic = raw.read(2)
    with gzip.open(path, "rb") if magic == b"\x1f\x8b" else path.open("rb") as stream:
        start = stream.read(1 << 16)
        stream.seek(0)
        if start[:1] == b"\x80":
            return _read_keyed(path, stream)
        first, _, rest = start.partition(b"\n")
        header = first.split()
        if len(header) != 2 or not all(part.isdigit() for part in header):
            return _read_glove(stream)
    line = rest.split(b"\n", 1)[0].split()
    text = len(line) == int(header[1]) + 1 and all(_is_number(part) for part in line[1:])
    from gensim.models import KeyedVectors  # takes a second, and most runs need none

    keyed = KeyedVectors.load_word2vec_format(str(path), binary=not text)
    return keyed.index_to_key, keyed.vectors


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


def _read_glove(stream: BufferedReader | gzip.GzipFile) -> tuple[list[str], list[NDArray[np.float32]]]:
    """A word and its numbers a line; a few words of the largest GloVe files hold spaces, which gensim refuses."""
    words, rows = [], []
    width = 0
    for line in stream:
        parts = line.decode("utf-8").rstrip().split(" ")
        width = width or len(parts) - 1
        words.append(" ".join(parts[:-width]))
        rows.append(np.array(parts[-width:], dtype=np.float32))
    return words, rows


def _read_keyed(path: Path, stream: BufferedReader | gzip.GzipFile) -> tuple[Iterable[Any], Any]:
    """What `KeyedVectors.save` wrote; gensim's own `load` would unpickle it, and any file beside it, unchecked."""
    try:
        keyed = _NamesOnly(stream, encoding="latin1").load()
    except FixSettings as error:
        raise FixSettings(error.what, where=str(path), remedy=error.remedy) from None
    if "vectors" in getattr(keyed, "__numpys", ()):  # a large array lies beside
        keyed.vectors = np.load(path.with_name(f"{path.name}.vectors.npy"), allow_pickle=False)
    return keyed.index_to_key, keyed.vectors


class _NamesOnly(pickle.Unpickler):
    @override
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KEYED_VECTORS_NEED:
            raise FixSettings(
                f"names the class {module}.{name}, which word vectors do not need and which could run code",
                remedy="Use vectors from another source, or their text form.",
            )
        return super().find_class(module, name)
