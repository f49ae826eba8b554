"""Shamir's secret sharing over GF(2^8), many bytes at a time (Shamir 1979).

The field is that of AES, polynomial x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4); each byte of a secret is shared
by itself.

Guarantees: fewer than `threshold` shares of a secret are independent of it, whatever the adversary can compute.
Multiplication goes through a table in memory; an adversary who watches the cache of the hospital's own machine is
not provided for.
"""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MOST = 255  # points other than zero: hospitals in one sum at most

Bytes = NDArray[np.uint8]


def _multiplication_table() -> Bytes:
    """Shape (256, 256): the product of any two field elements."""
    powers = np.zeros(510, dtype=np.uint8)
    logs = np.zeros(256, dtype=np.int64)
    element = 1
    for exponent in range(255):
        powers[exponent] = powers[exponent + 255] = element
        logs[element] = exponent
        doubled = element << 1
        element ^= doubled ^ (0x11B if doubled & 0x100 else 0)  # times 3, which generates the field
    table: Bytes = powers[logs[:, None] + logs[None, :]]
    table[0, :] = table[:, 0] = 0
    return table


_TIMES = _multiplication_table()
_INVERSE = np.concatenate([[0], np.argmax(_TIMES[1:] == 1, axis=1)]).astype(np.uint8)


def split(secret: bytes, threshold: int, points: Sequence[int]) -> list[bytes]:
    """Shares a secret.

    Args:
        secret: any bytes.
        threshold: shares that give it back, from 1 to the number of points.
        points: one for each share, different, from 1 to 255.

    Returns:
        A share for each point, as long as the secret.
    """
    x = _checked(points)
    if not 1 <= threshold <= len(x):
        raise ValueError(f"threshold {threshold} of {len(x)} shares")
    size = len(secret)
    coefficients = np.frombuffer(os.urandom((threshold - 1) * size), np.uint8).reshape(threshold - 1, size)
    values = np.zeros((len(x), size), dtype=np.uint8)  # (points, bytes)
    for coefficient in coefficients:  # Horner's rule, the constant term last
        values = _TIMES[x[:, None], values ^ coefficient]
    values ^= np.frombuffer(secret, np.uint8)
    return [row.tobytes() for row in values]


def combine(shares: Sequence[Sequence[bytes]], points: Sequence[int]) -> list[bytes]:
    """Puts secrets together again.

    Args:
        shares: for each point a share of each secret; all of one length. As many points as the threshold: with fewer,
            or with a wrong share, the result is another secret, so check it against a commitment.
        points: where the shares were taken.

    Returns:
        The secrets, in the order in which they stand in each row.
    """
    x = _checked(points)
    size = len(shares[0][0]) if shares[0] else 0
    secrets = np.zeros((len(shares[0]), size), dtype=np.uint8)
    for row, weight in zip(shares, _weights_at_zero(x), strict=True):
        values = np.frombuffer(b"".join(row), np.uint8).reshape(len(row), size)
        secrets ^= _TIMES[weight][values]
    return [secret.tobytes() for secret in secrets]


def _weights_at_zero(x: Bytes) -> list[int]:
    """Lagrange's coefficients at zero; minus is plus in this field."""
    weights = []
    for i, own in enumerate(x):
        weight = 1
        for j, other in enumerate(x):
            if j != i:
                weight = int(_TIMES[weight, _TIMES[other, _INVERSE[own ^ other]]])
        weights.append(weight)
    return weights


def _checked(points: Sequence[int]) -> Bytes:
    if len(set(points)) != len(points) or not all(1 <= point <= MOST for point in points):
        raise ValueError("points must be different and from 1 to 255")
    return np.array(points, dtype=np.uint8)
