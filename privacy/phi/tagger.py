"""The small tagger for names, places, organisations and codes: one table of weights, one look around each token.

Two are trained, one for notes and one for log lines, by `python -m privacy.phi.training`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from privacy.phi.features import FEATURES, columns, few_rows, rows
from privacy.phi.findings import Profile
from privacy.phi.reading import Reading

CLASSES = ("O", "NAME", "LOCATION", "ORGANIZATION", "ID")


_FEW = 24


@dataclass(frozen=True, slots=True)
class Tagger:
    """Trained weights.

    Args:
        vocabulary: context word to its number.
        words: size of the vocabulary, reserved numbers included.
        weights: (rows, classes) int8: a quarter of float32, which the processor's cache holds.
        scale: what a weight of 1 stands for.
        bias: (classes,) float32.
    """

    vocabulary: dict[str, int]
    words: int
    weights: NDArray[np.int8]
    scale: np.float32
    bias: NDArray[np.float32]

    def probabilities(self, reading: Reading, wanted: Sequence[int]) -> NDArray[np.float32]:
        """How likely each token is of each class.

        Args:
            reading: a normalised text.
            wanted: (n,) indices of the tokens to judge, ascending.

        Returns:
            (n, classes) in 0..1.
        """
        if len(wanted) <= _FEW:
            flat = few_rows(reading, self.vocabulary, self.words, wanted)
            gathered = self.weights.take(flat, axis=0).reshape(len(wanted), FEATURES, -1)
        else:
            indices = np.asarray(wanted, dtype=np.int64)
            gathered = self.weights[rows(columns(reading, self.vocabulary, indices), self.words, indices)]
        scores = np.add.reduce(gathered, axis=1, dtype=np.float32)
        scores *= self.scale
        scores += self.bias
        scores -= np.maximum.reduce(scores, axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= np.add.reduce(scores, axis=1, keepdims=True)
        return np.asarray(scores, dtype=np.float32)


@cache
def tagger(profile: Profile) -> Tagger:
    """Loads a trained tagger once a process.

    Args:
        profile: which one.

    Returns:
        The tagger.
    """
    from safetensors import safe_open

    name = f"tagger-{profile}.safetensors"
    with as_file(files("privacy.phi") / "data" / name) as path, safe_open(path, framework="numpy") as file:
        weights, bias = file.get_tensor("weights"), file.get_tensor("bias")
        scale = file.get_tensor("scale")[0]
        meta = json.loads(file.metadata()["tagger"])["vocabulary"]
    return Tagger(
        {word: int(number) for word, number in meta.items()},
        int(max(meta.values())) + 1,
        weights,
        scale,
        bias,
    )
