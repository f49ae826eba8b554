"""One hospital's whole answer as one vector, so that the aggregator needs only sums.

A training answer is `[examples * (trained - global), examples, examples * loss]`, or a sum of gradients; an
evaluation answer holds counts. Nothing numeric travels beside the vector: what is summed can later be clipped,
noised and masked as one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import RejectUpdate

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """Which coordinate means what; the same at every site.

    Args:
        shapes: of the named arrays, in the order in which they follow one another.
        extras: names of single coordinates after the arrays.
    """

    shapes: Mapping[str, tuple[int, ...]]
    extras: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Coordinates in all."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values()) + len(self.extras)

    def pack(self, arrays: Mapping[str, NDArray[np.generic]], extras: Mapping[str, float]) -> Vector:
        """Lays arrays and extras out.

        Args:
            arrays: one for each name, of its shape.
            extras: one number for each name.

        Returns:
            Float32, shape `(size,)`.
        """
        parts = [np.asarray(arrays[name], dtype=np.float32).reshape(-1) for name in self.shapes]
        tail = np.array([extras[name] for name in self.extras], dtype=np.float32)
        return np.concatenate([*parts, tail])

    def unpack(self, vector: NDArray[np.number]) -> tuple[dict[str, NDArray[np.number]], dict[str, float]]:
        """The arrays (views) and extras of a vector of shape `(size,)`."""
        arrays: dict[str, NDArray[np.number]] = {}
        at = 0
        for name, shape in self.shapes.items():
            length = int(np.prod(shape))
            arrays[name] = vector[at : at + length].reshape(shape)
            at += length
        return arrays, dict(zip(self.extras, vector[at:].tolist(), strict=True))

    def check(self, vector: NDArray[np.generic]) -> None:
        """Refuses a vector that must not enter a sum.

        Raises:
            RejectUpdate: another shape or type, or a value that is not finite.
        """
        if vector.dtype != np.float32 or vector.shape != (self.size,):
            raise RejectUpdate(
                f"{vector.dtype} of shape {vector.shape} instead of float32 of shape ({self.size},)",
                where="vector",
            )
        broken = vector.size - int(np.count_nonzero(np.isfinite(vector)))
        if broken:
            raise RejectUpdate(f"{broken} of {vector.size} values are not finite", where="vector")


def training_layout(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """The layout of a training answer for trained weights of these shapes."""
    return Layout(shapes, ("examples", "loss"))


def gradient_layout(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """The layout of a private training answer: the sum of clipped gradients, in integers, and nothing beside it."""
    return Layout(shapes)


def counting_layout(labels: int, counts_per_label: int) -> Layout:
    """The layout of an evaluation answer."""
    return Layout({"counts": (labels, counts_per_label)})
