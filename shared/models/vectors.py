"""Public word vectors (GloVe, Pennington et al. 2014), read through gensim."""

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gensim.models import KeyedVectors
from torch import Tensor
from typing_extensions import override

from shared.errors import FixSettings

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
        keyed = _read(path)
    except FixSettings:
        raise
    except Exception as error:
        raise FixSettings(
            f"cannot be read as word vectors ({type(error).__name__})", where=str(path), remedy=_REMEDY
        ) from None
    rows: dict[str, int] = {}
    for row, word in enumerate(keyed.index_to_key):
        lower = str(word).lower()
        if lower and not any(character.isspace() for character in lower):
            rows.setdefault(lower, row)
    vectors = torch.from_numpy(np.asarray(keyed.vectors, dtype=np.float32)[list(rows.values())])
    if not torch.isfinite(vectors).all():
        raise FixSettings("holds a value that is not finite", where=str(path), remedy=_REMEDY)
    return list(rows), vectors


def _read(path: Path) -> Any:
    with path.open("rb") as raw:
        magic = raw.read(2)
    with gzip.open(path, "rb") if magic == b"\x1f\x8b" else path.open("rb") as stream:
        start = stream.read(1 << 16)
    if start[:1] == b"\x80":
        _check_pickle(path)
        return KeyedVectors.load(str(path))
    first, _, rest = start.partition(b"\n")
    header = first.split()
    if len(header) == 2 and all(part.isdigit() for part in header):
        line = rest.split(b"\n", 1)[0].split()
        text = len(line) == int(header[1]) + 1 and all(_is_number(part) for part in line[1:])
        return KeyedVectors.load_word2vec_format(str(path), binary=not text)
    return KeyedVectors.load_word2vec_format(str(path), binary=False, no_header=True)


def _is_number(part: bytes) -> bool:
    try:
        float(part)
    except ValueError:
        return False
    return True


class _NamesOnly(pickle.Unpickler):
    @override
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KEYED_VECTORS_NEED:
            raise FixSettings(
                f"names the class {module}.{name}, which word vectors do not need and which could run code",
                remedy="Use vectors from another source, or their text form.",
            )
        return super().find_class(module, name)


def _check_pickle(path: Path) -> None:
    """KeyedVectors files are unpickled by gensim: read once with only its classes allowed, before gensim does."""
    try:
        with path.open("rb") as stream:
            _NamesOnly(stream).load()
    except FixSettings as error:
        raise FixSettings(error.what, where=str(path), remedy=error.remedy) from None
