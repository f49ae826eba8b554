"""Word vectors from co-occurrence counts: GloVe (Pennington, Socher and Manning 2014), on whole matrices.

The loss is the sum over ordered pairs of `f(x) * (w . u + b + c - log x)^2` with `f(x) = min(1, x / x_max)^alpha`
(equation 8). It is lowered by AdaGrad, block by block of rows: three matrix products a block take the place of
millions of single updates, and pairs that do not count have weight 0. A word's vector is `w + u` (section 4.2).

Counts may hold noise. What is then 0 or less has no logarithm and does not count, as if it had never occurred.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.cooccurrence import Counting
from shared.errors import FixSettings
from shared.vocabulary import LARGEST

FREQUENT = 0.98  # of the counts are below x_max, unless it is given
START = 1e-2  # of the squared gradients that AdaGrad adds up
Progress = Callable[[int, float], None]


@dataclass(frozen=True)
class GloveSettings:
    """How counts become vectors.

    Args:
        dimensions: of a vector.
        epochs: passes over all pairs.
        learning_rate: of AdaGrad.
        x_max: count from which a pair has full weight, in neighbouring words; None for the count that `FREQUENT` of
            the positive ones are below.
        alpha: how fast the weight falls below.
        seed: of the start and of the order of blocks.
        block: rows that are updated together.

    Raises:
        FixSettings: a number out of its range.
    """

    dimensions: int = 100
    epochs: int = 30
    learning_rate: float = 0.1
    x_max: float | None = None
    alpha: float = 0.75
    seed: int = 1
    block: int = 512

    def __post_init__(self) -> None:
        for name, good, remedy in (
            ("dimensions", 1 <= self.dimensions <= 4096, "Give 1 to 4096."),
            ("epochs", self.epochs >= 1, "Give 1 or more."),
            ("learning_rate", 0 < self.learning_rate <= 1, "Give a number above 0, up to 1."),
            ("x_max", self.x_max is None or 0 < self.x_max < math.inf, "Give a number above 0."),
            ("alpha", 0 < self.alpha <= 2, "Give a number above 0, up to 2."),
            ("block", 1 <= self.block <= LARGEST, f"Give 1 to {LARGEST}."),
        ):
            if not good:
                raise FixSettings("is out of range", where=name, remedy=remedy)


@dataclass(frozen=True)
class WordVectors:
    """Vectors of the words that occurred.

    Args:
        words: in the order of the vocabulary.
        vectors: shape (words, dimensions), float32.
    """

    words: tuple[str, ...]
    vectors: NDArray[np.float32]


def factorise(
    counting: Counting,
    counts: NDArray[np.float64],
    settings: GloveSettings,
    progress: Progress = lambda epoch, loss: None,
) -> WordVectors:
    """Makes vectors of counts.

    Args:
        counting: what was counted.
        counts: of each pair, in neighbouring words (steps divided by `counting.steps`), of any sign; shape (pairs,).
        settings: of the factorisation.
        progress: told each epoch, from 1, and its loss per pair.

    Returns:
        The same, bit for bit, for equal counts and settings, on one machine with as many threads.

    Raises:
        FixSettings: the counts have another shape, one is not finite, or none is above 0.
    """
    pairs = _ordered_pairs(counting, counts, settings)
    size = len(counting.vocabulary.words)
    model = _Factors(size, settings)
    for epoch in range(1, settings.epochs + 1):
        loss = 0.0
        for block in model.order(len(pairs.starts) - 1):
            loss += model.update(pairs, block)
        progress(epoch, loss / len(pairs.log))
    seen = np.unique(pairs.rows.numpy())
    words = tuple(counting.vocabulary.words[row] for row in seen.tolist())
    return WordVectors(words, (model.words + model.contexts).numpy()[seen])


def write_vectors(path: Path, vectors: WordVectors) -> None:
    """Writes vectors as gensim's `KeyedVectors`, in word2vec's binary form.

    `birnn` reads it (`shared.models.vectors`), and so does `KeyedVectors.load_word2vec_format(path, binary=True)`. It
    is one file, equal for equal vectors, and loading it runs no code.
    """
    from gensim.models import KeyedVectors  # takes a second, and most runs need none

    keyed = KeyedVectors(vector_size=vectors.vectors.shape[1])
    keyed.add_vectors(list(vectors.words), vectors.vectors)
    for word in vectors.words:  # all count alike: gensim keeps the order, and need not warn that it does
        keyed.set_vecattr(word, "count", 1)
    beside = path.with_name(f".{path.name}.part")
    keyed.save_word2vec_format(str(beside), binary=True)
    with beside.open("rb") as stream:
        os.fsync(stream.fileno())
    beside.replace(path)


@dataclass(frozen=True)
class _Pairs:
    """Ordered pairs by row, then column: rows, columns, logarithms and weights; where each block of rows starts."""

    rows: Tensor
    columns: Tensor
    log: Tensor
    weights: Tensor
    starts: list[int]


class _Factors:
    """What is learned: vectors and biases of words and of contexts, and AdaGrad's sums of squares."""

    def __init__(self, size: int, settings: GloveSettings) -> None:
        self._generator = torch.Generator().manual_seed(settings.seed)
        self._rate, self._block = settings.learning_rate, settings.block
        shape = size, settings.dimensions
        self.words, self.contexts = (
            (torch.rand(shape, generator=self._generator) - 0.5) / settings.dimensions for _ in range(2)
        )
        self.word_biases, self.context_biases = torch.zeros(size), torch.zeros(size)
        self._learned = self.words, self.contexts, self.word_biases, self.context_biases
        self._squares = tuple(torch.full_like(factor, START) for factor in self._learned)
        self._dense = torch.zeros(min(settings.block, size), size)

    def order(self, blocks: int) -> list[int]:
        """The blocks of one epoch."""
        order: list[int] = torch.randperm(blocks, generator=self._generator).tolist()
        return order

    def update(self, pairs: _Pairs, block: int) -> float:
        """One step of AdaGrad from the pairs of one block of rows; returns their loss."""
        start, end = pairs.starts[block], pairs.starts[block + 1]
        if start == end:
            return 0.0
        size, first = len(self.words), block * self._block
        words = self.words[first : first + self._block]  # (rows, dimensions)
        dense = self._dense[: len(words)]  # (rows, words)
        rows, columns = pairs.rows[start:end], pairs.columns[start:end]
        places = (rows - first) * size + columns
        torch.mm(words, self.contexts.T, out=dense)
        error = dense.view(-1)[places]
        error += self.word_biases[rows] + self.context_biases[columns] - pairs.log[start:end]
        weighted = error * pairs.weights[start:end]
        dense.zero_()
        dense.view(-1)[places] = weighted
        gradients = dense @ self.contexts, dense.T @ words, dense.sum(1), dense.sum(0)
        own = slice(first, first + self._block)
        for factor, squares, gradient, part in zip(
            self._learned, self._squares, gradients, (own, slice(None), own, slice(None)), strict=True
        ):
            squares[part].addcmul_(gradient, gradient)
            factor[part].addcdiv_(gradient, squares[part].sqrt(), value=-self._rate)
        return float(weighted @ error)


def _ordered_pairs(counting: Counting, counts: NDArray[np.float64], settings: GloveSettings) -> _Pairs:
    """Each pair that counts in both orders, a word with itself once."""
    if counts.shape != counting.pairs.shape or not np.isfinite(counts).all():
        raise FixSettings(
            "are not one finite number for each pair", where="counts", remedy="Count the pairs again."
        )
    positive = np.flatnonzero(counts > 0)
    if not positive.size:
        raise FixSettings("no pair counts", where="counts", remedy="Count more notes, or with less noise.")
    smaller, larger = counting.words_of(counting.pairs[positive])
    apart = smaller != larger
    rows = np.concatenate([smaller, larger[apart]])
    columns = np.concatenate([larger, smaller[apart]])
    values = np.concatenate([counts[positive], counts[positive][apart]])
    order = np.argsort(rows * len(counting.vocabulary.words) + columns)
    rows, columns, values = rows[order], columns[order], values[order]
    x_max = settings.x_max or float(np.quantile(counts[positive], FREQUENT))
    firsts = range(0, len(counting.vocabulary.words) + settings.block, settings.block)
    return _Pairs(
        rows=torch.from_numpy(rows),
        columns=torch.from_numpy(columns),
        log=torch.from_numpy(np.log(values).astype(np.float32)),
        weights=torch.from_numpy((np.minimum(1.0, values / x_max) ** settings.alpha).astype(np.float32)),
        starts=np.searchsorted(rows, list(firsts)).tolist(),
    )
